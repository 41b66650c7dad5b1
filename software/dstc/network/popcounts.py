"""Non-zeros of every k-step of every tile, from masks, without lowering a convolution."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ..conv import ConvGeometry

__all__ = ["column_segments", "conv_popcounts", "row_popcounts", "weight_popcounts"]

Mask = NDArray[np.bool_]
Popcounts = NDArray[np.uint8]
"""``[tiles, K]``: non-zeros of that k among the rows (or columns) of that tile, at most 32."""


def row_popcounts(rows: Mask, tile: int) -> Popcounts:
    """Popcounts of a matrix.

    Parameters
    ----------
    rows : bool[P, K]
        A matrix of side A, or the transpose of one of side B.
    tile : int
        Rows of a tile; the last one is filled with zeros.
    """
    count, k = rows.shape
    whole = count // tile * tile
    popcounts = np.empty((-(-count // tile), k), np.uint8)
    np.add.reduce(rows[:whole].view(np.uint8).reshape(-1, tile, k), axis=1, dtype=np.uint8,
                  out=popcounts[:whole // tile])
    if whole < count:
        np.add.reduce(rows[whole:].view(np.uint8), axis=0, dtype=np.uint8, out=popcounts[-1])
    return popcounts


def conv_popcounts(x: Mask, geometry: ConvGeometry, tile: int) -> Popcounts:
    """Popcounts of a lowered feature map.

    Parameters
    ----------
    x : bool[C, H, W]
    geometry : ConvGeometry
    tile : int
        Output positions of a tile.

    Returns
    -------
    uint8[tiles, K]
        Column ``(c * KH + i) * KW + j``, as :func:`dstc.conv.im2col` orders them.  One tap is
        lowered at a time.
    """
    top, left, bottom, right = geometry.pads
    # Channels last: the rows of a tap are then contiguous, which is what counting is fast at.
    padded = np.pad(x.transpose(1, 2, 0), ((top, bottom), (left, right), (0, 0)))
    height, width = geometry.out_height, geometry.out_width
    tiles = -(-geometry.positions // tile)
    popcounts = np.empty((tiles, geometry.channels, geometry.taps), np.uint8)
    for tap in range(geometry.taps):
        row, column = divmod(tap, geometry.kernel[1])
        row, column = row * geometry.dilation[0], column * geometry.dilation[1]
        window = padded[row:row + (height - 1) * geometry.stride[0] + 1:geometry.stride[0],
                        column:column + (width - 1) * geometry.stride[1] + 1:geometry.stride[1]]
        popcounts[:, :, tap] = row_popcounts(window.reshape(-1, geometry.channels), tile)
    return popcounts.reshape(tiles, -1)


def weight_popcounts(columns: Mask, groups: int, tile: int) -> Popcounts:
    """Popcounts of the block-diagonal weight matrix of a grouped convolution, or of any other.

    Parameters
    ----------
    columns : bool[N, K / groups]
        The columns of B, without the zeros outside of their group.
    groups : int
        1 for a matrix that has no blocks.
    tile : int
        Columns of a tile.
    """
    outputs, depth = columns.shape
    popcounts = np.zeros((-(-outputs // tile), groups * depth), np.uint8)
    for place, group, span in column_segments(outputs, groups, tile):
        popcounts[place, group * depth:(group + 1) * depth] = np.add.reduce(
            columns[span].view(np.uint8), axis=0, dtype=np.uint8)
    return popcounts


def column_segments(outputs: int, groups: int, tile: int) -> list[tuple[int, int, slice]]:
    """Where tiles and groups meet: tile, group and columns."""
    each = outputs // groups
    edges = sorted({*range(0, outputs, tile), *range(0, outputs, each), outputs})
    return [(start // tile, start // each, slice(start, stop))
            for start, stop in pairwise(edges)]
