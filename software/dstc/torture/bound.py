"""Bounds on the cycles of the accumulator; the proofs are in docs/adversaries.md."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..config import Config

__all__ = ["StepLoads", "bound_cycles", "hazard_cycles", "step_loads", "worst_ratio"]

Mask = NDArray[np.bool_]


class StepLoads(NamedTuple):
    """Loads of the k-steps of all output tiles, output tile after output tile.

    Attributes
    ----------
    ohmma : numpy.ndarray
        OHMMA of every k-step by the skip rule; 0 where a side is empty.
    banks : numpy.ndarray
        Products of every k-step for its busiest bank.
    products : numpy.ndarray
        Products of the whole stream for every bank, R x S.
    """

    ohmma: NDArray[np.int64]
    banks: NDArray[np.int64]
    products: NDArray[np.int64]


def hazard_cycles(config: Config) -> int:
    """Cycles from a product to the next one for the same accumulator: the adder, and one more
    until the sum is in its bank."""
    return config.adder_latency + 1


def _lanes(mask: Mask, tile: int, lanes: int) -> NDArray[np.int64]:
    """Non-zeros of every lane: tiles x k-steps x lanes, for a mask of positions x k-steps."""
    padded = np.pad(mask, ((0, -len(mask) % tile), (0, 0)))
    groups = padded.reshape(-1, tile // lanes, lanes, mask.shape[1])
    return groups.sum(axis=1).transpose(0, 2, 1)


def step_loads(a: Mask, b: Mask, config: Config) -> StepLoads:
    """What the product of two operands asks of the core, k-step by k-step.

    Parameters
    ----------
    a, b : numpy.ndarray
        Non-zeros, ``bool``: M x K and K x N.
    config : Config
    """
    rows = _lanes(a, config.tile_m, config.array_rows)
    cols = _lanes(b.T, config.tile_n, config.array_cols)
    groups_a = -(-rows.sum(axis=2) // config.array_rows)
    groups_b = -(-cols.sum(axis=2) // config.array_cols)
    ohmma = groups_a[:, None] * groups_b
    banks = rows.max(axis=2)[:, None] * cols.max(axis=2)
    return StepLoads(ohmma.ravel(), banks.ravel(), np.einsum("ikp,jkq->pq", rows, cols))


def bound_cycles(a: Mask, b: Mask, config: Config) -> int:
    """Cycles that ``issue`` and ``conflict`` of a product cannot exceed, whatever stalls there are.

    A k-step with n OHMMA and w products for its busiest bank costs at most max(n, w, h) of them,
    h being :func:`hazard_cycles`; so does, with n = w = 0, a pair of tiles without a common
    k-step.  Proved for configurations with 1 + max(UV, h - 1) <= (E - 1) h, which the named ones
    are: docs/adversaries.md.

    Parameters
    ----------
    a, b : numpy.ndarray
        Non-zeros, ``bool``: M x K and K x N.
    config : Config
    """
    loads = step_loads(a, b, config)
    hazard = hazard_cycles(config)
    work = loads.ohmma > 0
    cycles = np.maximum(np.maximum(loads.ohmma, loads.banks), hazard)[work].sum()
    return int(cycles) + hazard * _pairs_without_work(a, b, config)


def _occupied(mask: Mask, tile: int, tile_k: int) -> Mask:
    """Which k-steps have an element: tiles x k-tiles x k-steps, for a mask of positions x K."""
    padded = np.pad(mask, ((0, -len(mask) % tile), (0, -mask.shape[1] % tile_k)))
    steps = padded.reshape(-1, tile, padded.shape[1] // tile_k, tile_k)
    return np.logical_or.reduce(steps, axis=1)


def _pairs_without_work(a: Mask, b: Mask, config: Config) -> int:
    """Pairs of tiles that are loaded, as neither is empty, but share no k-step."""
    side_a, side_b = (_occupied(mask, tile, config.tile_k)
                      for mask, tile in ((a, config.tile_m), (b.T, config.tile_n)))
    any_a, any_b = (np.logical_or.reduce(side, axis=2) for side in (side_a, side_b))
    loaded = any_a[:, None] & any_b
    shared = np.logical_or.reduce(side_a[:, None] & side_b, axis=3)
    return int((loaded & ~shared).sum())


def worst_ratio(config: Config) -> float:
    """The most cycles for each OHMMA that any stream of k-steps with work can take.

    The maximum of max(n, w, h) / n over the k-steps that the tile has room for: u rows of one
    bank row and v columns of one bank column are w = u v products for one bank and at least
    n = ceil(u / R) ceil(v / S) OHMMA.
    """
    hazard = hazard_cycles(config)
    ratios = []
    for u in range(1, config.row_groups + 1):
        for v in range(1, config.col_groups + 1):
            ohmma = -(-u // config.array_rows) * -(-v // config.array_cols)
            ratios.append(max(ohmma, u * v, hazard) / ohmma)
    return max(ratios)
