"""Im2col unit: words and records of a feature map in, records of A tiles out."""

import pytest
from im2col_model import Im2colProgram
from unit_bench import CONFIGS, STALLS, Bench

from dstc.conv.words import Span, pack
from dstc_hdl.conv.im2col import Im2col

TINY = CONFIGS["tiny"]


class Unit:
    """An im2col unit with its streams."""

    def __init__(self, config, seed, p=(1, 1)):
        self.bench = Bench(Im2col(config), seed)
        self.instr, self.x = self.bench.drive("instr", (), p[0]), self.bench.drive("x", (), p[0])
        self.out, self.codes = self.bench.take("o", p[1]), []
        self.bench.after(lambda cycle, error, code: self.codes.append((error, code)),
                         "error", "code")

    def put(self, program):
        self.instr.queue.extend(program.stream())
        self.x.queue.extend(program.x)

    def settle(self, cycles=60):
        end = self.bench.cycle + cycles
        self.bench.run(lambda: self.bench.cycle == end, cycles + 1)

    def run(self, program, limit=30000):
        """All that the program says comes, and no more."""
        self.put(program)
        self.bench.run(lambda: len(self.out.tokens) >= len(program.beats) and self.x.idle
                       and self.instr.idle, limit)
        self.settle()
        assert self.out.tokens == program.beats
        assert not any(self.codes[-1])


@pytest.mark.parametrize("name, rounds", [("tiny", 8), ("small", 4), ("odd", 1), ("int8", 3)])
@pytest.mark.parametrize("p", STALLS)
def test_programs(name, rounds, p):
    """Windows and tables are filled, gathered from, freed and filled anew."""
    unit = Unit(CONFIGS[name], 51, p)
    program = Im2colProgram(CONFIGS[name], unit.bench.rng).fill(rounds)
    unit.run(program.early_loads(unit.bench.rng.randrange(3)))


def test_stalled_output():
    """A window that is freed stays as it is until the spans under way have read it."""
    unit = Unit(TINY, 58, (1, 0))
    program = Im2colProgram(TINY, unit.bench.rng, slots=1)
    everything = (1 << TINY.tile_m) - 1
    program.tables[0] = [Span(place=everything, valid=everything, lane=0, slot=0, row=0, end=True)]
    program.word("SPANS", *program.tables[0][0].words(TINY), table=0, count=1)
    for _ in range(3):
        program.load(0, density=1)
        # Records that fill the packer and every stage before it.
        for n in range(6):
            program.gen(0, 0, [(0, 0)], close=True, free_window=n == 5)
    unit.put(program)
    for n in range(len(program.beats)):
        unit.settle(100)
        unit.out.p = 1
        unit.bench.run(lambda n=n: len(unit.out.tokens) > n, 3)
        unit.out.p = 0
    assert unit.out.tokens == program.beats


def test_program_of_the_paper():
    unit = Unit(CONFIGS["paper"], 52, (.9, .9))
    unit.run(Im2colProgram(CONFIGS["paper"], unit.bench.rng, slots=2).fill(1))


