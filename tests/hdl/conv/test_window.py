"""Memories of the im2col unit, and what tells which of them are full."""

import pytest
from unit_bench import CONFIGS, Bench

from dstc_hdl.conv.occupancy import Occupancy
from dstc_hdl.conv.span_tables import SpanTables
from dstc_hdl.conv.window import FeatureWindow


@pytest.mark.parametrize("name", ["tiny", "odd", "flat", "paper"])
def test_neighbours(name):
    """Rows are written and any neighbours read, both in every cycle; the output holds."""
    config = CONFIGS[name]
    bench = Bench(FeatureWindow(config), seed=81)
    rng, dut, size = bench.rng, bench.dut, config.tile_m
    held = {}                   # (window, slot, channel): elements, None where there is none
    want, checked = [None], [0, 0]

    def lanes(place, lane):
        window, slot, channel = place
        both = [held.get((window, (slot + n) % config.window_tiles, channel)) for n in (0, 1)]
        row = [entry for part in both for entry in (part or ["?"] * size)]
        return row[lane:lane + size]

    def drive(ctx, cycle):
        # Few places, so that most reads find something.
        window, slot = rng.randrange(2), rng.choice([0, 1, config.window_tiles - 1])
        channel, lane = rng.choice([0, config.tile_k - 1]), rng.randrange(size)
        enabled = rng.random() < .7
        ctx.set(dut.read_en, enabled)
        ctx.set(dut.read, {"place": {"window": window, "slot": slot, "channel": channel},
                           "lane": lane})
        now = lanes((window, slot, channel), lane) if enabled else want[-1]
        read = {(window, (slot + n) % config.window_tiles, channel) for n in (0, 1)}
        window, slot = rng.randrange(2), rng.choice([0, 1, config.window_tiles - 1])
        channel, writes = rng.choice([0, config.tile_k - 1]), rng.random() < .4
        writes &= (window, slot, channel) not in read
        row = [rng.getrandbits(config.element_bits) if rng.random() < .6 else None
               for _ in range(size)]
        ctx.set(dut.write_en, writes)
        ctx.set(dut.write, {"window": window, "slot": slot, "channel": channel})
        ctx.set(dut.row, {"present": sum((item is not None) << n for n, item in enumerate(row)),
                          "values": [rng.getrandbits(8) if item is None else item
                                     for item in row]})
        if writes:
            held[window, slot, channel] = row
        want.append(now)

    def check(cycle, o):
        if want[-2] is None:
            return
        for n, item in enumerate(want[-2]):
            if item != "?":
                assert o["present"] >> n & 1 == (item is not None)
                assert item is None or o["values"][n] == item
                checked[item is not None] += 1

    bench.before(drive)
    bench.after(check, "o")
    bench.run(lambda: bench.cycle == 150, 151)
    assert min(checked) > 100


def test_spans():
    config = CONFIGS["tiny"]
    bench = Bench(SpanTables(config), seed=82)
    rng, dut, held, want = bench.rng, bench.dut, {}, [None]
    fields = {"place": 256, "valid": 256, "lane": 8, "slot": 8, "row": 8, "stop": 9, "end": 2}
    checked = []

    def drive(ctx, cycle):
        table, index, enabled = rng.randrange(2), rng.choice([0, 1, 31]), rng.random() < .7
        ctx.set(dut.read_en, enabled)
        ctx.set(dut.read_table, table)
        ctx.set(dut.read_index, index)
        want.append(held.get((table, index)) if enabled else want[-1])
        read = table, index
        table, index, writes = rng.randrange(2), rng.choice([0, 1, 31]), rng.random() < .4
        writes &= (table, index) != read
        span = {name: rng.randrange(stop) for name, stop in fields.items()}
        ctx.set(dut.write, {"en": writes, "table": table, "index": index, "span": span})
        if writes:
            held[table, index] = span

    def check(cycle, span):
        if want[-2] is not None:
            assert span == want[-2]
            checked.append(cycle)

    bench.before(drive)
    bench.after(check, "span")
    bench.run(lambda: bench.cycle == 150, 151)
    assert len(checked) > 50


def test_occupancy():
    bench = Bench(Occupancy(8), seed=83)
    rng, dut = bench.rng, bench.dut
    full, counts, seen = [0, 0], [None, None], set()
    state = {}

    def drive(ctx, cycle):
        state["want"] = (full[0] | full[1] << 1, list(counts))
        free = sum((full[n] and rng.random() < .2) << n for n in range(2))
        empty = [n for n in range(2) if not full[n]]
        filled = {"en": 0, "index": rng.randrange(2), "count": rng.randint(1, 8)}
        if empty and rng.random() < .3:
            filled |= {"en": 1, "index": rng.choice(empty)}
            full[filled["index"]], counts[filled["index"]] = 1, filled["count"]
        for n in range(2):
            full[n] &= not free >> n & 1
        ctx.set(dut.free, free)
        ctx.set(dut.filled, filled)

    def check(cycle, now, numbers):
        mask, want = state["want"]
        assert now == mask
        for n in range(2):
            assert want[n] in (None, numbers[n])
        seen.add(mask)

    bench.before(drive)
    bench.after(check, "full", "counts")
    bench.run(lambda: bench.cycle == 100, 101)
    assert seen == {0, 1, 2, 3}
