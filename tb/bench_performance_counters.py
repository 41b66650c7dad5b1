"""PerformanceCounters: every cycle of a run in one bin, by the rules of docs/architecture.md."""

from collections import deque

from tb.lib.bench import bench_test
from tb.lib.models import random_bitmap

BINS = ("issue", "conflict", "operand_wait", "drain", "idle")


class Model:
    """The bins from the activity of each cycle."""

    def __init__(self):
        self.counts = dict.fromkeys((*BINS, "ohmma", "products"), 0)
        self.before = "idle"    # why the cycle before had nothing to issue

    def add(self, act):
        """Account for one cycle; gives the bin that it falls into, or None."""
        why = ("operand_wait" if act["wait_operand"] else "drain" if act["wait_context"]
               else self.before if act["front"] else "drain" if act["back"] else "idle")
        self.before = why
        if not act["running"]:
            return None
        if act["valid"]:
            name = ("conflict" if not act["ready"] else "idle" if act["null"] else "issue")
        else:
            name = why
        self.counts[name] += 1
        if name == "issue":
            self.counts["ohmma"] += 1
            self.counts["products"] += act["row_mask"].bit_count() * act["col_mask"].bit_count()
        return name


def random_activity(bench):
    rng, config = bench.rng, bench.config
    act = {name: int(rng.random() < p) for name, p in (
        ("running", 0.97), ("valid", 0.6), ("ready", 0.8), ("null", 0.1), ("wait_operand", 0.15),
        ("wait_context", 0.15), ("front", 0.5), ("back", 0.5))}
    act["front"] |= act["valid"]        # what reaches the collector is on its way to it
    act["row_mask"] = random_bitmap(rng, config.tile_m, config.array_rows)
    act["col_mask"] = random_bitmap(rng, config.tile_n, config.array_cols)
    # An OHMMA brings at most R rows and S columns.
    act["row_mask"] &= ((1 << config.array_rows) - 1) << rng.randrange(config.tile_m)
    act["col_mask"] &= ((1 << config.array_cols) - 1) << rng.randrange(config.tile_n)
    act["row_mask"] &= (1 << config.tile_m) - 1
    act["col_mask"] &= (1 << config.tile_n) - 1
    return act


@bench_test
async def random_activities(bench):
    model, history = Model(), deque()
    await bench.start()
    for _ in range(5):
        cycles = 0
        for _ in range(250):
            act = random_activity(bench)
            cycles += act["running"]
            bench.set("i", act)
            await bench.tick()
            # Driven before this edge, so two cycles later is three edges from here.
            history.append({name: model.counts[name] for name in BINS})
            model.add(act)
            if len(history) > 2:
                shown = bench.get("counters")
                assert {name: shown[name] for name in BINS} == history[-2]
        bench.set("i", 0)
        await bench.tick(5)
        assert bench.get("counters") == model.counts
        assert sum(model.counts[name] for name in BINS) == cycles
        bench.set("i", {"restart": 1})
        await bench.tick()
        bench.set("i", 0)
        await bench.tick(2)
        model = Model()
        history.clear()
        assert bench.get("counters") == model.counts
