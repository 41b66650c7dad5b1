"""Operand buffer: records in, bitmaps, offsets, group counts and values out."""

import random

import pytest
from records import Record
from unit_bench import CONFIGS, STALLS, Bench

from dstc_hdl.operand_buffer import OperandBuffer

NAMES = ["tiny", "odd", "int8", "flat"]


def densities(rng):
    return rng.choice([0, .1, .5, .9, 1, 1])


class Buffer:
    """A buffer with its loads; releases tiles and reads them back while they are held."""

    def __init__(self, config, side, seed, count, p=(1, 1), eager=False):
        self.config, self.side = config, side
        self.bench = Bench(OperandBuffer(config, side), seed)
        self.rng, self.dut = self.bench.rng, self.bench.dut
        self.records = [Record(config, side, self.rng, densities(self.rng)) for _ in range(count)]
        self.slots = [self.rng.randrange(config.slots) for _ in range(count)]
        # Reads of each tile; the next load of its slot has to wait for them.
        self.reads = [0 if eager else self.rng.choice([0, 1, 1, 2, 5]) for _ in range(count)]
        tickets, sums = [], [0] * config.slots
        for slot, reads in zip(self.slots, self.reads, strict=True):
            tickets.append(sums[slot] % 64)
            sums[slot] += reads
        self.load = self.bench.drive("load", [
            {"slot": slot, "reads": ticket}
            for slot, ticket in zip(self.slots, tickets, strict=True)], p[0])
        self.beats = self.bench.drive("i", [beat for record in self.records
                                            for beat in record.beats], p[1])
        self.rows = self.records[0].span * config.tile_k // self.records[0].banks
        self.done = 0
        self.held = {}              # slot: index of the load whose tile it holds
        self.left = list(self.reads)
        self.total = {"loads": [0] * config.slots, "reads": [0] * config.slots}
        self.loads = []             # cycles in which a load shows as done
        self.errors = []
        self.want = {"record": None, "banks": None}
        self.next = dict(self.want)
        self.compared = {"record": 0, "banks": 0, "empty": 0}
        self.bench.before(self.use)
        self.bench.after(self.check, "loads", "reads", "groups", "record", "banks", "error")

    def use(self, ctx, cycle):
        """Release and read tiles that are held."""
        rng, dut = self.rng, self.dut
        slot = rng.randrange(self.config.slots)
        tile = self.held.get(slot)
        release = tile is not None and self.left[tile] > 0 and rng.random() < .5
        ctx.set(dut.release, release)
        ctx.set(dut.release_slot, slot)
        self.released_slot = slot if release else None
        if release:
            self.left[tile] -= 1
        self.next = dict(self.want)
        slot = rng.randrange(self.config.slots)
        k, tile = rng.randrange(self.config.tile_k), self.readable(slot)
        enabled = rng.random() < .6 and (tile is not None or slot not in self.slots[:self.started])
        ctx.set(dut.record_en, enabled)
        ctx.set(dut.record_slot, slot)
        ctx.set(dut.record_k, k)
        if enabled:
            self.next["record"] = ((0, 0) if tile is None else
                                   (self.records[tile].bitmaps[k], self.records[tile].offsets[k]))
        slot = rng.randrange(self.config.slots)
        tile = self.readable(slot)
        enabled = rng.random() < .6 and tile is not None
        ctx.set(dut.fetch_en, enabled)
        ctx.set(dut.fetch_slot, slot)
        rows = [rng.randrange(self.rows) for _ in range(len(dut.fetch))]
        if enabled:
            ctx.set(dut.fetch, rows)
            self.next["banks"] = [self.records[tile].value_at(bank, row)
                                  for bank, row in enumerate(rows)]

    @property
    def started(self):
        return len(self.load.tokens)

    def readable(self, slot):
        """The tile that a slot holds, unless its next load has begun."""
        tile = self.held.get(slot)
        return None if slot in self.slots[self.done:self.started] else tile

    def check(self, cycle, loads, reads, groups, record, banks, error):
        if self.done < len(self.records) and loads != [n % 64 for n in self.total["loads"]]:
            slot = self.slots[self.done]
            self.total["loads"][slot] += 1
            self.loads.append(cycle)
            self.held[slot] = self.done
            self.done += 1
            assert groups[slot] == self.records[self.held[slot]].groups
        assert loads == [n % 64 for n in self.total["loads"]]
        assert reads == [n % 64 for n in self.total["reads"]]
        if self.released_slot is not None:
            self.total["reads"][self.released_slot] += 1
        for slot, tile in self.held.items():
            if slot not in self.slots[self.done:self.started]:
                assert groups[slot] == self.records[tile].groups
        if error:
            self.errors.append(cycle)
        if self.want["record"] is not None:
            bitmap, offset = self.want["record"]
            assert record["bitmap"] == bitmap
            self.compared["empty" if bitmap == 0 else "record"] += 1
            if bitmap:
                assert record["offset"] == offset
        if self.want["banks"] is not None:
            for value, want in zip(banks, self.want["banks"], strict=True):
                assert want is None or value == want
            self.compared["banks"] += 1
        self.want = self.next

    def run(self, limit=5000):
        self.bench.run(lambda: self.done == len(self.records), limit)


