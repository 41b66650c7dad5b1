"""Selection and encoding helpers, exhaustively at small sizes."""

import random

import pytest
from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from unit_bench import evaluate

from dstc_hdl.select import encode_one_hot, lowest, select, select_one_hot

WIDTH = 5


class Selections(wiring.Component):
    """All of them over ``count`` items; the index is as wide as it has to be, and no wider."""

    def __init__(self, count):
        self.count = count
        super().__init__({
            "items": In(data.ArrayLayout(WIDTH, count)), "index": In(range(count)),
            "bits": In(count), "one_hot": In(count),
            "selected": Out(WIDTH), "chosen": Out(WIDTH), "number": Out(range(count)),
            "first": Out(count),
        })

    def elaborate(self, platform):
        m = Module()
        items = [self.items[n] for n in range(self.count)]
        m.d.comb += [
            self.selected.eq(select(m, "s", items, self.index)),
            self.chosen.eq(select_one_hot(m, "c", items, self.one_hot)),
            self.number.eq(encode_one_hot(self.one_hot, len(self.number))),
            self.first.eq(lowest(m, "l", self.bits)),
        ]
        return m


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8])
def test_selections(count):
    rng = random.Random(count)
    cases = [{"items": [rng.getrandbits(WIDTH) for _ in range(count)],
              "index": case & (1 << (count - 1).bit_length()) - 1, "bits": case % (1 << count),
              "one_hot": (1 << case % (count + 1)) & (1 << count) - 1}
             for case in range(max(1 << count, 16))]
    results = evaluate(Selections(count), cases, ["selected", "chosen", "number", "first"])
    for case, got in zip(cases, results, strict=True):
        items = case["items"]
        # An index past the end gives the last item.
        assert got["selected"] == items[min(case["index"], count - 1)]
        chosen = case["one_hot"].bit_length() - 1
        assert got["chosen"] == (items[chosen] if chosen >= 0 else 0)
        assert got["number"] == max(chosen, 0)
        places = [n for n in range(count) if case["bits"] >> n & 1]
        assert got["first"] == (1 << places[0] if places else 0)
