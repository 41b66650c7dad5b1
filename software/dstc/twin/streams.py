"""Operand, C and result streams of a matrix product on an inner-product core (docs/twin.md)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..beats import result_beats, result_matrix
from ..config import Config
from ..errors import DstcError
from .shape import DOT, GROUP, TwinShape
from .structured import condense, pack_metadata

__all__ = ["MAX_K_TILES", "TwinJob", "twin_job"]

MAX_K_TILES = 1 << 16
"""k-tiles that one word of the job stream can ask for."""


@dataclass(frozen=True, kw_only=True, eq=False)
class TwinJob:
    """Everything that an inner-product core takes for one product, and how to read its results.

    Output tiles are computed row by row.  All streams are ``uint8[beats, bytes of a beat]``.

    Attributes
    ----------
    twin : TwinShape
    shape : tuple of int
        M, N, K.
    tiles : int
        Output tiles, each of which is one word of the job stream.
    k_tiles : int
        k-tiles of each of them.
    a_data, b_data : numpy.ndarray
        Operand streams; a tile comes once for every output tile that it is for.
    c_data : numpy.ndarray
        C tiles; no beats when C was not given.
    """

    twin: TwinShape
    shape: tuple[int, int, int]
    tiles: int
    k_tiles: int
    a_data: NDArray[np.uint8]
    b_data: NDArray[np.uint8]
    c_data: NDArray[np.uint8]

    @property
    def job(self) -> dict[str, int]:
        """The word of the job stream, once for each output tile."""
        return {"more": self.k_tiles - 1, "load_c": int(len(self.c_data) > 0)}

    @property
    def d_beats(self) -> int:
        """Beats that the core will send."""
        return self.tiles * self.twin.config.c_beats

    @property
    def cycles(self) -> int:
        """Cycles in which products are made."""
        return self.tiles * self.k_tiles * self.twin.tile_cycles

    def assemble(self, d_beats: NDArray[np.uint8]) -> NDArray[Any]:
        """The M x N result of the beats that came out.

        Raises
        ------
        DstcError
            If there are more or fewer than :attr:`d_beats`.
        """
        return result_matrix(d_beats, self.shape[:2], self.twin.config)


def twin_job(a: NDArray[Any], b: NDArray[Any], c: NDArray[Any] | None = None, *, config: Config,
             structured: bool = False) -> TwinJob:
    """The job ``A B + C``.

    Parameters
    ----------
    a, b : numpy.ndarray
        M x K and K x N, of the element type of the configuration.
    c : numpy.ndarray, optional
        M x N of the accumulator type; without it every sum starts at +0.
    config : Config
    structured : bool
        For the core with a 2:4 structured B: of every four neighbouring rows of B, counted from
        the first, each column has at most two that are not zero.

    Raises
    ------
    DstcError
        If the operands do not fit each other, ``c`` or the configuration, B is not structured, or
        K is too long.
    """
    twin = TwinShape(config, structured)
    for name, operand in (("A", a), ("B", b)):
        if operand.ndim != 2 or 0 in operand.shape or operand.dtype != config.format.dtype:
            raise DstcError(f"{name} must be a matrix of {config.format.dtype.name} for "
                            f"configuration {config.name}, not {operand.dtype.name} with shape "
                            f"{operand.shape}")
    if a.shape[1] != b.shape[0]:
        raise DstcError(f"Columns of A must be as many as the {b.shape[0]} rows of B, "
                        f"not {a.shape[1]}")
    shape = (a.shape[0], b.shape[1], a.shape[1])
    if c is not None and (c.shape != shape[:2] or c.dtype != config.format.acc_dtype):
        raise DstcError(f"C must be {config.format.acc_dtype.name} of shape {shape[:2]}, "
                        f"not {c.dtype.name} of shape {c.shape}")
    k_tiles = -(-shape[2] // twin.tile_k)
    if k_tiles > MAX_K_TILES:
        raise DstcError(f"K must be at most {MAX_K_TILES * twin.tile_k}, not {shape[2]}")
    a_tiles, b_tiles = _a_tiles(a, twin), _b_tiles(b, twin)
    rows, cols = len(a_tiles), len(b_tiles)
    return TwinJob(
        twin=twin, shape=shape, tiles=rows * cols, k_tiles=k_tiles,
        a_data=_stream(np.repeat(a_tiles, cols, axis=0)),
        b_data=_stream(np.tile(b_tiles, (rows, 1, 1, 1))),
        c_data=(np.empty((0, config.c_beat_bits // 8), np.uint8) if c is None
                else result_beats(c, config)))


def _stream(tiles: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return tiles.reshape(-1, tiles.shape[-1])


def _padded(matrix: NDArray[Any], rows: int, cols: int) -> NDArray[Any]:
    """The matrix with zeros up to multiples of ``rows`` and ``cols``."""
    m, n = matrix.shape
    padded = np.zeros((-(-m // rows) * rows, -(-n // cols) * cols), matrix.dtype)
    padded[:m, :n] = matrix
    return padded


def _a_tiles(a: NDArray[Any], twin: TwinShape) -> NDArray[np.uint8]:
    """``uint8[row of tiles, k-tile, beat, byte]``."""
    config = twin.config
    padded = _padded(a, config.tile_m, twin.tile_k)
    split = padded.reshape(-1, twin.row_blocks, twin.rows,
                           padded.shape[1] // twin.tile_k, twin.tile_k // GROUP, GROUP)
    beats = split.transpose(0, 3, 4, 1, 5, 2)   # tile, k-tile, group, block; k, row
    return _octets(beats, twin.a_beats)


def _b_tiles(b: NDArray[Any], twin: TwinShape) -> NDArray[np.uint8]:
    """``uint8[column of tiles, k-tile, beat, byte]``."""
    padded = _padded(b, twin.tile_k, twin.config.tile_n)
    if not twin.structured:
        return _octets(_b_beats(padded, twin), twin.b_beats)
    values, places = condense(padded)
    octets = _octets(_b_beats(values, twin), twin.b_beats)
    metadata = pack_metadata(_b_beats(places, twin).reshape(*octets.shape[:3], -1))
    return np.concatenate((octets, metadata), axis=-1)


def _b_beats(b: NDArray[Any], twin: TwinShape) -> NDArray[Any]:
    """The rows of B that are stored, cut: tile, k-tile, k-block, block; k, column."""
    depth = twin.config.tile_k
    split = b.reshape(b.shape[0] // depth, twin.k_blocks, DOT, -1, twin.col_blocks, twin.cols)
    return split.transpose(3, 0, 1, 4, 2, 5)


def _octets(beats: NDArray[Any], count: int) -> NDArray[np.uint8]:
    """``uint8[tile, k-tile, beat, byte]`` of what is cut into beats of the last two axes."""
    tiles = np.ascontiguousarray(beats).reshape(*beats.shape[:2], count, -1)
    return tiles.view(np.uint8)
