"""Programs of convolutions: the streams of one layer for the core with im2col unit and epilogue."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..beats import BeatStream, TileRecords, result_matrix, tile_records
from ..config import Config
from ..errors import DstcError
from ..formats import EncodedMatrix
from ..formats.layout import tiles_along
from ..program import tile_words
from .epilogue import Epilogue
from .gather import gather_program
from .geometry import ConvGeometry
from .post import block_counts, post_words
from .schedule import choose_columns, paired_order, paired_words, shared_occupancy

__all__ = ["ConvJob", "conv_job", "dense_ohmma", "record_stream"]


@dataclass(frozen=True, kw_only=True, eq=False)
class ConvJob:
    """Everything that the core takes for one convolution of one image.

    Attributes
    ----------
    config : Config
    geometry : ConvGeometry
    words, gather, post : numpy.ndarray
        ``uint64``: instructions of the core, of the im2col unit and of the epilogue.
    x, b : BeatStream
        Records of the feature map and of the weights, in the order in which they are taken.
    c_data : numpy.ndarray
        ``uint8[beats, bytes]`` of the C stream; no beats when C was not given.
    d_beats : int
        Beats of raw results that will come, 0 if results are encoded.
    y_records : int
        Tile records of the next feature map that will come, 0 if results are raw.
    spans : int
        Spans that the im2col unit gathers, its cycles if it never waits.
    """

    config: Config
    geometry: ConvGeometry
    words: NDArray[np.uint64]
    gather: NDArray[np.uint64]
    post: NDArray[np.uint64]
    x: BeatStream
    b: BeatStream
    c_data: NDArray[np.uint8]
    d_beats: int
    y_records: int
    spans: int

    def assemble(self, d_beats: NDArray[np.uint8]) -> NDArray:
        """The P x M raw result of the beats that came out.

        Raises
        ------
        DstcError
            If there are more or fewer than :attr:`d_beats`.
        """
        return result_matrix(d_beats, (self.geometry.positions, self.geometry.outputs),
                             self.config)


def conv_job(x: TileRecords, weights: EncodedMatrix, geometry: ConvGeometry,
             epilogue: Epilogue, *, c_data: NDArray[np.uint8] | None = None,
             columns: int | None = None, config: Config) -> ConvJob:
    """The job of one convolution.

    A tiles are made on the way and nobody knows which of them are empty, so every tile of the
    weights with a non-zero meets its A tile.

    Parameters
    ----------
    x : TileRecords
        The encoded feature map (:func:`dstc.conv.encode_map`), or what a layer before sent.
    weights : EncodedMatrix
        Side B of :func:`dstc.conv.weight_matrix`.
    geometry : ConvGeometry
    epilogue : Epilogue
    c_data : numpy.ndarray, optional
        Beats of C, P x M, as the core sends them with ``raw``; +0 without.
    columns : int, optional
        Columns of output tiles that share an A tile, 1 or 2; by default whichever should be
        faster (:mod:`dstc.conv.schedule`).
    config : Config

    Raises
    ------
    DstcError
        If the operands do not fit the geometry or the configuration.
    """
    config.require_convolution()
    epilogue.require(geometry.outputs, config.format)
    row_tiles = tiles_along(geometry.positions, config.tile_m)
    column_tiles = tiles_along(geometry.outputs, config.tile_n)
    _check(x, weights, geometry, config)
    beats = row_tiles * column_tiles * config.c_beats
    if c_data is None:
        c_data = np.zeros((0, config.c_beat_bits // 8), np.uint8)
    elif c_data.shape != (beats, config.c_beat_bits // 8):
        raise DstcError(f"C beats must be of shape {(beats, config.c_beat_bits // 8)}, "
                        f"not {c_data.shape}")
    records_b = tile_records(weights, config)
    occupied = (np.diff(weights.offsets) > 0).reshape(weights.outer_tiles, weights.k_tiles)
    columns = columns or choose_columns(geometry, weights, config)
    gather = gather_program(geometry, shared_occupancy(occupied, columns), config)
    with_c = len(c_data) > 0
    if columns == 1:
        present = np.ones((row_tiles, weights.k_tiles), np.bool_)
        words = tile_words(present, occupied, with_c, False, config)
        order_b = np.tile(np.flatnonzero(occupied).astype(np.int32), row_tiles)
    else:
        words = paired_words(occupied, row_tiles, with_c, config)
        order_b = paired_order(occupied, row_tiles)
    records = sum(block_counts(geometry.outputs, config)) * row_tiles
    return ConvJob(
        config=config, geometry=geometry,
        words=words, gather=gather.words,
        post=post_words((geometry.positions, geometry.outputs), epilogue, config),
        x=BeatStream(records=x, order=gather.order),
        b=BeatStream(records=records_b, order=order_b), c_data=c_data,
        d_beats=beats if epilogue.raw else 0, y_records=0 if epilogue.raw else records,
        spans=gather.spans)


def dense_ohmma(geometry: ConvGeometry, config: Config) -> int:
    """OHMMA of a dense core with the same tiles.

    With groups it takes only the k-tiles in which the output channels of a tile have weights, as
    a compiler for a dense core would have it.
    """
    depth, outputs = geometry.group_channels * geometry.taps, geometry.group_outputs
    pairs = 0
    for start in range(0, geometry.outputs, config.tile_n):
        last = min(start + config.tile_n, geometry.outputs) - 1
        first_k, stop_k = start // outputs * depth, (last // outputs + 1) * depth
        pairs += tiles_along(stop_k, config.tile_k) - first_k // config.tile_k
    row_tiles = tiles_along(geometry.positions, config.tile_m)
    return pairs * row_tiles * config.dense_ohmma_per_tile


def record_stream(data: NDArray[np.uint8], last: NDArray[np.bool_]) -> TileRecords:
    """Records that came over the wire, as the next layer takes them."""
    return TileRecords(data=data, starts=np.append(0, np.flatnonzero(last) + 1))


def _check(x: TileRecords, weights: EncodedMatrix, geometry: ConvGeometry, config: Config
           ) -> None:
    have = x.starts.size - 1
    want = (tiles_along(geometry.height * geometry.width, config.tile_m)
            * tiles_along(geometry.channels, config.tile_k))
    if have != want:
        raise DstcError(f"Feature map of {geometry.channels} x {geometry.height} x "
                        f"{geometry.width} must have {want} tile records, not {have}")
    if weights.side != "B" or weights.shape != (geometry.k, geometry.outputs):
        raise DstcError(f"Weights must be encoded as side B, {geometry.k} x {geometry.outputs}, "
                        f"not {weights.side}, {weights.shape[0]} x {weights.shape[1]}")
