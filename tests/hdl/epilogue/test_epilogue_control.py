# amaranth: UnusedElaboratable=no
"""When the epilogue sends, and what it refuses."""

import random

import pytest
from epilogue_bench import SHAPES, EpilogueBench, random_tiles
from epilogue_model import Tiles

from dstc.conv.words import pack
from dstc_hdl.epilogue import Epilogue


def expected_cycles(config, operations, records, latency):
    """Cycles of the beats of ``i``, ``d`` and ``y`` when nothing stalls: the stated formulas."""
    taken, last, read = -1, -1, -1
    i, d, y = [], [], []
    for op, sent in zip(operations, records, strict=True):
        # POST, parameters, and the cycle in which the operation is handed over.
        taken = max(taken + len(op.words(config)) + 1, last)
        beats = [taken + 1 + n for n in range(config.c_beats)]
        last = beats[-1]
        i += beats
        if op.raw:
            d += [cycle + latency for cycle in beats]
            continue
        pieces = config.tile_k * config.tile_m // config.array_cols
        start = max(last + latency + 1, read + 1)
        read = start + pieces * op.blocks - 1
        for block, record in enumerate(sent):
            assert block == 0 or len(sent[block - 1]) <= pieces, "no record waits for another"
            first = start + 3 + (block + 1) * pieces
            y += [first + n for n in range(len(record))]
    return i, d, y


@pytest.mark.parametrize("kind", ["encoded", "mixed", "new parameters"])
@pytest.mark.parametrize("name", ["tiny", "tiny-int8", "small", "flat-int8", "thirds"])
def test_cycles(name, kind):
    config = SHAPES[name]
    tiles, operations = Tiles(config, random.Random(2)), []
    for n in range(8 if config.tile_m < 16 else 4):
        raw = int(kind == "mixed" and n % 3 == 1)
        fixed = {"parameters": tiles.random_parameters()} if kind == "new parameters" else {}
        operations.append(tiles.random_operation(
            raw=raw, blocks=1 if raw else config.channel_blocks, bias=0, **fixed))
        tiles.add(operations[-1], tiles.random_tile(.4))
    bench = EpilogueBench(config, tiles)
    bench.run_to_end()
    i, d, y = expected_cycles(config, operations, tiles.records, bench.dut.latency)
    assert bench.beats.cycles == i
    assert bench.d.cycles == d
    assert bench.y.cycles == y


@pytest.mark.parametrize("name", ["tiny", "small", "tiny-int8"])
def test_one_beat_per_cycle(name):
    """From tile to tile, once the first operation is there."""
    config = SHAPES[name]
    tiles = random_tiles(config, 4, 6, (.3,), raw=0, blocks=config.channel_blocks, bias=1,
                         parameters=Tiles(config, random.Random(1)).random_parameters())
    bench = EpilogueBench(config, tiles)
    bench.run_to_end()
    assert bench.beats.cycles[-1] - bench.beats.cycles[0] == len(tiles.beats) - 1


def post(config, **changes):
    """A legal word, but for the changes."""
    return pack(config, "POST", **{"relu": 0, "raw": 1, "bias": 0, "params": 0, "rows": 1,
                                   "blocks": 1, **changes})


TINY, INT8 = SHAPES["tiny"], SHAPES["tiny-int8"]
BIASES = [0] * (TINY.tile_n // 2)
ILLEGAL = {
    "opcode": (TINY, [post(TINY) ^ 1]),
    "zero": (TINY, [0]),
    "bit 12": (TINY, [post(TINY) | 1 << 12]),
    "bit 63": (TINY, [post(TINY) | 1 << 63]),
    "no rows": (TINY, [post(TINY) ^ 1 << 16]),
    "rows": (TINY, [post(TINY) + (TINY.tile_m << 16)]),
    "no blocks": (TINY, [post(TINY, raw=0) ^ 1 << 24]),
    "blocks": (TINY, [post(TINY, raw=0) + (TINY.channel_blocks << 24)]),
    "blocks of a raw tile": (TINY, [post(TINY, blocks=2)]),
    "bias without parameters": (TINY, [post(TINY, bias=1)]),
    "int8 without parameters": (INT8, [post(INT8, raw=0)]),
    **{f"parameter {low:#x}": (INT8, [post(INT8, raw=0, params=1), *BIASES, low << 32 * half])
       for half in (0, 1) for low in (48 << 16, 63 << 16, 1 << 22, 1 << 31)},
}


@pytest.mark.parametrize("case", ILLEGAL)
def test_illegal_word(case):
    """The tiles before are completed, then nothing is taken until reset."""
    config, words = ILLEGAL[case]
    tiles = Tiles(config, random.Random(9))
    for raw in (1, 0) if config.format.is_float else (1,):
        tiles.add(tiles.random_operation(raw=raw, bias=0, blocks=1, parameters=None),
                  tiles.random_tile())
    bench = EpilogueBench(config, tiles)
    legal = len(tiles.words)
    bench.words.queue.extend([*words, post(config), post(config)])
    bench.beats.queue.extend([0] * 5)
    bench.run_on(150)
    assert bench.d.tokens == tiles.d
    assert bench.y.tokens == tiles.y
    assert len(bench.words.tokens) == legal + len(words)
    assert len(bench.beats.tokens) == len(tiles.beats)
    assert bench.error.index(1) == bench.words.cycles[-1] + 1
    assert all(bench.error[bench.error.index(1):])
    assert not bench.busy[-1]


LEGAL = {
    "tiny": [post(TINY), post(TINY, raw=0, blocks=TINY.channel_blocks),
             post(TINY, rows=TINY.tile_m),
             post(TINY, params=1, bias=1), *BIASES, post(TINY, bias=1)],
    "tiny-int8": [post(INT8), post(INT8, params=1, raw=0), *BIASES, *[47 << 16 | 0xFFFF] * 4,
                  post(INT8, raw=0)],
}


@pytest.mark.parametrize("name", LEGAL)
def test_legal_words(name):
    """Every illegal word above is one change away from one of these."""
    config = SHAPES[name]
    bench = EpilogueBench(config, Tiles(config, random.Random(0)))
    bench.words.queue.extend(LEGAL[name])
    bench.beats.queue.extend([0] * 5 * config.c_beats)
    bench.run_on(200)
    assert bench.words.tokens == LEGAL[name] and not any(bench.error)


def test_beats_wait_for_their_word():
    tiles = random_tiles(TINY, 1, 1)
    bench = EpilogueBench(TINY, tiles)
    words = list(bench.words.queue)
    bench.words.queue.clear()
    bench.run_on(20)
    assert not bench.beats.tokens and not any(bench.busy)
    bench.words.queue.extend(words)
    bench.run_to_end()


def test_latency():
    assert Epilogue(TINY).latency == TINY.adder_latency + 2
    assert Epilogue(INT8).latency == INT8.adder_latency + 4
