"""What ends a program: faults, watchdog, completion; and the counters."""

import random

import pytest
from unit_bench import Bench

from dstc.accelerator.registers import DeviceErrorCode
from dstc.conv.words import ConvErrorCode
from dstc.isa import ErrorCode
from dstc_hdl.accelerator.completion import SETTLING, Completion
from dstc_hdl.accelerator.core_fault import SOURCES, CoreFault
from dstc_hdl.accelerator.fault_collector import FaultCollector
from dstc_hdl.accelerator.node_counters import NodeCounters
from dstc_hdl.accelerator.watchdog import Watchdog
from dstc_hdl.layouts import COUNTERS


def run(dut, inputs, *outputs):
    """Outputs in each cycle, for a mapping of inputs of each cycle."""
    bench, seen = Bench(dut), []

    def before(ctx, cycle):
        for path, value in inputs[min(cycle, len(inputs) - 1)].items():
            ctx.set(bench._member(path), value)

    bench.before(before)
    bench.after(lambda cycle, *values: seen.append(values), *outputs)
    bench.run(lambda: bench.cycle == len(inputs), len(inputs) + 1)
    return seen


def fault(code, address):
    return {"valid": 1, "code": code, "address": address}


def test_first_fault_is_kept():
    none = {f"i.{n}": {"valid": 0, "code": 0, "address": 0} for n in range(3)}
    steps = [none, none | {"i.2": fault(7, 70), "i.1": fault(6, 60)}, none | {"i.0": fault(5, 50)},
             none]
    seen = [value for value, in run(FaultCollector(3), steps, "o")]
    assert [each["valid"] for each in seen] == [0, 0, 1, 1]
    assert seen[2] == seen[3] == fault(6, 60)


def test_address_of_core_errors():
    """That of the item taken last, up to the cycle before."""
    quiet = {"busy": 1, "halted": 0, "error": 0, "code": 0, "address": 9}
    for code in (*ErrorCode, *ConvErrorCode):
        if code == ErrorCode.NONE:
            continue
        source = next((n for n, codes in enumerate(SOURCES.values()) if code in codes), None)
        right, wrong = ({f"address.{n}": 16 * n + offset for n in range(4)} for offset in (3, 99))
        steps = [{"taken": 0b1111, "status": quiet} | right, {"taken": 0b0000} | wrong,
                 {"taken": 0b1111, "status": quiet | {"error": 1, "code": code}}]
        seen = [value for value, in run(CoreFault(), steps, "o")]
        assert [each["valid"] for each in seen] == [0, 0, 1]
        assert seen[2] == fault(code, 0 if source is None else 16 * source + 3)


@pytest.mark.parametrize("limit", [0, 1, 7])
def test_watchdog(limit):
    rng = random.Random(limit)
    moves = [int(rng.random() < .2) for _ in range(300)]
    busy = [int(n >= 100 or n < 50) for n in range(300)]
    seen = run(Watchdog(), [{"busy": b, "moved": m, "limit": limit}
                            for b, m in zip(busy, moves, strict=True)], "fault")
    quiet = 0
    for value, b, m in ((value, b, m) for (value,), b, m in zip(seen, busy, moves, strict=True)):
        assert value["valid"] == (limit > 0 and quiet >= limit)
        assert (value["code"], value["address"]) == (DeviceErrorCode.TIMEOUT, 0)
        quiet = quiet + 1 if b and not m else 0


def test_counters():
    """A program of 60 cycles: the first word in cycle 12, halted from cycle 40 on."""
    rng = random.Random(4)
    core = dict(zip(COUNTERS, (11, 5, 3, 4, 2, 11, 70), strict=True))
    steps = [{"busy": int(5 <= n < 65), "halted": int(n >= 40), "core": core,
              "began": int(12 <= n < 40 and (n == 12 or rng.random() < .5)),
              "read": int(n % 3 == 0), "write": int(n % 7 == 0)} for n in range(80)]
    counters, = run(NodeCounters(), steps, "o")[-1]
    assert counters == {
        "cycles": 60, "issue": 11, "conflict": 5, "operand_wait": 3, "drain": 4 + 25,
        "idle": 2 + 8, "ohmma": 11, "products": 70, "read_beats": 27, "write_beats": 12}


def completion_steps(**late):
    """All conditions from cycle 3 on, but those that come later."""
    steps = []
    for n in range(30):
        steps.append({name: int(n >= late.get(name, 3)) for name in
                      ("busy", "halted", "written", "empty")})
        steps[-1] |= {"waiting": 0, "address.0": 0x10, "address.1": 0x20}
    return steps


@pytest.mark.parametrize("late", [{}, {"halted": 9}, {"written": 11}, {"empty": 20}, {"busy": 8}],
                         ids=str)
def test_completion(late):
    seen = run(Completion(2), completion_steps(**late), "done", "fault")
    ended = max(late.get(name, 3) for name in ("busy", "halted", "written")) + SETTLING
    assert [done for done, _ in seen] == [int(n >= max(ended, late.get("empty", 3)))
                                          for n in range(30)]
    assert not any(value["valid"] for _, value in seen)


@pytest.mark.parametrize("waiting, address", [(0b01, 0x10), (0b10, 0x20), (0b11, 0x10)])
def test_leftovers(waiting, address):
    steps = [step | {"waiting": waiting, "empty": 0} for step in completion_steps()]
    seen = run(Completion(2), steps, "done", "fault")
    assert not any(done for done, _ in seen)
    assert [value["valid"] for _, value in seen] == [int(n >= 3 + SETTLING) for n in range(30)]
    assert seen[-1][1] == fault(DeviceErrorCode.LEFTOVER, address)
