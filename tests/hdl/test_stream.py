# amaranth: UnusedElaboratable=no
"""Stream register and stream queue."""

import re

import pytest
from amaranth.lib import data
from unit_bench import STALLS, Bench

from dstc_hdl.stream import StreamQueue, StreamRegister

LAYOUT = data.StructLayout({"data": 12, "last": 1})
TOKENS = [{"data": n * 37 & 0xFFF, "last": n % 3 == 0} for n in range(60)]
UNITS = {"register": lambda: StreamRegister(LAYOUT), "queue2": lambda: StreamQueue(LAYOUT, 2),
         "queue5": lambda: StreamQueue(LAYOUT, 5), "queue8": lambda: StreamQueue(LAYOUT, 8)}


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("p_valid, p_ready", STALLS)
def test_tokens_in_order(unit, p_valid, p_ready):
    bench = Bench(UNITS[unit](), seed=3)
    bench.drive("i", TOKENS, p_valid)
    taken = bench.take("o", p_ready)
    bench.run(lambda: len(taken.tokens) == len(TOKENS), 1000)
    assert taken.tokens == TOKENS


@pytest.mark.parametrize("unit", UNITS)
def test_one_token_per_cycle_one_cycle_later(unit):
    dut = UNITS[unit]()
    bench = Bench(dut)
    given, taken = bench.drive("i", TOKENS), bench.take("o")
    bench.run(lambda: len(taken.tokens) == len(TOKENS), 1000)
    assert given.cycles == list(range(len(TOKENS)))
    assert taken.cycles == [cycle + dut.latency for cycle in given.cycles]
    assert bench.cycle == len(TOKENS) + 1


@pytest.mark.parametrize("unit, held", [("register", 1), ("queue2", 2), ("queue5", 5),
                                        ("queue8", 8)])
def test_tokens_held(unit, held):
    bench = Bench(UNITS[unit]())
    given, taken = bench.drive("i", TOKENS), bench.take("o", p=0)
    bench.run(lambda: bench.cycle == 20, 21)
    assert len(given.tokens) == held
    assert not taken.tokens


def test_register_moves_and_squeezes():
    """A full register takes a token in the cycle in which it gives one; an empty one always."""
    bench = Bench(StreamRegister(8))
    given, taken = bench.drive("i", range(4)), bench.take("o", p=0)

    def hook(ctx, cycle):
        ctx.set(bench.dut.o.ready, cycle >= 5)

    bench.before(hook)
    bench.run(lambda: len(taken.tokens) == 4, 20)
    assert given.cycles == [0, 5, 6, 7]
    assert taken.cycles == [5, 6, 7, 8]


def test_queue_sides_are_independent():
    """A full queue takes its next token in the cycle after one was taken from it, not earlier."""
    bench = Bench(StreamQueue(8, 2))
    given, taken = bench.drive("i", range(4)), bench.take("o", p=0)

    def hook(ctx, cycle):
        ctx.set(bench.dut.o.ready, cycle >= 5)

    bench.before(hook)
    bench.run(lambda: len(taken.tokens) == 4, 20)
    assert given.cycles == [0, 1, 6, 7]
    assert taken.cycles == [5, 6, 7, 8]


@pytest.mark.parametrize("p_valid, p_ready", [(.5, .5), (.3, 1)])
def test_queue_tells_when_it_is_empty(p_valid, p_ready):
    bench = Bench(StreamQueue(8, 3), seed=11)
    given, taken = bench.drive("i", range(80), p_valid), bench.take("o", p_ready)
    held, seen = 0, []

    def hook(cycle, empty):
        nonlocal held
        seen.append((bool(empty), held == 0))
        held = len(given.tokens) - len(taken.tokens)

    bench.after(hook, "empty")
    bench.run(lambda: len(taken.tokens) == 80, 1000)
    assert all(told == true for told, true in seen)
    assert {told for told, _ in seen} == {False, True}


@pytest.mark.parametrize("depth", [0, 1, -3, 2.0, "4", None])
def test_wrong_depth(depth):
    message = f"Queue depth must be an integer of at least 2, not {depth!r}"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        StreamQueue(8, depth)


def test_depth_is_readable():
    assert StreamQueue(8, 7).depth == 7
