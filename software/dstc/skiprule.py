"""Exact operation counts of a product from its encoded operands, without simulating anything.

For a k-step with a and b set bits in its two bitmaps the core executes
``ceil(a / R) * ceil(b / S)`` OHMMA.  Summed over all output tiles this factorises: for each k,
the sum over A's tiles times the sum over B's tiles.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .config import Config
from .formats import EncodedMatrix

__all__ = ["OhmmaCounts", "ohmma_counts", "ohmma_per_tile"]


@dataclass(frozen=True, kw_only=True)
class OhmmaCounts:
    """Counts of one product.

    Attributes
    ----------
    executed : int
        OHMMA by the skip rule.
    dense : int
        OHMMA that the same core executes in dense mode, padding included.
    products : int
        Multiplications of two non-zeros.
    tile_pairs : int
        Pairs of tiles that both have a non-zero: those that are loaded.
    """

    executed: int
    dense: int
    products: int
    tile_pairs: int


def _popcounts(encoded: EncodedMatrix) -> NDArray[np.uint8]:
    """Non-zeros of every k-step: outer tiles x padded K."""
    return np.bitwise_count(encoded.bitmaps).reshape(encoded.outer_tiles, -1)


def _groups(encoded: EncodedMatrix, lanes: int) -> NDArray[np.int64]:
    return -(-_popcounts(encoded).astype(np.int64) // lanes)


def ohmma_per_tile(a: EncodedMatrix, b: EncodedMatrix, config: Config) -> NDArray[np.int64]:
    """Executed OHMMA of every output tile, rows of A tiles x columns of B tiles."""
    # Sums stay far below 2**53, so the fast floating-point product is exact.
    rows = _groups(a, config.array_rows).astype(np.float64)
    cols = _groups(b, config.array_cols).astype(np.float64)
    return (rows @ cols.T).astype(np.int64)


def ohmma_counts(a: EncodedMatrix, b: EncodedMatrix, config: Config) -> OhmmaCounts:
    """The counts of ``A B`` on a core of that configuration."""
    executed = _groups(a, config.array_rows).sum(0) @ _groups(b, config.array_cols).sum(0)
    products = (_popcounts(a).sum(0, dtype=np.int64) @ _popcounts(b).sum(0, dtype=np.int64))
    occupied = [(np.diff(side.offsets) > 0).reshape(side.outer_tiles, -1).sum(0)
                for side in (a, b)]
    tiles = a.outer_tiles * b.outer_tiles * a.k_tiles
    return OhmmaCounts(executed=int(executed), products=int(products),
                       dense=tiles * config.dense_ohmma_per_tile,
                       tile_pairs=int(occupied[0] @ occupied[1]))
