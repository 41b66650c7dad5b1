"""Im2col: words and feature records in, A tile records out."""

from dstc.conv.words import Span, pack
from tb.lib.bench import Scoreboard, bench_test
from tb.lib.gathering import GatherMachine, GatherStream
from tb.lib.models import random_tile


def beats_of(tile):
    return [{"data": word, "last": last} for word, last in tile.beats()]


class Unit:
    """The streams around the unit and the machine that says what must come."""

    def __init__(self, bench):
        self.bench, self.board = bench, Scoreboard(bench, "o", patience=20_000)
        self.machine = GatherMachine(bench.config)
        self.instr, self.x = bench.driver("instr"), bench.driver("x")
        self.out = bench.monitor("o", sink=self.board.take)

    def put(self, words, tiles):
        """Queue words and what their loads take."""
        self.instr.put(*words)
        for tile in tiles:
            self.x.put(*beats_of(tile))
        self.machine.run(words, tiles)
        self.board.expect({"data": data, "last": last} for data, last in self.machine.beats)
        self.machine.beats.clear()

    async def error(self, limit=200):
        """The code of the error that has to come; it stays, and no word is taken any more."""
        await self.bench.until(lambda: self.bench.get("error"), "an error", limit)
        code, taken = self.bench.get("code"), len(self.instr.taken)
        for _ in range(20):
            await self.bench.tick()
            assert self.bench.get("error") and self.bench.get("code") == code
        assert len(self.instr.taken) == taken
        return code


@bench_test
async def random_words(bench):
    unit = Unit(bench)
    await bench.start()
    for _ in range(8):
        for end in (unit.instr, unit.x, unit.out):
            end.stall = bench.random_stall()
        stream = GatherStream(bench.rng, bench.config).fill(8)
        unit.put(stream.words, stream.tiles)
        await unit.board.finish()
        assert unit.instr.idle and unit.x.idle
        assert bench.get("error") == 0 and bench.get("code") == 0


@bench_test
async def one_span_per_cycle(bench):
    """A GEN of n spans of few values each, alone: the first beat of its record 6 + n cycles
    behind its word, the others one per cycle.
    """
    unit, config = Unit(bench), bench.config
    await bench.start()
    # Two spans of a k-step, of no more lanes than a beat has values.
    few = (1 << min(config.a_beat_values, config.tile_m - 1)) - 1
    spans = [Span(place=1, valid=1, lane=config.tile_m - 1, slot=0, row=0, end=False),
             Span(place=few, valid=few, lane=config.tile_m - 1, slot=1, row=1, end=True)]
    data = [word for span in spans for word in span.words(config)]
    unit.put([pack(config, "LDX", window=1, count=3),
              pack(config, "SPANS", table=1, count=2), *data],
             [random_tile(bench.rng, unit.machine.side) for _ in range(3)])
    await bench.until(lambda: unit.x.idle and unit.instr.idle, "the fill")
    await bench.tick(20 + config.tile_k)
    for steps in (1, config.tile_k // 2, config.tile_k):
        before = len(unit.out.taken)
        unit.put([pack(config, "GEN", window=1, table=1, free_window=0, free_table=0, close=1,
                       channel=0, first=0, spans=2 * steps)], [])
        await unit.board.finish()
        taken = unit.out.taken[before:]
        assert taken == [unit.instr.taken[-1] + 6 + 2 * steps + n for n in range(len(taken))]


@bench_test
async def wrong_words(bench):
    """Code 9: an unknown opcode, a reserved bit, a span past the tile, a GEN past its table."""
    unit, config = Unit(bench), bench.config
    await bench.start()
    fill = [pack(config, "LDX", window=0, count=1), pack(config, "SPANS", table=0, count=1)]
    gen = pack(config, "GEN", window=0, table=0, free_window=1, free_table=1, close=1, channel=0,
               first=1, spans=1)
    span = list(Span(place=3, valid=1, lane=0, slot=0, row=0, end=True).words(config))
    past = [span[0], span[1] | config.tile_m - 1 << 16]
    for words in ([0], [0x43], [fill[0] | 1 << 40], [*fill, *past], [*fill, *span, gen]):
        await bench.reset()
        unit.instr.put(*words, fill[0], fill[0])
        unit.x.put(*beats_of(random_tile(bench.rng, unit.machine.side)))
        assert await unit.error() == 9


@bench_test
async def wrong_records(bench):
    """Code 8: ``last`` on any wrong beat; the same record with it in place is none."""
    unit, config, rng = Unit(bench), bench.config, bench.rng
    await bench.start()
    seen = set()
    for _ in range(20):
        beats = beats_of(random_tile(rng, unit.machine.side))
        wrong = rng.randrange(len(beats))
        spoilt = [dict(beat) for beat in beats]
        spoilt[wrong]["last"] ^= 1
        for record, error in ((beats, 0), (spoilt, 1)):
            await bench.reset()
            unit.instr.put(pack(config, "LDX", window=0, count=1))
            unit.x.put(*record, *beats)
            if error:
                assert await unit.error() == 8
            else:
                await bench.tick(len(beats) + config.tile_k + 20)
                assert bench.get("error") == 0
        seen.add("missing" if wrong == len(beats) - 1 else "early")
    assert len(seen) == 2
