"""Sizes and orders of the operand format, from the description of a matrix alone."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ..elements import ELEMENTS
from ..errors import DstcError

__all__ = ["BITMAP", "OFFSET", "array_lengths", "blocks", "tiles_along", "warp_bitmaps"]

BITMAP = np.dtype("<u4")
"""Element and warp bitmaps."""
OFFSET = np.dtype("<i8")
"""Offsets of tiles into the values."""
WARP_BITS = 32
BLOCK_BYTES = 1 << 18


def tiles_along(extent: int, tile: int) -> int:
    """Tiles that cover ``extent``, the last of them maybe in part."""
    return -(-extent // tile)


def array_lengths(side: str, shape: tuple[int, int], tile_outer: int, tile_k: int,
                  element: str) -> dict[str, int]:
    """Items of the arrays whose length does not depend on the values.

    Nothing is allocated, so that a file can be judged before it is read.

    Returns
    -------
    dict
        Lengths of ``offsets``, ``warp`` and ``bitmaps``.

    Raises
    ------
    DstcError
        If the description is not one of an encoded matrix.
    """
    if side not in ("A", "B"):
        raise DstcError(f"Side must be A or B, not {side!r}")
    if element not in ELEMENTS:
        raise DstcError(f"Element format must be one of {', '.join(ELEMENTS)}, not {element!r}")
    if tile_outer not in (8, 16, 24, 32):
        raise DstcError(f"Tile width must be 8, 16, 24 or 32, not {tile_outer}")
    if tile_k not in range(4, 33, 4):
        raise DstcError(f"Tile depth must be a multiple of 4 from 4 to 32, not {tile_k}")
    if min(shape) < 1:
        raise DstcError(f"Matrix must be at least 1 x 1, not {shape[0]} x {shape[1]}")
    outer, k = shape if side == "A" else shape[::-1]
    outer_tiles, k_tiles = tiles_along(outer, tile_outer), tiles_along(k, tile_k)
    return {"offsets": outer_tiles * k_tiles + 1,
            "warp": outer_tiles * tiles_along(k_tiles, WARP_BITS),
            "bitmaps": outer_tiles * k_tiles * tile_k}


def warp_bitmaps(occupied: NDArray[np.bool_]) -> NDArray[np.uint32]:
    """Pack which tiles have values into words.

    Parameters
    ----------
    occupied : bool, outer_tiles x k_tiles

    Returns
    -------
    numpy.ndarray
        uint32, outer_tiles x ceil(k_tiles / 32); bit t of word w is k-tile 32 w + t.
    """
    words = np.zeros((occupied.shape[0], tiles_along(occupied.shape[1], WARP_BITS)), BITMAP)
    packed = np.packbits(occupied, axis=1, bitorder="little")
    words.view(np.uint8)[:, :packed.shape[1]] = packed
    return words


def blocks(shape: tuple[int, ...], width: int, depth: int, itemsize: int
           ) -> Iterator[tuple[slice, slice, tuple[slice, slice]]]:
    """Walk a matrix in storage order, in blocks of whole tiles that fit the cache.

    Parameters
    ----------
    shape : tuple of two int
        Outer dimension, K.
    width, depth : int
        Tile.
    itemsize : int
        Bytes of one element.

    Yields
    ------
    outer, k : slice
        Tiles of the block.
    inside : tuple of two slice
        Its elements; may reach past the matrix, as slices may.
    """
    outer_tiles, k_tiles = tiles_along(shape[0], width), tiles_along(shape[1], depth)
    tiles = max(1, BLOCK_BYTES // (width * depth * itemsize))
    k_step = min(tiles, k_tiles)
    outer_step = max(1, tiles // k_tiles)
    for o in range(0, outer_tiles, outer_step):
        for t in range(0, k_tiles, k_step):
            yield (slice(o, o + outer_step), slice(t, t + k_step),
                   (slice(o * width, (o + outer_step) * width),
                    slice(t * depth, (t + k_step) * depth)))
