"""Random operands for products that nobody brought files for."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .elements import ELEMENTS
from .errors import DstcError

__all__ = ["clustered_mask", "random_accumulators", "random_matrix"]

CLUSTER = 32
CLUSTERING = 12
"""Variance of the popcount of 32 neighbours over that of independent zeros, as in real
masks."""


def random_matrix(shape: tuple[int, int], density: float, element: str,
                  rng: np.random.Generator) -> NDArray[Any]:
    """A matrix whose elements are non-zero independently of each other.

    Floats: normally distributed values scaled by powers of two from 2**-6 to 2**5, so that the
    terms of a sum have unequal exponents and its additions round.  int8: uniform.

    Parameters
    ----------
    shape : tuple of two int
    density : float
        Probability that an element is not zero, from 0 to 1; both ends are exact.
    element : str
        Element format, a key of :data:`dstc.elements.ELEMENTS`.
    rng : numpy.random.Generator

    Raises
    ------
    DstcError
        If the density is outside 0 to 1.
    """
    if not 0 <= density <= 1:
        raise DstcError(f"Density must be from 0 to 1, not {density}")
    form = ELEMENTS[element]
    if form.is_float:
        scale = np.exp2(rng.integers(-6, 6, shape)).astype(np.float32)
        matrix = (rng.standard_normal(shape, np.float32) * scale).astype(form.dtype)
    else:
        matrix = rng.integers(-128, 128, shape).astype(form.dtype)
    matrix[matrix == 0] = 1
    matrix[rng.random(shape, np.float32) >= density] = 0
    return matrix


def random_accumulators(shape: tuple[int, int], element: str, rng: np.random.Generator
                        ) -> NDArray[Any]:
    """A C of the accumulator format that goes with an element format, about as large as a sum.

    Parameters
    ----------
    shape : tuple of two int
    element : str
    rng : numpy.random.Generator
    """
    form = ELEMENTS[element]
    if form.is_float:
        return (rng.standard_normal(shape, np.float32) * np.float32(64)).astype(form.acc_dtype)
    return rng.integers(-2**20, 2**20, shape).astype(form.acc_dtype)


def clustered_mask(shape: tuple[int, int], density: float, axis: int, rng: np.random.Generator
                   ) -> NDArray[np.bool_]:
    """Non-zeros in clusters: every 32 neighbours along an axis have a density of their own.

    These densities follow a beta distribution with the given mean, so wide that the popcount of
    32 neighbours varies 12 times as much as with independent zeros.

    Parameters
    ----------
    shape : tuple of two int
    density : float
        Mean share of non-zeros, from 0 to 1; both ends are exact.
    axis : int
        0 or 1, the axis along which neighbours lie.
    rng : numpy.random.Generator

    Raises
    ------
    DstcError
        If the density is outside 0 to 1.
    """
    if not 0 <= density <= 1:
        raise DstcError(f"Density must be from 0 to 1, not {density}")
    if density in (0, 1):
        return np.full(shape, bool(density))
    # A beta-binomial popcount of n varies 1 + (n - 1) / (1 + width) times as much as a binomial.
    width = (CLUSTER - 1) / (CLUSTERING - 1) - 1
    segments = [-(-extent // CLUSTER) if n == axis else extent for n, extent in enumerate(shape)]
    local = rng.beta(density * width, (1 - density) * width, segments)
    spread = np.repeat(local, CLUSTER, axis).take(range(shape[axis]), axis)
    return rng.random(shape) < spread
