# amaranth: UnusedElaboratable=no
"""Memory in block RAM: bursts of both directions against a model, the link in between."""

import pytest
from unit_bench import Bench

from dstc.accelerator.parameters import AcceleratorConfig
from dstc.config import get_config
from dstc_hdl.board.block_memory import BlockMemory

OKAY, DECERR = 0, 3
BASE = 0x8000_0000


class MemoryBench:
    """A memory between a master that knows what must be in it, and the link."""

    def __init__(self, bits=64, size=4096, seed=1, p=1.0, p_take=1.0):
        self.acc = AcceleratorConfig(core=get_config("tiny"), data_bits=bits, address_bits=32)
        self.bench = bench = Bench(BlockMemory(self.acc, range(BASE, BASE + size)), seed)
        self.size, self.bytes = size, bits // 8
        self.content = bytearray(size)
        self.ar, self.r = bench.drive("reads.ar", (), p), bench.take("reads.r", p_take)
        self.aw, self.w = bench.drive("writes.aw", (), p), bench.drive("writes.w", (), p)
        self.b, self.access = bench.take("writes.b", p_take), bench.drive("access", (), p)
        self.values, taken = [], [False]

        def look(cycle, valid, ready, access, value):
            if taken[0]:
                self.values.append(value)
            taken[0] = valid and ready and not access["strb"]

        bench.after(look, "access.valid", "access.ready", "access.payload", "value")

    def burst(self, outside=False):
        """ID, address and beats of a burst that crosses no multiple of 256."""
        rng = self.bench.rng
        beats = rng.randint(1, 256 // self.bytes)
        block = rng.randrange(self.size // 256) * 256
        first = BASE + block + rng.randint(0, 256 // self.bytes - beats) * self.bytes
        if outside:
            first += rng.choice([self.size, -BASE, 0x4000_0000, -self.size])
        return {"id": rng.randrange(64), "address": first, "len": beats - 1}

    def write(self, burst, outside=False):
        self.aw.queue.append(burst)
        for n in range(burst["len"] + 1):
            data, strb = (self.bench.rng.getrandbits(8 * self.bytes),
                          self.bench.rng.getrandbits(self.bytes))
            self.w.queue.append({"data": data, "strb": strb, "last": n == burst["len"]})
            for lane in range(self.bytes):
                if strb >> lane & 1 and not outside:
                    self.content[burst["address"] - BASE + n * self.bytes + lane] = (
                        data >> 8 * lane & 0xFF)

    def word(self, place):
        return int.from_bytes(self.content[place:place + self.bytes], "little")

    def finish(self, limit=20_000):
        self.bench.run(lambda: all(port.idle for port in (self.ar, self.aw, self.w, self.access))
                       and len(self.b.tokens) == len(self.aw.tokens)
                       and len(self.r.tokens) == sum(b["len"] + 1 for b in self.ar.tokens), limit)
        end = self.bench.cycle + 2
        self.bench.run(lambda: self.bench.cycle == end, 5)


@pytest.mark.parametrize("bits, size, p, p_take", [
    (64, 4096, 1, 1), (64, 4096, .6, .4), (128, 4096, .5, .7), (64, 768, .8, .8)])
def test_bursts(bits, size, p, p_take):
    """Writes with any strobes, then reads, some outside; what is outside changes nothing."""
    host = MemoryBench(bits, size, p=p, p_take=p_take)
    wanted = []
    for n in range(30):
        outside = n % 5 == 4
        burst = host.burst(outside)
        host.write(burst, outside)
        wanted.append({"id": burst["id"], "resp": DECERR if outside else OKAY})
    host.finish()
    assert host.b.tokens == wanted
    wanted = []
    for n in range(30):
        outside = n % 5 == 4
        burst = host.burst(outside)
        host.ar.queue.append(burst)
        for beat in range(burst["len"] + 1):
            place = burst["address"] - BASE + beat * host.bytes
            wanted.append((burst["id"], DECERR if outside else OKAY, beat == burst["len"],
                           None if outside else host.word(place)))
    host.finish()
    assert [(t["id"], t["resp"], t["last"], None if t["resp"] else t["data"])
            for t in host.r.tokens] == wanted


@pytest.mark.parametrize("p, p_take", [(1, 1), (.5, .5), (.3, .9)])
def test_both_sides_at_once(p, p_take):
    """The link and the master in disjoint halves of the memory, at the same time."""
    host = MemoryBench(p=p, p_take=p_take)
    rng, half, expected, reads = host.bench.rng, host.size // 2, [], []
    for _ in range(15):
        while (burst := host.burst())["address"] >= BASE + half:
            pass
        host.write(burst)
        # Reads of what nobody has written yet and nobody writes: all of it is 0.
        while (burst := host.burst())["address"] < BASE + half + half // 2:
            pass
        host.ar.queue.append(burst)
        reads.append(burst)
    for _ in range(200):
        place = half + rng.randrange(half // 2 // host.bytes) * host.bytes
        if rng.random() < .5:
            data, strb = rng.getrandbits(64), rng.randint(1, 255)
            host.access.queue.append({"index": place // host.bytes, "data": data, "strb": strb})
            for lane in range(host.bytes):
                if strb >> lane & 1:
                    host.content[place + lane] = data >> 8 * lane & 0xFF
        else:
            host.access.queue.append({"index": place // host.bytes, "data": 0, "strb": 0})
            expected.append(host.word(place))
    host.finish()
    assert host.values == expected
    assert all(token["data"] == 0 for token in host.r.tokens)
    for place in range(0, host.size, host.bytes):
        host.access.queue.append({"index": place // host.bytes, "data": 0, "strb": 0})
    del host.values[:]
    host.finish()
    assert host.values == [host.word(place) for place in range(0, host.size, host.bytes)]


def test_cycles():
    """The first beat two cycles after the address, then one in each; bursts without a gap."""
    host = MemoryBench()
    for n in range(4):
        host.ar.queue.append({"id": n, "address": BASE + 256 * n, "len": 31})
        host.write({"id": n, "address": BASE + 256 * n, "len": 31})
    host.finish()
    assert host.r.cycles[0] == host.ar.cycles[0] + 2
    assert host.r.cycles == list(range(host.r.cycles[0], host.r.cycles[0] + 128))
    assert host.w.cycles == list(range(host.w.cycles[0], host.w.cycles[0] + 128))
    assert [b - w for b, w in zip(host.b.cycles, host.w.cycles[31::32], strict=True)] == [1] * 4


@pytest.mark.parametrize("memory, message", [
    (range(0x80, 0x180), "multiples of 256, not range"), (range(0, 200), "multiples of 256"),
    (range(256, 256), "multiples of 256"), (range(0x100, 0x400), "power of two, not at 0x100")])
def test_refuses(memory, message):
    acc = AcceleratorConfig(core=get_config("tiny"), data_bits=64, address_bits=32)
    with pytest.raises(ValueError, match=message):
        BlockMemory(acc, memory)
