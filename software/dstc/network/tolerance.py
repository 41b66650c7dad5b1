"""How far a layer on the core may be from the same layer in single precision.

Both compute sums of n products and a bias.  With the unit roundoffs u of the element format and
v = 2**-24 of FP32, the standard model of rounding (Higham, Accuracy and Stability of Numerical
Algorithms, 2nd ed., section 3.1) bounds every element of the difference:

- the core works on rounded operands: ``|x' w' - x w| <= |x' - x| |w'| + |x| |w' - w|``, summed;
- either side sums with at most n + 2 roundings on any path, whatever the order:
  ``gamma = (n + 2) v / (1 - (n + 2) v)`` times the sum of absolute values.

The operands are known, so their rounding errors enter as they are, not at their worst.
"""

import numpy as np
from numpy.typing import NDArray

from ..conv import ConvGeometry, im2col
from ..conv.featuremap import matrix_map

__all__ = ["difference_bound"]

UNIT = 2.0 ** -24
SMALLEST = 2.0 ** -149


def difference_bound(x: NDArray[np.floating], x_rounded: NDArray[np.floating],
                     w: NDArray[np.floating], w_rounded: NDArray[np.floating],
                     bias: NDArray[np.floating] | None, geometry: ConvGeometry
                     ) -> NDArray[np.float64]:
    """Largest possible difference of each result.

    Parameters
    ----------
    x, x_rounded : numpy.ndarray, shape (C, H, W)
        What entered, and what the core was given.
    w, w_rounded : numpy.ndarray, shape (M, C / groups, KH, KW)
        Weights, likewise.
    bias : numpy.ndarray, shape (M,), optional
    geometry : ConvGeometry

    Returns
    -------
    numpy.ndarray, shape (M, OH, OW)
        Infinite or NaN where an operand is.
    """
    depth, outputs = geometry.group_channels * geometry.taps, geometry.group_outputs

    def absolute(values: NDArray[np.floating]) -> NDArray[np.float64]:
        return np.abs(values.astype(np.float64))

    with np.errstate(all="ignore"):
        before, after = absolute(x), absolute(x_rounded)
        moved = np.abs(x_rounded.astype(np.float64) - x.astype(np.float64))
        left = [im2col(side, geometry) for side in (before, after, moved)]
        w_moved = np.abs(w_rounded.astype(np.float64) - w.astype(np.float64))
        right = [side.reshape(geometry.outputs, depth).T
                 for side in (absolute(w), absolute(w_rounded), w_moved)]
        count = depth + 2
        gamma = count * UNIT / (1 - count * UNIT)
        bound = np.empty((geometry.positions, geometry.outputs))
        for group in range(geometry.groups):
            taps = slice(group * depth, (group + 1) * depth)
            columns = slice(group * outputs, (group + 1) * outputs)
            x_abs, x_used, x_error = (side[:, taps] for side in left)
            w_abs, w_used, w_error = (side[:, columns] for side in right)
            sums = x_abs @ w_abs + x_used @ w_used
            if bias is not None:
                sums += 2 * absolute(bias[columns])
            bound[:, columns] = x_error @ w_used + x_abs @ w_error + gamma * sums
        # Products and sums below the normal range are off by no more than half of the least.
        bound += 2 * count * SMALLEST
    return matrix_map(bound, (geometry.out_height, geometry.out_width))
