"""Element formats: how a stored value looks, what a product is, what it is summed in."""

from dataclasses import dataclass

import numpy as np

__all__ = ["ELEMENTS", "Element"]


@dataclass(frozen=True, kw_only=True)
class Element:
    """One element format and the accumulator it goes with (docs/numerics.md).

    Attributes
    ----------
    name : str
        Name used in configurations, files and reports.
    bits : int
        Width of one stored value.
    dtype : numpy.dtype
        Little-endian numpy type of one value.
    acc_name : str
        Accumulator format, ``fp32`` or ``int32``; both are 32 bits wide.
    acc_dtype : numpy.dtype
        Little-endian numpy type of one accumulator.
    is_float : bool
        Whether the format has infinities, NaN and a signed zero.
    """

    name: str
    bits: int
    dtype: np.dtype
    acc_name: str
    acc_dtype: np.dtype
    is_float: bool


ELEMENTS = {
    element.name: element
    for element in (
        Element(name="fp16", bits=16, dtype=np.dtype("<f2"),
                acc_name="fp32", acc_dtype=np.dtype("<f4"), is_float=True),
        Element(name="int8", bits=8, dtype=np.dtype("i1"),
                acc_name="int32", acc_dtype=np.dtype("<i4"), is_float=False),
    )
}
"""Every element format that a configuration may name."""
