"""Drain: accumulator rows to the result stream, then the context is cleared."""

import cocotb
from cocotb.triggers import Timer

from tb.bench_c_load import beat_of, places, turns
from tb.lib.bench import Scoreboard, bench_test
from tb.lib.models import TICKETS


class Banks:
    """The accumulation buffer that the drain reads and clears."""

    def __init__(self, bench):
        self.bench, self.contexts, self.cleared = bench, [{}, {}], [0, 0]

    def fill(self, acc):
        """Random sums in one context; gives the beats of its tile."""
        config, rng = self.bench.config, self.bench.rng
        self.contexts[acc] = {place: [rng.getrandbits(32) for _ in range(config.array_cols)]
                              for place in places(config)}
        return [beat_of(self.contexts[acc][place]) for place in places(config)]

    async def run(self):
        """Answer the reads within the cycle; obey the clears."""
        bench = self.bench
        zero = [0] * bench.config.array_cols
        while True:
            await bench.tick()
            if bench.in_reset:
                continue
            clear = bench.get("clear")
            for acc in (0, 1):
                if clear >> acc & 1:
                    self.contexts[acc] = {}
                    self.cleared[acc] += 1
            await Timer(1, "ns")
            if bench.get_element("at", "en"):
                at = bench.get("at")
                place = at["bank_row"], at["index"]
                bench.set("read", self.contexts[at["acc"]].get(place, zero))


async def watch_done(bench, op):
    """``done`` when the last beat is taken, and the operation with it."""
    while True:
        await bench.tick()
        if bench.in_reset:
            continue
        last = bench.get("o__valid") and bench.get("o__ready") and bench.get_element(
            "o__payload", "last")
        assert bench.get("done") == int(last)
        if bench.get("op__valid"):
            assert bench.get("op__ready") == int(last)


@bench_test
async def random_drains(bench):
    banks = Banks(bench)
    op, sink = bench.driver("op"), bench.monitor("o")
    board = Scoreboard(bench, "o")
    sink.sink = board.take
    for task in (banks.run(), turns(bench, op, 0.2), watch_done(bench, op)):
        cocotb.start_soon(task)
    await bench.start()
    drains = [0, 0]
    for _ in range(12):
        op.stall, sink.stall = bench.random_stall(), bench.random_stall()
        first = bench.rng.getrandbits(1)
        for acc in (first, 1 - first):
            beats = banks.fill(acc)
            board.expect({"data": beat, "last": int(n == len(beats) - 1)}
                         for n, beat in enumerate(beats))
            op.put({"acc": acc, "computes": bench.rng.randrange(TICKETS)})
            drains[acc] += 1
        await board.finish()
        await bench.until(lambda: op.idle, "done")
        await bench.tick(2)
        assert banks.cleared == drains and banks.contexts == [{}, {}]


@bench_test
async def one_beat_per_cycle(bench):
    banks = Banks(bench)
    op, sink = bench.driver("op"), bench.monitor("o")
    board = Scoreboard(bench, "o")
    sink.sink = board.take
    cocotb.start_soon(banks.run())
    await bench.start(turn=1)
    beats = banks.fill(1)
    board.expect({"data": beat, "last": int(n == len(beats) - 1)} for n, beat in enumerate(beats))
    op.put({"acc": 1})
    await board.finish()
    assert sink.taken[-1] - sink.taken[0] == bench.config.c_beats - 1
