"""The bench itself: it has to catch what it is there to catch."""

import random

import pytest
from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from unit_bench import Bench, Codec, StreamChecker

LAYOUT = data.StructLayout({"a": 3, "b": data.ArrayLayout(5, 2), "c": data.StructLayout({"d": 1})})


class Fickle(wiring.Component):
    """Passes tokens on, but withdraws (or changes) one after ``patience`` cycles of waiting."""

    def __init__(self, patience, change=False):
        super().__init__({"i": In(stream.Signature(8)), "o": Out(stream.Signature(8))})
        self.patience, self.change = patience, change

    def elaborate(self, platform):
        m = Module()
        waited = Signal(8)
        tired = waited == self.patience
        m.d.comb += [
            self.o.payload.eq(self.i.payload + (tired if self.change else 0)),
            self.o.valid.eq(self.i.valid & (Const(1) if self.change else ~tired)),
            self.i.ready.eq(self.o.ready & self.o.valid),
        ]
        with m.If(self.i.valid & ~self.o.ready):
            m.d.sync += waited.eq(waited + 1)
        with m.Else():
            m.d.sync += waited.eq(0)
        return m


def run(dut, p_ready, limit=200):
    bench = Bench(dut, seed=1)
    bench.drive("i", range(10))
    taken = bench.take("o", p_ready)
    bench.run(lambda: len(taken.tokens) == 10, limit)
    return taken


def test_passes():
    taken = run(Fickle(0xFF), .2)
    assert taken.tokens == list(range(10))
    assert run(Fickle(1), 1).cycles == list(range(10))


@pytest.mark.parametrize("change, message", [(False, "o withdraws"), (True, "o changes")])
def test_rule_is_enforced(change, message):
    with pytest.raises(AssertionError, match=message):
        run(Fickle(2, change), .2)


def test_limit_is_enforced():
    with pytest.raises(AssertionError, match="no end after 20 cycles, seed 1"):
        run(Fickle(0xFF), 0, limit=20)


def test_checker_counts_a_new_token_as_new():
    checker = StreamChecker("x")
    for cycle, seen in enumerate([(0, 1, 5), (1, 0, 6), (1, 1, 6), (1, 0, 7), (1, 1, 7), (0, 0, 1)],
                                 start=1):
        checker.see(cycle, *seen)


@pytest.mark.parametrize("seed", range(3))
def test_pack_and_unpack(seed):
    rng = random.Random(seed)
    value = {"a": rng.randrange(8), "b": [rng.randrange(32), rng.randrange(32)],
             "c": {"d": rng.randrange(2)}}
    bits = value["a"] | value["b"][0] << 3 | value["b"][1] << 8 | value["c"]["d"] << 13
    assert Codec(LAYOUT).pack(value) == bits
    assert Codec(LAYOUT).unpack(bits) == value
    assert Codec(LAYOUT).pack({"b": [1, 2]}) == 1 << 3 | 2 << 8
    assert Codec(signed(4)).unpack(0b1001) == -7
    assert Codec(signed(4)).pack(-7) == 0b1001
    with pytest.raises(AssertionError):
        Codec(LAYOUT).pack({"x": 1})
