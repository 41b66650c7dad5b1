"""Epilogue: result tiles to raw tiles and tile records, against the golden model."""

import numpy as np

from dstc.beats import result_beats, tile_records
from dstc.conv import Epilogue
from dstc.conv.epilogue import apply
from dstc.conv.words import pack, parameter_words
from dstc.formats import encode
from tb.lib.bench import Scoreboard, bench_test

SPECIAL = np.array([0, 0x80000000, 1, 0x807FFFFF, 0x3F800000, 0x7F7FFFFF, 0x7F800000, 0xFF800000,
                    0x7FC00000, 0x33000000, 0x33000001, 0x477FF000, 0x43E80000, 0x43E80001],
                   np.uint32)


class Layer:
    """Words and tiles, and what the golden model makes of them."""

    def __init__(self, bench):
        self.bench, self.config = bench, bench.config
        self.rng = np.random.default_rng(bench.rng.getrandbits(64))
        self.columns = None         # parameters that the epilogue holds

    def numbers(self, *shape):
        """Accumulators, zeros among them; integers leave room for a bias."""
        rng, form = self.rng, self.config.format
        if form.is_float:
            layout = form.layout
            fields = rng.integers(0, (1 << layout.exponent_bits) + layout.mantissa_bits + 2, shape)
            fields += 127 - layout.bias - layout.mantissa_bits - 2
            bits = (rng.integers(0, 2, shape) << 31 | np.clip(fields, 0, 254) << 23
                    | rng.integers(0, 1 << 23, shape)).astype(np.uint32)
            chosen = rng.random(shape) < 0.1
            bits[chosen] = rng.choice(SPECIAL, int(chosen.sum()))
        else:
            bits = (rng.integers(-1 << 30, 1 << 30, shape)
                    >> rng.integers(0, 31, shape)).astype(np.int32).view(np.uint32)
        bits[rng.random(shape) >= rng.choice((0, 0.2, 0.7, 1))] = 0
        return bits.view(form.acc_dtype)

    def new_parameters(self):
        """Others than before; gives their words."""
        columns = self.config.tile_n
        self.columns = {"bias": self.numbers(columns)}
        words = self.columns["bias"].view(np.uint32).astype(np.uint64)
        if not self.config.format.is_float:
            self.columns |= {"multiplier": self.rng.integers(0, 1 << 16, columns),
                             "shift": self.rng.integers(0, 48, columns)}
            scale = self.columns["multiplier"] | self.columns["shift"] << 16
            words = np.append(words, scale.astype(np.uint64))
        words = (words[::2] | words[1::2] << np.uint64(32)).tolist()
        assert len(words) == parameter_words(self.config)
        return words

    def tile(self):
        """One operation: its words, the tile's beats, and the beats of ``d`` and of ``y``."""
        config, rng = self.config, self.bench.rng
        relu, raw, bias = rng.getrandbits(1), int(rng.random() < 0.3), rng.getrandbits(1)
        rows = rng.choice((config.tile_m, rng.randint(1, config.tile_m)))
        blocks = 1 if raw else rng.randint(1, config.channel_blocks)
        params = int(self.columns is None or rng.random() < 0.5)
        words = [pack(config, "POST", relu=relu, raw=raw, bias=bias, params=params, rows=rows,
                      blocks=blocks), *(self.new_parameters() if params else ())]
        given = self.numbers(config.tile_m, config.tile_n)
        scale = {} if raw else {key: self.columns.get(key) for key in ("multiplier", "shift")}
        results = apply(given, Epilogue(bias=self.columns["bias"] if bias else None,
                                        relu=bool(relu), raw=bool(raw), **scale), config.format)
        results[rows:] = 0
        d = y = []
        if raw:
            d = marked(result_beats(results, config), {config.c_beats - 1})
        else:
            records = tile_records(encode(results[:, :blocks * config.tile_k], "A", config), config)
            y = marked(records.data, set((records.starts[1:] - 1).tolist()))
        return words, marked(result_beats(given, config), {config.c_beats - 1}), d, y


