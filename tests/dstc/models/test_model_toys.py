"""Published toy cases: figures 4 and 14 of Lian and others, Uni-STC, HPCA 2026.

The cycles and utilisations are the figures'.  Their masks are only drawn; those here were found by
search and agree with everything that the figures say of all three machines at once: the shapes,
the effectual MACs (cycles x utilisation x multipliers), half of x zero.  Under other readings of
RM-STC no mask does: with pairs of neighbouring k, or with non-zeros of A that meet a non-zero of x
only, 5 cycles for SpMSpV are out of reach.
"""

import numpy as np
import pytest

from dstc.models import Operands
from dstc.models.rm_stc import RowMerge
from dstc.models.simple import OuterProduct
from dstc.models.uni_stc import TilePacking

# Figure 4: four multipliers, as 2 x 2, as two scalars by half a row, and as one dot product.
SMALL = {"DS": OuterProduct(4, 4, 2, 2), "RM": RowMerge(rows=1, columns=2, depth=2, tile=4),
         "Uni": TilePacking(block=4, tile=4, generators=8, multipliers=4)}
A4 = np.array([[1, 1, 1, 1], [1, 1, 0, 0], [0, 1, 1, 1], [0, 0, 1, 0]], bool)
FIGURE4 = {
    "SpMV": (np.ones((4, 1), bool), {"DS": (6, 41.67), "RM": (6, 41.67), "Uni": (3, 83.33)}),
    "SpMSpV": (np.array([[0], [1], [1], [0]], bool),
               {"DS": (4, 37.5), "RM": (5, 30.0), "Uni": (2, 75.0)}),
    "SpMM": (np.ones((4, 4), bool), {"DS": (12, 83.33), "RM": (12, 83.33), "Uni": (10, 100.0)}),
    "SpGEMM": (A4, {"DS": (9, 69.44), "RM": (11, 56.82), "Uni": (7, 89.29)})}

# Figure 14: an 8 x 8 x 8 task on 16 multipliers.
LARGER = {"DS": OuterProduct(8, 8, 4, 4), "RM": RowMerge(rows=4, columns=2, depth=2, tile=8),
          "Uni": TilePacking(block=8, tile=2, generators=8, multipliers=16)}
A8 = np.array([[0, 0, 1, 0, 0, 0, 0, 1], [0, 1, 0, 0, 0, 1, 1, 1], [1, 0, 1, 0, 0, 0, 0, 0],
               [1, 1, 0, 1, 0, 0, 0, 0], [0, 0, 0, 0, 1, 0, 0, 0], [0, 1, 0, 0, 1, 0, 0, 1],
               [0, 0, 0, 0, 0, 0, 0, 0], [0, 0, 1, 0, 0, 0, 0, 0]], bool)
B8 = np.array([[1, 0, 0, 1, 0, 0, 1, 1], [1, 0, 1, 0, 0, 0, 1, 1], [1, 1, 0, 0, 0, 0, 0, 1],
               [0, 0, 0, 1, 0, 0, 1, 0], [0, 1, 0, 0, 1, 0, 0, 1], [0, 0, 1, 1, 0, 1, 0, 0],
               [1, 0, 1, 0, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0, 1, 0]], bool)
FIGURE14 = {"DS": (8, 37.5), "RM": (6, 50.0), "Uni": (4, 75.0)}


def check(machine, a, b, expected):
    """Cycles, and utilisation to the hundredth of a percent that the figures have."""
    operands = Operands.from_masks(a, b)
    cycles = machine.cycles(operands)
    effectual = int((a.astype(int) @ b.astype(int)).sum())
    assert (cycles, round(100 * effectual / (cycles * machine.multipliers), 2)) == expected


@pytest.mark.parametrize("kernel", FIGURE4)
@pytest.mark.parametrize("design", SMALL)
def test_figure_4(kernel, design):
    """Four kernels on four multipliers."""
    b, published = FIGURE4[kernel]
    check(SMALL[design], A4, b, published[design])


@pytest.mark.parametrize("design", LARGER)
def test_figure_14(design):
    """One task on sixteen multipliers."""
    check(LARGER[design], A8, B8, FIGURE14[design])
