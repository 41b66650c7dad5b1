"""Injects faults one after the other and judges what the device does about each."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

import numpy as np

from dstc.accelerator.registers import DeviceErrorCode, error_meaning, register
from dstc.device.identity import register_fields
from dstc.errors import DstcError

from ..runs import SimulationError
from .catalogue import ANY, Fault, Workbench
from .kinds import KINDS
from .oracle import Error
from .program_kinds import FETCH, TAG
from .scenario import CYCLE_TIMEOUT, Scenario, job_words

__all__ = ["Outcome", "Trial", "chosen_faults", "inject"]

FAILURES = (DstcError, SimulationError, AssertionError)
CHANNEL_OF_JOBS = 15
SLACK = 40
"""Times the cycles of the job without a fault, in which the device must have ended."""


class Outcome(Enum):
    """How a fault ended; the last group must never happen."""

    ERROR = "defined error"
    EXACT = "exact result"
    ENDED = "ended from outside"

    HUNG = "hung"
    WRONG_ERROR = "another error"
    SILENT = "silently wrong"
    STATUS = "status contradicts itself"
    LASTING = "next job wrong"

    @property
    def good(self) -> bool:
        """Whether the device did as it must."""
        return self in (Outcome.ERROR, Outcome.EXACT, Outcome.ENDED)


@dataclass(frozen=True)
class Trial:
    """One fault and what came of it.

    Attributes
    ----------
    fault : Fault
    outcome : Outcome
    code : int
        Of the error that was reported; 0 without.
    story : str
        Of a bad outcome.
    """

    fault: Fault
    outcome: Outcome
    code: int = 0
    story: str = ""


def chosen_faults(bench: Workbench, kind: str, count: int, rng: np.random.Generator
                  ) -> Iterator[Fault]:
    """Different faults of a class, at most so many, drawn at random."""
    makers = list(KINDS[kind](bench))
    for index in rng.permutation(len(makers))[:count]:
        yield makers[index]()


def inject(scenario: Scenario, fault: Fault, seed: int) -> Trial:
    """One fault, and the job after it.

    Parameters
    ----------
    scenario : Scenario
    fault : Fault
    seed : int
        Of latency, stalls and order while the fault is there; 0: none.
    """
    try:
        trial = _run(scenario, fault, seed)
    except FAILURES as error:
        trial = Trial(fault, Outcome.HUNG, story=str(error))
    try:
        wrong = _recover(scenario, fault)
    except FAILURES as error:
        wrong = str(error)
    if wrong and trial.outcome.good:
        return Trial(fault, Outcome.LASTING, trial.code, wrong)
    return trial


def _run(scenario: Scenario, fault: Fault, seed: int) -> Trial:
    bus = scenario.bus
    kept = [(at, bus.read_memory(at, len(data))) for at, data in fault.pokes]
    scenario.start()
    scenario.wipe()
    bus.stall(seed)
    bus.write_memory(scenario.ring, job_words(scenario.addresses, TAG))
    try:
        for at, data in fault.pokes:
            bus.write_memory(at, data)
        for name, value in fault.registers:
            bus.write32(register(name).offset, value)
        bus.fail(read_beat=fault.beat, write_burst=fault.burst, response=fault.response)
        bus.write32(register("TAIL").offset, 1)
        if fault.event or fault.hold:
            bus.run(fault.at)
            bus.hold(*fault.hold)
        if fault.event:
            return _end(scenario, fault)
        if not bus.run(SLACK * scenario.cycles + 2 * CYCLE_TIMEOUT, until_interrupt=True):
            return Trial(fault, Outcome.HUNG, story="no interrupt")
        return _judge(scenario, fault)
    finally:
        bus.fail()
        bus.hold()
        bus.stall(0)
        for at, data in kept:
            bus.write_memory(at, data)


def _end(scenario: Scenario, fault: Fault) -> Trial:
    if fault.event == "reset":
        scenario.bus.reset()
    else:
        scenario.device.clear()
    return Trial(fault, Outcome.ENDED)


def _judge(scenario: Scenario, fault: Fault) -> Trial:
    bus = scenario.bus
    status, interrupt = register_fields(bus, "STATUS"), register_fields(bus, "IRQ_STATUS")
    error, head = register_fields(bus, "ERROR"), register_fields(bus, "HEAD")["count"]
    low, high = (bus.read32(register(f"ERROR_ADDRESS_{half}").offset) for half in ("LO", "HI"))
    got = Error(error["code"], error["core"], low | high << 32)
    story = f"status {status}, interrupt {interrupt}, head {head}, {_told(got)}"
    failed = bool(got.code)
    consistent = (status["error"], interrupt["error"], interrupt["done"], head) == (
        failed, failed, not failed, not failed) and status["busy"] == 0
    if not consistent:
        return Trial(fault, Outcome.STATUS, got.code, story)
    if not failed:
        if fault.exact and scenario.is_exact(fault.want):
            return Trial(fault, Outcome.EXACT)
        return Trial(fault, Outcome.SILENT, story="job ended without an error; due was "
                     + (_all_told(_due(scenario, fault)) or "another result"))
    due = _due(scenario, fault)
    if any(_agree(scenario, got, each) for each in due):
        return Trial(fault, Outcome.ERROR, got.code)
    return Trial(fault, Outcome.WRONG_ERROR, got.code,
                 f"{_told(got)}; due was {_all_told(due) or 'an exact result'}")


def _due(scenario: Scenario, fault: Fault) -> set[Error]:
    """The errors of a fault; those of the bus are at the place where it happened."""
    place = scenario.bus.failed()
    if not (fault.beat or fault.burst) or place is None:
        return set(fault.errors)
    ident, address = place
    core = FETCH if ident == CHANNEL_OF_JOBS else ident >> 4
    return {Error(each.code, core, address) for each in fault.errors}


def _agree(scenario: Scenario, got: Error, due: Error) -> bool:
    if got.code != due.code or due.core not in (ANY, got.core):
        return False
    if due.address is None:
        return True
    # Of accesses to the bus the beat counts.
    bus = got.code in (DeviceErrorCode.ADDRESS, DeviceErrorCode.READ, DeviceErrorCode.WRITE)
    unit = scenario.accelerator.data_bytes if bus else 1
    return got.address is not None and got.address // unit == due.address // unit


def _told(error: Error) -> str:
    address = "any address" if error.address is None else f"{error.address:#x}"
    core = "any core" if error.core == ANY else f"core {error.core}"
    return f"code {error.code} of {core} at {address} ({error_meaning(error.code)})"


def _all_told(errors: set[Error]) -> str:
    few = [_told(each) for each in sorted(errors, key=str)[:4]]
    return " or ".join(few) + (f" or {len(errors) - 4} more" if len(errors) > 4 else "")


def _recover(scenario: Scenario, fault: Fault) -> str:
    """Clear, and run the job without a fault; gives what is wrong with that."""
    bus = scenario.bus
    if fault.event != "reset":
        scenario.device.clear()
        error = register_fields(bus, "ERROR")["code"]
        if error or bus.interrupt or register_fields(bus, "HEAD")["count"]:
            return f"after clear: error {error}, interrupt {bus.interrupt}"
    scenario.start()
    scenario.wipe()
    report = next(iter(scenario.device.run(scenario.task).values()))
    if not scenario.is_exact():
        return "the next job was wrong"
    if any(sum(core.bins.values()) != core.cycles for core in report.cores):
        return f"counters of the next job contradict each other: {report}"
    return ""
