"""Tile ports: row counter, C load and drain."""

import pytest
from unit_bench import CONFIGS, STALLS, Bench

from dstc_hdl.tile_port import CLoad, Drain, RowCounter

NAMES = ["tiny", "odd", "int8", "flat"]


def beats_of(config):
    """For each beat of a tile: bank row, accumulator index, row, first column."""
    return [(m % config.array_rows,
             m // config.array_rows + config.tile_m // config.array_rows * v,
             m, v * config.array_cols)
            for m in range(config.tile_m) for v in range(config.tile_n // config.array_cols)]


@pytest.mark.parametrize("name", [*NAMES, "paper"])
@pytest.mark.parametrize("p", [1, .6])
def test_row_counter(name, p):
    config = CONFIGS[name]
    bench = Bench(RowCounter(config), seed=91)
    beats, at, stepped = beats_of(config), 0, False

    def drive(ctx, cycle):
        nonlocal stepped
        stepped = bench.rng.random() < p
        ctx.set(bench.dut.step, stepped)

    def check(cycle, bank_row, index, last, *following):
        nonlocal at
        here = at % len(beats)
        assert (bank_row, index, last) == (*beats[here][:2], here == len(beats) - 1)
        at += stepped
        assert following == beats[at % len(beats)][:2]

    bench.before(drive)
    bench.after(check, "bank_row", "index", "last", "next_bank_row", "next_index")
    bench.run(lambda: at == 2 * len(beats) + 3, 6 * len(beats))


class Turns:
    """Sets ``turn`` some time after an operation is on offer, until it is taken."""

    def __init__(self, bench, p):
        self.bench, self.p, self.on = bench, p, False
        bench.before(self.drive)
        bench.after(self.look, "op.valid", "op.ready")

    def drive(self, ctx, cycle):
        self.on = self.on or self.bench.rng.random() < self.p
        ctx.set(self.bench.dut.turn, self.on)

    def look(self, cycle, valid, ready):
        if valid and ready:
            self.on = False


def random_word(config, rng):
    """A C value, with NaN of every kind among them."""
    return rng.choice([rng.getrandbits(32), rng.getrandbits(32), 0x7F800001, 0xFFC00000,
                       0x7FFFFFFF, 0x7F800000, 0xFF800000, 0x80000000])


def loaded(config, word):
    """What a C load makes of a value."""
    if config.element != "int8" and word & 0x7F800000 == 0x7F800000 and word & 0x7FFFFF:
        return 0x7FC00000
    return word


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("p_valid, p_turn", STALLS)
def test_c_load(name, p_valid, p_turn):
    config = CONFIGS[name]
    bench = Bench(CLoad(config), seed=92)
    rng, beats, count = bench.rng, beats_of(config), 3
    accs = [0, 1, 1]
    tiles = [[[random_word(config, rng) for _ in range(config.array_cols)] for _ in beats]
             for _ in range(count)]
    ops = bench.drive("op", [{"acc": acc, "computes": 1, "turns": 2} for acc in accs], p_valid)
    given = bench.drive("i", [sum(word << 32 * q for q, word in enumerate(beat))
                              for tile in tiles for beat in tile], p_valid)
    turns, writes, done_in = Turns(bench, p_turn), [], []

    def look(cycle, at, write, done):
        if at["en"]:
            assert turns.on or done
            writes.append((at["acc"], at["bank_row"], at["index"], write))
        if done:
            done_in.append(cycle)

    bench.after(look, "at", "write", "done")
    bench.run(lambda: ops.idle, 2000)
    assert writes == [(acc, row, index, [loaded(config, word) for word in words])
                      for acc, tile in zip(accs, tiles, strict=True)
                      for (row, index, *_), words in zip(beats, tile, strict=True)]
    assert done_in == ops.cycles == given.cycles[len(beats) - 1::len(beats)]
    if p_valid == p_turn == 1:
        assert given.cycles == list(range(count * len(beats)))


def test_c_load_waits_for_its_turn():
    """No beat is taken before the turn has come, and the first one in the cycle in which it has."""
    config = CONFIGS["tiny"]
    bench = Bench(CLoad(config))
    bench.drive("op", [{"acc": 1}])
    given = bench.drive("i", range(config.c_beats))
    bench.before(lambda ctx, cycle: ctx.set(bench.dut.turn, cycle >= 7))
    bench.run(lambda: given.idle, 100)
    assert given.cycles == list(range(7, 7 + config.c_beats))


def test_c_load_without_an_operation_takes_nothing():
    bench = Bench(CLoad(CONFIGS["tiny"]))
    given = bench.drive("i", [1])
    bench.before(lambda ctx, cycle: ctx.set(bench.dut.turn, 1))
    bench.run(lambda: bench.cycle == 10, 11)
    assert not given.tokens


class DrainBench:
    """A drain in front of accumulators that it has to read, row by row, and clear."""

    def __init__(self, config, accs, p_turn=1.0, p_ready=1.0, p_op=1.0):
        self.config = config
        self.bench = Bench(Drain(config), seed=93)
        self.beats = beats_of(config)
        self.ops = self.bench.drive("op", [{"acc": acc} for acc in accs], p_op)
        self.turns = Turns(self.bench, p_turn)
        self.sums, self.want, self.cleared, self.done_in = [None, None], [], [], []
        for acc in (0, 1):
            self.fill(acc)
        self.d = self.bench.take("o", p_ready)
        self.bench.before(self.show)
        self.bench.after(self.look, "clear", "done", "at", "next_bank_row", "next_index")
        self.place = 0, 0       # announced in the cycle before

    def fill(self, acc):
        """New sums in a context, as a compute would leave them."""
        config, rng = self.config, self.bench.rng
        self.sums[acc] = [[rng.getrandbits(32) for _ in range(config.tile_n)]
                          for _ in range(config.tile_m)]

    def show(self, ctx, cycle):
        """The read port: combinational; noise where nothing is asked for."""
        config, at = self.config, self.bench.dut.at
        row = [self.bench.rng.getrandbits(32) for _ in range(config.array_cols)]
        if ctx.get(at.en):
            acc, index = ctx.get(at.acc), ctx.get(at.index)
            groups = config.tile_m // config.array_rows
            m = ctx.get(at.bank_row) + config.array_rows * (index % groups)
            first = config.array_cols * (index // groups)
            row = self.sums[acc][m][first:first + config.array_cols]
        ctx.set(self.bench.dut.read, row)

    def look(self, cycle, clear, done, at, *following):
        if at["en"]:
            assert self.turns.on and (at["bank_row"], at["index"]) == self.place
        self.place = following
        if clear:
            acc = {1: 0, 2: 1}[clear]
            self.cleared.append((cycle, acc))
            self.want += [{"data": sum(word << 32 * q for q, word in enumerate(
                               self.sums[acc][m][n:n + self.config.array_cols])),
                           "last": beat == len(self.beats) - 1}
                          for beat, (_, _, m, n) in enumerate(self.beats)]
            self.fill(acc)
        if done:
            self.done_in.append(cycle)

    def run(self):
        self.bench.run(lambda: self.ops.idle, 4000)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("p_ready, p_turn", STALLS)
def test_drain(name, p_ready, p_turn):
    accs = [0, 1, 1, 0]
    drain = DrainBench(CONFIGS[name], accs, p_turn, p_ready, p_op=p_turn)
    drain.run()
    assert drain.d.tokens == drain.want
    assert [acc for _, acc in drain.cleared] == accs
    # Cleared once, with the read of the last beat: one cycle before that beat is on offer.
    size = len(drain.beats)
    for n, (cycle, _) in enumerate(drain.cleared):
        assert drain.d.cycles[size * (n + 1) - 1] > cycle
        assert size == 1 or drain.d.cycles[size * (n + 1) - 2] <= cycle
    # Done, and the operation taken, when the last beat is taken.
    assert drain.done_in == drain.ops.cycles == drain.d.cycles[size - 1::size]


@pytest.mark.parametrize("name", NAMES)
def test_drain_cycles(name):
    """A cycle for each beat, and one for the last beat to leave."""
    config = CONFIGS[name]
    drain = DrainBench(config, [1, 0, 1])
    drain.run()
    size = len(drain.beats)
    assert drain.d.cycles == [n * (size + 1) + 1 + beat for n in range(3) for beat in range(size)]
    assert drain.done_in == [(n + 1) * (size + 1) - 1 for n in range(3)]
    assert [cycle for cycle, _ in drain.cleared] == [n * (size + 1) + size - 1 for n in range(3)]
