"""BankPicker: every product once, in k order for each accumulator, apart by the hazard distance."""

from cocotb.triggers import Timer

from dstc_hdl.accumulator import hazard_distance
from tb.lib.bench import bench_test


class Entry:
    """One k-step as one bank sees it; every operand is told apart by its value."""

    def __init__(self, number, config, rng, names):
        self.number, self.acc = number, rng.choice((0, 0, 0, 1))
        kind = rng.random()
        density = 0 if kind < 0.2 else 1 if kind < 0.4 else rng.choice((0.2, 0.5, 0.8))
        self.rows = [u for u in range(config.row_groups) if rng.random() < density]
        self.cols = [v for v in range(config.col_groups) if rng.random() < density]
        if kind > 0.7:      # a single dot: the same accumulator, k-step after k-step
            dot = number // 10
            self.rows, self.cols = [dot % config.row_groups], [
                dot // config.row_groups % config.col_groups]
        self.a = {u: next(names) for u in self.rows}
        self.b = {v: next(names) for v in self.cols}
        self.left = {(self.a[u], self.b[v], u + config.row_groups * v)
                     for u in self.rows for v in self.cols}
        # How many operands of either side come with each OHMMA.
        self.waiting = [("row", u) for u in self.rows] + [("col", v) for v in self.cols]
        rng.shuffle(self.waiting)


class Collector:
    """The collector around one bank: entries open, fill, close, and retire in order."""

    def __init__(self, bench, entries, slow):
        self.bench, self.config, self.rng = bench, bench.config, bench.rng
        self.entries, self.slow = entries, slow
        self.size = self.config.collector_entries
        self.ring = [None] * self.size
        self.head, self.count, self.opened = 0, 0, 0
        self.masks = {"row": [0] * self.size, "col": [0] * self.size}
        self.values = {"row": [[0] * self.config.row_groups for _ in range(self.size)],
                       "col": [[0] * self.config.col_groups for _ in range(self.size)]}
        self.closed, self.accs = 0, 0
        self.retiring, self.last = False, {}
        self.picked, self.cycles = [], []
        self.owner = {value: entry for entry in entries
                      for value in (*entry.a.values(), *entry.b.values())}

    @property
    def done(self):
        return self.opened == len(self.entries) and self.count == 0

    def edge(self):
        """At a clock edge: what the registers of the collector take."""
        self._check_output()
        if self.retiring:
            assert not self.ring[self.head].left, "an entry must keep what was not picked"
            self.ring[self.head] = None
            self.masks["row"][self.head] = self.masks["col"][self.head] = 0
            self.head, self.count = (self.head + 1) % self.size, self.count - 1
        newest = (self.head + self.count - 1) % self.size
        if self.count and self.ring[newest].waiting:
            if self.rng.random() >= self.slow:
                self._bring(newest)
        elif self.count < self.size and self.opened < len(self.entries) and (
                self.rng.random() >= self.slow):
            newest = (self.head + self.count) % self.size
            self.ring[newest] = entry = self.entries[self.opened]
            self.opened, self.count = self.opened + 1, self.count + 1
            self.accs = self.accs & ~(1 << newest) | entry.acc << newest
            self._bring(newest)
        self._drive()

    def _bring(self, slot):
        """One OHMMA: some operands of the newest entry, the last of them closes it."""
        entry = self.ring[slot]
        for _ in range(self.rng.randint(1, 4)):
            if entry.waiting:
                side, group = entry.waiting.pop()
                self.masks[side][slot] |= 1 << group
                self.values[side][slot][group] = (
                    entry.a[group] if side == "row" else entry.b[group])
        self.closed = self.closed & ~(1 << slot) | int(not entry.waiting) << slot

    def _drive(self):
        bench = self.bench
        for side in ("row", "col"):
            bench.set(f"{side}_masks", self.masks[side])
        bench.set("closed", self.closed)
        bench.set("accs", self.accs)
        bench.set("head", self.head)
        bench.set("head_next", (self.head + 1) % self.size)
        bench.set("retire", 0)

    def settle(self):
        """Within the cycle: the values of the entry that the bank works on; retire when this bank
        and, at some time, the others agree."""
        current = self.bench.get("current")
        for side in ("row", "col"):
            self.bench.set(f"{side}_values", self.values[side][current])
        closed = self.count and self.closed >> self.head & 1
        needed = self.bench.get("needs_head") if closed else 1
        self.retiring = bool(not needed and self.rng.random() >= self.slow)
        self.bench.set("retire", int(self.retiring))

    def _check_output(self):
        bench = self.bench
        if not bench.get_element("o", "valid"):
            return
        got = bench.get("o")
        entry = self.owner[got["a"]]
        product = got["a"], got["b"], got["index"]
        assert product in entry.left, f"{product} of k-step {entry.number} is not due"
        entry.left.remove(product)
        assert got["acc"] == entry.acc
        key = got["acc"], got["index"]
        number, cycle = self.last.get(key, (-1, -1000))
        assert entry.number > number, f"k-step {entry.number} after {number} in accumulator {key}"
        assert bench.cycle - cycle >= hazard_distance(self.config), f"accumulator {key} in flight"
        self.last[key] = entry.number, bench.cycle
        self.cycles.append(bench.cycle)

    async def run(self, limit=20_000):
        for _ in range(limit):
            await self.bench.tick()
            self.edge()
            await Timer(2, "ns")
            self.settle()
            if self.done:
                break
        await self.bench.tick()
        self._check_output()
        await self.bench.tick()
        assert not self.bench.get_element("o", "valid")
        assert not any(entry.left for entry in self.entries), "products were lost"


def names_of(bench):
    """Values that no two operands share."""
    return iter(bench.rng.sample(range(1, 1 << bench.config.element_bits), 20_000))


@bench_test
async def random_entries(bench):
    await bench.start()
    for slow in (0, 0, 0, 0.1, 0.5, 0.8):
        await bench.reset()
        names = names_of(bench)
        await Collector(bench, [Entry(n, bench.config, bench.rng, names) for n in range(150)],
                        slow).run()


@bench_test
async def one_product_per_cycle(bench):
    """Full entries that are all there keep the bank busy in every cycle."""
    await bench.start()
    names = names_of(bench)
    entries = [Entry(n, bench.config, bench.rng, names) for n in range(400)]
    full = bench.config.row_groups * bench.config.col_groups
    entries = [entry for entry in entries if len(entry.left) == full]
    entries = entries[:bench.config.collector_entries]
    collector = Collector(bench, entries, 0)
    for slot, entry in enumerate(entries):
        collector.ring[slot] = entry
        entry.waiting, entry.acc = [], 0
        for side, groups in (("row", entry.a), ("col", entry.b)):
            collector.masks[side][slot] = (1 << len(groups)) - 1
            for group, value in groups.items():
                collector.values[side][slot][group] = value
        collector.closed |= 1 << slot
    collector.opened = collector.count = len(entries)
    await collector.run()
    cycles = collector.cycles
    assert cycles[-1] - cycles[0] == len(cycles) - 1 == full * len(entries) - 1
