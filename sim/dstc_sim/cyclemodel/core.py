"""The cycle model as a simulator of the core."""

import time

import numpy as np
from numpy.typing import NDArray

from ..runs import (
    BINS,
    COUNTERS,
    MAX_CYCLES,
    QUIET_LIMIT,
    STREAMS,
    CoreJob,
    CoreRun,
    Ending,
    Outcome,
    Stall,
    Status,
)
from .machine import MAX_STEPS, Machine, make_machine
from .simulate import simulate

__all__ = ["ModelCore", "run_machine"]


class ModelCore:
    """A core whose cycles are modelled, but not its arithmetic: result beats are zeros.

    Takes legal programs only; what a core does with others is asked of the RTL.
    """

    name = "model"

    def run(self, job: CoreJob, *, stall: Stall | None = None, max_cycles: int = MAX_CYCLES,
            quiet_limit: int = QUIET_LIMIT) -> CoreRun:
        """As :meth:`dstc_sim.runs.CoreSimulator.run`."""
        return run_machine(job, make_machine(job, stall), max_cycles, quiet_limit)

    def record(self, job: CoreJob, *, stall: Stall | None = None
               ) -> tuple[CoreRun, NDArray[np.int32]]:
        """A run, and what happened in it: the events of :mod:`.log`, in no particular order."""
        counters = self.run(job, stall=stall).counters
        room = (sum(counters[name] for name in BINS) + counters["products"]
                + 3 * counters["ohmma"] + 3 * len(job.words) * MAX_STEPS)
        machine = make_machine(job, stall, room)
        return run_machine(job, machine), machine.events[:int(machine.registers[0]["events"])]

    def close(self) -> None:
        """As :meth:`dstc_sim.runs.CoreSimulator.close`; every run ends by itself."""


def run_machine(job: CoreJob, machine: Machine, max_cycles: int = MAX_CYCLES,
                quiet_limit: int = QUIET_LIMIT) -> CoreRun:
    """Run a job on the machine made for it, which is left in the state that it ends in."""
    started = time.perf_counter()
    outcome = simulate(machine, max_cycles, quiet_limit)
    seconds = time.perf_counter() - started
    state = machine.registers[0]
    sources = state["sources"]
    moved = (*(int(source["next"]) for source in sources), int(state["d_beats"]))
    status = Status(busy=not state["halted"], halted=bool(state["halted"]),
                    error=bool(state["illegal"]), code=int(state["illegal"]),
                    address=max(moved[0] - 1, 0))
    Ending(outcome=Outcome(outcome), cycles=int(state["now"]), status=status, moved=moved,
           handshakes=(*(int(source["valid"]) for source in sources), int(state["d_valid"]))
           ).check(job, quiet_limit)
    config = job.config
    d_last = np.arange(1, moved[-1] + 1) % config.c_beats == 0
    return CoreRun(
        d_data=np.zeros((moved[-1], config.c_beat_bits // 8), np.uint8), d_last=d_last,
        status=status, counters={name: int(value) for name, value in
                                 zip(COUNTERS, state["counters"], strict=True)},
        taken=dict(zip(STREAMS[:-1], moved, strict=False)), clock_cycles=int(state["now"]),
        seconds=seconds)
