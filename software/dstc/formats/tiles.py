"""Encoding a matrix into tiles of bitmaps and values."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..config import Config
from ..errors import DstcError
from ..numerics import nonzero_mask
from .encoded import EncodedMatrix
from .layout import BITMAP, BLOCK_BYTES, OFFSET, array_lengths, blocks, tiles_along, warp_bitmaps

__all__ = ["encode"]


def encode(matrix: NDArray[Any], side: str, config: Config) -> EncodedMatrix:
    """Encode one operand.

    Parameters
    ----------
    matrix : numpy.ndarray
        M x K for side A, K x N for side B, in any memory order, of the configuration's element
        dtype (:func:`dstc.numerics.to_element` converts).  Partial tiles are padded; padding
        and zeros of either sign cost bits of a bitmap, never values.
    side : str
        ``A`` or ``B``.
    config : Config
        Its tile and element format are used.

    Returns
    -------
    EncodedMatrix

    Raises
    ------
    DstcError
        If the matrix is empty, not two-dimensional or of another type.
    """
    if matrix.ndim != 2:
        raise DstcError(f"Matrix must have two dimensions, not {matrix.ndim}")
    dtype = config.format.dtype
    if matrix.dtype != dtype:
        raise DstcError(f"Matrix must be {dtype.name} for configuration {config.name}, "
                        f"not {matrix.dtype}")
    width, depth = config.tile_m if side == "A" else config.tile_n, config.tile_k
    lengths = array_lengths(side, matrix.shape, width, depth, config.element)
    outer_first = matrix if side == "A" else matrix.T
    outer_tiles = tiles_along(outer_first.shape[0], width)
    bitmaps = np.zeros((outer_tiles, lengths["bitmaps"] // outer_tiles // depth, depth), BITMAP)
    octets = bitmaps.view(np.uint8).reshape(*bitmaps.shape, BITMAP.itemsize)
    # Counted first, so that the values are written once, where they stay.
    values = np.empty(_count(matrix), dtype)
    end = 0
    for o, t, inside in blocks(outer_first.shape, width, depth, dtype.itemsize):
        block = _tile_order(outer_first[inside], width, depth)
        mask = nonzero_mask(block)
        octets[o, t, :, :width // 8] = np.packbits(mask, bitorder="little").reshape(
            *block.shape[:-1], width // 8)
        start, end = end, end + int(np.count_nonzero(mask))
        np.compress(mask.ravel(), block.ravel(), out=values[start:end])
    counts = np.bitwise_count(bitmaps).sum(axis=-1, dtype=OFFSET)
    offsets = np.zeros(lengths["offsets"], OFFSET)
    np.cumsum(counts, out=offsets[1:])
    return EncodedMatrix(side=side, shape=matrix.shape, tile_outer=width, tile_k=depth,
                         element=config.element, warp=warp_bitmaps(counts != 0),
                         bitmaps=bitmaps, offsets=offsets, values=values)


def _tile_order(part: NDArray[Any], width: int, depth: int) -> NDArray[Any]:
    """Copy a part of an outer-first matrix as outer tile, k-tile, k, row or column."""
    outer_tiles, k_tiles = tiles_along(part.shape[0], width), tiles_along(part.shape[1], depth)
    whole = (outer_tiles * width, k_tiles * depth)
    if part.shape != whole:
        padded = np.zeros(whole, part.dtype)
        padded[:part.shape[0], :part.shape[1]] = part
        part = padded
    tiles = part.reshape(outer_tiles, width, k_tiles, depth).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(tiles)


def _count(matrix: NDArray[Any]) -> int:
    """Non-zeros, with the temporary mask of a few rows at a time."""
    rows = max(1, BLOCK_BYTES // (matrix.shape[1] * matrix.itemsize))
    return sum(int(np.count_nonzero(nonzero_mask(matrix[row:row + rows])))
               for row in range(0, matrix.shape[0], rows))
