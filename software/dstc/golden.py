"""The golden model: a matrix product by the numerics contract, in plain numpy."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .elements import ELEMENTS, Element
from .errors import DstcError
from .numerics import canonical_nan, nonzero_mask

__all__ = ["matmul"]


def matmul(a: NDArray[Any], b: NDArray[Any], c: NDArray[Any] | None = None) -> NDArray[Any]:
    """``a @ b + c``, every bit as the hardware must have it.

    For every (m, n) the products are added one after the other, k ascending, starting from
    ``c[m, n]`` or +0.  A pair in which either operand is a zero of either sign contributes
    nothing, whatever the other is.  Floating-point elements: each product is rounded to FP32
    (nearest, ties to even), which changes none but some of bf16, each addition is rounded to FP32
    again, subnormals are kept and every NaN is 0x7FC00000.  int8: INT32.

    Parameters
    ----------
    a : numpy.ndarray, M x K, of an element type
    b : numpy.ndarray, K x N, of the same type
    c : numpy.ndarray, M x N, float32 or int32, optional

    Returns
    -------
    numpy.ndarray, M x N, float32 or int32
        A new array.

    Raises
    ------
    DstcError
        If shapes or types do not fit, or if an int8 sum might not fit INT32.
    """
    element = _element(a, b)
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[0]:
        raise DstcError("Operand shapes must be M x K and K x N, not "
                        f"{_by(a.shape)} and {_by(b.shape)}")
    shape = (a.shape[0], b.shape[1])
    if c is None:
        acc = np.zeros(shape, element.acc_dtype)
    elif c.shape != shape:
        raise DstcError(f"C must be {_by(shape)}, not {_by(c.shape)}")
    elif c.dtype != element.acc_dtype:
        raise DstcError(f"C must be of type {element.acc_dtype.name}, not {c.dtype.name}")
    else:
        acc = np.array(c, order="C")
    if element.is_float:
        return canonical_nan(_accumulate(a, b, acc))
    _refuse_overflow(a, b, acc)
    # Whole numbers below 2**53: any order of summation is exact.
    acc += (a.astype(np.float64) @ b.astype(np.float64)).astype(np.int32)
    return acc


def _element(a: NDArray[Any], b: NDArray[Any]) -> Element:
    for element in ELEMENTS.values():
        if a.dtype == element.dtype and b.dtype == element.dtype:
            return element
    allowed = ", ".join(element.dtype.name for element in ELEMENTS.values())
    raise DstcError(f"Operands must be both of one of the types {allowed}, "
                    f"not {a.dtype.name} and {b.dtype.name}")


def _accumulate(a: NDArray[Any], b: NDArray[Any], acc: NDArray[Any]) -> NDArray[Any]:
    """One rank-1 update per k, over the rows and columns that have a non-zero there."""
    columns, column_masks = a.T.astype(np.float32), nonzero_mask(a).T
    rows, row_masks = b.astype(np.float32), nonzero_mask(b)
    with np.errstate(all="ignore"):
        for column, m, row, n in zip(columns, column_masks, rows, row_masks, strict=True):
            where = np.ix_(m, n)
            acc[where] += np.multiply.outer(column[m], row[n])
    return acc


def _refuse_overflow(a: NDArray[Any], b: NDArray[Any], c: NDArray[Any]) -> None:
    if 0 in (*a.shape, *b.shape):
        return
    largest_a = np.abs(a.astype(np.int64)).max(axis=0)
    largest_b = np.abs(b.astype(np.int64)).max(axis=1)
    bound = int(largest_a @ largest_b) + int(np.abs(c.astype(np.int64)).max())
    if bound > np.iinfo(np.int32).max:
        raise DstcError("Largest possible int8 sum, max|C| + sum over k of max|A[:,k]| max|B[k,:]|,"
                        f" must be at most {np.iinfo(np.int32).max}, not {bound}")


def _by(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "a scalar"
