"""Which points no other point beats."""

from collections.abc import Sequence

__all__ = ["front"]


def front(points: Sequence[tuple[float, float] | None]) -> list[int]:
    """Places of the points that are on the Pareto front, from the smallest first coordinate.

    A point is on it if no other is at most as large in both coordinates and smaller in one.

    Parameters
    ----------
    points : sequence
        Two costs each; None is not on the front.
    """
    order = sorted((point, place) for place, point in enumerate(points) if point is not None)
    best: list[int] = []
    last: tuple[float, float] | None = None
    for point, place in order:
        if last is None or point[1] < last[1] or point == last:
            best.append(place)
            last = point
    return best
