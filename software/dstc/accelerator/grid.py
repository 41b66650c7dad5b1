"""Output tiles for each core.

Cores get blocks of whole rows of output tiles.  Where rows alone would leave cores without work,
columns are cut too, at places that the product allows.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ..formats.layout import tiles_along

__all__ = ["Block", "cut_grid"]


@dataclass(frozen=True)
class Block:
    """Rows and columns of output tiles that one core computes."""

    rows: range
    columns: range


def cut_grid(grid: tuple[int, int], cores: int, step: int,
             costs: NDArray[np.int64] | None = None) -> list[Block]:
    """One block for each core that takes part.

    Columns are cut where that makes the largest block smaller; cores that would not make it
    smaller get nothing.

    Parameters
    ----------
    grid : tuple of int
        Rows and columns of output tiles.
    cores : int
    step : int
        Columns are cut at multiples of it.
    costs : numpy.ndarray, optional
        ``int64[rows]``: what each row costs, in any unit; all the same without.
    """
    rows, columns = grid
    groups = tiles_along(columns, step)
    shapes = [(down, across) for across in range(1, min(groups, cores) + 1)
              for down in range(1, min(rows, cores // across) + 1)]
    down, across = min(shapes, key=lambda shape: (
        tiles_along(rows, shape[0]) * min(columns, tiles_along(groups, shape[1]) * step),
        shape[1], shape[0]))
    row_parts = _shares(np.ones(rows, np.int64) if costs is None else costs, down)
    group_parts = _shares(np.ones(groups, np.int64), across)
    return [Block(row_part, range(group.start * step, min(group.stop * step, columns)))
            for row_part in row_parts for group in group_parts]


def _shares(costs: NDArray[np.int64], parts: int) -> list[range]:
    """Neighbouring ranges that cost about the same; none is empty."""
    ends = np.append(0, np.cumsum(costs))
    cuts = [0]
    for part in range(1, parts):
        # The end that is nearest to an even share of the rest, with something left for everybody.
        done = ends[cuts[-1]]
        wanted = done + (ends[-1] - done) / (parts - part + 1)
        cut = int(np.abs(ends - wanted).argmin())
        cuts.append(min(max(cut, cuts[-1] + 1), costs.size - parts + part))
    return [range(start, stop) for start, stop in pairwise([*cuts, costs.size])]
