"""CLoad: C tiles into accumulator rows, one beat per cycle, NaN made the one quiet NaN."""

import math
import struct

import cocotb

from tb.lib.bench import bench_test
from tb.lib.models import TICKETS


def places(config):
    """Bank row and accumulator index of every beat of a tile."""
    for row in range(config.tile_m):
        for group in range(config.col_groups):
            yield (row % config.array_rows,
                   row // config.array_rows + config.row_groups * group)


def canonical(word, config):
    if config.format.is_float and math.isnan(struct.unpack("<f", struct.pack("<I", word))[0]):
        return 0x7FC00000
    return word


def random_word(rng):
    special = (0, 0x80000000, 0x7F800000, 0xFF800000, 0x7F800001, 0x7FFFFFFF, 0xFFC00000, 1)
    return rng.choice(special) if rng.random() < 0.3 else rng.getrandbits(32)


def tile_of(bench):
    """Random words of every beat."""
    return [[random_word(bench.rng) for _ in range(bench.config.array_cols)]
            for _ in range(bench.config.c_beats)]


class Expected:
    """What has to be written, watched in every cycle."""

    def __init__(self, bench):
        self.bench, self.writes, self.loads = bench, [], 0

    def add(self, acc, tile):
        config = self.bench.config
        for n, (place, words) in enumerate(zip(places(config), tile, strict=True)):
            self.writes.append((acc, *place, [canonical(word, config) for word in words],
                                n == len(tile) - 1))

    async def watch(self):
        bench = self.bench
        while True:
            await bench.tick()
            if bench.in_reset:
                continue
            enabled = bench.get_element("at", "en")
            taken = bench.get("i__valid") and bench.get("i__ready")
            assert enabled == int(taken), "a write for every beat and no other"
            done = 0
            if enabled:
                assert self.writes, "nothing more is due"
                acc, bank_row, index, words, done = self.writes.pop(0)
                assert bench.get("at") == {"en": 1, "acc": acc, "bank_row": bank_row,
                                           "index": index}
                assert bench.get("write") == words
                assert bench.get("op__valid") and bench.get("turn")
            assert bench.get("done") == int(done), "done with the last beat"
            if bench.get("op__valid"):
                assert bench.get("op__ready") == int(done), "an operation is taken when done"
            self.loads += int(done)


async def turns(bench, op, patience):
    """The turn of each operation comes some time after it was offered, and stays."""
    given = None
    while True:
        await bench.tick()
        if bench.in_reset:
            continue
        here = len(op.taken)
        if given != here:
            given = here if bench.rng.random() < patience else None
        bench.set("turn", int(given == here))


@bench_test
async def random_loads(bench):
    expected = Expected(bench)
    op, source = bench.driver("op"), bench.driver("i")
    cocotb.start_soon(expected.watch())
    cocotb.start_soon(turns(bench, op, 0.2))
    await bench.start()
    for _ in range(6):
        op.stall, source.stall = bench.random_stall(), bench.random_stall()
        for _ in range(3):
            acc, tile = bench.rng.getrandbits(1), tile_of(bench)
            expected.add(acc, tile)
            op.put({"acc": acc, "computes": bench.rng.randrange(TICKETS),
                    "turns": bench.rng.randrange(TICKETS)})
            source.put(*map(beat_of, tile))
        await bench.until(lambda: not expected.writes, "every write", 40_000)


def beat_of(words):
    return sum(word << 32 * n for n, word in enumerate(words))


@bench_test
async def beats_only(bench):
    """A load takes as many cycles as it has beats, and the next follows at once."""
    expected = Expected(bench)
    op, source = bench.driver("op"), bench.driver("i")
    cocotb.start_soon(expected.watch())
    await bench.start(turn=1)
    for acc in (0, 1, 1):
        tile = tile_of(bench)
        expected.add(acc, tile)
        op.put({"acc": acc})
        source.put(*map(beat_of, tile))
    await bench.until(lambda: not expected.writes, "every write")
    assert source.taken[-1] - source.taken[0] == 3 * bench.config.c_beats - 1
