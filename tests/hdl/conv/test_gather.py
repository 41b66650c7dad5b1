"""Gather unit: steps in, pieces of k-steps out; the memories are the bench's."""

import pytest
from im2col_model import random_group, span_pieces
from records import Record
from unit_bench import CONFIGS, STALLS, Bench

from dstc.conv.words import Span
from dstc_hdl.conv.gather import Gather


class Gathering:
    """A gather unit with its span tables and windows, and what has to come of some steps."""

    def __init__(self, config, seed, groups, p=(1, 1)):
        self.config, self.bench = config, Bench(Gather(config), seed)
        rng, dut = self.bench.rng, self.bench.dut
        self.counts = [2, 3]
        self.windows = [[Record(config, "A", rng, rng.choice([.1, .5, 1])) for _ in range(count)]
                        for count in self.counts]
        self.table, self.steps, self.want = [], [], []
        for _ in range(groups):
            group = random_group(config, rng, 2)
            group = group[:config.window_spans - len(self.table)]
            window, channel = rng.randrange(2), rng.randrange(config.tile_k)
            # A record may end within a k-step.
            cut = rng.choice([len(group), rng.randint(1, len(group))])
            for n, span in enumerate(group[:cut]):
                self.add(span, window, channel, close=n == cut - 1 and (
                    cut < len(group) or rng.random() < .5))
        self.i = self.bench.drive("i", self.steps, p[0])
        self.out = self.bench.take("o", p[1])
        self.errors, self.read, self.freed, self.reads = [], {"span": None, "row": None}, [], []
        self.bench.before(self.memories)
        self.bench.after(self.see, "span_en", "i.payload", "read_en", "read", "error",
                         "free_windows")
        self.dut = dut

    def add(self, span, window, channel, close):
        """Another step, of a span that is not in the table yet."""
        self.steps.append({"table": 0, "index": len(self.table), "window": window,
                           "channel": channel, "close": int(close),
                           "free": self.bench.rng.randrange(2)})
        self.table.append(span)
        rows = [(row, value) for row, value in
                span_pieces(self.config, self.windows[window], span, channel)
                if value is not None]
        self.want.append((sum(1 << row for row, _ in rows), [value for _, value in rows],
                          int(span.end), int(close)))

    def memories(self, ctx, cycle):
        ctx.set(self.dut.window_counts, self.counts)
        for name, value in self.read.items():
            if value is not None:
                ctx.set(getattr(self.dut, name), value)
        self.read = {"span": None, "row": None}

    def see(self, cycle, span_en, step, read_en, read, error, free_windows):
        self.errors.append(error)
        if free_windows:
            self.freed.append((cycle, free_windows))
        if span_en:
            span = self.table[step["index"]]
            self.read["span"] = {**span.__dict__, "end": int(span.end),
                                 "stop": span.row + span.place.bit_count()}
        if read_en:
            size, place = self.config.tile_m, read["place"]
            self.reads.append(cycle)
            found, records = {}, self.windows[place["window"]]
            for n in range(size):
                slot, position = divmod(place["slot"] * size + read["lane"] + n, size)
                if slot < len(records):
                    value = dict(records[slot].nonzeros(place["channel"])).get(position)
                    found |= {} if value is None else {n: value}
                elif self.bench.rng.random() < .5:
                    found[n] = 1        # whatever an older load has left there
            self.read["row"] = {
                "present": sum(1 << n for n in found),
                "values": [found.get(n, self.bench.rng.getrandbits(8)) for n in range(size)]}

    def pieces(self):
        """What came, without the values behind ``count``."""
        return [(piece["bits"], piece["values"][:piece["count"]], piece["end"], piece["close"])
                for piece in self.out.tokens]

    def run(self, limit=3000):
        self.bench.run(lambda: len(self.out.tokens) == len(self.want), limit)
        assert self.pieces() == self.want
        assert not any(self.errors)
        # A window is free with the read of its last span.
        assert self.freed == [(cycle, 1 << step["window"]) for cycle, step in
                              zip(self.reads, self.steps, strict=True) if step["free"]]


@pytest.mark.parametrize("name", ["tiny", "small", "odd", "int8"])
@pytest.mark.parametrize("p", STALLS)
def test_spans(name, p):
    Gathering(CONFIGS[name], 91, 16, p).run()


def test_spans_of_the_paper():
    Gathering(CONFIGS["paper"], 92, 20, (.8, .8)).run()


def test_cycles():
    """One span per cycle, latency 4; with the output stalled, four are held."""
    gathering = Gathering(CONFIGS["tiny"], 93, 16)
    gathering.run()
    spans = len(gathering.want)
    assert gathering.i.cycles == list(range(spans))
    assert gathering.out.cycles == [cycle + gathering.dut.latency for cycle in range(spans)]
    stalled = Gathering(CONFIGS["tiny"], 93, 16, (1, 0))
    stalled.bench.run(lambda: stalled.bench.cycle == 30, 31)
    assert stalled.i.cycles == [0, 1, 2, 3]


def span(place, row, lane=0, slot=0, valid=None, end=False):
    return Span(place=place, valid=place if valid is None else valid, lane=lane, slot=slot,
                row=row, end=end)


@pytest.mark.parametrize("spans, wrong", [
    # Window 0 has two slots of eight positions.
    ([span(0xFF, 0, lane=0, slot=1)], None),
    ([span(0xFF, 0, lane=1, slot=1)], 0),
    ([span(0xFF, 0, lane=1, slot=1, valid=0x7F)], None),
    ([span(0xFF, 0, lane=1, slot=1, valid=0x80)], 0),
    ([span(0x01, 0, slot=2)], 0),
    ([span(0xFF, 0, slot=7, lane=7, valid=0)], None),
    ([span(0x3, 0), span(0x3, 2, end=True), span(0x3, 0)], None),
    ([span(0x3, 0), span(0x3, 1)], 1),
    ([span(0x3, 4, end=True), span(0x3, 4), span(0x1, 5)], 2),
    ([span(0xFF, 0), span(0, 7)], 1),
])
def test_wrong_spans(spans, wrong):
    """Slots that were not filled and rows that do not ascend: an error in place of the piece."""
    gathering = Gathering(CONFIGS["tiny"], 94, 0)
    for entry in spans if wrong is None else spans[:wrong]:
        gathering.add(entry, 0, 1, False)
    if wrong is not None:
        gathering.table += spans[wrong:]
        gathering.i.queue.extend({"table": 0, "index": n, "window": 0, "channel": 1, "close": 0}
                                 for n in range(len(spans)))
    else:
        gathering.i.queue.extend(gathering.steps)
    gathering.bench.run(lambda: gathering.bench.cycle == 20, 21)
    assert gathering.pieces() == gathering.want
    first = 20 if wrong is None else wrong + 1
    assert gathering.errors == [0] * first + [1] * (20 - first)


def test_closing_ends_a_step():
    """Rows start anew behind a record that ended within a k-step."""
    gathering = Gathering(CONFIGS["tiny"], 95, 0)
    gathering.add(span(0x7, 4), 0, 1, True)
    gathering.add(span(0x7, 0), 1, 2, False)
    gathering.i.queue.extend(gathering.steps)
    gathering.run(50)
