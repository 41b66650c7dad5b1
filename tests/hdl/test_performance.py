"""Performance counters: one bin for every running cycle."""

import pytest
from unit_bench import CONFIGS, Bench

from dstc_hdl.performance import PerformanceCounters

BINS = ("issue", "conflict", "operand_wait", "drain", "idle")


class Counting:
    """Random activity, and what it has to be counted as."""

    def __init__(self, config, seed):
        self.config = config
        self.bench = Bench(PerformanceCounters(config), seed)
        self.history = []           # counters after each cycle, without the delays
        self.totals = dict.fromkeys((*BINS, "ohmma", "products"), 0)
        self.reason, self.seen = "idle", []
        self.hold = dict.fromkeys(("running", "valid", "ready", "null", "wait_operand",
                                   "wait_context", "front", "back"), 0)
        self.bench.before(self.drive)
        self.bench.after(lambda cycle, counters: self.seen.append(counters), "counters")

    def activity(self):
        """A cycle; most things go on for a while, as they do in a core."""
        rng = self.bench.rng
        for name, p in (("running", .9), ("valid", .6), ("ready", .7), ("null", .2),
                        ("wait_operand", .3), ("wait_context", .3), ("front", .5), ("back", .5)):
            if rng.random() < .4:
                self.hold[name] = int(rng.random() < p)
        masks = {"row_mask": rng.getrandbits(self.config.tile_m),
                 "col_mask": rng.getrandbits(self.config.tile_n)}
        # Of one OHMMA at most R x S positions are taken.
        for name, lanes in (("row_mask", self.config.array_rows),
                            ("col_mask", self.config.array_cols)):
            while masks[name].bit_count() > lanes:
                masks[name] &= masks[name] - 1
        return {"restart": 0, **self.hold, **masks}

    def drive(self, ctx, cycle):
        activity = self.activity()
        if cycle % 97 == 96:
            # A restart: the core has been halted for a while.
            activity |= {"restart": 1}
        if cycle % 97 > 90:
            activity |= {"running": 0}
        ctx.set(self.bench.dut.i, activity)
        self.count(activity)

    def count(self, now):
        """Add a cycle to the totals, by the words of the docstring."""
        if now["wait_operand"]:
            self.reason = "operand_wait"
        elif now["wait_context"]:
            self.reason = "drain"
        elif not now["front"]:
            self.reason = "drain" if now["back"] else "idle"
        if now["running"]:
            if now["valid"] and not now["ready"]:
                bin_ = "conflict"
            elif now["valid"]:
                bin_ = "idle" if now["null"] else "issue"
            else:
                bin_ = self.reason
            self.totals[bin_] += 1
            if bin_ == "issue":
                self.totals["ohmma"] += 1
                self.totals["products"] += (now["row_mask"].bit_count()
                                            * now["col_mask"].bit_count())
        if now["restart"]:
            self.totals = dict.fromkeys(self.totals, 0)
        self.history.append(dict(self.totals))


@pytest.mark.parametrize("name", ["tiny", "odd", "paper"])
@pytest.mark.parametrize("seed", range(2))
def test_counters(name, seed):
    counting = Counting(CONFIGS[name], seed)
    counting.bench.run(lambda: counting.bench.cycle == 400, 401)
    zero, history = dict.fromkeys(counting.totals, 0), counting.history
    for cycle, seen in enumerate(counting.seen):
        # What happens in a cycle shows two cycles later in a bin, three later in the others; a
        # restart shows in the next.
        for name, delay in (*((name, 2) for name in BINS), ("ohmma", 3), ("products", 3)):
            want = (history[cycle - delay] if cycle >= delay else zero)[name]
            restarted = any(97 * n <= cycle < 97 * n + delay for n in range(1, 5))
            assert seen[name] == (0 if restarted else want), (cycle, name)
    last = counting.seen[385]
    assert all(last[name] > 0 for name in BINS)


def test_bins_sum_to_the_running_cycles():
    counting = Counting(CONFIGS["tiny"], seed=5)
    running = []
    counting.bench.after(lambda cycle, i: running.append(i["running"]), "i")
    counting.bench.run(lambda: counting.bench.cycle == 97, 98)
    for cycle, seen in enumerate(counting.seen[2:97], start=2):
        assert sum(seen[name] for name in BINS) == sum(running[:cycle - 1])
