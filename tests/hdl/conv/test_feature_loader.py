"""Feature loader: records of a feature map in, rows of a window out."""

import random

import pytest
from records import Record
from unit_bench import CONFIGS, STALLS, Bench

from dstc_hdl.conv.feature_loader import FeatureLoader

NAMES = ["tiny", "small", "odd", "int8", "flat"]


class LateValues:
    """A generator that leaves the first ``steps`` k-steps of a record empty."""

    def __init__(self, config, rng, steps):
        self._left, self._rng = steps * config.tile_m, rng

    def random(self):
        self._left -= 1
        return 1.0 if self._left >= 0 else self._rng.random()

    def __getattr__(self, name):
        return getattr(self._rng, name)


def random_record(config, rng):
    late = rng.random() < .3
    return Record(config, "A", LateValues(config, rng, config.tile_k * 5 // 8) if late else rng,
                  1 if late else rng.choice([0, .05, .3, .6, 1]))


class Loads:
    """A loader with random loads into both windows, which are freed at random."""

    def __init__(self, config, seed, count, p=1, p_free=1.0, records=None):
        self.config, self.p_free = config, p_free
        self.bench = Bench(FeatureLoader(config), seed)
        rng, self.dut = self.bench.rng, self.bench.dut
        self.records, loads, self.want = [], [], []
        for _ in range(count):
            window, number = rng.randrange(2), rng.randint(1, min(3, config.window_tiles))
            loads.append({"window": window, "count": number})
            for slot in range(number):
                record = random_record(config, rng)
                self.records.append(record)
                self.want += [(window, slot, k, dict(record.nonzeros(k)))
                              for k in range(config.tile_k)]
            self.want[-1] += (number,)
        if records:
            # One load of the given records, to look at its cycles.
            self.records, loads = records, [{"window": 0, "count": len(records)}]
            self.want = [(0, slot, k, dict(record.nonzeros(k)))
                         for slot, record in enumerate(records) for k in range(config.tile_k)]
            self.want[-1] += (len(records),)
        self.load = self.bench.drive("load", loads, p)
        self.x = self.bench.drive(
            "x", [beat for record in self.records for beat in record.beats], p)
        self.full, self.cycles, self.errors = [0, 0], [], []
        self.bench.before(self.free)
        self.bench.after(self.see, "write_en", "write", "row", "filled", "error")

    def free(self, ctx, cycle):
        for n in range(2):
            self.full[n] &= self.bench.rng.random() >= self.p_free
        ctx.set(self.dut.full, self.full[0] | self.full[1] << 1)

    def see(self, cycle, write_en, write, row, filled, error):
        self.errors.append(error)
        assert write_en or not filled["en"]
        if not write_en:
            return
        window, slot, channel, values, *number = self.want[len(self.cycles)]
        assert write == {"window": window, "slot": slot, "channel": channel}
        assert not self.full[window], "a window that was full was written"
        assert row["present"] == sum(1 << n for n in values)
        assert {n: row["values"][n] for n in values} == values
        assert filled["en"] == bool(number)
        if number:
            assert filled == {"en": 1, "index": window, "count": number[0]}
            self.full[window] = 1
        self.cycles.append(cycle)

    def run(self, limit=8000):
        self.bench.run(lambda: len(self.cycles) == len(self.want), limit)
        assert not any(self.errors)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("p", sorted({p for p, _ in STALLS}))
@pytest.mark.parametrize("p_free", [1, .02])
def test_loads(name, p, p_free):
    loads = Loads(CONFIGS[name], seed=71, count=6, p=p, p_free=p_free)
    loads.run()
    assert loads.load.idle and loads.x.idle


def cycles_of(config, records):
    """Cycle in which each beat is taken and each row is written, from that of the load on.

    A beat is taken when fewer are held than fit, a channel when the beat with its last value was
    taken before; rows appear a cycle after their channel.
    """
    size = config.a_beat_values
    fit = 1
    while fit * size < config.tile_m + size:
        fit *= 2
    beats, rows, cycle = [], [], 1
    for record in records:
        beats += range(cycle, cycle + record.bitmap_beats)
        cycle += record.bitmap_beats
        taken, used, k = 0, 0, 0
        while k < config.tile_k:
            needed = used + record.bitmaps[k].bit_count()
            accept = taken < record.value_beats and taken - used // size < fit
            if taken * size >= needed or taken == record.value_beats:
                used, k = needed, k + 1
                rows.append(cycle + 1)
            if accept:
                beats.append(cycle)
                taken += 1
            cycle += 1
    return beats, rows


@pytest.mark.parametrize("name", NAMES)
def test_cycles(name):
    config, rng = CONFIGS[name], random.Random(72)
    records = [Record(config, "A", rng, density) for density in (0, 1, .1, .5, 1)]
    # More beats come than fit before the first value is taken.
    records.append(Record(config, "A", LateValues(config, rng, config.tile_k * 5 // 8), 1))
    loads = Loads(config, 72, 0, records=records)
    loads.run()
    beats, rows = cycles_of(config, records)
    assert loads.load.cycles == [0]
    assert loads.x.cycles == beats
    assert loads.cycles == rows
    ends = rows[config.tile_k - 1::config.tile_k]
    for record, last, end in zip(records, [1, *ends], ends, strict=False):
        assert end - last <= record.bitmap_beats + config.tile_k + record.value_beats


def test_next_load():
    """It is taken two cycles after the last channel of the one before it, or when the window is
    free.
    """
    config = CONFIGS["tiny"]
    loads = Loads(config, seed=73, count=5)
    loads.run()
    assert len(loads.load.cycles) == 5
    ends = [loads.cycles[n] for n, want in enumerate(loads.want) if len(want) == 5]
    # A row shows a cycle after its channel.
    assert loads.load.cycles[1:] == [end + 1 for end in ends[:-1]]


@pytest.mark.parametrize("name", ["tiny", "odd", "int8", "flat"])
@pytest.mark.parametrize("density", [0, .3, 1])
def test_wrong_last(name, density):
    """One ``last`` too many or too few: an error at some time, and nothing is taken any more."""
    config = CONFIGS[name]
    record = Record(config, "A", random.Random(int(10 * density)), density)
    for beat in sorted({0, record.bitmap_beats - 1, len(record.beats) // 2,
                        len(record.beats) - 1}):
        beats = [dict(entry) for entry in record.beats]
        beats[beat]["last"] = not beats[beat]["last"]
        bench, errors, filled = Bench(FeatureLoader(config)), [], []
        bench.drive("load", [{"window": 1, "count": 2}, {"window": 0, "count": 1}])
        x = bench.drive("x", beats + 20 * record.beats)
        bench.after(lambda cycle, error, done, errors=errors, filled=filled: (
            errors.append(error), filled.append(done["en"])), "error", "filled")
        end = len(record.beats) + config.tile_k + 40
        bench.run(lambda bench=bench, end=end: bench.cycle == end, end + 1)
        assert sum(errors) == 1 and not any(filled)
        assert x.cycles[-1] <= errors.index(1)
        assert len(x.tokens) <= len(beats) + 4
