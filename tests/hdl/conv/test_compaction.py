# amaranth: UnusedElaboratable=no
"""Compaction of kept lanes and its inverse."""

import random
import re

import pytest
from amaranth.hdl import Cat, Module
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from unit_bench import evaluate

from dstc_hdl.conv.compaction import Compactor, expand, routes


class Expander(wiring.Component):
    """``expand`` as a component of its own."""

    def __init__(self, width, lanes):
        shape = data.ArrayLayout(width, lanes)
        super().__init__({"values": In(shape), "keep": In(lanes), "spread": Out(shape)})

    def elaborate(self, platform):
        m = Module()
        moves, _ = routes(m, "keep", self.keep)
        m.d.comb += self.spread.as_value().eq(Cat(expand(m, "spread", self.values, moves)))
        return m


def keeps(lanes, rng):
    """All masks of a few lanes; of many lanes corners and random ones of any density."""
    if lanes <= 8:
        return range(1 << lanes)
    full = (1 << lanes) - 1
    masks = [0, full, 1, 1 << lanes - 1, full >> 1, full & ~1, full // 3, full // 3 << 1 & full]
    for density in (.05, .3, .5, .7, .95):
        masks += [sum((rng.random() < density) << n for n in range(lanes)) for _ in range(60)]
    return masks


@pytest.mark.parametrize("width, lanes", [(1, 2), (3, 5), (16, 8), (16, 24), (17, 32)])
def test_compaction_and_expansion(width, lanes):
    rng = random.Random(lanes)
    cases = [{"keep": keep, "values": [rng.getrandbits(width) for _ in range(lanes)]}
             for keep in keeps(lanes, rng)]
    packed = evaluate(Compactor(width, lanes), cases, ["packed", "count"])
    spread = evaluate(Expander(width, lanes), cases, ["spread"])
    for case, result, back in zip(cases, packed, spread, strict=True):
        kept = [n for n in range(lanes) if case["keep"] >> n & 1]
        assert result["count"] == len(kept)
        assert result["packed"][:len(kept)] == [case["values"][n] for n in kept]
        assert [back["spread"][n] for n in kept] == case["values"][:len(kept)]


@pytest.mark.parametrize("width, lanes, message", [
    (0, 4, "Compactor width must be an integer of at least 1, not 0"),
    (8, 1, "Compactor lanes must be an integer of at least 2, not 1"),
    (8, "4", "Compactor lanes must be an integer of at least 2, not '4'"),
])
def test_wrong_sizes(width, lanes, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Compactor(width, lanes)
