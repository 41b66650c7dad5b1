"""Lines on which a quantity over the densities has a given value."""

from typing import Any

from matplotlib.figure import Figure
from numpy.typing import NDArray

__all__ = ["contour"]


def contour(densities: list[float], values: NDArray[Any], level: float) -> list[list[list[float]]]:
    """Polylines of points ``[density of A, density of B]``; none where the level is not crossed.

    Parameters
    ----------
    densities : list of float
        Of both axes, ascending.
    values : float[A, B]
    level : float
    """
    if not values.min() < level < values.max():
        return []
    # Figure, not pyplot: nothing global, no display.
    drawn = Figure().add_subplot().contour(densities, densities, values.T, levels=[level])
    return [[[round(float(a), 4), round(float(b), 4)] for a, b in line]
            for line in drawn.allsegs[0] if len(line) > 1]
