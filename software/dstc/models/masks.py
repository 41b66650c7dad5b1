"""Masks of random matrices: independent zeros, and zeros in runs."""

import numpy as np
from numpy.typing import NDArray

from ..errors import DstcError

__all__ = ["RUN", "independent_mask", "zero_run_mask"]

RUN = 12
"""Length of a run of zeros: with it the popcount of 32 neighbours varies about ten times as much
as with independent zeros, as it does in real feature maps (docs/models.md)."""


def independent_mask(shape: tuple[int, int], density: float, rng: np.random.Generator
                     ) -> NDArray[np.bool_]:
    """Each element is a non-zero with the same probability, whatever the others are.

    Raises
    ------
    DstcError
        If the density is outside 0 to 1.
    """
    _require_density(density)
    return rng.random(shape, np.float32) < density


def zero_run_mask(shape: tuple[int, int], density: float, rng: np.random.Generator,
                  run: int = RUN) -> NDArray[np.bool_]:
    """Zeros in runs along the rows' index: germs fall anywhere, independently, and each clears so
    many elements of its column from there on; runs may overlap.

    That is the Boolean model in one dimension (Chiu and others, *Stochastic Geometry and its
    Applications*, chapter 3): an element is left with probability ``(1 - p) ** run`` if germs have
    probability p.

    Parameters
    ----------
    shape : tuple of two int
    density : float
        Mean share of non-zeros, from 0 to 1; both ends are exact.
    rng : numpy.random.Generator
    run : int
        1 gives independent zeros.

    Raises
    ------
    DstcError
        If the density is outside 0 to 1, or the run shorter than 1.
    """
    _require_density(density)
    if run < 1:
        raise DstcError(f"Run of zeros must be at least 1 long, not {run}")
    if density == 0:
        return np.zeros(shape, np.bool_)
    rows, columns = shape
    # Germs up to a run before the first row reach into the matrix.
    germs = rng.random((rows + run - 1, columns), np.float32) < 1 - density ** (1 / run)
    mask = np.ones(shape, np.bool_)
    for offset in range(run):
        mask &= ~germs[offset:offset + rows]
    return mask


def _require_density(density: float) -> None:
    if not 0 <= density <= 1:
        raise DstcError(f"Density must be from 0 to 1, not {density}")
