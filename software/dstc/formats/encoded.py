"""The encoded matrix: what it holds, what must be true of it, and how it is decoded."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..elements import ELEMENTS
from ..errors import DstcError
from ..numerics import nonzero_mask
from .layout import BITMAP, OFFSET, array_lengths, blocks, tiles_along, warp_bitmaps

__all__ = ["EncodedMatrix"]


@dataclass(frozen=True, kw_only=True, eq=False)
class EncodedMatrix:
    """One operand in the packed layout (docs/format.md), checked when it is made.

    The outer dimension is M for side A (a tile holds rows) and N for side B (a tile holds
    columns); the other is K.  The arrays are made read-only.

    Parameters
    ----------
    side : str
        ``A`` for an M x K matrix, ``B`` for K x N.
    shape : tuple of two int
        Shape of the matrix, without padding; each at least 1.
    tile_outer, tile_k : int
        Tile: tile_m or tile_n of the configuration, and tile_k.
    element : str
        Element format, a key of :data:`dstc.elements.ELEMENTS`.
    warp : uint32, outer_tiles x ceil(k_tiles / 32)
        Bit t of word w: k-tile 32 w + t has a non-zero.
    bitmaps : uint32, outer_tiles x k_tiles x tile_k
        Bit i of the word of one k: row (A) or column (B) i of the tile is non-zero there.
    offsets : int64, outer_tiles * k_tiles + 1
        Where each tile's values start; outer-major, then k-tile.
    values : element dtype, nnz
        The non-zeros; within a tile k-major, then ascending row or column.

    Raises
    ------
    DstcError
        If a part contradicts another; one sentence names it.
    """

    side: str
    shape: tuple[int, int]
    tile_outer: int
    tile_k: int
    element: str
    warp: NDArray[np.uint32]
    bitmaps: NDArray[np.uint32]
    offsets: NDArray[np.int64]
    values: NDArray[Any]

    def __post_init__(self) -> None:
        lengths = array_lengths(self.side, self.shape, self.tile_outer, self.tile_k, self.element)
        wanted: dict[str, tuple[np.dtype[Any], tuple[int, ...]]] = {
            "offsets": (OFFSET, (lengths["offsets"],)),
            "warp": (BITMAP, (self.outer_tiles, lengths["warp"] // self.outer_tiles)),
            "bitmaps": (BITMAP, (self.outer_tiles, self.k_tiles, self.tile_k)),
            "values": (ELEMENTS[self.element].dtype, (self.values.size,)),
        }
        for name, (dtype, shape) in wanted.items():
            array = getattr(self, name)
            if array.dtype != dtype or array.shape != shape:
                raise DstcError(f"Encoded {name} must be {dtype.name} of shape {shape}, "
                                f"not {array.dtype.name} of shape {array.shape}")
            array.flags.writeable = False
        self._check_counts()
        self._check_padding()
        zeros = self.nnz - np.count_nonzero(nonzero_mask(self.values))
        if zeros:
            raise DstcError(f"Encoded values must all be non-zero, not {zeros} of them zero")

    def _check_counts(self) -> None:
        counts = np.bitwise_count(self.bitmaps).sum(axis=-1, dtype=OFFSET)
        expected = np.concatenate([[0], np.cumsum(counts)])
        wrong = np.flatnonzero(self.offsets != expected)
        if wrong.size:
            tile = wrong[0]
            raise DstcError(f"Encoded offset of tile {tile} must be {expected[tile]}, the bits of "
                            f"the bitmaps before it, not {self.offsets[tile]}")
        if self.nnz != expected[-1]:
            raise DstcError(f"Encoded values must be {expected[-1]}, one for each bit of the "
                            f"bitmaps, not {self.nnz}")
        if not np.array_equal(self.warp, warp_bitmaps(counts != 0)):
            raise DstcError("Encoded warp bitmaps must mark the tiles that have values, "
                            "not others")

    def _check_padding(self) -> None:
        """No bit past the tile's width, the matrix's last row or column, or its last k."""
        last_width = self.outer - (self.outer_tiles - 1) * self.tile_outer
        last_depth = self.k - (self.k_tiles - 1) * self.tile_k
        # The highest allowed bit shifts down to 1.
        if ((self.bitmaps[:-1] >> (self.tile_outer - 1) > 1).any()
                or (self.bitmaps[-1] >> (last_width - 1) > 1).any()
                or self.bitmaps[:, -1, last_depth:].any()):
            raise DstcError(f"Encoded bitmaps must be zero outside the {self.shape[0]} x "
                            f"{self.shape[1]} matrix, not set")

    @property
    def outer(self) -> int:
        """Extent of the outer dimension: M of A, N of B."""
        return self.shape[0 if self.side == "A" else 1]

    @property
    def k(self) -> int:
        """Extent of the inner dimension."""
        return self.shape[1 if self.side == "A" else 0]

    @property
    def outer_tiles(self) -> int:
        """Tiles along the outer dimension."""
        return tiles_along(self.outer, self.tile_outer)

    @property
    def k_tiles(self) -> int:
        """Tiles along K."""
        return tiles_along(self.k, self.tile_k)

    @property
    def nnz(self) -> int:
        """Stored values."""
        return self.values.size

    @property
    def density(self) -> float:
        """Stored values per element of the matrix."""
        return self.nnz / (self.shape[0] * self.shape[1])

    @property
    def nbytes(self) -> int:
        """Bytes of the four arrays."""
        return self.warp.nbytes + self.bitmaps.nbytes + self.offsets.nbytes + self.values.nbytes

    def tile(self, o: int, t: int) -> tuple[NDArray[np.uint32], NDArray[Any]]:
        """One tile, as views: its tile_k bitmaps and its values.

        Parameters
        ----------
        o, t : int
            Outer tile and k-tile, counted from 0.

        Raises
        ------
        IndexError
            If the matrix has no such tile.
        """
        if not (0 <= o < self.outer_tiles and 0 <= t < self.k_tiles):
            raise IndexError(f"Tile must be inside {self.outer_tiles} x {self.k_tiles}, "
                             f"not ({o}, {t})")
        index = o * self.k_tiles + t
        return self.bitmaps[o, t], self.values[self.offsets[index]:self.offsets[index + 1]]

    def decode(self) -> NDArray[Any]:
        """The matrix: C-ordered, of the element dtype; zeros come back as +0."""
        matrix = np.zeros(self.shape, self.values.dtype)
        outer_first = matrix if self.side == "A" else matrix.T
        end = 0
        for o, t, inside in blocks(outer_first.shape, self.tile_outer, self.tile_k,
                                   matrix.itemsize):
            words = np.ascontiguousarray(self.bitmaps[o, t])
            octets = words.view(np.uint8).reshape(*words.shape, BITMAP.itemsize)
            bits = np.unpackbits(octets[..., :self.tile_outer // 8], bitorder="little")
            where = np.flatnonzero(bits.view(np.bool_))
            start, end = end, end + where.size
            block = np.zeros(bits.size, matrix.dtype)
            block[where] = self.values[start:end]
            tiles = block.reshape(*words.shape, self.tile_outer).transpose(0, 3, 1, 2)
            part = outer_first[inside]
            part[...] = tiles.reshape(len(words) * self.tile_outer, -1)[
                :part.shape[0], :part.shape[1]]
        return matrix
