"""StreamQueue: first in, first out, whatever the stalls; ``empty`` tells the truth."""

import cocotb

from tb.lib.bench import Scoreboard, bench_test
from tb.lib.payload import width_of


async def check_empty(bench):
    """``empty`` against a count of transfers."""
    held = 0
    while True:
        await bench.tick()
        if bench.in_reset:
            continue
        assert bench.get("empty") == (held == 0), f"empty with {held} held"
        held += bench.get("i__valid") & bench.get("i__ready")
        held -= bench.get("o__valid") & bench.get("o__ready")


@bench_test
async def random_stalls(bench):
    source, sink = bench.driver("i"), bench.monitor("o", raw=True)
    board = Scoreboard(bench, "o")
    sink.sink = board.take
    cocotb.start_soon(check_empty(bench))
    await bench.start()
    for _ in range(16):
        source.stall, sink.stall = bench.random_stall(), bench.random_stall()
        tokens = [bench.rng.getrandbits(width_of(source.shape)) for _ in range(40)]
        source.put(*tokens)
        board.expect(tokens)
        await board.finish()


@bench_test
async def depth_and_throughput(bench):
    source, sink = bench.driver("i"), bench.monitor("o", raw=True)
    sink.enabled = False
    await bench.start()
    depth = bench.component.depth
    tokens = [bench.rng.getrandbits(width_of(source.shape)) for _ in range(4 * depth)]
    source.put(*tokens)
    await bench.tick(3 * depth)
    assert len(source.taken) == depth
    sink.enabled = True
    await bench.until(lambda: len(sink.taken) == len(tokens), "every token")
    assert sink.taken[-1] - sink.taken[0] == len(tokens) - 1, "one token per cycle"
    source.put(1)
    await bench.until(lambda: len(sink.taken) > len(tokens), "one more token")
    assert sink.taken[-1] - source.taken[-1] == bench.component.latency


@bench_test
async def reset_empties(bench):
    source, sink = bench.driver("i"), bench.monitor("o", raw=True)
    sink.enabled = False
    await bench.start()
    source.put(1, 2, 3)
    await bench.until(lambda: source.idle, "every token")
    await bench.reset()
    assert bench.get("empty") == 1
    sink.enabled = True
    await bench.tick(5)
    assert not sink.taken
