"""Element formats: how a stored value looks, what a product is, what it is summed in."""

from dataclasses import dataclass

import ml_dtypes
import numpy as np

__all__ = ["ELEMENTS", "Element", "FloatLayout"]


@dataclass(frozen=True, kw_only=True)
class FloatLayout:
    """Fields of a binary floating-point format: a sign bit, then these two.

    Attributes
    ----------
    exponent_bits, mantissa_bits : int
    has_infinity : bool
        With infinities, the highest exponent is that of infinities and NaN, as in IEEE 754.
        Without, it is that of numbers, and the only NaN of each sign has all bits set.
    """

    exponent_bits: int
    mantissa_bits: int
    has_infinity: bool = True

    @property
    def bits(self) -> int:
        """Width of a number."""
        return 1 + self.exponent_bits + self.mantissa_bits

    @property
    def bias(self) -> int:
        """What the exponent field of 1 holds."""
        return (1 << self.exponent_bits - 1) - 1


@dataclass(frozen=True, kw_only=True)
class Element:
    """One element format and the accumulator it goes with (docs/numerics.md).

    Attributes
    ----------
    name : str
        Name used in configurations, files and reports.
    dtype : numpy.dtype
        Little-endian numpy type of one value; those that numpy does not have come from
        ``ml_dtypes``.
    acc_name : str
        Accumulator format, ``fp32`` or ``int32``; both are 32 bits wide.
    acc_dtype : numpy.dtype
        Little-endian numpy type of one accumulator.
    layout : FloatLayout or None
        Fields of a floating-point format; None of an integer.
    """

    name: str
    dtype: np.dtype
    acc_name: str
    acc_dtype: np.dtype
    layout: FloatLayout | None = None

    @property
    def bits(self) -> int:
        """Width of one stored value."""
        return 8 * self.dtype.itemsize

    @property
    def is_float(self) -> bool:
        """Whether the format has NaN and a signed zero."""
        return self.layout is not None


def _float(name: str, dtype: np.dtype, layout: FloatLayout) -> Element:
    return Element(name=name, dtype=dtype, acc_name="fp32", acc_dtype=np.dtype("<f4"),
                   layout=layout)


ELEMENTS = {
    element.name: element
    for element in (
        _float("fp16", np.dtype("<f2"), FloatLayout(exponent_bits=5, mantissa_bits=10)),
        _float("bf16", np.dtype(ml_dtypes.bfloat16),
               FloatLayout(exponent_bits=8, mantissa_bits=7)),
        # The 8-bit formats of the Open Compute Project, OFP8 1.0.
        _float("fp8_e4m3", np.dtype(ml_dtypes.float8_e4m3fn),
               FloatLayout(exponent_bits=4, mantissa_bits=3, has_infinity=False)),
        _float("fp8_e5m2", np.dtype(ml_dtypes.float8_e5m2),
               FloatLayout(exponent_bits=5, mantissa_bits=2)),
        Element(name="int8", dtype=np.dtype("i1"), acc_name="int32",
                acc_dtype=np.dtype("<i4")),
    )
}
"""Every element format that a configuration may name."""
