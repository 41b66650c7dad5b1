"""WritePort: runs arrive in memory, bursts are whole, faults and a stop leave it quiet."""

from collections import deque

from dstc.accelerator.registers import DeviceErrorCode
from tb.lib.bench import bench_test

BASE, SIZE = 0x7_1234_5000, 8192


class Port:
    """A port and a memory that takes addresses and data independently of each other."""

    def __init__(self, bench):
        self.bench = bench
        self.size = bench.shapes["i__payload"]["strb"].width
        self.content = bytearray(bench.rng.randbytes(SIZE))
        self.want = bytearray(self.content)
        self.bursts, self.beats, self.bad, self.answered = deque(), deque(), set(), deque()
        self.asked, self.fault = 0, None
        self.i, self.b = bench.driver("i"), bench.driver("bus__b")
        self.aw = bench.monitor("bus__aw", sink=self.take_burst)
        self.w = bench.monitor("bus__w", sink=self.take_beat)
        self.b.offered = self.note

    def ends(self):
        return self.i, self.b, self.aw, self.w

    async def start(self):
        await self.bench.start(window_first=BASE, window_last=BASE + SIZE - 1)

    def random_runs(self, count):
        """Queue runs; what they write goes to ``want``."""
        rng, size = self.bench.rng, self.size
        for _ in range(count):
            beats = rng.choice((1, 2, rng.randrange(1, 600 // size)))
            first = BASE + rng.randrange(SIZE // size - beats) * size
            for n in range(beats):
                value, strb = rng.getrandbits(8 * size), rng.getrandbits(size)
                self.i.put({"address": first + n * size, "data": value, "strb": strb,
                            "final": n == beats - 1})
                self.store(self.want, first + n * size, {"data": value, "strb": strb})

    def store(self, content, address, beat):
        for byte in range(self.size):
            if beat["strb"] >> byte & 1:
                content[address - BASE + byte] = beat["data"] >> 8 * byte & 0xFF

    def take_burst(self, burst):
        self.asked += 1
        address, beats = burst["address"], burst["len"] + 1
        assert burst["id"] == 0 and address % self.size == 0
        assert address % 256 + beats * self.size <= 256
        assert address >= BASE and address + beats * self.size <= BASE + SIZE
        self.bursts.append((address, beats))
        self.complete()

    def take_beat(self, beat):
        self.beats.append(beat)
        self.complete()

    def complete(self):
        """Answer every burst that has come with all of its beats."""
        while self.bursts and self.bursts[0][1] <= len(self.beats):
            address, beats = self.bursts.popleft()
            for n in range(beats):
                beat = self.beats.popleft()
                assert beat["last"] == (n == beats - 1)
                self.store(self.content, address + n * self.size, beat)
            self.answered.append(address)
            self.b.put({"id": 0, "resp": 2 if address in self.bad else 0})

    def note(self, payload):
        """A response is on the wires: it will be taken at the next edge."""
        address = self.answered.popleft()
        if address in self.bad and self.fault is None:
            self.fault = {"valid": 1, "code": int(DeviceErrorCode.WRITE), "address": address}

    async def quiet(self):
        """Wait until it is quiet, and see that it stays so."""
        await self.bench.until(lambda: self.bench.get("quiet"), "quiet", 50_000)
        asked = self.asked
        for _ in range(20):
            await self.bench.tick()
            assert self.bench.get("quiet") and not self.bench.get("bus__aw__valid")
        assert asked == self.asked and not self.bursts and not self.beats


@bench_test
async def random_stalls(bench):
    port = Port(bench)
    await port.start()
    for _ in range(8):
        for end in port.ends():
            end.stall = bench.random_stall()
        port.random_runs(12)
        await bench.until(lambda: port.i.idle, "every beat", 50_000)
        await bench.until(lambda: bench.get("idle"), "idle", 50_000)
        await port.quiet()
        assert port.content == port.want
        assert bench.get_element("fault", "valid") == 0


@bench_test
async def one_beat_per_cycle(bench):
    port = Port(bench)
    await port.start()
    beats = 2048 // port.size
    port.i.put(*({"address": BASE + n * port.size, "strb": 1, "final": n == beats - 1}
                 for n in range(beats)))
    await bench.until(lambda: len(port.w.taken) == beats, "every beat")
    assert port.w.taken == list(range(port.w.taken[0], port.w.taken[0] + beats))
    assert port.w.taken[0] - port.i.taken[256 // port.size - 1] == 2


@bench_test
async def faults_and_stop(bench):
    """A bad response, an address outside, a stop: quiet each time, and well after a reset."""
    port = Port(bench)
    await port.start()
    for what in ("response", "address", "stop") * 3:
        for end in port.ends():
            end.stall = bench.random_stall()
        port.random_runs(12)
        if what == "response":
            port.bad = set(range(BASE, BASE + SIZE, 3 * port.size))
        elif what == "address":
            port.i.put({"address": BASE + SIZE, "final": 1})
            fault = {"valid": 1, "code": int(DeviceErrorCode.ADDRESS), "address": BASE + SIZE}
        else:
            await bench.tick(bench.rng.randrange(5, 80))
            bench.set("stop", 1)
        if what != "stop":
            await bench.until(lambda: bench.get_element("fault", "valid"), "a fault", 50_000)
        await bench.tick()
        await port.quiet()
        if what != "stop":
            assert bench.get("fault") == (port.fault if what == "response" else fault)
        port.bad, port.fault = set(), None
        bench.set("stop", 0)
        await bench.reset()
    port.want[:] = port.content
    port.random_runs(5)
    await bench.until(lambda: port.i.idle and bench.get("idle"), "idle", 50_000)
    assert port.content == port.want
