"""Cycles of large products: exact OHMMA counts, and sample tiles on the cycle model.

Output tiles follow each other in one stream, and the cycles of a stretch of it hang mostly on its
OHMMA, which are known for every tile without simulating any.  So the stream is cut into blocks of
neighbouring output tiles, some blocks are drawn at random and simulated behind the tiles that
come before them, and the total is the regression estimator of survey sampling (Cochran, Sampling
Techniques, 3rd ed., chapter 7) with the blocks' OHMMA as the auxiliary variable.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dstc.config import Config
from dstc.errors import DstcError
from dstc.formats import EncodedMatrix
from dstc.program import gemm_job
from dstc.skiprule import ohmma_per_tile

from .core import ModelCore, run_machine
from .machine import make_machine

__all__ = ["Estimate", "estimate_cycles"]

LONGEST_BLOCK = 8
FEWEST_BLOCKS = 24
# Tile pairs in front of a block, so that it meets loads, contexts and drains as far ahead of each
# other as they are in the stream.
WARM_PAIRS = 64
# Half of the narrowest interval: where nearly all blocks cost the same, a sample may miss the few
# that cost more, and its own spread does not tell.
NARROWEST = 0.005


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """Cycles of a product, estimated.

    Attributes
    ----------
    cycles, low, high : int
        Estimate and its confidence interval; equal if every block was simulated.
    confidence : float
        Share of such intervals that hold the true number, over draws of the blocks.
    sampled, tiles : int
        Output tiles simulated (without those in front of blocks) and in all.
    """

    cycles: int
    low: int
    high: int
    confidence: float
    sampled: int
    tiles: int


def estimate_cycles(a: EncodedMatrix, b: EncodedMatrix, *, config: Config, tiles: int,
                    mode: str = "sparse", confidence: float = 0.95, seed: int = 0,
                    advance: Callable[[int], None] = lambda done: None) -> Estimate:
    """Estimate the cycles of ``a @ b`` from about so many of its output tiles.

    Parameters
    ----------
    a, b : EncodedMatrix
    config : Config
    tiles : int
        Output tiles to simulate, at least 24; fewer say little about their spread.
    mode : str
        ``sparse`` or ``dense``.
    confidence : float
        Above 0 and below 1.
    seed : int
        Of the draw.
    advance : callable
        Called with the output tiles just simulated.

    Raises
    ------
    DstcError
        If the operands, the number of tiles or the confidence cannot be used.
    """
    from scipy.stats import t as student

    if tiles < FEWEST_BLOCKS:
        raise DstcError(f"Sample must have at least {FEWEST_BLOCKS} output tiles, not {tiles}")
    if not 0 < confidence < 1:
        raise DstcError(f"Confidence must be above 0 and below 1, not {confidence}")
    work = (ohmma_per_tile(a, b, config) if mode == "sparse" else
            np.full((a.outer_tiles, b.outer_tiles), a.k_tiles * config.dense_ohmma_per_tile))
    if work.size <= 2 * tiles:
        cycles = ModelCore().run(gemm_job(a, b, config=config, mode=mode)).cycles
        advance(work.size)
        return Estimate(cycles=cycles, low=cycles, high=cycles, confidence=confidence,
                        sampled=work.size, tiles=work.size)
    across = work.shape[1] > 1
    lines = work if across else work.T
    length = _block_length(lines.shape[1], tiles)
    blocks = lines.reshape(len(lines), -1, length).sum(axis=2).ravel()
    drawn = np.random.default_rng(seed).choice(blocks.size, tiles // length, replace=False)
    measured = np.empty((len(drawn), 2))
    for n, block in enumerate(drawn):
        line, place = divmod(int(block), lines.shape[1] // length)
        measured[n] = _measure(a, b, line, place * length, length, across, config, mode)
        advance(length)
    total, spread = _regression(blocks, blocks[drawn], measured[:, 0])
    total += measured[:, 1].mean()
    quantile = float(student.ppf((1 + confidence) / 2, len(drawn) - 2))
    margin = max(NARROWEST * total, quantile * spread)
    return Estimate(cycles=round(total), low=math.floor(total - margin),
                    high=math.ceil(total + margin), confidence=confidence,
                    sampled=len(drawn) * length, tiles=work.size)


def _block_length(line: int, tiles: int) -> int:
    """Output tiles of a block: all blocks are equal, and short enough to draw many."""
    limit = min(LONGEST_BLOCK, tiles // FEWEST_BLOCKS)
    return max(n for n in range(1, limit + 1) if line % n == 0)


def _measure(a: EncodedMatrix, b: EncodedMatrix, line: int, first: int, length: int, across: bool,
             config: Config, mode: str) -> tuple[float, float]:
    """Cycles of a block in the middle of the stream, and those that a stream takes besides the
    drains of its tiles following each other."""
    along = b if across else a
    warm = -(-WARM_PAIRS // along.k_tiles) + 1
    places = np.arange(first - warm, first + length) % along.outer_tiles
    part_a = _tiles_of(a, np.array([line]) if across else places)
    part_b = _tiles_of(b, places if across else np.array([line]))
    job = gemm_job(part_a, part_b, config=config, mode=mode)
    machine = make_machine(job)
    cycles = run_machine(job, machine).cycles
    drained = machine.drained
    per_tile = (drained[-1] - drained[0]) / (len(drained) - 1)
    return (float(drained[-1] - drained[warm - 1]),
            cycles - float(drained[-1] - drained[0]) - per_tile)


def _tiles_of(encoded: EncodedMatrix, places: NDArray[np.int64]) -> EncodedMatrix:
    """Some outer tiles of an operand, as an operand; padding becomes part of it."""
    ends = encoded.offsets[(places + 1) * encoded.k_tiles]
    starts = encoded.offsets[places * encoded.k_tiles]
    counts = np.bitwise_count(encoded.bitmaps[places]).sum(axis=-1, dtype=np.int64).ravel()
    outer = len(places) * encoded.tile_outer
    return EncodedMatrix(
        side=encoded.side, tile_outer=encoded.tile_outer, tile_k=encoded.tile_k,
        shape=(outer, encoded.k) if encoded.side == "A" else (encoded.k, outer),
        element=encoded.element, warp=encoded.warp[places], bitmaps=encoded.bitmaps[places],
        offsets=np.concatenate([[0], np.cumsum(counts)]),
        values=np.concatenate([encoded.values[start:end]
                               for start, end in zip(starts, ends, strict=True)]))


def _regression(population: NDArray[np.int64], x: NDArray[np.int64], y: NDArray[np.float64]
                ) -> tuple[float, float]:
    """Total of y over the population by its linear regression on x, and its standard error."""
    count, size = len(y), len(population)
    deviation = x - x.mean()
    square = float(deviation @ deviation)
    slope = float(deviation @ y) / square if square else 0.0
    residuals = y - y.mean() - slope * deviation
    # How far the drawn blocks lie off the average one: the slope is known no better than they tell.
    offset = float(population.mean()) - float(x.mean())
    variance = float(residuals @ residuals) / (count - 2) * (
        (1 - count / size) / count + (offset**2 / square if square else 0.0))
    return size * (float(y.mean()) + slope * offset), size * math.sqrt(variance)
