"""Operand collector: every product once and in order, at the promised pace."""

from collections import defaultdict

import pytest
from collector_model import CollectorModel, Step, ohmma_of, random_steps
from unit_bench import CONFIGS, Bench

from dstc_hdl.collector import OperandCollector


class Collector:
    """A collector fed with steps; compares every cycle with the model and keeps a trace."""

    def __init__(self, config, hazard, seed=0, p=1.0):
        self.config, self.hazard = config, hazard
        self.bench = Bench(OperandCollector(config, hazard), seed)
        self.rng = self.bench.rng
        self.model = CollectorModel(config, hazard)
        self.given = self.bench.drive("i", p=p)
        self.steps, self.tokens = [], []
        self.trace = []             # (cycle, bank, product) as seen on `o`
        self.dones = []             # (cycle, context)
        self.before = None          # what the model picked in the cycle before
        self.bench.after(self.compare, "i.valid", "i.ready", "o", "done", "done_acc", "empty")

    def feed(self, steps):
        for step in steps:
            self.steps.append(step)
            tokens = ohmma_of(self.config, step, self.rng)
            self.tokens += tokens
            self.given.queue.extend(tokens)

    def compare(self, cycle, valid, ready, products, done, done_acc, empty):
        offered = self.tokens[len(self.given.tokens) - (valid and ready)] if valid else None
        assert empty == (not self.model.entries)
        expected, ends, context, picks = self.model.cycle(offered)
        if valid:
            assert ready == expected, f"ready in cycle {cycle}"
        assert done == ends, f"done in cycle {cycle}"
        if done:
            assert done_acc == context
            self.dones.append((cycle, done_acc))
        for bank, product in enumerate(products):
            want = self.before[bank] if self.before else None
            assert product["valid"] == (want is not None), f"bank {bank} in cycle {cycle}"
            if want:
                assert product == want, f"bank {bank} in cycle {cycle}"
                self.trace.append((cycle, bank, product))
        self.before = picks

    def run(self, limit=4000):
        self.bench.run(lambda: self.given.idle and not self.model.entries, limit)
        self.bench.run(lambda: not any(self.before or [1]), 2)
        self.bench.run(lambda end=self.bench.cycle + 1: self.bench.cycle == end, 2)
        self.check_products()

    def check_products(self):
        """Each product exactly once; those of an accumulator in k order, at a distance."""
        config, want = self.config, defaultdict(list)
        for step in self.steps:
            for m in sorted(step.rows):
                for n in sorted(step.cols):
                    bank = m % config.array_rows * config.array_cols + n % config.array_cols
                    index = m // config.array_rows + n // config.array_cols * config.row_groups
                    want[bank, step.acc, index].append((step.a[m], step.b[n]))
        got, last = defaultdict(list), {}
        for cycle, bank, product in self.trace:
            place = bank, product["acc"], product["index"]
            assert cycle - last.get(place, -self.hazard) >= self.hazard
            last[place] = cycle
            got[place].append((product["a"], product["b"]))
        assert got == want
        assert [acc for _, acc in self.dones] == [step.acc for step in self.steps if step.op_last]


@pytest.mark.parametrize("entries, hazard, p", [(2, 1, 1), (2, 5, 1), (3, 2, .4), (3, 4, 1),
                                                (5, 3, 1), (5, 4, .4), (8, 1, .4), (8, 4, 1)])
def test_random_steps(entries, hazard, p):
    collector = Collector(CONFIGS["tiny"].replace(collector_entries=entries), hazard,
                          seed=100 * entries + hazard, p=p)
    collector.feed(random_steps(collector.config, collector.rng, 50))
    collector.run()


@pytest.mark.parametrize("name, hazard, count", [("odd", 3, 25), ("flat", 2, 40), ("int8", 5, 20),
                                                 ("small", 4, 20), ("paper", 3, 4)])
def test_other_shapes(name, hazard, count):
    collector = Collector(CONFIGS[name], hazard, seed=61)
    collector.feed(random_steps(collector.config, collector.rng, count))
    collector.run()


def patterns(config, rng):
    """Masks that are hard on a collector, as functions of the step's number."""
    rows, cols = range(config.tile_m), range(config.tile_n)
    all_rows, all_cols = set(rows), set(cols)
    r, s = config.array_rows, config.array_cols
    return {
        "one bank": lambda n: (set(rows[::r]), set(cols[::s])),
        "bank after bank": lambda n: (set(rows[n % r::r]), set(cols[n % s::s])),
        "two banks": lambda n: (set(rows[n % 2::r]), set(cols[n % 2::s])),
        "dots": lambda n: ({n * 5 % config.tile_m}, {n * 3 % config.tile_n}),
        "one dot": lambda n: ({1}, {2}),
        "dots and full": lambda n: ({0}, {0}) if n % 3 else (all_rows, all_cols),
        "row": lambda n: ({n % config.tile_m}, all_cols),
        "column": lambda n: (all_rows, {n % config.tile_n}),
        "late bank": lambda n: ({0}, {0}) if n % 9 else ({0, r - 1}, {0, s - 1}),
        "diagonal": lambda n: ({m for m in rows if m % r == n % r},
                               {m for m in cols if rng.random() < .5} or {0}),
    }


