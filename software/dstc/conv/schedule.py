"""How many columns of output tiles share an A tile.

One column at a time, the core's ``TILE`` walks the k-tiles of one output tile and the next one is
computed while it drains; every A tile is made anew for every column.  Two at a time, an A tile is
multiplied with the weights of both, each in its own context: half the A tiles, but both contexts
are busy, so nothing overlaps their drain.  Two pay where an A tile takes long to make: strides, and
positions beyond a window.
"""

import numpy as np
from numpy.typing import NDArray

from ..config import Config
from ..formats import EncodedMatrix
from ..formats.layout import tiles_along
from ..isa import CONTEXTS, Instruction, encode
from .geometry import ConvGeometry
from .spans import tile_chunks
from .words import WINDOWS

__all__ = ["choose_columns", "paired_order", "paired_words", "shared_occupancy"]


def shared_occupancy(occupied: NDArray[np.bool_], columns: int) -> NDArray[np.bool_]:
    """Which A tiles are made: ``bool[groups of columns, k-tiles]``.

    Parameters
    ----------
    occupied : numpy.ndarray
        ``bool[column tiles, k-tiles]``: tiles of the weights with a non-zero.
    columns : int
        1 or 2 that share an A tile.
    """
    return np.stack([occupied[start:start + columns].any(axis=0)
                     for start in range(0, len(occupied), columns)])


def choose_columns(geometry: ConvGeometry, weights: EncodedMatrix, config: Config) -> int:
    """1 or 2, whichever should take fewer cycles.

    Estimated from the weights and from the spans of one tile of positions.  Activations are taken
    to fill a quarter of the row groups: with more, compute hides more of what an A tile takes and
    sharing costs the drains alone, a few per cent.

    Parameters
    ----------
    geometry : ConvGeometry
    weights : EncodedMatrix
        Side B.
    config : Config
    """
    occupied = (np.diff(weights.offsets) > 0).reshape(weights.outer_tiles, weights.k_tiles)
    # Of the tiles that are full, if any is, the one in the middle: edges have fewer spans.
    parts = tile_chunks(geometry, geometry.positions // config.tile_m // 2, config)
    spans = sum(len(part.spans) for part in parts)
    # A slot of a window takes a cycle for each channel and its bitmap beats.
    fill = (config.tile_k + 2) * sum(len(part.tiles) for part in parts)
    if len(parts) > 1:
        tile = config.tile_k * (spans + fill) / geometry.taps
    elif tiles_along(geometry.channels, config.tile_k) > WINDOWS:
        # One window serves as many tiles as the kernel has taps, while the next one is filled.
        tile = max(config.tile_k * spans, fill) / geometry.taps
    else:
        tile = config.tile_k * spans / geometry.taps
    groups = -(-np.bitwise_count(weights.bitmaps).astype(np.int64) // config.array_cols)
    compute = float(groups.sum()) * config.row_groups / 4

    def cycles(columns: int) -> float:
        made = shared_occupancy(occupied, columns)
        drains = config.c_beats * len(made) if columns > 1 else 0
        return max(tile * made.sum(), compute) + drains

    return 2 if cycles(2) < cycles(1) else 1


def paired_order(occupied: NDArray[np.bool_], row_tiles: int) -> NDArray[np.int32]:
    """Tiles of the weights in the order of their loads, two columns at a time."""
    k_tiles = occupied.shape[1]
    order = [column * k_tiles + k for start in range(0, len(occupied), CONTEXTS)
             for k in range(k_tiles) for column in range(start, start + CONTEXTS)
             if column < len(occupied) and occupied[column, k]]
    return np.tile(np.array(order, np.int32), row_tiles)


def paired_words(occupied: NDArray[np.bool_], row_tiles: int, with_c: bool, config: Config
                 ) -> NDArray[np.uint64]:
    """The core's program, two columns of output tiles at a time.

    Parameters
    ----------
    occupied : numpy.ndarray
        ``bool[column tiles, k-tiles]``.
    row_tiles : int
    with_c : bool
        Whether sums start from C.
    config : Config
    """
    def word(mnemonic: str, **operands: int) -> int:
        return encode(Instruction.of(mnemonic, **operands), config)

    words: list[int] = []
    slot_a = slot_b = 0
    for start in range(0, len(occupied), CONTEXTS):
        pair = occupied[start:start + CONTEXTS]
        contexts = range(len(pair))
        words += [word("LDC", acc=acc) for acc in contexts if with_c]
        for k in np.flatnonzero(pair.any(axis=0)).tolist():
            words.append(word("LDA", slot=slot_a))
            for acc in np.flatnonzero(pair[:, k]).tolist():
                words += [word("LDB", slot=slot_b),
                          word("SPWMMA", a=slot_a, b=slot_b, acc=acc)]
                slot_b = (slot_b + 1) % config.slots
            slot_a = (slot_a + 1) % config.slots
        words += [word("STC", acc=acc) for acc in contexts]
    return np.append(np.tile(np.array(words, np.uint64), row_tiles), np.uint64(word("HALT")))
