"""The result of a product, computed as the core does: tile by tile from the encoded operands."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dstc.config import Config
from dstc.formats import EncodedMatrix
from dstc.numerics import canonical_nan

from .bits import ones
from .jit import compiled, compiled_apart

__all__ = ["product"]


def product(a: EncodedMatrix, b: EncodedMatrix, c: NDArray[Any] | None, config: Config
            ) -> NDArray[Any]:
    """``a @ b + c`` by docs/numerics.md: M x N of the accumulator type.

    Operands and ``c`` are those of :func:`dstc.program.gemm_job`.
    """
    dtype = config.format.acc_dtype
    shape = a.outer, b.outer
    padded = np.zeros((a.outer_tiles * config.tile_m, b.outer_tiles * config.tile_n), dtype)
    if c is not None:
        padded[:shape[0], :shape[1]] = c
    # Both exact: an element fits the accumulator type.
    _accumulate(padded, a.bitmaps, a.offsets, a.values.astype(dtype),
                b.bitmaps, b.offsets, b.values.astype(dtype), config.tile_m, config.tile_n)
    out = np.ascontiguousarray(padded[:shape[0], :shape[1]])
    return canonical_nan(out) if config.format.is_float else out


@compiled_apart
def _accumulate(out, a_bitmaps, a_offsets, a_values, b_bitmaps, b_offsets, b_values, tile_m,
                tile_n):
    """Add the products of all tile pairs, k ascending."""
    k_tiles, steps = a_bitmaps.shape[1], a_bitmaps.shape[2]
    for i in range(a_bitmaps.shape[0]):
        for j in range(b_bitmaps.shape[0]):
            for t in range(k_tiles):
                next_a, first_b = a_offsets[i * k_tiles + t], b_offsets[j * k_tiles + t]
                for k in range(steps):
                    for m in range(tile_m):
                        if a_bitmaps[i, t, k] >> m & 1:
                            _add_row(out, i * tile_m + m, j * tile_n, a_values[next_a],
                                     b_values, first_b, b_bitmaps[j, t, k], tile_n)
                            next_a += 1
                    first_b += ones(b_bitmaps[j, t, k], tile_n)


@compiled
def _add_row(out, row, col, value, b_values, next_b, bitmap, tile_n):
    """Add the products of one value of A with those of a k-step of B."""
    for n in range(tile_n):
        if bitmap >> n & 1:
            out[row, col + n] += value * b_values[next_b]
            next_b += 1
