"""Operand crossbar: values from the banks to their positions in the tile."""

import random

import pytest
from select_model import Side, Taken
from unit_bench import CONFIGS, STALLS, Bench, evaluate

from dstc_hdl.bitmap_unit import SideSelect
from dstc_hdl.crossbar import OperandCrossbar, SideCrossbar

NAMES = ["tiny", "odd", "int8", "flat", "paper"]


def banks_of(side, values, fetch, rng, bits):
    """What the banks show for a fetch; noise where they hold nothing."""
    places = [row * side.banks + bank for bank, row in enumerate(fetch)]
    return [values[place] if place < len(values) else rng.getrandbits(bits) for place in places]


def selected(config, side, cases, rng):
    """For each case: select and banks by the real select unit, and the values of the tile."""
    results = evaluate(SideSelect(config, side.name), [
        {"record": {"bitmap": bitmap, "offset": offset}, "group": group, "dense": dense}
        for bitmap, offset, group, dense in cases], ["fetch", "select"])
    bits = config.element_bits
    prepared = []
    for (bitmap, offset, *_), got in zip(cases, results, strict=True):
        values = [rng.getrandbits(bits) for _ in range(offset + bitmap.bit_count())]
        prepared.append((got["select"], banks_of(side, values, got["fetch"], rng, bits), values))
    return prepared


@pytest.mark.parametrize("side", "AB")
@pytest.mark.parametrize("name", NAMES)
def test_values_land_at_their_positions(name, side):
    rng, config = random.Random(51), CONFIGS[name]
    side = Side(config, side)
    cases = [side.random_case(rng) for _ in range(100)]
    full = (1 << side.span) - 1
    offsets = range(min(2 * side.banks, side.values - side.span + 1))
    cases += [(full, offset, group, dense) for offset in offsets
              for group in range(side.groups) for dense in (0, 1)]
    prepared = selected(config, side, cases, rng)
    results = evaluate(SideCrossbar(config, side.name), [
        {"select": select, "banks": banks} for select, banks, _ in prepared], ["o"])
    for case, (_, _, values), got in zip(cases, prepared, results, strict=True):
        Taken(side, *case).check_operands(got["o"], values)


@pytest.mark.parametrize("name", ["tiny", "int8"])
@pytest.mark.parametrize("p_valid, p_ready", STALLS)
def test_unit(name, p_valid, p_ready):
    config = CONFIGS[name]
    bench = Bench(OperandCrossbar(config), seed=52)
    sides = {name: Side(config, name.upper()) for name in "ab"}
    cases = {name: [side.random_case(bench.rng) for _ in range(60)]
             for name, side in sides.items()}
    prepared = {name: selected(config, sides[name], cases[name], bench.rng) for name in sides}
    names = ("a_slot", "b_slot", "k", "g", "h", "acc", "dense", "null", "first", "last", "op_last")
    tokens = [{"token": {name: bench.rng.randrange(2) for name in names},
               "a": prepared["a"][n][0], "b": prepared["b"][n][0]} for n in range(60)]
    given, taken = bench.drive("i", tokens, p_valid), bench.take("o", p_ready)

    def place(ctx, cycle):
        for name, port in (("a", bench.dut.banks_a), ("b", bench.dut.banks_b)):
            count = len(given.tokens)
            noise = [bench.rng.getrandbits(config.element_bits) for _ in range(len(port))]
            ctx.set(port, prepared[name][count][1] if count < len(tokens) else noise)

    bench.before(place)
    bench.run(lambda: len(taken.tokens) == len(tokens), 1000)
    for n, got in enumerate(taken.tokens):
        assert got["token"] == tokens[n]["token"]
        for name, side in sides.items():
            Taken(side, *cases[name][n]).check_operands(got[name], prepared[name][n][2])
    if p_valid == p_ready == 1:
        assert given.cycles == list(range(len(tokens)))
        assert taken.cycles == [cycle + bench.dut.latency for cycle in given.cycles]
