"""OperandCrossbar: values from the banks to their positions, fed as the bitmap unit would."""

from tb.bench_bitmap_unit import SIDES, random_token
from tb.lib.bench import bench_test
from tb.lib.models import Side, random_tile
from tb.lib.payload import unpack


def random_item(rng, config):
    """An OHMMA, its selects, the banks that belong to it, and what must come out."""
    token = random_token(rng, config)
    groups = {"a": token["g"], "b": token["h"]}
    payload, banks, wanted = {"token": token}, {}, {"token": token}
    for name, letter in SIDES.items():
        side = Side.of(config, letter)
        tile = random_tile(rng, side)
        k = token["k"]
        taken = side.taken(tile.bitmaps[k], groups[name], token["dense"])
        first = tile.offset(k)
        index = {n: first + (tile.bitmaps[k] & (1 << n) - 1).bit_count() for n in taken}
        bank = [rng.getrandbits(side.bits) for _ in range(side.banks)]
        for n in taken:
            bank[index[n] % side.banks] = tile.values[index[n]]
        payload[name] = {
            "mask": sum(1 << n for n in taken),
            "start": index[taken[0]] % side.banks if taken else rng.randrange(side.banks),
            "lane": [index[n] % side.lanes if n in index else rng.randrange(side.lanes)
                     for n in range(side.span)],
        }
        banks[name] = bank
        wanted[name] = {n: tile.value(k, n) for n in taken}
    return payload, banks, wanted


class Feed:
    """Puts items on ``i`` and, with each, its values on the banks."""

    def __init__(self, bench):
        self.bench, self.items, self.wanted = bench, [], []
        self.source, self.sink = bench.driver("i"), bench.monitor("o", sink=self.check)
        self.source.offered = self.offered

    def put(self, count):
        for _ in range(count):
            item = random_item(self.bench.rng, self.bench.config)
            self.items.append(item)
            self.wanted.append(item[2])
            self.source.put(item[0])

    def offered(self, payload):
        item, banks, _ = self.items.pop(0)
        assert unpack(self.source.shape, payload)["token"] == item["token"]
        for name in SIDES:
            self.bench.set(f"banks_{name}", banks[name])

    def check(self, got):
        want = self.wanted.pop(0)
        assert got["token"] == want["token"]
        for name in SIDES:
            assert got[name]["mask"] == sum(1 << n for n in want[name])
            for n, value in want[name].items():
                assert got[name]["values"][n] == value, f"{name} position {n} of {want}"


@bench_test
async def random_tokens(bench):
    feed = Feed(bench)
    await bench.start()
    for _ in range(10):
        feed.source.stall, feed.sink.stall = bench.random_stall(), bench.random_stall()
        feed.put(30)
        await bench.until(lambda: not feed.wanted, "every output", 20_000)


@bench_test
async def one_per_cycle(bench):
    feed = Feed(bench)
    await bench.start()
    feed.put(50)
    await bench.until(lambda: not feed.wanted, "every output")
    taken = feed.sink.taken
    assert taken == [cycle + bench.component.latency for cycle in feed.source.taken]
    assert taken[-1] - taken[0] == 49
