"""Bitmap unit: positions, ranks and bank rows of the values of an OHMMA."""

import random

import pytest
from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from select_model import Side, Taken
from unit_bench import CONFIGS, STALLS, Bench, evaluate

from dstc_hdl.bitmap_unit import BitmapUnit, SideSelect, popcount, prefix_counts

NAMES = ["tiny", "odd", "int8", "flat", "paper"]
TOKEN = dict.fromkeys(("a_slot", "b_slot", "k", "acc", "dense", "null", "first", "last",
                       "op_last"), 0)


class Counts(wiring.Component):
    """The two counting networks."""

    def __init__(self, size):
        self.size = size
        width = range(size + 1)
        super().__init__({"bits": In(size), "count": Out(width),
                          "prefix": Out(data.ArrayLayout(width, size + 1))})

    def elaborate(self, platform):
        m = Module()
        m.d.comb += self.count.eq(popcount(m, "n", self.bits))
        for n, count in enumerate(prefix_counts(m, "p", self.bits)):
            m.d.comb += self.prefix[n].eq(count)
        return m


@pytest.mark.parametrize("size", [1, 2, 3, 8, 24, 32])
def test_counts(size):
    rng = random.Random(size)
    cases = [0, (1 << size) - 1, 1, 1 << size - 1]
    cases += range(1 << size) if size <= 8 else [rng.getrandbits(size) for _ in range(100)]
    for bits, got in zip(cases, evaluate(Counts(size), [{"bits": bits} for bits in cases],
                                         ["count", "prefix"]), strict=True):
        assert got["count"] == bin(bits).count("1")
        assert got["prefix"] == [bin(bits & (1 << n) - 1).count("1") for n in range(size + 1)]


def check_select(config, side, cases):
    results = evaluate(SideSelect(config, side.name), [
        {"record": {"bitmap": bitmap, "offset": offset}, "group": group, "dense": dense}
        for bitmap, offset, group, dense in cases], ["fetch", "select"])
    for case, got in zip(cases, results, strict=True):
        taken = Taken(side, *case)
        taken.check_fetch(got["fetch"])
        taken.check_select(got["select"])


@pytest.mark.parametrize("side", "AB")
@pytest.mark.parametrize("name", NAMES)
def test_side_select(name, side):
    rng, side = random.Random(41), Side(CONFIGS[name], side)
    check_select(CONFIGS[name], side, [side.random_case(rng) for _ in range(200)])


@pytest.mark.parametrize("side", "AB")
def test_every_bitmap_group_and_mode(side):
    rng, config, side = random.Random(42), CONFIGS["tiny"], Side(CONFIGS["tiny"], side)
    check_select(config, side, [
        (bitmap, rng.randint(0, side.values - bitmap.bit_count()), group, dense)
        for bitmap in range(1 << side.span) for group in range(side.groups) for dense in (0, 1)])


@pytest.mark.parametrize("side", "AB")
def test_every_offset(side):
    config, side = CONFIGS["odd"], Side(CONFIGS["odd"], side)
    full = (1 << side.span) - 1
    check_select(config, side, [(full, offset, offset % side.groups, 0)
                                for offset in range(side.values - side.span + 1)])


@pytest.mark.parametrize("name", ["tiny", "odd"])
@pytest.mark.parametrize("p_valid, p_ready", STALLS)
def test_unit(name, p_valid, p_ready):
    """Selects one cycle later, the read of the values in the cycle in which an OHMMA is taken."""
    config = CONFIGS[name]
    bench = Bench(BitmapUnit(config), seed=43)
    sides = {"a": Side(config, "A"), "b": Side(config, "B")}
    tokens, want = [], []
    for n in range(60):
        cases = {name: side.random_case(bench.rng) for name, side in sides.items()}
        dense, null = n % 2, bench.rng.random() < .1
        cases = {name: (*case[:3], dense) for name, case in cases.items()}
        token = TOKEN | {"g": cases["a"][2], "h": cases["b"][2], "dense": dense, "null": null,
                         "k": n % config.tile_k, "acc": n // 2 % 2}
        records = {name: {"bitmap": case[0], "offset": case[1]} for name, case in cases.items()}
        tokens.append({"token": token, **records})
        want.append((token, {name: Taken(sides[name], *cases[name]) for name in sides}))
    given = bench.drive("i", tokens, p_valid)
    taken = bench.take("o", p_ready)

    def look(cycle, enable, fetch_a, fetch_b):
        assert enable == (given.cycles[-1:] == [cycle])
        if enable:
            token, sides = want[len(given.tokens) - 1]
            if not token["null"]:
                sides["a"].check_fetch(fetch_a)
                sides["b"].check_fetch(fetch_b)

    bench.after(look, "fetch_en", "fetch_a", "fetch_b")
    bench.run(lambda: len(taken.tokens) == len(tokens), 1000)
    for got, (token, sides) in zip(taken.tokens, want, strict=True):
        assert got["token"] == token
        for name, side in sides.items():
            if token["null"]:
                assert got[name]["mask"] == 0
            else:
                side.check_select(got[name])
    if p_valid == p_ready == 1:
        assert given.cycles == list(range(len(tokens)))
        assert taken.cycles == [cycle + bench.dut.latency for cycle in given.cycles]
