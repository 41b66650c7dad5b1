"""The words of the im2col unit make the A tiles of the lowered feature map."""

import numpy as np
import pytest
from gather_interpreter import GatherUnit
from random_geometries import random_geometry

from dstc.config import get_config
from dstc.conv.gather import gather_program
from dstc.conv.geometry import ConvGeometry
from dstc.conv.spans import tile_chunks


def lowered(x, geometry):
    """A by its definition, one element after the other."""
    kernel_h, kernel_w = geometry.kernel
    matrix = np.zeros((geometry.positions, geometry.k), np.int64)
    for row in range(geometry.positions):
        oh, ow = divmod(row, geometry.out_width)
        for k in range(geometry.k):
            c, i, j = k // (kernel_h * kernel_w), k // kernel_w % kernel_h, k % kernel_w
            h = oh * geometry.stride[0] + i * geometry.dilation[0] - geometry.pads[0]
            w = ow * geometry.stride[1] + j * geometry.dilation[1] - geometry.pads[1]
            if 0 <= h < geometry.height and 0 <= w < geometry.width:
                matrix[row, k] = x[c, h, w]
    return matrix


def tiles_of(matrix, config):
    """tile_m x tile_k blocks, padded, row tiles first."""
    rows, cols = -(-matrix.shape[0] // config.tile_m), -(-matrix.shape[1] // config.tile_k)
    padded = np.zeros((rows * config.tile_m, cols * config.tile_k), np.int64)
    padded[:matrix.shape[0], :matrix.shape[1]] = matrix
    return padded.reshape(rows, config.tile_m, cols, config.tile_k).swapaxes(1, 2)


@pytest.mark.parametrize("seed", range(150))
def test_tiles_of_random_convolutions(seed):
    rng = np.random.default_rng(seed)
    config = get_config(("tiny", "small", "paper")[seed % 3])
    if seed % 4 == 0:
        config = config.replace(window_tiles=4, window_spans=16)
    geometry = random_geometry(rng, side=14)
    x = rng.integers(1, 1000, geometry.x_shape) * (rng.random(geometry.x_shape) < 0.6)
    feature = tiles_of(x.reshape(geometry.channels, -1).T, config)
    wanted = tiles_of(lowered(x, geometry), config)
    column_tiles = -(-geometry.outputs // config.tile_n)
    occupied = rng.random((column_tiles, wanted.shape[1])) < rng.choice([0.0, 0.3, 0.9, 1.0])
    program = gather_program(geometry, occupied, config)
    records = feature.reshape(-1, config.tile_m, config.tile_k)[program.order]
    unit = GatherUnit(config, records)
    unit.run(program.words)
    expected = [wanted[row, k] for row in range(len(wanted)) for column in occupied
                for k in np.flatnonzero(column)]
    assert len(unit.tiles) == len(expected)
    for got, want in zip(unit.tiles, expected, strict=True):
        np.testing.assert_array_equal(got.astype(np.int64), want)
    assert unit.spans == program.spans


def test_stride_one_with_equal_width_takes_one_span_for_each_tap():
    """What lets the unit make a k-step in every cycle."""
    config = get_config("paper")
    for width in (7, 13, 14, 27, 56, 112):
        geometry = ConvGeometry(channels=16, height=width, width=width, outputs=32, kernel=3,
                                pads=1)
        for row_tile in range(-(-geometry.positions // config.tile_m)):
            chunks = tile_chunks(geometry, row_tile, config)
            assert [len(chunk.spans) for chunk in chunks] == [9]
