"""Transposing buffer: tiles by rows in, by channels out."""

import random

import pytest
from epilogue_bench import SHAPES
from unit_bench import STALLS, Bench

from dstc_hdl.epilogue.transpose import TransposeBuffer


class Run:
    """Random tiles, the tokens that they give, and when."""

    def __init__(self, config, count, seed):
        self.config, rng = config, random.Random(seed)
        self.beats, self.tokens, self.blocks = [], [], []
        for _ in range(count):
            self._add(rng, rng.randint(1, config.channel_blocks))

    def _add(self, rng, blocks):
        config, size = self.config, self.config.array_cols
        tile = [[rng.getrandbits(config.element_bits) for _ in range(config.tile_n)]
                for _ in range(config.tile_m)]
        # What `blocks` is before the last beat means nothing.
        beats = [{"values": row[n:n + size], "blocks": rng.randint(0, config.channel_blocks)}
                 for row in tile for n in range(0, config.tile_n, size)]
        beats[-1]["blocks"] = blocks
        self.beats += beats
        self.blocks.append(blocks)
        parts = config.tile_m // size
        for n in range(blocks * config.tile_k):
            self.tokens += [{
                "values": [row[n] for row in tile[part * size:(part + 1) * size]], "part": part,
                "end": int(part == parts - 1),
                "close": int(part == parts - 1 and n % config.tile_k == config.tile_k - 1),
            } for part in range(parts)]

    def cycles(self):
        """Cycles in which beats and tokens are taken if nothing stalls."""
        config, written, last, taken, sent = self.config, -1, -1, [], []
        ends = [-1, -1]     # last token of the tile before the last, and of the last
        for blocks in self.blocks:
            # The half is free when the last token of the tile before the last is on offer.
            start = max(written + 1, ends[-2])
            written = start + config.c_beats - 1
            taken += range(start, written + 1)
            first = max(written + 2, last + 1)
            last = first + blocks * config.tile_k * config.tile_m // config.array_cols - 1
            sent += range(first, last + 1)
            ends.append(last)
        return taken, sent


@pytest.mark.parametrize("name", ["tiny", "small", "flat", "thirds", "int8"])
@pytest.mark.parametrize("p", STALLS)
def test_tokens(name, p):
    config = SHAPES[name]
    run = Run(config, 4 if config.tile_m > 16 else 8, seed=3)
    bench = Bench(TransposeBuffer(config), seed=4)
    source, sink = bench.drive("i", run.beats, p[0]), bench.take("o", p[1])
    busy = []
    bench.after(lambda cycle, value: busy.append(value), "busy")
    bench.run(lambda: len(sink.tokens) == len(run.tokens), 100 + 6 * len(run.beats + run.tokens))
    assert sink.tokens == run.tokens
    first = source.cycles[config.c_beats - 1] + 1
    assert not any(busy[:first]) and busy[first] and busy[-1]
    if p == (1, 1):
        taken, sent = run.cycles()
        assert source.cycles == taken
        assert sink.cycles == sent
        end = bench.cycle + 3
        bench.run(lambda: bench.cycle == end, 4)
        assert busy[-3:] == [0, 0, 0]
