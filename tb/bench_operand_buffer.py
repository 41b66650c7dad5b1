"""OperandBuffer: tiles are loaded into slots while others are read."""

from itertools import pairwise

from tb.lib.bench import bench_test
from tb.lib.models import TICKETS, Side, random_tile


def buffer_side(bench):
    return Side.of(bench.config, bench.unit[-1].upper())


class Reader:
    """Reads whatever is loaded, in every cycle anew, and checks everything that it sees.

    It stands in for the sequencer: it may use a slot from the load that it waits for until it
    releases it, and a tile is released as often as its load's successor expects.
    """

    def __init__(self, bench, loads):
        self.bench, self.side, self.rng = bench, buffer_side(bench), bench.rng
        self.waiting = list(loads)          # (slot, tile, releases) in order
        self.live = {}                      # slot -> [tile, releases left]
        slots = bench.config.slots
        self.loads, self.reads = [0] * slots, [0] * slots
        self.groups = [[0] * self.side.steps for _ in range(slots)]
        # What the outputs must show: now, and from the next cycle on.
        self.shown = {"record": None, "banks": {}, "reads": list(self.reads)}
        self.next = dict(self.shown)

    def step(self):
        """Look at the outputs of this cycle, then drive the next."""
        self._progress()
        bench, rng = self.bench, self.rng
        self._check()
        release, fetch, record = None, rng.random() < 0.6, rng.random() < 0.6
        if self.live:
            if fetch:
                slot = rng.choice(list(self.live))
                self._fetch(slot)
                if rng.random() < 0.2:
                    release = slot
            if record:
                self._record()
        bench.set("fetch_en", int(fetch and bool(self.live)))
        bench.set("record_en", int(record and bool(self.live)))
        bench.set("release", int(release is not None))
        if release is not None:
            bench.set("release_slot", release)
            self.reads = [count + (n == release) for n, count in enumerate(self.reads)]
            self.next["reads"] = self.reads
            self.live[release][1] -= 1
            if not self.live[release][1]:
                del self.live[release]

    def _check(self):
        shown, bench = self.shown, self.bench
        assert bench.get("error") == 0
        assert bench.get("reads") == [count % TICKETS for count in shown["reads"]]
        if shown["record"] is not None:
            assert bench.get("record") == shown["record"]
        for n, value in shown["banks"].items():
            assert bench.get_element("banks", n) == value, f"bank {n}"
        self.shown = self.next
        self.next = {**self.shown, "reads": self.reads}

    def _progress(self):
        """A load that has ended shows in ``loads`` and in ``groups``."""
        loads = self.bench.get("loads")
        if self.waiting:
            slot, tile, releases = self.waiting[0]
            if loads[slot] == (self.loads[slot] + 1) % TICKETS:
                assert slot not in self.live, "a slot in use was loaded"
                self.waiting.pop(0)
                self.loads[slot] += 1
                self.groups[slot] = tile.groups()
                self.live[slot] = [tile, releases]
        assert loads == [count % TICKETS for count in self.loads]
        groups = self.bench.get("groups")
        for slot in self.live:
            assert groups[slot] == self.groups[slot]

    def _record(self):
        slot = self.rng.choice(list(self.live))
        tile, k = self.live[slot][0], self.rng.randrange(self.side.steps)
        self.bench.set("record_slot", slot)
        self.bench.set("record_k", k)
        self.next["record"] = {"bitmap": tile.bitmaps[k], "offset": tile.offset(k)}

    def _fetch(self, slot):
        tile, k = self.live[slot][0], self.rng.randrange(self.side.steps)
        group = self.rng.randrange(self.side.groups)
        taken = self.side.taken(tile.bitmaps[k], group, self.rng.random() < 0.5)
        first, banks = tile.offset(k), self.side.banks
        index = [first + (tile.bitmaps[k] & (1 << n) - 1).bit_count() for n in taken]
        rows = [self.rng.randrange(self.side.span * self.side.steps // banks)
                for _ in range(banks)]
        for i in index:
            rows[i % banks] = i // banks
        self.bench.set("fetch_slot", slot)
        self.bench.set("fetch", rows)
        self.next["banks"] = {i % banks: tile.values[i] for i in index}


def random_loads(bench, count):
    """Loads of random tiles into random slots, with the reads that each has to wait for."""
    side, reads = buffer_side(bench), [0] * bench.config.slots
    loads, ops = [], []
    for _ in range(count):
        slot = bench.rng.randrange(bench.config.slots)
        releases = bench.rng.randint(1, 3)
        loads.append((slot, random_tile(bench.rng, side), releases))
        ops.append({"slot": slot, "reads": reads[slot] % TICKETS})
        reads[slot] += releases
    return loads, ops


def beats_of(tile):
    return [{"data": word, "last": last} for word, last in tile.beats()]


@bench_test
async def random_loads_and_reads(bench):
    source, load = bench.driver("i"), bench.driver("load")
    await bench.start()
    loads, ops = random_loads(bench, 60)
    reader = Reader(bench, loads)
    load.put(*ops)
    for _, tile, _ in loads:
        source.put(*beats_of(tile))
    left, quiet = None, 0
    while reader.waiting or reader.live:
        if bench.cycle % 200 == 0:
            source.stall, load.stall = bench.random_stall(), bench.random_stall()
        await bench.tick()
        reader.step()
        quiet = quiet + 1 if left == len(reader.waiting) else 0
        left = len(reader.waiting)
        assert quiet < 2000, f"the load into slot {reader.waiting[0][0]} must end"
    assert source.idle


@bench_test
async def cycles_of_a_load(bench):
    """Bitmap beats + tile_k / 4 + value beats, and nothing between two loads."""
    side = buffer_side(bench)
    source, load = bench.driver("i"), bench.driver("load")
    await bench.start()
    tiles = [random_tile(bench.rng, side) for _ in range(bench.config.slots)]
    load.put(*({"slot": slot, "reads": 0} for slot in range(len(tiles))))
    for tile in tiles:
        source.put(*beats_of(tile))
    wanted = [side.steps // 4 + len(tile.beats()) for tile in tiles]
    loads, start = [0] * len(tiles), []
    for slot in range(len(tiles)):
        while bench.get("loads")[slot] == loads[slot]:
            await bench.tick()
        start.append(bench.cycle)
    taken = load.taken
    assert [b - a for a, b in pairwise(taken)] == wanted[:-1]
    assert start[-1] - taken[-1] == wanted[-1] + 1      # the count shows a cycle later


@bench_test
async def wrong_last(bench):
    """``last`` on any wrong beat is an error; the same record with it in place is none."""
    side = buffer_side(bench)
    source, load = bench.driver("i"), bench.driver("load")
    await bench.start()
    seen = set()
    for _ in range(30):
        tile = random_tile(bench.rng, side)
        beats = beats_of(tile)
        wrong = bench.rng.randrange(-1, len(beats) - 1) if len(beats) > 1 else -1
        spoilt = [dict(beat) for beat in beats]
        if wrong < 0:
            spoilt[-1]["last"] = 0
        else:
            spoilt[wrong]["last"] = 1
        for record, error in ((beats, 0), (spoilt, 1)):
            await bench.reset()
            load.put({"slot": 0, "reads": 0})
            source.put(*record)
            found = 0
            for _ in range(len(beats) + side.steps + 10):
                await bench.tick()
                found |= bench.get("error")
            assert found == error, f"{len(beats)} beats, last wrong on {wrong}"
        seen.add("missing" if wrong < 0 else "bitmaps" if wrong == 0 else "values")
    assert "missing" in seen and len(seen) > 1
