"""StreamRegister: what goes in comes out, in order, whatever the stalls."""

from tb.lib.bench import Scoreboard, bench_test
from tb.lib.payload import width_of


@bench_test
async def random_stalls(bench):
    source, sink = bench.driver("i"), bench.monitor("o", raw=True)
    board = Scoreboard(bench, "o")
    sink.sink = board.take
    await bench.start()
    for _ in range(12):
        source.stall, sink.stall = bench.random_stall(), bench.random_stall()
        tokens = [bench.rng.getrandbits(width_of(source.shape)) for _ in range(40)]
        source.put(*tokens)
        board.expect(tokens)
        await board.finish()


@bench_test
async def full_throughput(bench):
    source, sink = bench.driver("i"), bench.monitor("o", raw=True)
    await bench.start()
    tokens = [bench.rng.getrandbits(width_of(source.shape)) for _ in range(50)]
    source.put(*tokens)
    await bench.until(lambda: len(sink.taken) == len(tokens), "every token")
    latency = bench.component.latency
    assert sink.taken == [cycle + latency for cycle in source.taken]
    assert sink.taken[-1] - sink.taken[0] == len(tokens) - 1
