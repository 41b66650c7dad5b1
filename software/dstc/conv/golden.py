"""The golden model of a convolution: lowered, multiplied and finished in plain numpy."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import golden
from ..elements import ELEMENTS, Element
from ..errors import DstcError
from ..numerics import require_real, to_accumulator, to_element
from .epilogue import Epilogue, apply
from .featuremap import map_matrix, matrix_map
from .geometry import ConvGeometry, Extents
from .lowering import im2col

__all__ = ["conv2d", "convolution"]

OUTPUTS = ("acc", "element")


def conv2d(x: ArrayLike, w: ArrayLike, *, bias: ArrayLike | None = None,
           c: ArrayLike | None = None, stride: Extents = 1, padding: Extents = 0,
           dilation: Extents = 1, groups: int = 1, relu: bool = False, element: str = "fp16",
           out: str = "acc", multiplier: ArrayLike | None = None,
           shift: ArrayLike | None = None) -> NDArray[Any]:
    """A two-dimensional convolution, every bit as the hardware must have it.

    Zeros of either side contribute nothing, those of the padding included; products are added in
    ascending order of input channel, then row, then column of the kernel (docs/numerics.md).

    Parameters
    ----------
    x : array_like, shape (C, H, W) or (N, C, H, W)
        Feature map, or a batch of them.
    w : array_like, shape (M, C / groups, KH, KW)
        Weights.
    bias : array_like, shape (M,), optional
        Added to the sums, with a rounding of its own.
    c : array_like, optional
        Of the shape of the result: what the sums start from; +0 without.
    stride, padding, dilation, groups
        As :class:`ConvGeometry` takes them; ``padding`` is its ``pads``.
    relu : bool
        Negative results become +0.
    element : str
        Element format to which the operands are converted, rounding where they must
        (:func:`dstc.numerics.to_element`); bias and C become accumulators.
    out : str
        ``acc``: the results are FP32 or INT32.  ``element``: they are converted to the element
        format, as the next feature map.
    multiplier, shift : array_like of int, shape () or (M,), optional
        Of int8 and ``element``: results are multiplied by ``multiplier / 2**shift``
        (:func:`fixed_point`).

    Returns
    -------
    numpy.ndarray, shape (M, OH, OW) or (N, M, OH, OW)

    Raises
    ------
    DstcError
        If shapes do not fit, an option is out of range, or int8 cannot hold a value or a sum.
    """
    if element not in ELEMENTS:
        raise DstcError(f"Element format must be one of {', '.join(ELEMENTS)}, not {element!r}")
    if out not in OUTPUTS:
        raise DstcError(f"Output must be one of {', '.join(OUTPUTS)}, not {out!r}")
    form = ELEMENTS[element]
    images, weights = to_element(x, element)[0], to_element(w, element)[0]
    geometry = ConvGeometry.from_shapes(images.shape, weights.shape, stride=stride, pads=padding,
                                        dilation=dilation, groups=groups)
    epilogue = Epilogue(
        bias=None if bias is None else to_accumulator(bias, form)[0], relu=relu,
        raw=out == "acc", multiplier=_columns(multiplier, geometry),
        shift=_columns(shift, geometry))
    shape = (*images.shape[:-3], *geometry.out_shape)
    starts = None if c is None else to_accumulator(c, form)[0]
    if starts is not None and starts.shape != shape:
        raise DstcError(f"C must have the shape {shape}, not {starts.shape}")
    batch = images.reshape(-1, *geometry.x_shape)
    each = [None] * len(batch) if starts is None else starts.reshape(-1, *geometry.out_shape)
    results = np.empty((len(batch), *geometry.out_shape),
                       form.acc_dtype if epilogue.raw else form.dtype)
    for result, image, start in zip(results, batch, each, strict=True):
        result[...] = convolution(image, weights, geometry, epilogue, c=start, element=form)
    return results.reshape(shape)


def _columns(values: ArrayLike | None, geometry: ConvGeometry) -> NDArray[Any] | None:
    """One value for each output channel."""
    if values is None:
        return None
    array = require_real(values, "Epilogue")
    return np.repeat(array, geometry.outputs) if array.ndim == 0 else array


def convolution(x: NDArray[Any], w: NDArray[Any], geometry: ConvGeometry, epilogue: Epilogue, *,
                c: NDArray[Any] | None = None, element: Element) -> NDArray[Any]:
    """The convolution of one image.

    Parameters
    ----------
    x : numpy.ndarray, shape (C, H, W)
    w : numpy.ndarray, shape (M, C / groups, KH, KW)
        Both of the element's type.
    geometry : ConvGeometry
    epilogue : Epilogue
    c : numpy.ndarray, shape (M, OH, OW), optional
        Of the accumulator's type.
    element : Element

    Returns
    -------
    numpy.ndarray, shape (M, OH, OW)
        Accumulators if the epilogue is raw, else elements.

    Raises
    ------
    DstcError
        If shapes or types do not fit, or an int8 sum might not fit INT32.
    """
    if x.shape != geometry.x_shape:
        raise DstcError(f"Feature map must have the shape {geometry.x_shape}, not {x.shape}")
    if w.shape != geometry.w_shape:
        raise DstcError(f"Convolution weights must have the shape {geometry.w_shape}, "
                        f"not {w.shape}")
    if c is not None and c.shape != geometry.out_shape:
        raise DstcError(f"C must have the shape {geometry.out_shape}, not {c.shape}")
    lowered = im2col(x, geometry)
    starts = None if c is None else map_matrix(c)
    acc = np.empty((geometry.positions, geometry.outputs), element.acc_dtype)
    depth, outputs = geometry.group_channels * geometry.taps, geometry.group_outputs
    for group in range(geometry.groups):
        taps = slice(group * depth, (group + 1) * depth)
        columns = slice(group * outputs, (group + 1) * outputs)
        acc[:, columns] = golden.matmul(
            lowered[:, taps], w[columns].reshape(outputs, depth).T,
            None if starts is None else starts[:, columns])
    return matrix_map(apply(acc, epilogue, element), (geometry.out_height, geometry.out_width))
