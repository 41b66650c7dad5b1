"""The floating-point element formats from their definitions: every code, and rounding by search.

Written from IEEE 754 (binary16), the definition of bfloat16 (the upper half of binary32) and the
OCP 8-bit Floating Point Specification 1.0, table 1; uses neither the package nor ``ml_dtypes``.
"""

import functools
import math

import numpy as np

__all__ = ["FIELDS", "codes", "decode", "nearest", "special_codes", "values"]

FIELDS = {"fp16": (5, 10, True), "bf16": (8, 7, True), "fp8_e4m3": (4, 3, False),
          "fp8_e5m2": (5, 2, True)}
"""Exponent bits, mantissa bits, whether the highest exponent is that of infinities and NaN."""


def _unsigned(name, code):
    """The value of a code with sign 0, as if there were neither infinity nor NaN."""
    exponent_bits, mantissa_bits, _ = FIELDS[name]
    exponent, mantissa = code >> mantissa_bits, code & (1 << mantissa_bits) - 1
    bias = 2 ** (exponent_bits - 1) - 1
    if exponent == 0:
        return mantissa * 2.0 ** (1 - bias - mantissa_bits)
    # The exponent above that of bf16's largest numbers is one of doubles, too.
    return (1 + mantissa / 2 ** mantissa_bits) * 2.0 ** (exponent - bias)


def _first_not_finite(name):
    """The code after that of the largest number: infinity, or NaN where there is none."""
    exponent_bits, mantissa_bits, has_infinity = FIELDS[name]
    return ((1 << exponent_bits) - 1 << mantissa_bits if has_infinity
            else (1 << exponent_bits + mantissa_bits) - 1)


def decode(name, code):
    """The number of a code, as a double."""
    exponent_bits, mantissa_bits, has_infinity = FIELDS[name]
    width = 1 + exponent_bits + mantissa_bits
    sign, size = code >> width - 1, code & (1 << width - 1) - 1
    end = _first_not_finite(name)
    if size < end:
        value = _unsigned(name, size)
    else:
        value = math.inf if size == end and has_infinity else math.nan
    return math.copysign(value, -1 if sign else 1)


def codes(name):
    """Every code, in an unsigned type of the format's width."""
    bits = 1 + sum(FIELDS[name][:2])
    return np.arange(1 << bits).astype(f"u{bits // 8}")


@functools.cache
def values(name):
    """The number of every code, as doubles."""
    return np.array([decode(name, int(code)) for code in codes(name)])


def nearest(name, numbers):
    """Codes of doubles, each rounded once to nearest, ties to even; -1 for every NaN.

    Above the largest number the codes go on as if there were more of them, so what lies half a
    step above it or more becomes the code that follows: an infinity, or NaN.
    """
    end = _first_not_finite(name)
    sizes = np.array([_unsigned(name, code) for code in range(end + 1)])
    # Both neighbours and the middle between them are doubles.
    middle = (sizes[1:] + sizes[:-1]) / 2
    numbers = np.asarray(numbers, np.float64)
    size = np.abs(numbers)
    code = np.searchsorted(middle, size, side="right")
    tie = (code > 0) & (middle[code - 1] == size)
    # At a tie the search has gone up.
    code = np.where(tie & (code % 2 == 1), code - 1, code)
    signed = code | np.signbit(numbers).astype(int) << sum(FIELDS[name][:2])
    lost = np.isnan(numbers) | (code == end) & (not FIELDS[name][2])
    return np.where(lost, -1, signed)


def special_codes(name):
    """Codes at the edges, of both signs: zero, subnormal, normal, largest, infinite, NaN."""
    exponent_bits, mantissa_bits, has_infinity = FIELDS[name]
    one = 2 ** (exponent_bits - 1) - 1 << mantissa_bits
    end, full = _first_not_finite(name), (1 << exponent_bits + mantissa_bits) - 1
    sizes = [0, 1, (1 << mantissa_bits) - 1, 1 << mantissa_bits, one, one + 1, end - 1, end,
             *([end + 1, end + (1 << mantissa_bits - 1), full] if has_infinity else [])]
    both = [size | sign for size in sizes for sign in (0, full + 1)]
    return np.array(both, codes(name).dtype)
