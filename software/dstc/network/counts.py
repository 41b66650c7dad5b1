"""Exact operation counts of a layer on a core, from the non-zeros of its operands.

For a k-step with a and b non-zeros the core executes ``ceil(a / R) * ceil(b / S)`` OHMMA, so all
counts factorise over k: sums over the tiles of either side, and one product of the two.  What the
counts mean is in docs/networks.md.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..config import Config
from ..conv import ConvGeometry
from .popcounts import column_segments, conv_popcounts, row_popcounts, weight_popcounts

__all__ = ["LayerCounts", "add_counts", "conv_counts", "matmul_counts"]

Mask = NDArray[np.bool_]
TILE_CYCLES = 3
"""Cycles that the dispatcher takes for each tile pair of a ``TILE``."""


@dataclass(frozen=True, kw_only=True)
class LayerCounts:
    """Counts of one layer, or of several together.

    Attributes
    ----------
    macs : int
        Multiplications of the dense layer, those with padding included, other groups left out.
    products : int
        Effectual MACs: those of two non-zeros.
    dense : int
        OHMMA without skipping, every group of a convolution on its own, K not padded.
    half : int
        Half of them: the ideal of 2:4 structured sparsity.
    b_only, a_only : int
        OHMMA when only the zeros of B, or of A, are skipped.
    dual : int
        OHMMA of the core: the zeros of both are skipped.
    swapped : int
        OHMMA with the operands' sides exchanged: B on the rows of the array, A on its columns.
    a_loads, b_loads, pair_cycles, drains : int
        Cycles that the loads of A, the loads of B, the dispatch of tile pairs and the drains of
        results take, each by itself.
    x_elements, x_nonzeros : int
        Of the tensor that enters the layer, before lowering.
    a_elements, a_nonzeros : int
        Of the matrix A: after lowering, with the zeros of padding.
    b_elements, b_nonzeros : int
        Of B, without the zeros outside of groups.
    a_tiles, a_occupied, b_tiles, b_occupied : int
        Warp tiles of A and of B, and those that have a non-zero.
    row_values, column_values : int
        Over all executed OHMMA, the rows (columns) of the array that have a value.
    full_rows, full_columns : int
        The rows (columns) of tiles that the matrices fill ...
    row_lanes, column_lanes : int
        ... and the lanes of the groups that a dense matrix of that shape would need for them.
    """

    macs: int
    products: int
    dense: int
    half: int
    b_only: int
    a_only: int
    dual: int
    swapped: int
    a_loads: int
    b_loads: int
    pair_cycles: int
    drains: int
    x_elements: int
    x_nonzeros: int
    a_elements: int
    a_nonzeros: int
    b_elements: int
    b_nonzeros: int
    a_tiles: int
    a_occupied: int
    b_tiles: int
    b_occupied: int
    row_values: int
    column_values: int
    full_rows: int
    row_lanes: int
    full_columns: int
    column_lanes: int

    @property
    def cycles(self) -> int:
        """No fewer cycles are possible: the slowest of OHMMA, loads, dispatch and drains."""
        return max(self.dual, self.a_loads, self.b_loads, self.pair_cycles, self.drains)


def add_counts(parts: Iterable[LayerCounts]) -> LayerCounts:
    """The counts of several products together."""
    rows = [[getattr(part, field.name) for field in fields(LayerCounts)] for part in parts]
    return LayerCounts(**{field.name: sum(column) for field, column in
                          zip(fields(LayerCounts), zip(*rows, strict=True), strict=True)})


def conv_counts(x: Mask, w: Mask, geometry: ConvGeometry, config: Config) -> LayerCounts:
    """Counts of a convolution; activations are A, weights B.

    Parameters
    ----------
    x : bool[images, C, H, W]
        Non-zeros of the feature maps; every image begins with a tile of its own.
    w : bool[M, C / groups, KH, KW]
    geometry : ConvGeometry
    config : Config
    """
    columns = w.reshape(len(w), -1)
    sides = {}
    for tile in {config.tile_m, config.tile_n}:
        sides[tile] = (np.concatenate([conv_popcounts(image, geometry, tile) for image in x]),
                       weight_popcounts(columns, geometry.groups, tile))
    return _counts(sides, (len(x), geometry.positions, geometry.outputs), geometry.groups, x,
                   config, int(np.count_nonzero(w)))


def matmul_counts(a: Mask, b: Mask, config: Config) -> LayerCounts:
    """Counts of a matrix product.

    Parameters
    ----------
    a : bool[M, K]
    b : bool[N, K]
        The transpose of B.
    config : Config
    """
    sides = {tile: (row_popcounts(a, tile), row_popcounts(b, tile))
             for tile in {config.tile_m, config.tile_n}}
    return _counts(sides, (1, len(a), len(b)), 1, a, config, int(np.count_nonzero(b)))


def _counts(sides: dict[int, tuple[Any, Any]], shape: tuple[int, int, int], groups: int, x: Mask,
            config: Config, b_nonzeros: int) -> LayerCounts:
    images, rows, columns = shape
    a, b = sides[config.tile_m][0], sides[config.tile_n][1]
    k = a.shape[1]
    segments = column_segments(columns, groups, config.tile_n)
    group_tiles = -(-(columns // groups) // config.tile_n)
    groups_a, groups_b = _groups(a, config.array_rows), _groups(b, config.array_cols)
    steps_a, steps_b = groups_a.sum(0), groups_b.sum(0)
    values_a, values_b = a.sum(0, dtype=np.int64), b.sum(0, dtype=np.int64)
    dense_a, dense_b = len(a) * config.row_groups, group_tiles * config.col_groups
    dense = dense_a * dense_b * k
    dual = int(steps_a @ steps_b)
    swapped_b, swapped_a = sides[config.tile_m][1], sides[config.tile_n][0]
    a_counts, b_counts = _tile_counts(a, config.tile_k), _tile_counts(b, config.tile_k)
    a_there, b_there = (a_counts > 0).sum(0), (b_counts > 0).sum(0)
    return LayerCounts(
        macs=images * rows * columns // groups * k,
        products=int(values_a @ values_b),
        dense=dense, half=-(-dense // 2), dual=dual,
        b_only=dense_a * int(steps_b.sum()), a_only=dense_b * int(steps_a.sum()),
        swapped=int(_groups(swapped_b, config.array_rows).sum(0)
                    @ _groups(swapped_a, config.array_cols).sum(0)),
        a_loads=int(_load_cycles(a_counts, config.tile_m, config.a_beat_values, config) @ b_there),
        b_loads=int(a_there @ _load_cycles(b_counts, config.tile_n, config.b_beat_values, config)),
        pair_cycles=TILE_CYCLES * int(a_there @ b_there),
        drains=len(a) * len(b) * config.c_beats,
        x_elements=x.size, x_nonzeros=int(np.count_nonzero(x)),
        a_elements=images * rows * k, a_nonzeros=int(values_a.sum()),
        b_elements=columns * (k // groups), b_nonzeros=b_nonzeros,
        a_tiles=a_counts.size, a_occupied=int(a_there.sum()),
        b_tiles=b_counts.size, b_occupied=int(b_there.sum()),
        row_values=int(values_a @ steps_b), column_values=int(steps_a @ values_b),
        full_rows=images * rows,
        row_lanes=images * sum(_lanes(min(config.tile_m, rows - row), config.array_rows)
                               for row in range(0, rows, config.tile_m)),
        full_columns=columns,
        column_lanes=sum(_lanes(span.stop - span.start, config.array_cols)
                         for _, _, span in segments))


def _groups(popcounts: NDArray[np.uint8], lanes: int) -> NDArray[np.int64]:
    return -(-popcounts.astype(np.int64) // lanes)


def _lanes(values: int, lanes: int) -> int:
    """Lanes of the groups that so many values need."""
    return -(-values // lanes) * lanes


def _tile_counts(popcounts: NDArray[np.uint8], tile_k: int) -> NDArray[np.int64]:
    """Non-zeros of every warp tile: outer tiles x k-tiles."""
    return np.add.reduceat(popcounts, np.arange(0, popcounts.shape[1], tile_k), axis=1,
                           dtype=np.int64)


def _load_cycles(counts: NDArray[np.int64], tile: int, beat_values: int, config: Config
                 ) -> NDArray[np.int64]:
    """For each k-tile, cycles to load once every tile that has a non-zero: bitmap beats, a cycle
    for four k-steps, value beats."""
    bitmap_beats = -(-config.tile_k * tile // (beat_values * config.element_bits))
    cycles = bitmap_beats + config.tile_k // 4 - (-counts // beat_values)
    return np.where(counts > 0, cycles, 0).sum(0)
