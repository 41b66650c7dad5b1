"""What happens to the sums of a convolution: bias, ReLU, conversion to the element format."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..elements import Element
from ..errors import DstcError
from ..numerics import canonical_nan, nonzero_mask, to_element
from .words import MULTIPLIER, SHIFT_STOP

__all__ = ["Epilogue", "apply", "fixed_point"]

MULTIPLIER_BITS = MULTIPLIER.width


@dataclass(frozen=True, kw_only=True, eq=False)
class Epilogue:
    """What to do with the accumulators of each column (output channel).

    Attributes
    ----------
    bias : numpy.ndarray or None
        float32 or int32, one for each column.  None: no addition at all.
    relu : bool
        Negative results and -0 become +0; NaN stays.
    raw : bool
        Results stay accumulators; otherwise they become elements of the next feature map.
    multiplier, shift : numpy.ndarray or None
        Of int8 elements only: the sum is multiplied by ``multiplier / 2**shift``, from 0 to 65535
        and from 0 to 47, one of each for each column.

    Raises
    ------
    DstcError
        If a part is of another type or length or out of range, or contradicts another.
    """

    bias: NDArray[Any] | None = None
    relu: bool = False
    raw: bool = True
    multiplier: NDArray[np.integer] | None = None
    shift: NDArray[np.integer] | None = None

    def __post_init__(self) -> None:
        columns = {name: value for name in ("bias", "multiplier", "shift")
                   if (value := getattr(self, name)) is not None}
        for name, value in columns.items():
            if not isinstance(value, np.ndarray) or value.ndim != 1:
                raise DstcError(f"Epilogue {name} must be an array of one dimension, not {value!r}")
        if self.bias is not None and self.bias.dtype not in (np.float32, np.int32):
            raise DstcError(f"Epilogue bias must be float32 or int32, not {self.bias.dtype}")
        if (self.multiplier is None) != (self.shift is None):
            missing, given = (("multiplier", "shift") if self.multiplier is None
                              else ("shift", "multiplier"))
            raise DstcError(f"Epilogue {missing} must be given with a {given}, not left out")
        if self.multiplier is not None and self.raw:
            raise DstcError("Epilogue multiplier must be given for results that become elements, "
                            "not for raw ones")
        for name, stop in (("multiplier", 1 << MULTIPLIER_BITS), ("shift", SHIFT_STOP)):
            if name in columns:
                _require_range(name, columns[name], stop)
        if len({value.size for value in columns.values()}) > 1:
            sizes = ", ".join(f"{value.size} of {name}" for name, value in columns.items())
            raise DstcError(f"Epilogue parts must be as many as there are columns, not {sizes}")

    def require(self, columns: int, element: Element) -> None:
        """Refuse a product for which this epilogue was not made.

        Parameters
        ----------
        columns : int
            Output channels.
        element : Element

        Raises
        ------
        DstcError
            If there are more or fewer columns, the bias is none of the element's accumulators,
            or an int8 result lacks the multiplier or a float has one.
        """
        for name in ("bias", "multiplier"):
            value = getattr(self, name)
            if value is not None and value.size != columns:
                raise DstcError(f"Epilogue {name} must have {columns} values, one for each output "
                                f"channel, not {value.size}")
        if self.bias is not None and self.bias.dtype != element.acc_dtype:
            raise DstcError(f"Epilogue bias of {element.name} must be {element.acc_dtype.name}, "
                            f"not {self.bias.dtype}")
        if element.is_float and self.multiplier is not None:
            raise DstcError(f"Epilogue multiplier must be given for int8, not for {element.name}")
        if not element.is_float and not self.raw and self.multiplier is None:
            raise DstcError("Epilogue multiplier must be given for int8 results that become "
                            "elements, not left out")


def _require_range(name: str, values: NDArray[Any], stop: int) -> None:
    if values.dtype.kind not in "iu":
        raise DstcError(f"Epilogue {name} must be integers, not {values.dtype}")
    wrong = values[(values < 0) | (values >= stop)]
    if wrong.size:
        raise DstcError(f"Epilogue {name} must be from 0 to {stop - 1}, not {wrong[0]}")


def apply(acc: NDArray[Any], epilogue: Epilogue, element: Element) -> NDArray[Any]:
    """The results of some accumulators, every bit as the hardware must have it.

    Parameters
    ----------
    acc : numpy.ndarray, shape (..., M)
        float32 or int32, as the element's sums are; the last axis runs over the columns.
    epilogue : Epilogue
    element : Element
        Format of the operands, and of results that are not raw.

    Returns
    -------
    numpy.ndarray
        A new array of the same shape, of the accumulator type if ``raw``, else of the element
        type: floats rounded once as :func:`dstc.numerics.to_element` does, every zero +0.

    Raises
    ------
    DstcError
        If the epilogue was not made for these accumulators, or a raw int8 sum with its bias does
        not fit 32 bits.
    """
    if acc.dtype != element.acc_dtype:
        raise DstcError(f"Accumulators of {element.name} must be {element.acc_dtype.name}, "
                        f"not {acc.dtype}")
    epilogue.require(acc.shape[-1], element)
    return _floats(acc, epilogue, element) if element.is_float else _integers(acc, epilogue)


def _floats(acc: NDArray[Any], epilogue: Epilogue, element: Element) -> NDArray[Any]:
    with np.errstate(all="ignore"):
        sums = acc.copy() if epilogue.bias is None else acc + epilogue.bias
    sums = canonical_nan(sums)
    if epilogue.relu:
        sums[~(sums > 0) & ~np.isnan(sums)] = 0
    if epilogue.raw:
        return sums
    results, _ = to_element(sums, element.name)
    results[~nonzero_mask(results)] = 0
    return results


def _integers(acc: NDArray[Any], epilogue: Epilogue) -> NDArray[Any]:
    sums = acc.astype(np.int64)
    if epilogue.bias is not None:
        sums += epilogue.bias
    if epilogue.relu:
        np.maximum(sums, 0, out=sums)
    if epilogue.multiplier is None or epilogue.shift is None:
        limits = np.iinfo(np.int32)
        wrong = sums[(sums < limits.min) | (sums > limits.max)]
        if wrong.size:
            raise DstcError("Sum of accumulator and bias must be from "
                            f"{limits.min} to {limits.max}, not {wrong[0]}")
        return sums.astype(np.int32)
    # At most 33 + 16 bits.
    products = sums * epilogue.multiplier.astype(np.int64)
    shift = epilogue.shift.astype(np.int64)
    quotients, unit = products >> shift, np.int64(1) << shift
    twice = 2 * (products & (unit - 1))
    quotients += (twice > unit) | ((twice == unit) & (quotients & 1 == 1))
    return np.clip(quotients, -128, 127).astype(np.int8)


def fixed_point(scale: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The multiplier and shift whose ``multiplier / 2**shift`` is nearest to a real factor.

    The relative error is at most 2**-16 for factors of at least 2**-32; of several pairs for the
    same number the one with the largest shift is chosen.

    Parameters
    ----------
    scale : array_like of float
        From 0 to 65535.

    Returns
    -------
    multiplier, shift : numpy.ndarray of int64
        Of the shape of ``scale``, a number being one column.

    Raises
    ------
    DstcError
        If a factor is out of range.
    """
    factors = np.atleast_1d(np.asarray(scale, np.float64))
    largest = (1 << MULTIPLIER_BITS) - 1
    wrong = factors[~((factors >= 0) & (factors <= largest))]
    if wrong.size:
        raise DstcError(f"Factor of requantisation must be from 0 to {largest}, not {wrong[0]}")
    exponent = np.frexp(factors)[1].astype(np.int64)
    shift = np.minimum(MULTIPLIER_BITS - exponent, SHIFT_STOP - 1)
    # Rounding up to a power of two costs one place.
    shift -= np.rint(np.ldexp(factors, shift)) > largest
    return np.rint(np.ldexp(factors, shift)).astype(np.int64), shift
