"""Beats: what the operand and result ports of the core carry (docs/format.md).

Bytes are little-endian: byte 0 of a beat holds its bits 7:0.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from .config import Config
from .errors import DstcError
from .formats import EncodedMatrix
from .formats.layout import warp_bitmaps

__all__ = ["BeatStream", "TileRecords", "encoded_records", "result_beats", "result_matrix",
           "tile_records"]


@dataclass(frozen=True, kw_only=True, eq=False)
class TileRecords:
    """Every tile of an operand as it goes over the wire, once.

    A record is the tile's bitmaps, k = 0 lowest, padded with zeros to whole beats, then its
    values, padded likewise; a tile without values has no value beat.

    Attributes
    ----------
    data : numpy.ndarray
        ``uint8[beats, bytes of a beat]``.
    starts : numpy.ndarray
        ``int64[tiles + 1]``: first beat of each tile, tiles in the order of the encoded matrix
        (outer tile, then k-tile).
    """

    data: NDArray[np.uint8]
    starts: NDArray[np.int64]


def tile_records(encoded: EncodedMatrix, config: Config) -> TileRecords:
    """The tile records of an operand.

    Raises
    ------
    DstcError
        If the operand was encoded for another tile or element format.
    """
    tile_outer, beat_values = ((config.tile_m, config.a_beat_values) if encoded.side == "A"
                               else (config.tile_n, config.b_beat_values))
    have = (encoded.tile_outer, encoded.tile_k, encoded.element)
    want = (tile_outer, config.tile_k, config.element)
    if have != want:
        raise DstcError(f"Operand {encoded.side} must be encoded in tiles of {want[0]} x {want[1]} "
                        f"{want[2]} for configuration {config.name}, not {have[0]} x {have[1]} "
                        f"{have[2]}")
    beat_bytes = beat_values * config.format.dtype.itemsize
    bitmap_bytes = config.tile_k * tile_outer // 8
    counts = np.diff(encoded.offsets)
    bitmap_beats = -(-bitmap_bytes // beat_bytes)
    starts = np.zeros(counts.size + 1, np.int64)
    np.cumsum(bitmap_beats + -(-counts // beat_values), out=starts[1:])

    data = np.zeros((int(starts[-1]), beat_bytes), np.uint8)
    octets = encoded.bitmaps.astype("<u4", copy=False).view(np.uint8)
    octets = octets.reshape(-1, config.tile_k, 4)[:, :, :tile_outer // 8].reshape(-1, bitmap_bytes)
    padded = np.zeros((counts.size, bitmap_beats * beat_bytes), np.uint8)
    padded[:, :bitmap_bytes] = octets
    data[starts[:-1, None] + np.arange(bitmap_beats)] = padded.reshape(-1, bitmap_beats, beat_bytes)
    # Values move together with their tile: by how many places is the same for all of a tile.
    shifts = (starts[:-1] + bitmap_beats) * beat_values - encoded.offsets[:-1]
    places = np.repeat(shifts, counts)
    places += np.arange(encoded.nnz)
    data.reshape(-1).view(config.format.dtype)[places] = encoded.values
    return TileRecords(data=data, starts=starts)


def encoded_records(records: TileRecords, shape: tuple[int, int], config: Config
                    ) -> EncodedMatrix:
    """The operand of side A whose tile records these are; inverse of :func:`tile_records`.

    Parameters
    ----------
    records : TileRecords
        All tiles, in the order of the encoded matrix.
    shape : tuple of int
        M and K.
    config : Config

    Raises
    ------
    DstcError
        If there are more or fewer records, or one has another length than its bitmaps say, a bit
        outside of the matrix, or a zero among its values.
    """
    width, depth = config.tile_m, config.tile_k
    grid = -(-shape[0] // width), -(-shape[1] // depth)
    beat_bytes = config.a_beat_bits // 8
    if records.starts.size - 1 != grid[0] * grid[1] or records.data.shape[1] != beat_bytes:
        raise DstcError(f"Matrix of {shape[0]} x {shape[1]} must have {grid[0] * grid[1]} records "
                        f"with beats of {beat_bytes} bytes, not {records.starts.size - 1} of "
                        f"{records.data.shape[1]}")
    bitmap_bytes = depth * width // 8
    bitmap_beats = -(-bitmap_bytes // beat_bytes)
    first = records.starts[:-1]
    lengths = np.diff(records.starts)
    if (lengths < bitmap_beats).any():
        raise DstcError(f"Tile record must have at least {bitmap_beats} beats, "
                        f"not {lengths.min()}")
    octets = records.data[first[:, None] + np.arange(bitmap_beats)].reshape(first.size, -1)
    bitmaps = np.zeros((first.size, depth, 4), np.uint8)
    bitmaps[:, :, :width // 8] = octets[:, :bitmap_bytes].reshape(first.size, depth, width // 8)
    words = bitmaps.view("<u4").reshape(*grid, depth)
    counts = np.bitwise_count(words).sum(axis=-1, dtype=np.int64).ravel()
    wanted = bitmap_beats + -(-counts // config.a_beat_values)
    wrong = np.flatnonzero(wanted != lengths)
    if wrong.size:
        raise DstcError(f"Tile record {wrong[0]} must have {wanted[wrong[0]]} beats for its "
                        f"{counts[wrong[0]]} values, not {lengths[wrong[0]]}")
    offsets = np.append(0, np.cumsum(counts))
    places = np.repeat((first + bitmap_beats) * config.a_beat_values - offsets[:-1], counts)
    values = records.data.reshape(-1).view(config.format.dtype)[places + np.arange(places.size)]
    return EncodedMatrix(side="A", shape=shape, tile_outer=width, tile_k=depth,
                         element=config.element,
                         warp=warp_bitmaps((counts != 0).reshape(grid)), bitmaps=words,
                         offsets=offsets, values=values)


@dataclass(frozen=True, kw_only=True, eq=False)
class BeatStream:
    """Tile records in the order in which a core takes them.

    A core has no level of reuse above its slots, so a record comes once for every output tile
    that needs it.  Only the order is stored; ``data`` and ``last`` repeat the records when they
    are first asked for.

    Attributes
    ----------
    records : TileRecords
    order : numpy.ndarray
        ``int32[records of the stream]``: indices into the tiles of ``records``.
    """

    records: TileRecords
    order: NDArray[np.int32]

    @cached_property
    def lengths(self) -> NDArray[np.int64]:
        """Beats of each record of the stream."""
        return np.diff(self.records.starts)[self.order]

    @property
    def beats(self) -> int:
        """Beats of the stream."""
        return int(self.lengths.sum())

    @property
    def nbytes(self) -> int:
        """Bytes of the stream, as ``data`` would hold them."""
        return self.beats * self.records.data.shape[1]

    @cached_property
    def data(self) -> NDArray[np.uint8]:
        """``uint8[beats, bytes of a beat]``."""
        ends = np.cumsum(self.lengths)
        shifts = self.records.starts[self.order] - (ends - self.lengths)
        beats = np.repeat(shifts, self.lengths)
        beats += np.arange(beats.size)
        return self.records.data[beats]

    @cached_property
    def last(self) -> NDArray[np.bool_]:
        """``bool[beats]``: the beat ends its record."""
        last = np.zeros(self.beats, np.bool_)
        last[np.cumsum(self.lengths) - 1] = True
        return last


def _tile_grid(shape: tuple[int, int], config: Config) -> tuple[int, int]:
    return -(-shape[0] // config.tile_m), -(-shape[1] // config.tile_n)


def result_beats(matrix: NDArray, config: Config) -> NDArray[np.uint8]:
    """The beats of all C tiles, output tiles row by row.

    Parameters
    ----------
    matrix : numpy.ndarray
        M x N of the accumulator type; the last tiles are padded with zeros.

    Returns
    -------
    numpy.ndarray
        ``uint8[tiles * config.c_beats, bytes of a beat]``.
    """
    rows, cols = _tile_grid(matrix.shape, config)
    padded = np.zeros((rows * config.tile_m, cols * config.tile_n), config.format.acc_dtype)
    padded[:matrix.shape[0], :matrix.shape[1]] = matrix
    tiles = padded.reshape(rows, config.tile_m, cols, config.tile_n).swapaxes(1, 2)
    beats = np.ascontiguousarray(tiles).reshape(-1, config.c_beat_values)
    return beats.view(np.uint8)


def result_matrix(beats: NDArray[np.uint8], shape: tuple[int, int],
                  config: Config) -> NDArray:
    """The M x N matrix of the beats of all D tiles; inverse of :func:`result_beats`.

    Raises
    ------
    DstcError
        If there are more or fewer beats than the shape has.
    """
    rows, cols = _tile_grid(shape, config)
    want = (rows * cols * config.c_beats, config.c_beat_bits // 8)
    if beats.shape != want or beats.dtype != np.uint8:
        raise DstcError(f"D beats must be uint8 of shape {want}, not {beats.dtype} of shape "
                        f"{beats.shape}")
    values = np.ascontiguousarray(beats).view(config.format.acc_dtype)
    tiles = values.reshape(rows, cols, config.tile_m, config.tile_n).swapaxes(1, 2)
    return np.ascontiguousarray(
        tiles.reshape(rows * config.tile_m, cols * config.tile_n)[:shape[0], :shape[1]])
