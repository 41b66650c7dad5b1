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

_ELEMENT_TYPES = [element.dtype for element in ELEMENTS.values()]


def require_real(array: Any, thing: str = "Matrix") -> NDArray[Any]:
    """An array of booleans, integers or floats of at most 64 bits, those of ``ml_dtypes`` included.

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
    number = array.dtype.kind in "biuf" and array.dtype.itemsize <= 8
    if not number and array.dtype not in _ELEMENT_TYPES:
        raise DstcError(f"{thing} values must be booleans, integers or floats of at most 64 bits, "
                        f"not {array.dtype}")
    return array


def to_element(array: Any, element: str) -> tuple[NDArray[Any], int]:
    """Convert to an element format.

    Floats are rounded to nearest, ties to even, in one rounding from the type given; what
    exceeds the largest value becomes an infinity, or NaN in a format that has none.  int8 takes
    integers (of any type) in range.

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
    if not _is_numpy(array.dtype):
        array = array.astype(np.float32)
    if dtype.kind == "i":
        return _to_integer(array, dtype, name), 0
    with np.errstate(all="ignore"):
        if not _is_numpy(dtype):
            converted = _round_to_odd(array).astype(dtype)
        elif array.dtype.kind == "f":
            converted = array.astype(dtype)
        else:
            # By way of single precision there is one rounding at most: integers that it cannot
            # hold are infinite in half precision.
            converted = array.astype(np.float32).astype(dtype)
        if array.dtype.kind == "f":
            differs = (converted if _is_numpy(dtype) else converted.astype(np.float32)) != array
            if differs.any():
                differs &= ~np.isnan(array)
        else:
            wide = array.astype(np.float32 if array.itemsize <= 2 else np.float64)
            differs = (converted.astype(wide.dtype) != wide) | (wide.astype(array.dtype) != array)
    return converted, int(np.count_nonzero(differs))


def _is_numpy(dtype: np.dtype) -> bool:
    """Whether a type is numpy's own; those of ``ml_dtypes`` are registered by its users."""
    return dtype.isbuiltin != 2


def _round_to_odd(array: NDArray[Any]) -> NDArray[np.float32]:
    """Single precision in which an inexact number is the odd one of its two neighbours.

    Rounding that once more, to a format with at least two bits less, gives what one rounding of
    the array would give: no tie is made and none is lost.  ``ml_dtypes`` itself rounds doubles
    and integers twice.
    """
    if array.dtype.kind in "iu" and array.itemsize == 8:
        # What a double cannot hold is made odd first, eleven bits up.
        low = array & 0x7FF
        odd = array - low | (low != 0).astype(array.dtype) << 11
        array = np.where((array >= 1 << 53) | (array <= -1 << 53), odd, array)
    single = array.astype(np.float32)
    if array.itemsize <= 2 or array.dtype == np.float32:
        return single
    wide = array.astype(np.float64)
    bits = single.view(np.int32)
    even = (single != wide) & (bits & 1 == 0) & ~np.isnan(wide)
    # A step of the bits is a step in size, also from zero and from infinity.
    bits[even] += np.where(np.abs(single) > np.abs(wide), -1, 1)[even].astype(np.int32)
    return single


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

    Works on the bits, which is many times faster than comparing short floats.

    Parameters
    ----------
    array : numpy.ndarray of an element dtype

    Returns
    -------
    numpy.ndarray of bool, of the same shape
    """
    if array.dtype.kind != "i":
        # The shift drops the sign.
        return (array.view(f"u{array.dtype.itemsize}") << 1) != 0
    return array != 0


def canonical_nan(array: NDArray[np.float32]) -> NDArray[np.float32]:
    """Replace, in place, every NaN by :data:`QUIET_NAN`."""
    array.view(np.uint32)[np.isnan(array)] = QUIET_NAN
    return array
