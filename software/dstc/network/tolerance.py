"""How far a layer on the core may be from the same layer in ONNX Runtime.

Both compute sums of n products and a bias.  With the unit roundoffs u of the element format and
v = 2**-24 of FP32, the standard model of rounding (Higham, Accuracy and Stability of Numerical
Algorithms, 2nd ed., section 3.1) bounds every element of the difference:

- the core works on rounded operands: ``|x' w' - x w| <= |x' - x| |w'| + |x| |w' - w|``, summed;
- either side sums with at most n + 2 roundings on any path, whatever the order:
  ``gamma = (n + 2) v / (1 - (n + 2) v)`` times the sum of absolute values.

The operands are known, so their rounding errors enter as they are, not at their worst.  The n + 2
roundings are n - 1 additions, that of the bias, one of a product or of a double-precision bias, and
one of the factor ``alpha`` where sums are taken in parts.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..conv import ConvGeometry, im2col
from ..conv.featuremap import matrix_map

__all__ = ["difference_bound", "output_bound"]

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
        count, gamma = depth + 2, _gamma(depth)
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


def output_bound(core: NDArray[np.float64], out: NDArray[Any], reference: NDArray[Any], *,
                 depth: int, alpha: float = 1.0, bias: NDArray[np.floating] | None = None
                 ) -> NDArray[np.float64]:
    """Largest possible difference of a layer's output tensor.

    Parameters
    ----------
    core : numpy.ndarray
        Of :func:`difference_bound`, in the shape of the output.
    out, reference : numpy.ndarray
        The layer's output by way of the core, and that of ONNX Runtime; of one type.
    depth : int
        Products in a sum.
    alpha : float
        Factor that the host multiplies the core's result with.
    bias : numpy.ndarray, optional
        What the host adds, in a shape that broadcasts over the output.

    Returns
    -------
    numpy.ndarray
        Infinite or NaN where an operand or a result is.
    """
    import ml_dtypes

    with np.errstate(all="ignore"):
        bound, size = abs(alpha) * core, np.abs(out.astype(np.float64)) + np.abs(
            reference.astype(np.float64))
        if alpha != 1 or bias is not None:
            # The host scales, scales the bias and adds, a rounding each on either side; ONNX
            # Runtime may start its sum with the bias, which then shares all roundings.
            added = np.zeros(()) if bias is None else 2 * np.abs(bias.astype(np.float64))
            bound = bound + 3 * UNIT * (size + added) + _gamma(depth) * added + 4 * SMALLEST
        info = ml_dtypes.finfo(reference.dtype)
        if float(info.eps) / 2 > UNIT:
            # Either side is rounded once more.
            bound = bound + float(info.eps) / 2 * size + float(info.smallest_subnormal)
    return bound


def _gamma(depth: int) -> float:
    """Relative error of a sum of so many products and a bias."""
    count = depth + 2
    return count * UNIT / (1 - count * UNIT)
