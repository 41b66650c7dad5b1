"""Machines whose cycles follow from shapes, or from counts that factorise over k."""

from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from .operands import Operands

__all__ = ["FixedRate", "OneSided", "OuterProduct"]


@dataclass(frozen=True)
class FixedRate:
    """Inner products at a rate that does not depend on where zeros are.

    A cycle takes ``rows x columns x depth`` of a product, whose sides are filled up to whole
    multiples.  Structured pruning multiplies the depth: of 4 k of the weights 2 are kept for 2:4,
    of 4 vectors one for the vector-wise 75 %.  That is what the network could have if it *had
    been* pruned so; the masks that are given are not looked at.

    Attributes
    ----------
    rows, columns, depth : int
    kept : float
        Share of the depth that is multiplied.
    """

    rows: int
    columns: int
    depth: int
    kept: float = 1.0

    @property
    def multipliers(self) -> int:
        """Multipliers that do this."""
        return int(prod((self.rows, self.columns, self.depth)) * self.kept)

    def cycles(self, operands: Operands) -> int:
        """Cycles of a product."""
        return prod(-(-size // step) for size, step in
                    zip(operands.shape, (self.rows, self.columns, self.depth), strict=True))


@dataclass(frozen=True)
class OuterProduct:
    """For each k and output tile, groups of A's non-zeros times groups of B's.

    Attributes
    ----------
    tile_rows, tile_columns : int
        The output tile in which each side is condensed.
    rows, columns : int
        The multipliers.
    """

    tile_rows: int
    tile_columns: int
    rows: int
    columns: int

    @property
    def multipliers(self) -> int:
        """Rows x columns."""
        return self.rows * self.columns

    def cycles(self, operands: Operands) -> int:
        """Sum over tiles and k of ``ceil(a / rows) * ceil(b / columns)``."""
        return int(_groups(operands.a.popcounts(self.tile_rows), self.rows).sum(0)
                   @ _groups(operands.b.popcounts(self.tile_columns), self.columns).sum(0))


def _groups(popcounts: NDArray[np.uint8], lanes: int) -> NDArray[np.int64]:
    return -(-popcounts.astype(np.int64) // lanes)


@dataclass(frozen=True)
class OneSided:
    """Non-zeros of a stationary tile fill the multipliers, the other side streams past whole.

    Of each pair of tiles the one that takes fewer cycles is the stationary one.

    Attributes
    ----------
    tile : int
        Tiles are tile x tile x tile.
    multipliers : int
    """

    tile: int
    multipliers: int

    def cycles(self, operands: Operands) -> int:
        """Sum over pairs of tiles of the smaller ``ceil(non-zeros / multipliers)``, times the rows
        (columns) that stream past."""
        a, b = (self._loads(side.popcounts(self.tile)) for side in (operands.a, operands.b))
        m, n, _ = operands.shape
        rows, columns = (self._streamed(size) for size in (m, n))
        total = 0
        for row, loads in zip(rows, a, strict=True):
            # An empty tile on either side leaves nothing to do.
            total += int(np.minimum(row * b, columns[:, None] * loads).sum())
        return total

    def _loads(self, popcounts: NDArray[np.uint8]) -> NDArray[np.int64]:
        """Times that the multipliers are filled with each tile: outer tiles x k-tiles."""
        starts = np.arange(0, popcounts.shape[1], self.tile)
        counts = np.add.reduceat(popcounts, starts, axis=1, dtype=np.int64)
        return -(-counts // self.multipliers)

    def _streamed(self, size: int) -> NDArray[np.int64]:
        return np.minimum(self.tile, size - np.arange(0, size, self.tile))
