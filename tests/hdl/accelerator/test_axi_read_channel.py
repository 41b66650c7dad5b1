# amaranth: UnusedElaboratable=no
"""Read channel: bursts, credits, items, addresses and cycles."""

import random
import re
from bisect import bisect_left

import pytest
from unit_bench import STALLS, Bench

from dstc.accelerator.parameters import AcceleratorConfig
from dstc.config import get_config
from dstc_hdl.accelerator.read_channel import COMMANDS, ReadChannel

BASE, SIZE = 0x12_3456_7000, 4096
MEMORY = random.Random(5).randbytes(SIZE)
WIDTHS = [(bus, item) for bus in (64, 128) for item in (32, 64, 128, 512)]

# Every width with two of the stalls: more would only take longer.
CASES = [(*width, *stall) for n, width in enumerate(WIDTHS) for stall in STALLS[n % 2::2]]


def accelerator(bus):
    return AcceleratorConfig(core=get_config("tiny"), data_bits=bus)


def word(address, bits):
    """Little-endian value of the memory."""
    return int.from_bytes(MEMORY[address - BASE:address - BASE + bits // 8], "little")


class ChannelBench:
    """A channel before a memory that answers some cycles later, in order."""

    def __init__(self, bus, item_bits, bursts=2, p_valid=1.0, p_ready=1.0, p_memory=1.0, latency=0,
                 seed=1):
        self.acc, self.item_bits = accelerator(bus), item_bits
        self.bench = Bench(ReadChannel(self.acc, item_bits, bursts), seed=seed)
        self.cmd = self.bench.drive("cmd", (), p_valid)
        self.burst = self.bench.take("burst", p_memory)
        self.r = self.bench.drive("r", (), p_memory)
        self.o = self.bench.take("o", p_ready)
        self.latency, self.answered, self.seen = latency, 0, []
        self.bench.after(self.look, "start", "item", "idle", "o.valid", "r.ready")

    def commands(self, *runs):
        """Queue (address, items)."""
        self.cmd.queue += [{"address": address, "items": items} for address, items in runs]

    def look(self, cycle, start, item, idle, offered, ready):
        assert ready
        self.seen.append((start, item, idle, offered))
        while self.answered < len(self.burst.tokens) and (
                self.burst.cycles[self.answered] + self.latency <= cycle):
            burst, size = self.burst.tokens[self.answered], self.acc.data_bytes
            address, beats = burst["address"], burst["len"] + 1
            assert address % size == 0 and address % 256 + beats * size <= 256
            self.r.queue += [word(address + n * size, 8 * size) for n in range(beats)]
            self.answered += 1

    def check_room(self, want):
        """Beats that were asked for, less those whose last item was taken before, have room."""
        size, given = self.acc.data_bytes, []
        for n, (token, item, _) in enumerate(want):
            ends = item + self.item_bits // 8
            if token["last"] or ends % size == 0 or self.item_bits >= 8 * size:
                given += [self.o.cycles[n]] * max(1, self.item_bits // 8 // size)
        asked, collected = 0, max(1, self.item_bits // 8 // size) - 1
        for burst, cycle in zip(self.burst.tokens, self.burst.cycles, strict=True):
            asked += burst["len"] + 1
            assert asked - bisect_left(given, cycle) <= self.bench.dut.depth + collected
        assert asked == len(given)

    def run(self, items, limit=20000):
        self.bench.run(lambda: len(self.o.tokens) == items, limit)


def expected(runs, bits):
    """Items, their addresses and those of their commands."""
    return [({"data": word(address + n * bits // 8, bits), "last": n == items - 1},
             address + n * bits // 8, address)
            for address, items in runs for n in range(items)]


def touched(runs, bits, bus):
    """Bursts as (address, len): every beat of every run once, up to each multiple of 256."""
    found = []
    for address, items in runs:
        at, end = address // (bus // 8) * (bus // 8), address + items * bits // 8
        while items and at < end:
            stop = min(at // 256 * 256 + 256, -(-end // (bus // 8)) * (bus // 8))
            found.append({"address": at, "len": (stop - at) // (bus // 8) - 1})
            at = stop
    return found


def random_runs(rng, bits, bus, count):
    """Runs anywhere in the memory, empty ones among them, some up to a multiple of 256."""
    size, runs = bits // 8, []
    for _ in range(count):
        items = rng.choice([0, 1, 1, 2, 3, rng.randrange(1, 9), rng.randrange(1, 800 // size)])
        align = min(size, bus // 8)
        address = BASE + rng.randrange((SIZE - items * size) // align) * align
        if rng.random() < .3:
            address = BASE + rng.choice([256, 512, 768]) - rng.choice([0, align])
        runs.append((address, items))
    return runs


@pytest.mark.parametrize("bus, bits, p_valid, p_ready", CASES)
def test_items(bus, bits, p_valid, p_ready):
    rng = random.Random(bits + bus)
    runs = random_runs(rng, bits, bus, 16)
    channel = ChannelBench(bus, bits, rng.choice([1, 2, 4]), p_valid, p_ready, p_valid,
                           latency=rng.choice([0, 3, 25]), seed=bits)
    channel.commands(*runs)
    want = expected(runs, bits)
    channel.run(len(want))
    channel.bench.run(lambda: channel.cmd.idle, 100)
    assert channel.o.tokens == [token for token, *_ in want]
    assert channel.burst.tokens == touched(runs, bits, bus)
    channel.check_room(want)
    for cycle, (start, item, _, offered) in enumerate(channel.seen):
        n = bisect_left(channel.o.cycles, cycle) - (not offered)
        assert (item, start) == (want[n][1:] if n >= 0 else (0, 0)), cycle
    # Idle exactly while no command is held.
    wanted = [run for run in runs if run[1]]
    ends, count = [], 0
    for _, items in wanted:
        count += items
        ends.append(channel.o.cycles[count - 1])
    begins = [cycle for cycle, token in zip(channel.cmd.cycles, channel.cmd.tokens, strict=True)
              if token["items"]]
    for cycle, (_, _, idle, _) in enumerate(channel.seen):
        held = sum(begin < cycle <= end for begin, end in zip(begins, ends, strict=True))
        assert idle == (held == 0), cycle
        assert held <= COMMANDS


@pytest.mark.parametrize("bus, bits", WIDTHS)
def test_one_beat_per_cycle(bus, bits):
    """Long and short commands, back to back, with room enough for the latency."""
    latency, size = 20, max(bits, bus) // 8
    runs = [(BASE, 1024 // size), (BASE + 64, 1), (BASE + 128, 1), (BASE + 256, 1024 // size),
            *[(BASE + 64 * n, 1) for n in range(12)]]
    runs = [(address, items * max(1, bus // bits)) for address, items in runs]
    channel = ChannelBench(bus, bits, bursts=8, latency=latency)
    channel.commands(*runs)
    want = expected(runs, bits)
    channel.run(len(want))
    assert [token for token, *_ in want] == channel.o.tokens
    beats = sum(each["len"] + 1 for each in touched(runs, bits, bus))
    assert channel.burst.cycles[0] == channel.cmd.cycles[0] + 2
    assert channel.r.cycles[0] == channel.burst.cycles[0] + latency + 1
    if bits >= bus:
        # Each burst is asked for before the data of the one before it have come.
        assert channel.r.cycles == list(range(channel.r.cycles[0], channel.r.cycles[0] + beats))
        per_item = bits // bus
        assert channel.o.cycles == [channel.r.cycles[(n + 1) * per_item - 1] + 2
                                    for n in range(len(want))]
    else:
        assert channel.o.cycles == list(range(channel.r.cycles[0] + 2,
                                              channel.r.cycles[0] + 2 + len(want)))


@pytest.mark.parametrize("bus, bits", [(64, 32), (128, 128), (64, 512)])
def test_room(bus, bits):
    """While nothing is taken, exactly as much is asked for as there is room for."""
    channel = ChannelBench(bus, bits, bursts=3, p_ready=0)
    channel.commands(*[(BASE, 2048 * 8 // bits)] * 2)
    channel.bench.run(lambda: channel.bench.cycle == 300, 301)
    # An item of several beats collects all but its last one outside of the memory.
    collected = max(1, bits // bus) - 1
    beats = (3 * channel.acc.burst_beats + collected) // channel.acc.burst_beats * (
        channel.acc.burst_beats)
    assert sum(each["len"] + 1 for each in channel.burst.tokens) == beats
    channel.o.p = 1
    channel.run(2 * 2048 * 8 // bits)


def test_narrow_item_on_any_lane():
    """A single item, on every lane of the bus."""
    channel = ChannelBench(128, 32)
    runs = [(BASE + 4 * n, 1) for n in range(80)]
    channel.commands(*runs)
    channel.run(80)
    assert channel.o.tokens == [token for token, *_ in expected(runs, 32)]
    assert all(token["len"] == 0 for token in channel.burst.tokens)


def test_address_of_the_item_on_offer_and_of_the_last_one():
    channel = ChannelBench(64, 64, p_ready=0)
    channel.commands((BASE + 8, 2))
    channel.bench.run(lambda: channel.bench.cycle == 20, 21)
    assert channel.seen[-1][:3] == (BASE + 8, BASE + 8, 0)
    channel.o.p = 1
    channel.run(2)
    channel.bench.run(lambda: channel.bench.cycle == 40, 41)
    assert channel.seen[-1][:3] == (BASE + 8, BASE + 16, 1)
    channel.o.p = 0
    channel.commands((BASE + 512, 1))
    channel.bench.run(lambda: channel.bench.cycle == 60, 61)
    assert channel.seen[-1][:3] == (BASE + 512, BASE + 512, 0)


@pytest.mark.parametrize("bits", [0, 16, 48, 1024, "64"])
def test_wrong_item_bits(bits):
    message = f"Read channel item_bits must be a power of two from 32 to 512, not {bits!r}"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        ReadChannel(accelerator(64), bits, 2)


@pytest.mark.parametrize("bursts", [0, -1, 1.0, "2"])
def test_wrong_bursts(bursts):
    message = f"Read channel bursts must be an integer of at least 1, not {bursts!r}"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        ReadChannel(accelerator(64), 64, bursts)
