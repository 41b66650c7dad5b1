"""Masks that are hard on sparse hardware: the places where formats and schedules break."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..config import Config
from ..errors import DstcError

__all__ = ["PATTERNS", "torture_mask"]

Mask = NDArray[np.bool_]
Pattern = Callable[[int, int, int, int, np.random.Generator], Mask]


def _stripes(span: int, depth: int, lanes: int, tile_k: int, rng: np.random.Generator) -> Mask:
    return np.broadcast_to((np.arange(span) % lanes == rng.integers(lanes))[:, None],
                           (span, depth)).copy()


def _one_place(span: int, depth: int, lanes: int, tile_k: int, rng: np.random.Generator) -> Mask:
    return np.broadcast_to((np.arange(span) == rng.integers(span))[:, None], (span, depth)).copy()


def _alternating_steps(span: int, depth: int, lanes: int, tile_k: int,
                       rng: np.random.Generator) -> Mask:
    return np.broadcast_to(np.arange(depth) % 2 == rng.integers(2), (span, depth)).copy()


def _just_over(span: int, depth: int, lanes: int, tile_k: int, rng: np.random.Generator) -> Mask:
    # The positions of each k-step at random; one more of them than fills whole groups.
    order = rng.permuted(np.broadcast_to(np.arange(span)[:, None], (span, depth)), axis=0)
    return order < rng.integers(1, max(2, span // lanes)) * lanes + 1


def _dot(span: int, depth: int, lanes: int, tile_k: int, rng: np.random.Generator) -> Mask:
    mask = np.zeros((span, depth), bool)
    mask[rng.integers(span), rng.integers(depth)] = True
    return mask


def _blocks(span: int, depth: int, lanes: int, tile_k: int, rng: np.random.Generator) -> Mask:
    tiles = rng.random((-(-span // 8), -(-depth // tile_k))) < 0.5
    return np.kron(tiles, np.ones((8, tile_k), bool))[:span, :depth].astype(bool)


PATTERNS: dict[str, tuple[str, Pattern]] = {
    "empty": ("no element at all", lambda s, d, n, k, r: np.zeros((s, d), bool)),
    "full": ("every element", lambda s, d, n, k, r: np.ones((s, d), bool)),
    "dot": ("a single element", _dot),
    "checkerboard": ("every other element, shifted from k-step to k-step",
                     lambda s, d, n, k, r: (np.arange(s)[:, None] + np.arange(d)) % 2 == 0),
    "stripes": ("all rows (or columns) of one bank row, in every k-step", _stripes),
    "one place": ("the same row (or column) in every k-step", _one_place),
    "alternating": ("full and empty k-steps in turn", _alternating_steps),
    "just over": ("one more element per k-step than fills whole groups", _just_over),
    "blocks": ("half of the tiles full, the others empty", _blocks),
    "sparse": ("each element with probability 0.08", lambda s, d, n, k, r: r.random((s, d)) < .08),
    "half": ("each element with probability 0.5", lambda s, d, n, k, r: r.random((s, d)) < .5),
}
"""Name, what it is, and how it is made."""


def torture_mask(pattern: str, shape: tuple[int, int], side: str, config: Config,
                 rng: np.random.Generator) -> Mask:
    """The non-zeros of a hard operand.

    Parameters
    ----------
    pattern : str
        A key of :data:`PATTERNS`.
    shape : tuple of two int
        M x K for side A, K x N for side B.
    side : str
        ``"A"`` or ``"B"``.
    config : Config
        Gives the lanes that the pattern aims at.
    rng : numpy.random.Generator

    Returns
    -------
    numpy.ndarray
        ``bool``, of that shape.

    Raises
    ------
    DstcError
        If there is no such pattern.
    """
    if pattern not in PATTERNS:
        raise DstcError(f"Pattern must be one of {', '.join(PATTERNS)}, not {pattern!r}")
    _, make = PATTERNS[pattern]
    if side == "A":
        return make(shape[0], shape[1], config.array_rows, config.tile_k, rng)
    return make(shape[1], shape[0], config.array_cols, config.tile_k, rng).T
