"""Words of the im2col unit: who gets what, what is refused."""

import random

import pytest
from im2col_model import random_group
from unit_bench import CONFIGS, STALLS, Bench

from dstc.conv.words import pack
from dstc_hdl.conv.gather_words import GatherWords

TINY = CONFIGS["tiny"]      # tiles of 8 positions x 4 channels, 8 slots, 32 spans


class Words:
    """Random words and what has to come of them."""

    def __init__(self, config, rng, count):
        self.config, self.rng = config, rng
        self.words, self.loads, self.gathers, self.spans, self.filled = [], [], [], [], []
        for _ in range(count):
            rng.choice([self.load, self.gather, self.gather, self.table])()

    def fields(self, **stops):
        return {name: self.rng.randrange(*stop) for name, stop in stops.items()}

    def load(self):
        self.loads.append(self.fields(window=(2,), count=(1, self.config.window_tiles + 1)))
        self.words.append(pack(self.config, "LDX", **self.loads[-1]))

    def gather(self):
        self.gathers.append(self.fields(
            window=(2,), table=(2,), free_window=(2,), free_table=(2,), close=(2,),
            channel=(self.config.tile_k,), first=(self.config.window_spans,),
            spans=(1, 1 << 16)))
        self.words.append(pack(self.config, "GEN", **self.gathers[-1]))

    def table(self):
        table = self.rng.randrange(2)
        spans = [span for _ in range(self.rng.randint(1, 4))
                 for span in random_group(self.config, self.rng, self.config.window_tiles)]
        spans = spans[:self.config.window_spans]
        self.words.append(pack(self.config, "SPANS", table=table, count=len(spans)))
        for index, span in enumerate(spans):
            self.words += span.words(self.config)
            self.spans.append({"en": 1, "table": table, "index": index, "span": {
                **span.__dict__, "end": int(span.end),
                "stop": span.row + span.place.bit_count()}})
        self.filled.append({"en": 1, "index": table, "count": len(spans)})


@pytest.mark.parametrize("name", ["tiny", "odd", "paper"])
@pytest.mark.parametrize("p", STALLS)
def test_words(name, p):
    bench = Bench(GatherWords(CONFIGS[name]), seed=61)
    words = Words(CONFIGS[name], bench.rng, 40)
    instr = bench.drive("instr", words.words, p[0])
    loads, gathers = bench.take("loads", p[1]), bench.take("gathers", p[1])
    spans, filled, full = [], [], [0, 0]

    def see(cycle, span, done, error):
        assert not error
        if span["en"]:
            spans.append(span)
        if done["en"]:
            assert not full[done["index"]], "a full table was filled"
            filled.append(done)
            full[done["index"]] = 1

    def free(ctx, cycle):
        for n in range(2):
            full[n] &= bench.rng.random() < .9
        ctx.set(bench.dut.tables_full, full[0] | full[1] << 1)

    bench.before(free)
    bench.after(see, "span", "filled", "error")
    bench.run(lambda: instr.idle, 5000)
    assert [loads.tokens, gathers.tokens] == [words.loads, words.gathers]
    assert [spans, filled] == [words.spans, words.filled]


def test_one_word_per_cycle():
    bench = Bench(GatherWords(TINY), seed=62)
    words = Words(TINY, bench.rng, 30)
    instr = bench.drive("instr", words.words)
    bench.take("loads")
    bench.take("gathers")
    bench.run(lambda: instr.idle, 1000)
    assert instr.cycles == list(range(len(words.words)))


def test_only_a_full_table_holds_words_up():
    bench = Bench(GatherWords(TINY))
    word = pack(TINY, "SPANS", table=1, count=1)
    load = pack(TINY, "LDX", window=0, count=1)
    instr = bench.drive("instr", [load, word, 0, 0, load])
    bench.take("loads")
    bench.before(lambda ctx, cycle: ctx.set(bench.dut.tables_full, 2 if cycle < 20 else 1))
    bench.run(lambda: instr.idle, 100)
    assert instr.cycles == [0, 20, 21, 22, 23]


LDX = pack(TINY, "LDX", window=1, count=8)
GEN = pack(TINY, "GEN", window=1, table=1, free_window=1, free_table=1, close=1, channel=3,
           first=31, spans=0xFFFF)