@pytest.mark.parametrize("side", "AB")
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("p", STALLS)
def test_tiles(name, side, p):
    """Loads in random slot order while other tiles are read and released."""
    buffer = Buffer(CONFIGS[name], side, seed=31, count=12, p=p)
    buffer.run()
    assert not buffer.errors
    assert all(compared > 4 for compared in buffer.compared.values())


@pytest.mark.parametrize("side", "AB")
def test_tiles_of_the_paper(side):
    buffer = Buffer(CONFIGS["paper"], side, seed=32, count=6, p=(.9, .9))
    buffer.run()
    assert not buffer.errors


@pytest.mark.parametrize("side", "AB")
@pytest.mark.parametrize("name", [*NAMES, "small"])
def test_cycles(name, side):
    """b + tile_k / 4 + v for each record when nothing waits."""
    config = CONFIGS[name]
    buffer = Buffer(config, side, seed=33, count=20, eager=True)
    buffer.run()
    cycles = [record.cycles for record in buffer.records]
    assert len(set(cycles)) > 2
    assert buffer.load.cycles == [sum(cycles[:n]) for n in range(len(cycles))]
    # A tile counts as loaded from the cycle on in which the next load may start.
    assert buffer.loads == [sum(cycles[:n + 1]) + 1 for n in range(len(cycles))]


def test_load_waits_for_reads():
    """Reads of its slot hold up a load; it starts in the cycle in which the last one shows."""
    config = CONFIGS["tiny"]
    bench = Bench(OperandBuffer(config, "A"))
    record = Record(config, "A", bench.rng, .5)
    load = bench.drive("load", [{"slot": 1, "reads": 0}, {"slot": 1, "reads": 3}])
    bench.drive("i", record.beats * 2)

    def release(ctx, cycle):
        ctx.set(bench.dut.release, cycle in (20, 30, 31))
        ctx.set(bench.dut.release_slot, cycle != 30 and cycle <= 31)

    bench.before(release)
    bench.run(lambda: bench.cycle == 40, 41)
    assert load.cycles == [0]
    bench.before(lambda ctx, cycle: ctx.set(bench.dut.release, cycle == 45))
    bench.before(lambda ctx, cycle: ctx.set(bench.dut.release_slot, 1))
    bench.run(lambda: load.idle, 20)
    assert load.cycles == [0, 46]


def test_unloaded_slot_is_an_empty_tile():
    config = CONFIGS["tiny"]
    bench, seen = Bench(OperandBuffer(config, "B")), []

    def read(ctx, cycle):
        ctx.set(bench.dut.record_en, 1)
        ctx.set(bench.dut.record_slot, cycle % 2)
        ctx.set(bench.dut.record_k, cycle // 2 % config.tile_k)

    bench.before(read)
    bench.after(lambda cycle, record, groups: seen.append(
        (record["bitmap"], [count for slot in groups for count in slot])), "record", "groups")
    bench.run(lambda: bench.cycle == 12, 13)
    assert seen == [(0, [0] * 8)] * 12


def first_error(config, side, beats, limit):
    """The cycle of the first error, and those in which the beats were taken."""
    bench, errors = Bench(OperandBuffer(config, side)), []
    bench.drive("load", [{"slot": 1, "reads": 0}])
    taken = bench.drive("i", beats)
    bench.after(lambda cycle, error: errors.append(error), "error")
    bench.run(lambda: any(errors), limit)
    return errors.index(1), taken.cycles


@pytest.mark.parametrize("side", "AB")
@pytest.mark.parametrize("name", ["tiny", "odd", "int8"])
@pytest.mark.parametrize("density", [0, .3, 1])
def test_wrong_last(name, side, density):
    """One ``last`` too many or too few: the error comes with that beat, or, if it is the last one
    of the bitmaps, once they are counted.
    """
    config = CONFIGS[name]
    record = Record(config, side, random.Random(int(10 * density)), density)
    for beat in sorted({0, record.bitmap_beats - 1, len(record.beats) // 2,
                        len(record.beats) - 1}):
        beats = [dict(entry) for entry in record.beats]
        beats[beat]["last"] = not beats[beat]["last"]
        error, taken = first_error(config, side, beats, record.cycles + 1)
        counted = config.tile_k // 4 if beat == record.bitmap_beats - 1 else 0
        assert error == taken[beat] + counted
