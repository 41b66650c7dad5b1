"""Golden model of the ``fused`` numerics: one rounding for each dot product (docs/twin.md)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..elements import ELEMENTS, FloatLayout
from ..errors import DstcError
from ..golden import matmul
from ..numerics import QUIET_NAN, nonzero_mask
from .shape import DOT, GROUP
from .structured import condense

__all__ = ["FRACTION_BITS", "fused_matmul"]

FRACTION_BITS = 26
"""Places below the binary point of the largest exponent that an aligned term keeps."""

BINARY32 = FloatLayout(exponent_bits=8, mantissa_bits=23)


@dataclass(frozen=True, kw_only=True, eq=False)
class Terms:
    """Numbers as their parts: ``sign * significand * 2**(exponent - fraction)``.

    ``significand`` is 0 for infinities and NaN, which ``infinite`` and ``nan`` tell.
    """

    sign: NDArray[np.int64]
    exponent: NDArray[np.int64]
    significand: NDArray[np.int64]
    fraction: int
    infinite: NDArray[np.bool_]
    nan: NDArray[np.bool_]


def fused_matmul(a: NDArray[Any], b: NDArray[Any], c: NDArray[Any] | None = None, *,
                 structured: bool = False) -> NDArray[Any]:
    """``a @ b + c`` as an inner-product core with fused dot products makes it.

    k is taken four at a time, in order, or with a structured B the values that it keeps of eight
    k.  int8: as :func:`dstc.golden.matmul`, whose sums are exact.

    Parameters
    ----------
    a : numpy.ndarray, M x K, of an element type
    b : numpy.ndarray, K x N, of the same type
    c : numpy.ndarray, M x N, float32 or int32, optional
    structured : bool
        For the core with a 2:4 structured B.

    Returns
    -------
    numpy.ndarray, M x N, float32 or int32
        A new array.

    Raises
    ------
    DstcError
        As :func:`dstc.golden.matmul`; or if B of floats is to be structured and is not.
    """
    acc = matmul(a[:, :0], b[:0], c)    # checks, and C with one kind of NaN
    if a.shape[1] != b.shape[0]:
        raise DstcError(f"Columns of A must be as many as the {b.shape[0]} rows of B, "
                        f"not {a.shape[1]}")
    layout = next(element.layout for element in ELEMENTS.values() if element.dtype == a.dtype)
    if layout is None:
        return matmul(a, b, c)
    depth = DOT * GROUP     # a multiple of what a block is over, in either core
    pad = -a.shape[1] % depth
    a = np.concatenate((a, np.zeros((a.shape[0], pad), a.dtype)), axis=1)
    b = np.concatenate((b, np.zeros((pad, b.shape[1]), b.dtype)))
    if structured:
        b, places = condense(b)
        first = np.arange(len(b))[:, None] // 2 * GROUP
        # For each kept row and each column, the column of A that it meets.
        meets = first + places
    else:
        meets = np.broadcast_to(np.arange(len(b))[:, None], b.shape)
    for k in range(0, len(b), DOT):
        pairs = [(a[:, meets[n]], np.broadcast_to(b[n], acc.shape)) for n in range(k, k + DOT)]
        acc = _dot(acc, pairs, layout)
    return acc


def _dot(acc: NDArray[np.float32], pairs: list[tuple[NDArray[Any], NDArray[Any]]],
         layout: FloatLayout) -> NDArray[np.float32]:
    """One dot product onto every accumulator."""
    present = [nonzero_mask(np.ascontiguousarray(x)) & nonzero_mask(np.ascontiguousarray(y))
               for x, y in pairs]
    products = [_product(_split(x, layout), _split(y, layout)) for x, y in pairs]
    start = _split(acc, BINARY32)
    largest = start.exponent
    for term, there in zip(products, present, strict=True):
        largest = np.where(there, np.maximum(largest, term.exponent), largest)
    total = np.zeros(acc.shape, np.int64)
    nan = np.zeros(acc.shape, np.bool_)
    up, down = nan.copy(), nan.copy()
    for term, there in zip([start, *products], [np.ones_like(nan), *present], strict=True):
        total += np.where(there, term.sign * _aligned(term, largest), 0)
        nan |= there & term.nan
        up |= there & term.infinite & (term.sign > 0)
        down |= there & term.infinite & (term.sign < 0)
    with np.errstate(all="ignore"):
        # Exact in binary64, so this is the only rounding.
        result = np.ldexp(total.astype(np.float64), largest - FRACTION_BITS).astype(np.float32)
    result[up] = np.inf
    result[down] = -np.inf
    result.view(np.uint32)[nan | (up & down)] = QUIET_NAN
    untouched = ~np.logical_or.reduce(present)
    result[untouched] = acc[untouched]
    return result


def _split(numbers: NDArray[Any], layout: FloatLayout) -> Terms:
    """The parts of elements or accumulators."""
    bits = np.ascontiguousarray(numbers).view(f"u{layout.bits // 8}").astype(np.int64)
    mantissa = bits & (1 << layout.mantissa_bits) - 1
    field = bits >> layout.mantissa_bits & (1 << layout.exponent_bits) - 1
    if layout.has_infinity:
        special = field == (1 << layout.exponent_bits) - 1
        infinite = special & (mantissa == 0)
    else:
        special = bits & (1 << layout.bits - 1) - 1 == (1 << layout.bits - 1) - 1
        infinite = np.zeros_like(special)
    significand = mantissa + np.where(field > 0, 1 << layout.mantissa_bits, 0)
    return Terms(sign=np.where(bits >> layout.bits - 1, -1, 1),
                 exponent=np.maximum(field, 1) - layout.bias,
                 significand=np.where(special, 0, significand), fraction=layout.mantissa_bits,
                 infinite=infinite, nan=special & ~infinite)


def _product(x: Terms, y: Terms) -> Terms:
    """Products, not normalised: in [0, 4) times two to the sum of the exponents."""
    return Terms(sign=x.sign * y.sign, exponent=x.exponent + y.exponent,
                 significand=x.significand * y.significand, fraction=x.fraction + y.fraction,
                 infinite=x.infinite | y.infinite, nan=x.nan | y.nan)


def _aligned(term: Terms, largest: NDArray[np.int64]) -> NDArray[np.int64]:
    """Significands in units of 2**(largest - FRACTION_BITS); what lies below is dropped."""
    distance = np.clip(largest - term.exponent, 0, 62)
    return term.significand << FRACTION_BITS - term.fraction >> distance
