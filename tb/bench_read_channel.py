"""ReadChannel: bursts for every command, and its items, whatever the stalls."""

import cocotb

from tb.lib.bench import Scoreboard, bench_test
from tb.lib.payload import width_of

BASE, SIZE = 0x7_1234_5000, 8192


class Memory:
    """Answers bursts in order; what it holds is random."""

    def __init__(self, bench):
        self.bench = bench
        self.content = bench.rng.randbytes(SIZE)
        self.bus = width_of(bench.shapes["r__payload"]) // 8
        self.item = bench.shapes["o__payload"]["data"].width // 8
        self.beats = 0
        self.r = bench.driver("r")
        self.bursts = bench.monitor("burst", sink=self.answer)

    def word(self, address, size):
        return int.from_bytes(self.content[address - BASE:address - BASE + size], "little")

    def answer(self, burst):
        address, beats = burst["address"], burst["len"] + 1
        assert address % self.bus == 0 and address % 256 + beats * self.bus <= 256
        self.beats += beats
        self.r.put(*(self.word(address + n * self.bus, self.bus) for n in range(beats)))

    def random_run(self):
        """Address, items, and the items as they must come."""
        rng = self.bench.rng
        items = rng.choice((0, 1, 2, rng.randrange(1, 1000 // self.item)))
        align = min(self.item, self.bus)
        address = BASE + rng.randrange((SIZE - items * self.item) // align) * align
        return address, items, [{"data": self.word(address + n * self.item, self.item),
                                 "last": n == items - 1} for n in range(items)]


async def follow_addresses(bench, wanted):
    """``start`` and ``item`` against (start, item) of the items as they are taken."""
    at = (0, 0)
    while True:
        await bench.tick()
        if bench.in_reset:
            at = (0, 0)
            continue
        if bench.get("o__valid"):
            at = wanted[0]
            if bench.get("o__ready"):
                wanted.pop(0)
        assert (bench.get("start"), bench.get("item")) == at


@bench_test
async def random_stalls(bench):
    memory, board, addresses = Memory(bench), Scoreboard(bench, "o"), []
    cmd, out = bench.driver("cmd"), bench.monitor("o", sink=board.take)
    cocotb.start_soon(follow_addresses(bench, addresses))
    await bench.start()
    for _ in range(6):
        for end in (cmd, out, memory.r, memory.bursts):
            end.stall = bench.random_stall()
        for _ in range(8):
            address, items, want = memory.random_run()
            addresses += [(address, address + n * memory.item) for n in range(items)]
            board.expect(want)
            cmd.put({"address": address, "items": items})
        await board.finish()
    await bench.tick(2)
    assert bench.get("idle") == 1


@bench_test
async def one_beat_per_cycle(bench):
    memory = Memory(bench)
    cmd, out = bench.driver("cmd"), bench.monitor("o")
    await bench.start()
    for n in range(4):
        cmd.put({"address": BASE + 1024 * n, "items": 1024 // memory.item})
    await bench.until(lambda: len(out.taken) == 4096 // memory.item, "every item")
    span = 4096 // max(memory.item, memory.bus)
    if memory.item >= memory.bus:
        assert memory.r.taken == list(range(memory.r.taken[0],
                                            memory.r.taken[0] + 4096 // memory.bus))
    else:
        span = 4096 // memory.item
    assert out.taken[-1] - out.taken[0] <= (span - 1) * max(1, memory.item // memory.bus)


@bench_test
async def room(bench):
    """While no item is taken, as much is asked for as there is room for; reset forgets it."""
    memory = Memory(bench)
    cmd, out = bench.driver("cmd"), bench.monitor("o")
    out.enabled = False
    await bench.start()
    for _ in range(2):
        cmd.put({"address": BASE, "items": 2048 // memory.item},
                {"address": BASE + 4096, "items": 2048 // memory.item})
        await bench.tick(300)
        depth = bench.component.depth
        assert depth <= memory.beats <= depth + memory.item // memory.bus
        assert bench.get("idle") == 0
        await bench.reset()
        assert bench.get("idle") == 1
        memory.beats = 0
