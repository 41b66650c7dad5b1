# amaranth: UnusedElaboratable=no
"""What the epilogue sends: values, under stalls, in every format and shape."""

import random
import re

import numpy as np
import pytest
from epilogue_bench import SHAPES, EpilogueBench, random_tiles
from epilogue_model import Tiles

from dstc.beats import result_matrix, tile_records
from dstc.config import Config, get_config
from dstc.conv import epilogue as golden
from dstc.errors import DstcError
from dstc.formats import encode
from dstc_hdl.epilogue import Epilogue

# Probabilities of instr, i, d and y.
STALLS = [(1, 1, 1, 1), (.2, 1, 1, 1), (1, .4, 1, .4), (1, 1, .3, 1), (1, 1, 1, .3),
          (.6, .6, .6, .6)]


@pytest.mark.parametrize("name", SHAPES)
def test_results(name):
    """Raw and encoded tiles in a row, with every pattern of stalls."""
    config = SHAPES[name]
    for seed, stalls in enumerate(STALLS):
        tiles = random_tiles(config, seed, 9 if config.tile_m == 8 else 2 + seed % 2)
        EpilogueBench(config, tiles, stalls, seed).run_to_end()


@pytest.mark.parametrize("name", ["paper", "paper-int8"])
def test_paper(name):
    config = get_config(name)
    tiles = random_tiles(config, 3, 3, raw=0)
    tiles.add(tiles.random_operation(raw=1), tiles.random_tile())
    EpilogueBench(config, tiles, (1, 1, .6, .9)).run_to_end()


@pytest.mark.parametrize("name", ["tiny", "tiny-int8", "tiny-fp8_e4m3"])
def test_new_parameters_for_every_tile(name):
    """Those of the next tile come while this one is under way."""
    config, tiles = SHAPES[name], Tiles(SHAPES[name], random.Random(6))
    for _ in range(20):
        tiles.add(tiles.random_operation(bias=1, parameters=tiles.random_parameters()),
                  tiles.random_tile())
    EpilogueBench(config, tiles, (1, .7, 1, 1)).run_to_end()


@pytest.mark.parametrize("name", ["tiny", "tiny-bf16", "tiny-fp8_e4m3", "tiny-fp8_e5m2"])
def test_zeros_keep_their_sign_without_bias(name):
    """Raw -0 stays what it is; with a bias of -0 too, with one of +0 it does not."""
    config, tiles = SHAPES[name], Tiles(SHAPES[name], random.Random(0))
    minus = [[1 << 31] * config.tile_n] * config.tile_m
    parameters = tiles.random_parameters()
    parameters.bias = [0, 1 << 31] * (config.tile_n // 2)
    for relu, bias in ((0, 0), (0, 1), (1, 0), (1, 1)):
        tiles.add(tiles.random_operation(raw=1, relu=relu, bias=bias, rows=config.tile_m,
                                         parameters=parameters), minus)
    words = [beat["data"] & 0xFFFFFFFFFFFFFFFF for beat in tiles.d[::config.c_beats]]
    assert words == [0x8000000080000000, 0x8000000000000000, 0, 0]
    EpilogueBench(config, tiles).run_to_end()


@pytest.mark.parametrize("name", ["tiny", "tiny-int8", "tiny-fp8_e4m3", "thirds"])
def test_model_and_golden_model_agree(name):
    """The plain model of these tests and the one of the library, on whole matrices."""
    config, tiles = SHAPES[name], Tiles(SHAPES[name], random.Random(8))
    rows, columns = config.tile_m, config.tile_n
    for relu, raw, bias in np.ndindex(2, 2, 2):
        tile = tiles.random_tile(.7)
        if raw and bias and not config.format.is_float:
            # Sums that do not fit are refused.
            tile = [[word >> 8 for word in row] for row in tile]
        op = tiles.random_operation(relu=relu, raw=raw, bias=bias, rows=rows,
                                    blocks=1 if raw else config.channel_blocks,
                                    parameters=tiles.random_parameters())
        if raw and bias and not config.format.is_float:
            op.parameters.bias = [word >> 8 for word in op.parameters.bias]
        sent = [len(tiles.d), len(tiles.y)]
        tiles.add(op, tile)
        scale = {} if raw or config.format.is_float else {
            name: np.array(getattr(op.parameters, name)) for name in ("multiplier", "shift")}
        values = np.array(tile, np.uint32).view(config.format.acc_dtype)
        want = golden.apply(values, golden.Epilogue(
            bias=np.array(op.parameters.bias, np.uint32).view(values.dtype) if bias else None,
            relu=bool(relu), raw=bool(raw), **scale), config.format)
        if raw:
            beats = np.array([list(beat["data"].to_bytes(config.c_beat_bits // 8, "little"))
                              for beat in tiles.d[sent[0]:]], np.uint8)
            got = result_matrix(beats, (rows, columns), config)
            assert got.view(np.uint32).tolist() == want.view(np.uint32).tolist()
        else:
            data = tile_records(encode(want, "A", config), config).data
            assert [beat["data"] for beat in tiles.y[sent[1]:]] == [
                int.from_bytes(beat.tobytes(), "little") for beat in data]


def test_shapes_without_whole_tiles():
    config = Config(name="odd", tile_m=16, tile_n=16, tile_k=12, array_rows=8, array_cols=4)
    message = "Convolution needs tile_n to be a multiple of tile_k=12, not 16"
    with pytest.raises(DstcError, match=f"^{re.escape(message)}$"):
        Epilogue(config)