def marked(beats, last):
    """Beats as payloads."""
    return [{"data": int.from_bytes(beat.tobytes(), "little"), "last": int(n in last)}
            for n, beat in enumerate(beats)]


class Streams:
    """All streams of the unit with their scoreboards."""

    def __init__(self, bench):
        self.bench = bench
        self.words, self.beats = bench.driver("instr"), bench.driver("i")
        self.outputs = [bench.monitor("d"), bench.monitor("y")]
        # Stalls can make the words and beats of one tile take thousands of cycles.
        self.boards = [Scoreboard(bench, name, patience=20_000) for name in ("d", "y")]
        for output, board in zip(self.outputs, self.boards, strict=True):
            output.sink = board.take

    def put(self, words, beats, d, y):
        self.words.put(*words)
        self.beats.put(*beats)
        for board, expected in zip(self.boards, (d, y), strict=True):
            board.expect(expected)

    async def finish(self):
        for board in self.boards:
            await board.finish()
        await self.bench.tick(3)
        assert not self.bench.get("busy") and not self.bench.get("error")


@bench_test
async def random_tiles(bench):
    streams = Streams(bench)
    await bench.start()
    layer = Layer(bench)
    for _ in range(4):
        for end in (streams.words, streams.beats, *streams.outputs):
            end.stall = bench.random_stall()
        for _ in range(4):
            streams.put(*layer.tile())
        await streams.finish()


@bench_test
async def blocked_outputs(bench):
    """Outputs that take nothing for a long time: all that is taken meanwhile is kept."""
    streams = Streams(bench)
    await bench.start()
    layer = Layer(bench)
    for blocked in ([0], [1], [0, 1]):
        for n in blocked:
            streams.outputs[n].enabled = False
        for _ in range(8):
            streams.put(*layer.tile())
        taken = None
        while taken != len(streams.beats.taken):
            taken = len(streams.beats.taken)
            await bench.tick(3 * bench.config.c_beats)
        for n in blocked:
            streams.outputs[n].enabled = True
        await streams.finish()


@bench_test
async def full_rate(bench):
    """A beat in every cycle from the first to the last."""
    streams = Streams(bench)
    await bench.start()
    layer = Layer(bench)
    config = bench.config
    # Few enough values that sending a record never takes longer than collecting the next.
    results = np.zeros((config.tile_m, config.tile_n), config.format.acc_dtype)
    results[:, ::4] = 1
    streams.words.put(pack(config, "POST", relu=1, raw=1, bias=0, params=1, rows=1, blocks=1),
                      *layer.new_parameters())
    for n in range(4):
        streams.words.put(pack(config, "POST", relu=0, raw=n % 2, bias=0, params=0,
                               rows=config.tile_m, blocks=1))
    streams.beats.put(*marked(result_beats(np.tile(results, (5, 1)), config), ()))
    for output in streams.outputs:
        output.sink = None
    await bench.until(lambda: streams.beats.idle, "every beat")
    taken = streams.beats.taken
    assert taken[-1] - taken[0] == 5 * config.c_beats - 1


@bench_test
async def illegal_words_and_resets(bench):
    """An illegal word stops the unit; after a reset at any time it is as new."""
    streams = Streams(bench)
    await bench.start()
    for _ in range(5):
        layer = Layer(bench)
        streams.put(*layer.tile())
        await streams.finish()
        streams.words.put(bench.rng.choice((0, 0x51, 1 << 16 | 0x50, 1 << 60 | 0x50)), 0)
        await bench.until(lambda: bench.get("error"), "error")
        await bench.tick(10)
        assert bench.get("error") and bench.get("code") == 10
        assert len(streams.words.queue) <= 1 and not streams.words.idle, "the next word stays"
        await bench.reset()
        words, beats, _, _ = Layer(bench).tile()
        streams.words.put(*words)
        streams.beats.put(*beats[:bench.rng.randrange(len(beats))])
        for output in streams.outputs:
            output.sink = None
        await bench.tick(bench.rng.randrange(3 * len(beats)))
        await bench.reset()
        assert not bench.get("error") and not bench.get("busy")
        for output, board in zip(streams.outputs, streams.boards, strict=True):
            output.sink = board.take