SPANS = pack(TINY, "SPANS", table=1, count=32)
PLACES = 0x0F | 0x05 << 32
SOURCE = 7 | 7 << 8 | 4 << 16 | 1 << 24
ILLEGAL = {
    "opcode 0": [0],
    "opcode of the core": [LDX & ~0xFF | 0x01],
    "opcode behind the last": [LDX & ~0xFF | 0x43],
    "LDX reserved low": [LDX | 1 << 9],
    "LDX reserved high": [LDX | 1 << 63],
    "LDX of nothing": [LDX & ~(0x3F << 16)],
    "LDX of more than a window": [LDX + (1 << 16)],
    "SPANS reserved": [SPANS | 1 << 24],
    "SPANS of nothing": [SPANS & ~(0xFF << 16)],
    "SPANS of more than a table": [SPANS + (1 << 16)],
    "GEN reserved": [GEN | 1 << 13],
    "GEN channel": [GEN + (1 << 16)],
    "GEN first": [GEN + (1 << 24)],
    "GEN of nothing": [GEN & ~(0xFFFF << 32)],
    "place behind the tile": [SPANS, PLACES | 1 << 8],
    "last place": [SPANS, PLACES | 1 << 31],
    "valid without a place": [SPANS, PLACES | 1 << 36],
    "valid behind the tile": [SPANS, PLACES | 1 << 40],
    "lane": [SPANS, PLACES, SOURCE | 8],
    "slot": [SPANS, PLACES, SOURCE | 8 << 8],
    "row": [SPANS, 0, SOURCE | 8 << 16],
    "places behind the last row": [SPANS, PLACES, SOURCE + (1 << 16)],
    "source reserved": [SPANS, PLACES, SOURCE | 1 << 25],
    "source reserved high": [SPANS, PLACES, SOURCE | 1 << 63],
    "second span": [SPANS, PLACES, SOURCE, PLACES | 1 << 8],
}


def test_greatest_legal_words():
    """What the illegal words are changed from is legal."""
    bench = Bench(GatherWords(TINY))
    instr = bench.drive("instr", [LDX, GEN, SPANS, *[PLACES, SOURCE] * 32, LDX])
    bench.take("loads")
    bench.take("gathers")
    bench.run(lambda: instr.idle, 100)


@pytest.mark.parametrize("case", ILLEGAL)
def test_illegal_words(case):
    """The error shows with the word, which is not taken, nor anything behind it."""
    bench, seen = Bench(GatherWords(TINY)), []
    instr = bench.drive("instr", [LDX, *ILLEGAL[case], LDX, 0])
    loads, gathers = bench.take("loads"), bench.take("gathers")
    bench.after(lambda cycle, error: seen.append(error), "error")
    bench.run(lambda: bench.cycle == 20, 21)
    taken = len(ILLEGAL[case])      # the LDX in front and all but the last of these
    assert instr.cycles == list(range(taken))
    assert seen == [0] * taken + [1] * (20 - taken)
    assert len(loads.tokens) == 1 and not gathers.tokens


def test_random_illegal_words():
    """Of words with a bit flipped, those that are refused are those that the table refuses."""
    rng, wrong = random.Random(63), 0
    for _ in range(60):
        word = rng.choice([LDX, GEN]) ^ 1 << rng.randrange(64)
        opcode = word & 0xFF
        if opcode == 0x40:
            legal = word & ~0x3F01FF == 0 and 1 <= word >> 16 & 0x3F <= 8
        elif opcode == 0x42:
            legal = (word & ~0xFFFF7F1F1FFF == 0 and word >> 32 and word >> 16 & 0x1F < 4
                     and word >> 24 & 0x7F < 32)
        else:
            legal = False
        bench, seen = Bench(GatherWords(TINY)), []
        instr = bench.drive("instr", [word])
        bench.take("loads")
        bench.take("gathers")
        bench.after(lambda cycle, error, seen=seen: seen.append(error), "error")
        bench.run(lambda bench=bench: bench.cycle == 3, 4)
        assert seen[0] == (not legal) and instr.idle == bool(legal), hex(word)
        wrong += not legal
    assert 10 < wrong < 55
