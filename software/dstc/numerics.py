"""Conversion to element and accumulator formats, and the bit patterns that the rules name."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .elements import ELEMENTS, Element
from .errors import DstcError

__all__ = ["QUIET_NAN", "canonical_nan", "nonzero_mask", "require_real", "to_accumulator",
           "to_element"]

QUIET_NAN = 0x7FC00000
"""The one NaN of every FP32 result."""


def require_real(array: Any, thing: str = "Matrix") -> NDArray[Any]:
    """An array of booleans, integers or floats of at most 64 bits.

    Parameters
    ----------
    array : array_like
    thing : str
        What the error message calls it.

    Returns
    -------
    numpy.ndarray
        The same values, without a copy where possible.

    Raises
    ------
    DstcError
        If the values are complex, objects, text, dates, records or extended floats.
    """
    array = np.asarray(array)
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        raise DstcError(f"{thing} values must be booleans, integers or floats of at most 64 bits, "
                        f"not {array.dtype}")
    return array


def to_element(array: Any, element: str) -> tuple[NDArray[Any], int]:
    """Convert to an element format.

    Floats are rounded to nearest, ties to even, in one rounding from the type given; what
    exceeds the largest value becomes an infinity.  int8 takes integers (of any type) in range.

    Parameters
    ----------
    array : array_like of real numbers
    element : str
        Key of :data:`dstc.elements.ELEMENTS`.

    Returns
    -------
    converted : numpy.ndarray
        Of the element's dtype; the array itself when it already is.
    changed : int
        How many values are not exactly what they were (NaN stays NaN).

    Raises
    ------
    DstcError
        If the format is unknown, the values are not real numbers, or int8 cannot hold them.
    """
    if element not in ELEMENTS:
        raise DstcError(f"Element format must be one of {', '.join(ELEMENTS)}, not {element!r}")
    target = ELEMENTS[element]
    array = require_real(array)
    return _convert(array, target.dtype, target.name)


def to_accumulator(array: Any, element: Element) -> tuple[NDArray[Any], int]:
    """Convert to the accumulator format that goes with an element format.

    The rules and the results are those of :func:`to_element`, for FP32 or INT32.
    """
    return _convert(require_real(array, "C"), element.acc_dtype, element.acc_name)


def _convert(array: NDArray[Any], dtype: np.dtype, name: str) -> tuple[NDArray[Any], int]:
    if array.dtype == dtype:
        return array, 0
    if dtype.kind == "i":
        return _to_integer(array, dtype, name), 0
    with np.errstate(all="ignore"):
        if array.dtype.kind == "f":
            converted = array.astype(dtype)
            differs = converted != array
            if differs.any():
                differs &= ~np.isnan(array)
        else:
            # By way of single precision there is one rounding at most: integers that it cannot
            # hold are infinite in half precision.
            converted = array.astype(np.float32).astype(dtype)
            wide = array.astype(np.float32 if array.itemsize <= 2 else np.float64)
            differs = (converted != wide) | (wide.astype(array.dtype) != array)
    return converted, int(np.count_nonzero(differs))


def _to_integer(array: NDArray[Any], dtype: np.dtype, name: str) -> NDArray[Any]:
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    fits = (array >= low) & (array <= high) if array.dtype.kind != "b" else np.ones_like(array)
    if array.dtype.kind == "f":
        with np.errstate(invalid="ignore"):
            fits &= np.trunc(array) == array
    if not fits.all():
        bad = array[~fits].flat[0]
        raise DstcError(f"{name} values must be integers from {low} to {high}, not {bad}")
    return array.astype(dtype)


def nonzero_mask(array: NDArray[Any]) -> NDArray[np.bool_]:
    """Which values are stored: all but +0 and -0.

    Works on the bits, which is many times faster than comparing half-precision floats.

    Parameters
    ----------
    array : numpy.ndarray of an element dtype

    Returns
    -------
    numpy.ndarray of bool, of the same shape
    """
    if array.dtype.kind == "f":
        # The shift drops the sign.
        return (array.view(f"u{array.dtype.itemsize}") << 1) != 0
    return array != 0


def canonical_nan(array: NDArray[np.float32]) -> NDArray[np.float32]:
    """Replace, in place, every NaN by :data:`QUIET_NAN`."""
    array.view(np.uint32)[np.isnan(array)] = QUIET_NAN
    return array
