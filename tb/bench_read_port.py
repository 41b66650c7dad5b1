"""ReadPort: data to the channel that asked, faults with their address, quiet after a stop."""

from collections import deque

from dstc.accelerator.registers import DeviceErrorCode
from tb.lib.bench import Scoreboard, bench_test

BASE, SIZE = 0x7_1234_5000, 8192


class Port:
    """A port whose memory answers the IDs in any order, beat by beat."""

    def __init__(self, bench):
        self.bench = bench
        self.bus = bench.shapes["data__0__payload"] // 8
        self.channels = sum(name.startswith("data__") and name.endswith("payload")
                            for name in bench.shapes)
        self.content = bench.rng.randbytes(SIZE)
        self.waiting, self.bad, self.fault = [deque() for _ in range(self.channels)], {}, None
        self.asked = 0
        self.boards = [Scoreboard(bench, f"data {n}") for n in range(self.channels)]
        self.drivers = [bench.driver(f"bursts__{n}") for n in range(self.channels)]
        for n, board in enumerate(self.boards):
            bench.monitor(f"data__{n}", sink=board.take)
        self.ar = bench.monitor("bus__ar", sink=self.take)
        self.r = bench.driver("bus__r")
        self.r.offered = self.note

    async def start(self):
        await self.bench.start(window_first=BASE, window_last=BASE + SIZE - 1)

    def random_bursts(self, count):
        """Queue bursts of every channel, with what they must bring."""
        rng, longest = self.bench.rng, 256 // self.bus
        for board, driver in zip(self.boards, self.drivers, strict=True):
            for _ in range(count):
                at = rng.randrange(longest)
                address = BASE + 256 * rng.randrange(SIZE // 256) + at * self.bus
                beats = rng.randrange(longest - at) + 1
                driver.put({"address": address, "len": beats - 1})
                board.expect(self.word(address + n * self.bus) for n in range(beats))

    def word(self, address):
        return int.from_bytes(self.content[address - BASE:address - BASE + self.bus], "little")

    def take(self, burst):
        self.asked += 1
        address, beats = burst["address"], burst["len"] + 1
        assert address >= BASE and address + beats * self.bus <= BASE + SIZE
        self.waiting[burst["id"]] += [(address + n * self.bus, n == beats - 1)
                                      for n in range(beats)]
        self.answer()

    def answer(self):
        """One more beat, of any channel that waits for one, if none is queued."""
        due = [n for n, queue in enumerate(self.waiting) if queue]
        if due and not self.r.queue:
            n = self.bench.rng.choice(due)
            address, last = self.waiting[n].popleft()
            self.next = address
            self.r.put({"id": n, "data": self.word(address), "last": last,
                        "resp": self.bad.get(address, self.bench.rng.choice((0, 1)))})

    def note(self, payload):
        """A beat is on the wires: it will be taken at the next edge."""
        if self.next in self.bad and self.fault is None:
            self.fault = {"valid": 1, "code": int(DeviceErrorCode.READ), "address": self.next}
        self.answer()

    async def quiet(self):
        """Wait until it is quiet, and see that it stays so."""
        await self.bench.until(lambda: self.bench.get("quiet"), "quiet", 50_000)
        asked = self.asked
        for _ in range(20):
            await self.bench.tick()
            assert self.bench.get("quiet") and not self.bench.get("bus__ar__valid")
        assert asked == self.asked and not any(self.waiting)


@bench_test
async def any_order(bench):
    port = Port(bench)
    await port.start()
    for _ in range(6):
        for end in (port.ar, port.r, *port.drivers):
            end.stall = bench.random_stall()
        port.random_bursts(10)
        for board in port.boards:
            await board.finish()
        await port.quiet()
        assert bench.get("fault")["valid"] == 0


@bench_test
async def bad_responses(bench):
    """Each time another one; a reset makes the port forget it."""
    port = Port(bench)
    await port.start()
    for _ in range(8):
        for end in (port.ar, port.r, *port.drivers):
            end.stall = bench.random_stall()
        port.random_bursts(15)
        port.bad = {BASE + n * port.bus: bench.rng.choice((2, 3))
                    for n in bench.rng.sample(range(SIZE // port.bus), SIZE // port.bus // 20)}
        await bench.until(lambda: bench.get_element("fault", "valid"), "a fault", 50_000)
        await port.quiet()
        assert bench.get("fault") == port.fault
        for board in port.boards:
            board.expected.clear()
        port.fault = None
        await bench.reset()
        assert bench.get_element("fault", "valid") == 0


@bench_test
async def window_and_stop(bench):
    port = Port(bench)
    await port.start()
    for stopped in (False, True, False, True):
        for end in (port.ar, port.r, *port.drivers):
            end.stall = bench.random_stall()
        port.random_bursts(20)
        await bench.tick(bench.rng.randrange(5, 60))
        if stopped:
            bench.set("stop", 1)
        else:
            outside = BASE + bench.rng.choice((-256, SIZE))
            port.drivers[1].queue.clear()
            port.drivers[1].put({"address": outside, "len": 3})
            await bench.until(lambda: bench.get_element("fault", "valid"), "a fault", 50_000)
        await bench.tick()
        await port.quiet()
        if not stopped:
            assert bench.get("fault") == {"valid": 1, "code": int(DeviceErrorCode.ADDRESS),
                                          "address": outside}
        for board in port.boards:
            board.expected.clear()
        bench.set("stop", 0)
        await bench.reset()
