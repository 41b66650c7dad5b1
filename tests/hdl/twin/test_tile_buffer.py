"""Tile buffer: two tiles, read with a skew while others load."""

import pytest
from unit_bench import Bench

from dstc_hdl.twin.tile_buffer import TileBuffer

BITS = 32
# rows, rows of a group, skew, halves
SHAPES = [(1, 1, 0, 1), (6, 6, 2, 1), (8, 8, 3, 1), (6, 3, 2, 2), (4, 2, 0, 2), (3, 3, 1, 2)]


def make(rows, group, skew, halves):
    return TileBuffer(beat_bits=BITS, rows=rows, group=group, skew=skew, halves=halves)


def parts(tile, row, group, halves):
    """What a row of a tile, a list of its beats, brings to the four elements."""
    if halves == 1:
        return [tile[row] >> 8 * e & 0xFF for e in range(4)]
    first = row // group * 2 * group + row % group
    return [tile[first], tile[first], tile[first + group], tile[first + group]]


class Reader:
    """Reads random rows of every tile, then the next tile."""

    def __init__(self, bench, shape, count, p):
        self.bench, self.shape, self.p = bench, shape, p
        rows, _, self.skew, halves = shape
        self.tiles = [[bench.rng.getrandbits(BITS) for _ in range(rows * halves)]
                      for _ in range(count)]
        self.asked, self.nexts, self.present = {}, [], []
        self.left, self.asks = bench.rng.randrange(1, 3 * rows), False
        bench.before(self.drive)
        bench.after(self.look, "present", "o")

    def drive(self, ctx, cycle):
        rng, dut, (rows, group, _, halves) = self.bench.rng, self.bench.dut, self.shape
        self.asks = bool(ctx.get(dut.present)) and rng.random() < self.p
        row = rng.randrange(rows)
        ctx.set(dut.row, row)
        ctx.set(dut.next, self.asks and self.left == 1)
        if self.asks:
            # Each element comes later than the one before it.
            for e, part in enumerate(parts(self.tiles[len(self.nexts)], row, group, halves)):
                self.asked[cycle + 1 + e * self.skew, e] = part
            self.left -= 1
            if not self.left:
                self.nexts.append(cycle)
                self.left = rng.randrange(1, 3 * rows)

    def look(self, cycle, present, o):
        self.present.append(present)
        for e in range(4):
            if (cycle, e) in self.asked:
                assert o[e] == self.asked.pop((cycle, e)), (cycle, e)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("p_load, p_read", [(1, 1), (.5, 1), (1, .4)])
def test_tiles(shape, p_load, p_read):
    bench = Bench(make(*shape), seed=31)
    reader = Reader(bench, shape, 8, p_read)
    source = bench.drive("i", [beat for tile in reader.tiles for beat in tile], p_load)
    bench.run(lambda: len(reader.nexts) == 8 and not reader.asked, 2000)
    assert source.idle


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_cycles(shape):
    """A beat per cycle while there is room; room again when the last row has been read."""
    rows, _, skew, halves = shape
    beats = rows * halves
    bench = Bench(make(*shape), seed=32)
    source = bench.drive("i", range(4 * beats))
    present = []
    bench.before(lambda ctx, cycle: ctx.set(bench.dut.next, cycle == 3 * beats))
    bench.after(lambda cycle, value: present.append(value), "present")
    bench.run(lambda: bench.cycle == 8 * beats + 20, 8 * beats + 21)
    assert present.index(1) == beats
    free = 3 * beats + 2 + 3 * skew
    assert source.cycles == [*range(2 * beats), *range(free, free + beats)]
