"""Span walker: GENs in, the spans of each in order."""

import pytest
from unit_bench import CONFIGS, STALLS, Bench

from dstc_hdl.conv.span_walker import SpanWalker

TINY = CONFIGS["tiny"]      # 4 channels, 32 spans
COUNTS = (5, 32)


def random_gen(config, rng):
    """A GEN and the (index, channel) pairs that it walks; the tables hold COUNTS spans."""
    table, channel = rng.randrange(2), rng.randrange(config.tile_k)
    first = rng.randrange(COUNTS[table])
    room = (config.tile_k - channel) * COUNTS[table] - first
    spans = min(room, rng.choice([1, 1, 2, 3, 8, room]))
    walk = [((first + n) % COUNTS[table], channel + (first + n) // COUNTS[table])
            for n in range(spans)]
    return {"window": rng.randrange(2), "table": table, "free_window": rng.randrange(2),
            "free_table": rng.randrange(2), "close": rng.randrange(2), "channel": channel,
            "first": first, "spans": spans}, walk


class Walk:
    """GENs; what they free is full again some time later."""

    def __init__(self, gens, p=(1, 1), seed=0, refill=1.0):
        self.bench, self.gens, self.refill = Bench(SpanWalker(TINY), seed), gens, refill
        self.i = self.bench.drive("i", [gen for gen, _ in gens], p[0])
        self.out = self.bench.take("o", p[1])
        self.full, self.freed, self.errors = {"windows": 3, "tables": 3}, [], []
        self.bench.before(self.fill)
        self.bench.after(self.see, "o.valid", "left_windows", "free_tables", "error")

    def fill(self, ctx, cycle):
        for name in self.full:
            for n in range(2):
                if self.bench.rng.random() < self.refill:
                    self.full[name] |= 1 << n
        ctx.set(self.bench.dut.windows_full, self.full["windows"])
        ctx.set(self.bench.dut.tables_full, self.full["tables"])
        ctx.set(self.bench.dut.table_counts, list(COUNTS))

    def see(self, cycle, valid, windows, tables, error):
        self.errors.append(error)
        if windows or tables:
            self.freed.append((cycle, windows, tables))
        if valid:
            gen = self.gens[self.front()][0]
            assert self.full["windows"] >> gen["window"] & 1
            assert self.full["tables"] >> gen["table"] & 1
        self.full["windows"] &= ~windows
        self.full["tables"] &= ~tables

    def front(self):
        """The GEN of the step on offer: the bench has counted the one taken in this cycle."""
        steps = len(self.out.tokens) - (self.out.cycles[-1:] == [self.bench.cycle])
        n = 0
        while steps >= len(self.gens[n][1]):
            steps -= len(self.gens[n][1])
            n += 1
        return n

    def want(self):
        """Steps, and for the last of each GEN what it frees."""
        steps, frees = [], []
        for gen, walk in self.gens:
            steps += [{"table": gen["table"], "index": index, "window": gen["window"],
                       "channel": channel, "close": int(gen["close"] and n == len(walk) - 1),
                       "free": int(gen["free_window"] and n == len(walk) - 1)}
                      for n, (index, channel) in enumerate(walk)]
            frees += [None] * (len(walk) - 1)
            frees.append((gen["free_window"] << gen["window"],
                          gen["free_table"] << gen["table"]))
        return steps, frees


@pytest.mark.parametrize("p", STALLS)
@pytest.mark.parametrize("refill", [1, .1])
def test_gens(p, refill):
    walk = Walk([], p, 84, refill)
    walk.gens += [random_gen(TINY, walk.bench.rng) for _ in range(40)]
    walk.i.queue.extend(gen for gen, _ in walk.gens)
    steps, frees = walk.want()
    walk.bench.run(lambda: len(walk.out.tokens) == len(steps), 20000)
    assert walk.out.tokens == steps
    assert walk.freed == [(cycle, *free) for cycle, free in
                          zip(walk.out.cycles, frees, strict=True) if free and any(free)]
    assert not any(walk.errors)


def test_cycles():
    """One span per cycle, from one GEN to the next as well, from the cycle after the first."""
    walk = Walk([], seed=85)
    for _ in range(30):
        gen, steps = random_gen(TINY, walk.bench.rng)
        walk.gens.append((gen | {"free_window": 0, "free_table": 0}, steps))
    walk.i.queue.extend(gen for gen, _ in walk.gens)
    steps, _ = walk.want()
    walk.bench.run(lambda: len(walk.out.tokens) == len(steps), 3000)
    assert walk.out.cycles == list(range(1, len(steps) + 1))
    starts = [sum(len(walked) for _, walked in walk.gens[:n]) for n in range(30)]
    assert walk.i.cycles == starts


@pytest.mark.parametrize("change, walked", [
    ({"first": 5}, 0), ({"first": 31}, 0), ({"channel": 3, "first": 3, "spans": 3}, 1),
    ({"channel": 2, "spans": 11}, 9), ({"channel": 0, "spans": 65535}, 19),
])
def test_wrong_gens(change, walked):
    """Past the table or the channels: the error comes in place of the first step, or of the one
    behind which there is no other, and stays.
    """
    gen = {"window": 1, "table": 0, "free_window": 1, "free_table": 1, "close": 1, "channel": 1,
           "first": 0, "spans": 3} | change
    walk = Walk([(gen, [None] * 99), (gen, [])])
    walk.bench.run(lambda: walk.bench.cycle == 30, 31)
    channels = [(gen["first"] + n) // 5 + gen["channel"] for n in range(walked)]
    assert [step["channel"] for step in walk.out.tokens] == channels
    assert walk.errors == [0] * (walked + 1) + [1] * (29 - walked)
    assert len(walk.i.tokens) == 1 and not walk.freed