@pytest.mark.parametrize("pattern", patterns(CONFIGS["tiny"], None))
@pytest.mark.parametrize("entries, hazard", [(2, 4), (5, 2)])
def test_adversarial_masks(pattern, entries, hazard):
    config = CONFIGS["tiny"].replace(collector_entries=entries)
    collector = Collector(config, hazard, seed=entries)
    masks = patterns(config, collector.rng)[pattern]
    collector.feed(Step(config, collector.rng, *masks(n), acc=n // 5 % 2, op_last=n % 5 == 4)
                   for n in range(25))
    collector.run()


@pytest.mark.parametrize("kind", ["null", "empty dense", "single"])
def test_steps_without_much(kind):
    """One entry per cycle even when nothing is in them."""
    config = CONFIGS["tiny"].replace(collector_entries=3)
    collector = Collector(config, 2, seed=3)
    collector.feed(Step(config, collector.rng, {n % 8} if kind == "single" else set(), {n % 8},
                        acc=n % 2, op_last=1, null=kind == "null", dense=kind == "empty dense",
                        single=(0, 0) if kind == "single" else None) for n in range(30))
    collector.run()
    assert collector.given.cycles == list(range(len(collector.tokens)))


@pytest.mark.parametrize("name, hazard, count", [("tiny", 4, 12), ("tiny", 1, 12), ("int8", 5, 3),
                                                 ("odd", 3, 3)])
@pytest.mark.parametrize("dense", [False, True])
def test_full_rate_on_full_tiles(name, hazard, count, dense):
    """Full k-steps: an OHMMA in every cycle.

    At first the next entry comes too late for the last pick of the first one, which costs the
    cycle in which the banks go on; from then on products are made a cycle behind the OHMMA.
    """
    config = CONFIGS[name]
    collector = Collector(config, hazard)
    collector.feed(Step(config, collector.rng, set(range(config.tile_m)),
                        set(range(config.tile_n)), dense=dense, op_last=n == count - 1)
                   for n in range(count))
    collector.run()
    total = count * config.row_groups * config.col_groups
    assert collector.given.cycles == list(range(total))
    assert collector.trace[0][0] == collector.bench.dut.latency
    assert collector.trace[-1][0] == total - 1 + collector.bench.dut.latency + 1
    # The entry retires in the cycle after its last pick.
    assert collector.dones == [(total + 2, 0)]


@pytest.mark.parametrize("hazard", [1, 2, 3, 5])
def test_one_accumulator_takes_a_product_per_hazard_distance(hazard):
    """A dot in every k-step: ``hazard`` cycles per k-step, whatever the collector holds; the
    second one comes too late to follow the first at once.
    """
    config = CONFIGS["tiny"]
    collector = Collector(config, hazard)
    collector.feed(Step(config, collector.rng, {5}, {6}) for _ in range(20))
    collector.run()
    cycles = [max(2 + hazard * n, 3 + n) if n else 2 for n in range(20)]
    assert [cycle for cycle, *_ in collector.trace] == cycles
    entries = config.collector_entries
    # An entry retires in the cycle after its pick, and is taken again in that cycle.
    assert collector.given.cycles == list(range(entries)) + [
        max(entries + n, cycles[n]) for n in range(20 - entries)]


def test_contexts_do_not_wait_for_each_other():
    """The same accumulator in alternating contexts: two k-steps per hazard distance."""
    config = CONFIGS["tiny"]
    collector = Collector(config, 4)
    collector.feed(Step(config, collector.rng, {5}, {6}, acc=n % 2) for n in range(20))
    collector.run()
    assert [cycle for cycle, *_ in collector.trace] == [2 + 2 * n for n in range(20)]


def test_banks_run_ahead():
    """A bank with much to do in the oldest entry holds up others only when entries run out."""
    config = CONFIGS["tiny"].replace(collector_entries=4)
    rows = set(range(0, config.tile_m, config.array_rows))
    cols = set(range(0, config.tile_n, config.array_cols))
    collector = Collector(config, 1)
    collector.feed([Step(config, collector.rng, rows, cols)])
    collector.feed(Step(config, collector.rng, {1}, {n}) for n in (1, 2, 3))
    collector.run()
    by_bank = defaultdict(list)
    for cycle, bank, _ in collector.trace:
        by_bank[bank].append(cycle)
    # Two OHMMA bring the stripe; a bank that waits in the open entry needs a cycle to go on.
    assert by_bank[0] == list(range(2, 10))
    assert [by_bank[config.array_cols + n] for n in (1, 2, 3)] == [[5], [6], [7]]
