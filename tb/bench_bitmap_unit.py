"""BitmapUnit: which positions an OHMMA takes, and where their values lie."""

import cocotb

from tb.lib.bench import bench_test
from tb.lib.models import Side, random_bitmap
from tb.lib.streams import Stall

SIDES = {"a": "A", "b": "B"}


def random_token(rng, config):
    return {
        "a_slot": rng.randrange(config.slots), "b_slot": rng.randrange(config.slots),
        "k": rng.randrange(config.tile_k),
        "g": rng.randrange(config.row_groups), "h": rng.randrange(config.col_groups),
        "acc": rng.getrandbits(1), "dense": int(rng.random() < 0.3),
        "null": int(rng.random() < 0.1), "first": rng.getrandbits(1), "last": rng.getrandbits(1),
        "op_last": rng.getrandbits(1),
    }


def random_input(rng, config):
    item = {"token": random_token(rng, config)}
    for name, letter in SIDES.items():
        side = Side.of(config, letter)
        bitmap = random_bitmap(rng, side.span, side.lanes)
        room = side.span * side.steps - bitmap.bit_count()
        item[name] = {"bitmap": bitmap, "offset": rng.randint(0, room)}
    return item


def facts(side, record, group, token):
    """Mask, start bank, lane of every taken position, row of every bank with a taken value."""
    taken = side.taken(record["bitmap"], group, token["dense"])
    below = {n: (record["bitmap"] & (1 << n) - 1).bit_count() for n in taken}
    index = {n: record["offset"] + below[n] for n in taken}
    return {
        "mask": 0 if token["null"] else sum(1 << n for n in taken),
        "start": min(index.values()) % side.banks if taken else None,
        "lane": {n: index[n] % side.lanes for n in taken},
        "rows": {i % side.banks: i // side.banks for i in index.values()},
    }


def expected(config, item):
    token = item["token"]
    groups = {"a": token["g"], "b": token["h"]}
    return {name: facts(Side.of(config, letter), item[name], groups[name], token)
            for name, letter in SIDES.items()}


def check_output(wanted):
    """A comparison of an output with the facts, on what is not arbitrary."""
    def check(got):
        want = wanted.pop(0)
        assert got["token"] == want["token"]
        for name in SIDES:
            select, fact = got[name], want[name]
            assert select["mask"] == fact["mask"], f"{name} {want}"
            if fact["start"] is not None:
                assert select["start"] == fact["start"], f"{name} {want}"
            for n, lane in fact["lane"].items():
                assert select["lane"][n] == lane, f"{name} position {n} {want}"
    return check


async def check_fetch(bench, wanted):
    """``fetch`` in the cycle in which a token is taken, and ``fetch_en`` in no other."""
    while True:
        await bench.tick()
        if bench.in_reset:
            continue
        taken = bench.get("i__valid") and bench.get("i__ready")
        assert bench.get("fetch_en") == int(taken)
        if taken:
            want = wanted.pop(0)
            for name in SIDES:
                rows = bench.get(f"fetch_{name}")
                for bank, row in want[name]["rows"].items():
                    assert rows[bank] == row, f"{name} bank {bank} {want}"


@bench_test
async def random_tokens(bench):
    fetches, outputs = [], []
    source, sink = bench.driver("i"), bench.monitor("o", sink=check_output(outputs))
    cocotb.start_soon(check_fetch(bench, fetches))
    await bench.start()
    for _ in range(10):
        source.stall, sink.stall = bench.random_stall(), bench.random_stall()
        await run_batch(bench, source, [random_input(bench.rng, bench.config) for _ in range(40)],
                        fetches, outputs)


async def run_batch(bench, source, items, fetches, outputs):
    for item in items:
        facts_of_item = {"token": item["token"], **expected(bench.config, item)}
        fetches.append(facts_of_item)
        outputs.append(facts_of_item)
    source.put(*items)
    await bench.until(lambda: not outputs, "every output", 20_000)
    assert not fetches


@bench_test
async def one_per_cycle(bench):
    fetches, outputs = [], []
    source, sink = bench.driver("i"), bench.monitor("o", sink=check_output(outputs))
    sink.stall = Stall(bench.rng)
    cocotb.start_soon(check_fetch(bench, fetches))
    await bench.start()
    await run_batch(bench, source, [random_input(bench.rng, bench.config) for _ in range(60)],
                    fetches, outputs)
    assert sink.taken == [cycle + bench.component.latency for cycle in source.taken]
    assert sink.taken[-1] - sink.taken[0] == 59
