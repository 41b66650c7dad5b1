"""Convolutions as matrix products: the lowered feature map and the weight matrix."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DstcError
from .geometry import ConvGeometry

__all__ = ["im2col", "weight_matrix"]

MAX_ELEMENTS = 1 << 31


def im2col(x: NDArray[Any], geometry: ConvGeometry) -> NDArray[Any]:
    """Lower a feature map, so that a convolution becomes a matrix product.

    Parameters
    ----------
    x : numpy.ndarray, shape (..., C, H, W)
        One feature map, or several behind each other, of any type.
    geometry : ConvGeometry

    Returns
    -------
    numpy.ndarray, shape (..., OH * OW, C * KH * KW)
        Row ``oh * OW + ow``, column ``(c * KH + i) * KW + j``: what tap (i, j) meets in channel c
        at that output position; zero (or False) where it lies outside the feature map.  A new
        array, in memory column by column: so it is made fastest, and so the tiles of side A are.

    Raises
    ------
    DstcError
        If the feature map does not fit the geometry or the result would be too large.
    """
    if x.shape[-3:] != geometry.x_shape:
        raise DstcError(f"Feature map must have the shape {geometry.x_shape}, not {x.shape}")
    outer = x.shape[:-3]
    kh, kw = geometry.kernel
    out_height, out_width = geometry.out_height, geometry.out_width
    shape = (*outer, geometry.channels, kh, kw, out_height, out_width)
    _require_size("Lowered feature map", shape)
    lowered = np.zeros(shape, x.dtype)
    columns = [_inside(geometry, 1, j) for j in range(kw)]
    for i in range(kh):
        to_rows, from_rows = _inside(geometry, 0, i)
        for j, (to_columns, from_columns) in enumerate(columns):
            lowered[..., i, j, to_rows, to_columns] = x[..., from_rows, from_columns]
    return lowered.reshape(*outer, geometry.k, geometry.positions).swapaxes(-1, -2)


def _inside(geometry: ConvGeometry, axis: int, tap: int) -> tuple[slice, slice]:
    """Along one axis, the output positions whose tap meets the feature map, and what it meets."""
    size = (geometry.height, geometry.width)[axis]
    steps = (geometry.out_height, geometry.out_width)[axis]
    stride = geometry.stride[axis]
    start = tap * geometry.dilation[axis] - geometry.pads[axis]
    first = max(0, -(start // stride))
    stop = max(first, min(steps, -((start - size) // stride)))
    begin = first * stride + start
    return slice(first, stop), slice(begin, begin + (stop - first) * stride, stride)


def weight_matrix(w: NDArray[Any], geometry: ConvGeometry) -> NDArray[Any]:
    """The weights as the right operand of the lowered feature map.

    Parameters
    ----------
    w : numpy.ndarray, shape (M, C / groups, KH, KW)
        Of any type.
    geometry : ConvGeometry

    Returns
    -------
    numpy.ndarray, shape (C * KH * KW, M)
        Row ``(c * KH + i) * KW + j``, with c over the channels of all groups.  With groups it is
        block diagonal, a new array; otherwise a view.

    Raises
    ------
    DstcError
        If the weights do not fit the geometry or the result would be too large.
    """
    if w.shape != geometry.w_shape:
        raise DstcError(f"Convolution weights must have the shape {geometry.w_shape}, "
                        f"not {w.shape}")
    depth, outputs = geometry.group_channels * geometry.taps, geometry.group_outputs
    if geometry.groups == 1:
        return w.reshape(outputs, depth).T
    shape = (geometry.groups, outputs, geometry.groups, depth)
    _require_size("Weight matrix", shape)
    matrix = np.zeros(shape, w.dtype)
    groups = np.arange(geometry.groups)
    matrix[groups, :, groups] = w.reshape(geometry.groups, outputs, depth)
    return matrix.reshape(geometry.outputs, geometry.k).T


def _require_size(thing: str, shape: tuple[int, ...]) -> None:
    size = math.prod(shape)
    if size > MAX_ELEMENTS:
        raise DstcError(f"{thing} must have at most {MAX_ELEMENTS} elements, not {size}")
