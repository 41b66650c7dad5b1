"""RecordPacker: pieces of k-steps become the beats of tile records."""

from tb.lib.bench import Scoreboard, bench_test
from tb.lib.models import Side, random_tile


def pieces_of(rng, tile, lanes, steps):
    """The first k-steps of a tile in random pieces, the last with ``close``.

    Values behind ``count`` are arbitrary.
    """
    pieces = []
    for k in range(steps):
        places = [n for n in range(tile.side.span) if tile.bitmaps[k] >> n & 1]
        while True:
            size = min(len(places), rng.choice((0, 1, lanes // 2, lanes)))
            taken, places = places[:size], places[size:]
            values = [tile.value(k, n) for n in taken]
            junk = [rng.getrandbits(tile.side.bits) for _ in range(lanes - size)]
            pieces.append({"bits": sum(1 << n for n in taken), "count": size,
                           "values": values + junk, "end": 0, "close": 0})
            if not places:
                pieces[-1]["end"] = 1
                break
    if steps < tile.side.steps and rng.random() < 0.5:
        pieces[-1]["end"] = 0       # the record ends with its k-step unfinished
    pieces[-1]["close"] = 1
    return pieces


def random_record(bench):
    """A tile, empty from some k-step on, and its pieces."""
    side = Side.of(bench.config, "A")
    tile = random_tile(bench.rng, side)
    steps = bench.rng.choice((1, side.steps // 2, side.steps, side.steps))
    pieces = pieces_of(bench.rng, tile, bench.config.tile_m, steps)
    if steps < side.steps:
        del tile.values[tile.offset(steps):]
        tile.bitmaps[steps:] = [0] * (side.steps - steps)
    return tile, pieces


def beats_of(tile):
    return [{"data": word, "last": last} for word, last in tile.beats()]


@bench_test
async def random_records(bench):
    board = Scoreboard(bench, "o", patience=20_000)
    source, sink = bench.driver("i"), bench.monitor("o", sink=board.take)
    await bench.start()
    for _ in range(12):
        source.stall, sink.stall = bench.random_stall(), bench.random_stall()
        for _ in range(8):
            tile, pieces = random_record(bench)
            source.put(*pieces)
            board.expect(beats_of(tile))
        await board.finish()
        assert bench.get("error") == 0
    assert source.idle


@bench_test
async def cycles_of_records(bench):
    """A piece as many cycles as its values need beats, a record right behind the one before."""
    board = Scoreboard(bench, "o", patience=20_000)
    source, sink = bench.driver("i"), bench.monitor("o", sink=board.take)
    await bench.start()
    records = [random_record(bench) for _ in range(20)]
    for tile, pieces in records:
        source.put(*pieces)
        board.expect(beats_of(tile))
    await board.finish()
    first = source.taken[0] - max(1, -(-records[0][1][0]["count"] // bench.config.a_beat_values))
    taken, sent, cycle = [], [], first
    for tile, pieces in records:
        for piece in pieces:
            cycle += max(1, -(-piece["count"] // bench.config.a_beat_values))
            if piece["close"]:
                cycle = max([cycle, *sent[-1:]])
                sent += [cycle + 1 + n for n in range(len(tile.beats()))]
            taken.append(cycle)
    assert source.taken == taken
    assert sink.taken == sent


@bench_test
async def too_many_steps(bench):
    """Bits, values or ``end`` behind tile_k k-steps are an error and change nothing."""
    board = Scoreboard(bench, "o", patience=20_000)
    source, _ = bench.driver("i"), bench.monitor("o", sink=board.take)
    await bench.start()
    side, lanes = Side.of(bench.config, "A"), bench.config.tile_m
    for extra in ({"bits": 1, "count": 0, "end": 0}, {"bits": 0, "count": 1, "end": 0},
                  {"bits": 0, "count": 0, "end": 1}, {"bits": 3, "count": 2, "end": 1}):
        tile = random_tile(bench.rng, side)
        pieces = pieces_of(bench.rng, tile, lanes, side.steps)
        pieces[-1]["close"] = 0
        end = {"bits": 0, "count": 0, "values": [0] * lanes, "end": 0, "close": 1}
        source.put(*pieces, {**end, **extra, "close": 0}, end)
        board.expect(beats_of(tile))
        errors = 0
        while board.expected:
            await bench.tick()
            errors += bench.get("error")
        assert errors == 1
        tile, pieces = random_record(bench)
        source.put(*pieces)
        board.expect(beats_of(tile))
        await board.finish()
