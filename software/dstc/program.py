"""Programs of matrix products: instruction words and operand streams for one core.

Output tiles are computed row by row; they alternate between the two accumulation contexts, so
that one drains while the next is computed.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .beats import BeatStream, result_beats, result_matrix, tile_records
from .config import Config
from .errors import DstcError
from .formats import EncodedMatrix
from .isa import CONTEXTS, WARP_BITS, Instruction, encode, spec_of, warp_words

__all__ = ["MODES", "STYLES", "Job", "gemm_job", "tile_words"]

MODES = ("sparse", "dense")
STYLES = ("tile", "spwmma", "micro")


@dataclass(frozen=True, kw_only=True, eq=False)
class Job:
    """Everything that a core takes for one product, and how to read what it gives.

    Attributes
    ----------
    config : Config
    shape : tuple of int
        M, N, K.
    words : numpy.ndarray
        ``uint64[words]``, the last of them ``HALT``.
    a, b : BeatStream
        Operand streams; small until their beats are asked for.
    c_data : numpy.ndarray
        ``uint8[beats, bytes]`` of the C stream; no beats when C was not given.
    d_beats : int
        Beats that the core will send.
    """

    config: Config
    shape: tuple[int, int, int]
    words: NDArray[np.uint64]
    a: BeatStream
    b: BeatStream
    c_data: NDArray[np.uint8]
    d_beats: int

    @property
    def a_data(self) -> NDArray[np.uint8]:
        """``uint8[beats, bytes]`` of the A stream."""
        return self.a.data

    @property
    def a_last(self) -> NDArray[np.bool_]:
        """``bool[beats]`` of the A stream."""
        return self.a.last

    @property
    def b_data(self) -> NDArray[np.uint8]:
        """``uint8[beats, bytes]`` of the B stream."""
        return self.b.data

    @property
    def b_last(self) -> NDArray[np.bool_]:
        """``bool[beats]`` of the B stream."""
        return self.b.last

    def assemble(self, d_beats: NDArray[np.uint8]) -> NDArray:
        """The M x N result of the beats ``uint8[d_beats, bytes]`` that came out.

        Raises
        ------
        DstcError
            If there are more or fewer than :attr:`d_beats`.
        """
        return result_matrix(d_beats, self.shape[:2], self.config)


def gemm_job(a: EncodedMatrix, b: EncodedMatrix, c: NDArray | None = None, *, config: Config,
             mode: str = "sparse", style: str = "tile") -> Job:
    """The job ``A B + C``.

    Parameters
    ----------
    a, b : EncodedMatrix
        M x K of side A and K x N of side B, encoded for ``config``.
    c : numpy.ndarray, optional
        M x N of the accumulator type; without it every context starts at +0.
    config : Config
    mode : str
        ``sparse``: only pairs of tiles that both have a non-zero are loaded, and computed by the
        skip rule.  ``dense``: every pair is loaded and takes its full number of OHMMA.
    style : str
        How a tile is written: ``tile``, one instruction for it; ``spwmma``, loads and one
        instruction for each pair; ``micro``, the micro-operations of every k-step.

    Raises
    ------
    DstcError
        If the operands do not fit each other, ``c`` or the configuration, or K has more k-tiles
        than ``TILE`` can count.
    """
    if mode not in MODES:
        raise DstcError(f"Mode must be one of {', '.join(MODES)}, not {mode!r}")
    if style not in STYLES:
        raise DstcError(f"Style must be one of {', '.join(STYLES)}, not {style!r}")
    if (a.side, b.side) != ("A", "B"):
        raise DstcError(f"Operands must be encoded as sides A and B, not {a.side} and {b.side}")
    if a.k != b.k:
        raise DstcError(f"Columns of A must be as many as the {b.k} rows of B, not {a.k}")
    shape = (a.outer, b.outer, a.k)
    records_a, records_b = tile_records(a, config), tile_records(b, config)
    if c is not None:
        _check_c(c, shape, config)
    occupied_a, occupied_b = _occupied(a, mode), _occupied(b, mode)
    order_a, order_b, pairs = _pair_orders(occupied_a, occupied_b)
    if style == "tile":
        words = tile_words(occupied_a, occupied_b, c is not None, mode == "dense", config)
    else:
        block = _spwmma_block if style == "spwmma" else _micro_block
        words = _block_words(pairs, c is not None,
                             np.array([[block(slot, acc, mode, config)
                                        for acc in range(CONTEXTS)]
                                       for slot in range(config.slots)], np.uint64), config)
    c_data = (np.zeros((0, config.c_beat_bits // 8), np.uint8) if c is None
              else result_beats(c, config))
    return Job(config=config, shape=shape, words=words,
               a=BeatStream(records=records_a, order=order_a),
               b=BeatStream(records=records_b, order=order_b),
               c_data=c_data, d_beats=pairs.size * config.c_beats)


def _check_c(c: NDArray, shape: tuple[int, int, int], config: Config) -> None:
    if c.shape != shape[:2]:
        raise DstcError(f"C must be of shape {shape[:2]}, not {c.shape}")
    if c.dtype != config.format.acc_dtype:
        raise DstcError(f"C must be of type {config.format.acc_dtype.name}, not {c.dtype.name}")


def _occupied(encoded: EncodedMatrix, mode: str) -> NDArray[np.bool_]:
    """Which tiles take part: outer tiles x k-tiles."""
    shape = encoded.outer_tiles, encoded.k_tiles
    if mode == "dense":
        return np.ones(shape, np.bool_)
    return (np.diff(encoded.offsets) > 0).reshape(shape)


def _pair_orders(occupied_a: NDArray[np.bool_], occupied_b: NDArray[np.bool_]
                 ) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int64]]:
    """Tiles of A and of B in the order of their loads, and pairs of each output tile."""
    k_tiles = occupied_a.shape[1]
    orders_a, orders_b, pairs = [], [], []
    for row, present in enumerate(occupied_a):
        both = present & occupied_b
        tile_b = np.flatnonzero(both)
        orders_a.append((tile_b % k_tiles + row * k_tiles).astype(np.int32))
        orders_b.append(tile_b.astype(np.int32))
        pairs.append(np.count_nonzero(both, axis=1))
    return np.concatenate(orders_a), np.concatenate(orders_b), np.concatenate(pairs)


def _word(config: Config, mnemonic: str, **operands: int) -> int:
    return encode(Instruction.of(mnemonic, **operands), config)


def _per_context(config: Config, mnemonic: str, **operands: int) -> NDArray[np.uint64]:
    return np.array([_word(config, mnemonic, acc=acc, **operands) for acc in range(CONTEXTS)],
                    np.uint64)


def _warp_bitmaps(occupied: NDArray[np.bool_]) -> NDArray[np.uint64]:
    """Outer tiles x data words, in the low half."""
    padded = np.zeros((len(occupied), warp_words(occupied.shape[1]) * WARP_BITS), np.bool_)
    padded[:, :occupied.shape[1]] = occupied
    return np.packbits(padded, axis=1, bitorder="little").view("<u4").astype(np.uint64)


def tile_words(occupied_a: NDArray[np.bool_], occupied_b: NDArray[np.bool_], with_c: bool,
               dense: bool, config: Config) -> NDArray[np.uint64]:
    """One ``TILE`` for every output tile, row by row, its ``LDC`` and ``STC``, and ``HALT``.

    Parameters
    ----------
    occupied_a, occupied_b : numpy.ndarray
        ``bool[outer tiles, k-tiles]``: which tiles take part.
    with_c, dense : bool
        Whether C is loaded, and whether every OHMMA is executed.
    config : Config

    Raises
    ------
    DstcError
        If there are more k-tiles than ``TILE`` can count.
    """
    k_tiles = occupied_a.shape[1]
    limit = next(f for f in spec_of("TILE").fields if f.name == "ktiles").stop(config)
    if k_tiles >= limit:
        raise DstcError(f"K must be at most {(limit - 1) * config.tile_k} for configuration "
                        f"{config.name}, not {k_tiles} k-tiles of {config.tile_k}")
    warp_a, warp_b = _warp_bitmaps(occupied_a), _warp_bitmaps(occupied_b)
    warps = warp_a[:, None, :] | warp_b[None, :, :] << np.uint64(WARP_BITS)
    tiles = len(occupied_a) * len(occupied_b)
    context = np.arange(tiles) % CONTEXTS
    columns = [_per_context(config, "TILE", dense=int(dense), ktiles=k_tiles)[context, None],
               warps.reshape(tiles, -1), _per_context(config, "STC")[context, None]]
    if with_c:
        columns.insert(0, _per_context(config, "LDC")[context, None])
    return np.append(np.hstack(columns).ravel(), np.uint64(_word(config, "HALT")))


def _spwmma_block(slot: int, acc: int, mode: str, config: Config) -> list[int]:
    """Words of one tile pair."""
    product = "SPWMMA" if mode == "sparse" else "WMMA"
    return [_word(config, "LDA", slot=slot), _word(config, "LDB", slot=slot),
            _word(config, product, a=slot, b=slot, acc=acc)]


def _micro_block(slot: int, acc: int, mode: str, config: Config) -> list[int]:
    """Words of one tile pair, its product as micro-operations."""
    words = [_word(config, "LDA", slot=slot), _word(config, "LDB", slot=slot)]
    for k in range(config.tile_k):
        words.append(_word(config, "BOHMMA", a=slot, b=slot, k=k))
        if mode == "sparse":
            words.append(_word(config, "POPC"))
        words += [_word(config, "OHMMA", acc=acc, g=g, h=h, pred=int(mode == "sparse"))
                  for h in range(config.col_groups) for g in range(config.row_groups)]
    return words


def _block_words(pairs: NDArray[np.int64], with_c: bool, blocks: NDArray[np.uint64],
                 config: Config) -> NDArray[np.uint64]:
    """One block of words per tile pair: ``blocks[slot, acc, word]``."""
    size = blocks.shape[2]
    context = np.arange(pairs.size) % CONTEXTS
    lengths = int(with_c) + pairs * size + 1
    ends = np.cumsum(lengths)
    words = np.empty(int(ends[-1]) + 1, np.uint64)
    words[-1] = _word(config, "HALT")
    words[ends - 1] = _per_context(config, "STC")[context]
    if with_c:
        words[ends - lengths] = _per_context(config, "LDC")[context]
    rank = np.arange(int(pairs.sum())) - np.repeat(np.cumsum(pairs) - pairs, pairs)
    first = np.repeat(ends - lengths + int(with_c), pairs) + rank * size
    words[first[:, None] + np.arange(size)] = blocks[rank % config.slots,
                                                     np.repeat(context, pairs)]
    return words