@pytest.mark.parametrize("density", [0, 1])
def test_extremes(density):
    """Nothing but zeros, nothing but values; in full slots of a window and all of a table."""
    unit = Unit(TINY, 53)
    program = Im2colProgram(TINY, unit.bench.rng, slots=TINY.window_tiles)
    program.load(0, density)
    everything = (1 << TINY.tile_m) - 1
    spans = [Span(place=everything, valid=everything, lane=n % TINY.tile_m,
                  slot=min(n // 4, TINY.window_tiles - 2), row=0, end=True)
             for n in range(TINY.window_spans)]
    program.word("SPANS", *[word for span in spans for word in span.words(TINY)], table=1,
                 count=len(spans))
    program.tables[1] = spans
    walk = [(n, k) for k in range(TINY.tile_k) for n in range(TINY.window_spans)]
    for first in range(0, len(walk), TINY.tile_k):
        program.gen(0, 1, walk[first:first + TINY.tile_k], close=True)
    unit.run(program)


def prepared(config, seed):
    """A unit whose windows and tables are full, and its program."""
    unit = Unit(config, seed)
    program = Im2colProgram(config, unit.bench.rng, slots=2)
    for n in range(2):
        program.load(n, density=1 - n / 2)
        program.spans(n)
    unit.put(program)
    unit.bench.run(lambda: unit.instr.idle and unit.x.idle, 2000)
    unit.settle()
    program.words.clear()
    return unit, program


@pytest.mark.parametrize("name", ["tiny", "small", "int8"])
def test_cycles_of_a_record(name):
    """A record in a single GEN, alone: its first beat 4 + the sum of the costs behind its first
    span, the others one per cycle.
    """
    config = CONFIGS[name]
    unit, program = prepared(config, 54)
    sums = set()
    for _ in range(10):
        table = unit.bench.rng.randrange(2)
        spans = program.tables[table]
        start = unit.bench.rng.choice([n for n in range(len(spans))
                                       if n == 0 or spans[n - 1].end])
        walk = [(n % len(spans), n // len(spans)) for n in range(start, 3 * len(spans))]
        ends = [n for n, (index, _) in enumerate(walk, 1) if spans[index].end]
        walk = walk[:ends[min(config.tile_k, len(ends)) - 1]]
        before = len(program.beats)
        program.gen(unit.bench.rng.randrange(2), table, walk, close=True)
        unit.instr.queue.append(program.words[-1][0])
        end = len(program.beats)
        unit.bench.run(lambda end=end: len(unit.out.tokens) == end, 500)
        cost = sum(cost for cost, _ in program.costs[-1])
        first = unit.instr.cycles[-1] + 2 + 4 + cost
        assert unit.out.cycles[before:] == [first + n for n in range(len(program.beats) - before)]
        sums.add(cost - len(walk))
    assert unit.out.tokens == program.beats
    assert len(sums) > 1


@pytest.mark.parametrize("name", ["tiny", "small", "int8"])
def test_cycles_of_a_program(name):
    """GENs follow each other without a gap; a cost above 1 or a record that waits for the one
    before it holds up the spans behind.
    """
    unit, program = prepared(CONFIGS[name], 55)
    for _ in range(12):
        program.record(CONFIGS[name].tile_k)
    first_word = len(unit.instr.tokens)
    unit.instr.queue.extend(program.stream())
    unit.bench.run(lambda: len(unit.out.tokens) == len(program.beats), 3000)
    assert unit.out.tokens == program.beats
    taken = unit.instr.cycles[first_word:]
    assert taken[:4] == [taken[0] + n for n in range(4)]
    started, done, sent, free = [], [], [], 0
    for word, costs in zip(taken, program.costs, strict=True):
        earliest = word + 2
        for cost, beats in costs:
            # Five spans are under way: one being packed, one in each stage before.
            started.append(max([earliest, *(cycle + 1 for cycle in started[-1:]),
                                *(done[-4:-3])]))
            offered = max([started[-1] + 4, *(cycle + 1 for cycle in done[-1:])])
            cycle = offered + cost - 1
            if beats:
                cycle = max(cycle, free)
                sent += [cycle + 1 + n for n in range(beats)]
                free = sent[-1]
            done.append(cycle)
    assert unit.out.cycles == sent


GEN = {"window": 0, "table": 0, "free_window": 0, "free_table": 0, "close": 1, "channel": 0,
       "first": 0, "spans": 1}
SPANS = [pack(TINY, "SPANS", table=0, count=1),
         *Span(place=1, valid=1, lane=0, slot=0, row=0, end=True).words(TINY)]
FILL = [pack(TINY, "LDX", window=0, count=1), *SPANS]
# Words that end in an error, and beats that come in spite of it.
WRONG_WORDS = {
    "opcode": [*FILL, 0x43],
    "span": [*FILL[:2], 1 << 40, 0],
    "first behind the table": [*FILL, pack(TINY, "GEN", **GEN | {"first": 1})],
    "channel behind the last": [*FILL, pack(TINY, "GEN", **GEN | {"channel": 3, "spans": 2})],
    "slot not filled": [FILL[0], SPANS[0], *Span(place=1, valid=1, lane=0, slot=1, row=0,
                                                 end=True).words(TINY),
                        pack(TINY, "GEN", **GEN)],
    "too many k-steps": [*FILL, *[pack(TINY, "GEN", **GEN | {"close": 0})] * (TINY.tile_k + 1)],
}


@pytest.mark.parametrize("case", WRONG_WORDS)
def test_wrong_words(case):
    """Code 9; it stays, and no word is taken any more."""
    unit = Unit(TINY, 56)
    program = Im2colProgram(TINY, unit.bench.rng, slots=1)
    program.load(0)
    unit.x.queue.extend(program.x)
    unit.instr.queue.extend(WRONG_WORDS[case])
    unit.settle(80)
    assert unit.codes[-1] == (1, 9)
    failed = unit.codes.index((1, 9))
    assert set(unit.codes[:failed]) == {(0, 0)} and set(unit.codes[failed:]) == {(1, 9)}
    taken = len(unit.instr.tokens)
    unit.instr.queue.extend(FILL)
    unit.settle()
    assert len(unit.instr.tokens) == taken
    assert not unit.out.tokens


def test_wrong_record():
    """Code 8; what was gathered before still comes, of words behind nothing does."""
    unit = Unit(TINY, 57)
    program = Im2colProgram(TINY, unit.bench.rng, slots=1)
    program.load(0, density=1)
    program.spans(0)
    program.gen(0, 0, [(0, 0)], close=True)
    unit.run(program)
    beats = [*program.x[:-1], program.x[-1] | {"last": 0}]
    unit.instr.queue.extend([pack(TINY, "LDX", window=1, count=1)])
    unit.x.queue.extend([*beats, *beats])
    unit.settle(100)
    assert unit.codes[-1] == (1, 8)
    taken = len(unit.x.tokens), len(unit.instr.tokens)
    unit.instr.queue.append(program.words[-1][0])
    unit.settle()
    assert (len(unit.x.tokens), len(unit.instr.tokens)) == taken
    assert unit.codes[-1] == (1, 8) and unit.out.tokens == program.beats
