"""The non-zeros of a product, counted once for all models."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..errors import DstcError
from ..network.popcounts import row_popcounts

__all__ = ["Operands", "Side"]

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Side:
    """The rows of A, or the columns of B.

    Attributes
    ----------
    mask : bool[P, K]
        Non-zeros of the rows of A, or of the transpose of B.
    """

    mask: Mask
    _counts: dict[int, NDArray[np.uint8]] = field(default_factory=dict, repr=False)

    @property
    def outer(self) -> int:
        """Rows of A, or columns of B."""
        return len(self.mask)

    def popcounts(self, tile: int) -> NDArray[np.uint8]:
        """Non-zeros of every k in every tile of so many rows (columns): ``uint8[tiles, K]``.

        ``tile`` is at most 255; the last tile is filled with zeros.
        """
        if tile not in self._counts:
            self._counts[tile] = row_popcounts(self.mask, tile)
        return self._counts[tile]


@dataclass(frozen=True, eq=False)
class Operands:
    """The non-zeros of A (M x K) and B (K x N)."""

    a: Side
    b: Side

    @classmethod
    def from_masks(cls, a: Mask, b: Mask) -> "Operands":
        """From masks, or from matrices whose non-zeros count.

        Parameters
        ----------
        a : bool[M, K]
        b : bool[K, N]

        Raises
        ------
        DstcError
            If the shapes do not fit.
        """
        if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[0] or not (a.size and b.size):
            raise DstcError("Operands must be matrices of M x K and K x N, not of "
                            f"{a.shape} and {b.shape}")
        return cls(Side(np.asarray(a) != 0), Side((np.asarray(b) != 0).T))

    @property
    def shape(self) -> tuple[int, int, int]:
        """M, N, K."""
        return self.a.outer, self.b.outer, self.a.mask.shape[1]

    @property
    def products(self) -> int:
        """Multiplications of two non-zeros."""
        return int(np.count_nonzero(self.a.mask, axis=0).astype(np.int64)
                   @ np.count_nonzero(self.b.mask, axis=0).astype(np.int64))

    @property
    def swapped(self) -> "Operands":
        """The transposed product, whose rows are the columns of this one."""
        return Operands(self.b, self.a)
