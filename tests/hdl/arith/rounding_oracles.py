"""What binary32 numbers are rounded to, as codes of a format, from two oracles.

One asks numpy and ``ml_dtypes``.  The other only needs to know what number a code stands for: the
codes of the positive numbers ascend with them, so does the word of a binary32 number, and what
decides is on which side of the middle of two neighbours it lies.
"""

from functools import cache

import ml_dtypes
import numpy as np

__all__ = ["TYPES", "converted", "searched"]

TYPES = {"fp16": np.float16, "bf16": ml_dtypes.bfloat16, "fp8_e4m3": ml_dtypes.float8_e4m3fn,
         "fp8_e5m2": ml_dtypes.float8_e5m2}
# What stands behind the largest number, infinity or NaN; and the quiet NaN.
BEYOND = {"fp16": (0x7C00, 0x7E00), "bf16": (0x7F80, 0x7FC0), "fp8_e4m3": (0x7F, 0x7F),
          "fp8_e5m2": (0x7C, 0x7E)}
INFINITY, NAN = 0x7F800000, 0x7FC00000


def _code_type(name):
    return np.dtype(f"u{np.dtype(TYPES[name]).itemsize}")


def converted(name, bits):
    """By numpy and ``ml_dtypes``; any NaN is the core's one, 0x7FC00000, before."""
    numbers = bits.view(np.float32)
    numbers = np.where(np.isnan(numbers), np.uint32(NAN).view(np.float32), numbers)
    with np.errstate(all="ignore"):
        return numbers.astype(TYPES[name]).view(_code_type(name))


@cache
def _borders(name):
    """Of each positive code, the smallest word of a number that is rounded to the next."""
    beyond, _ = BEYOND[name]
    codes = np.arange(beyond).astype(_code_type(name))
    numbers = codes.view(TYPES[name]).astype(np.float64)
    # The next number if the exponent, or in its place NaN, did not end here.
    numbers = np.append(numbers, 2 * numbers[-1] - numbers[-2])
    middles = ((numbers[:-1] + numbers[1:]) / 2).astype(np.float32)
    # A middle belongs to the even one of its neighbours.
    return middles.view(np.uint32) + (codes % 2 == 0)


def searched(name, bits):
    """By the middles of neighbours."""
    sizes = bits & np.uint32(0x7FFFFFFF)
    codes = np.searchsorted(_borders(name), sizes, side="right")
    signs = (bits >> 31).astype(np.int64) << 8 * _code_type(name).itemsize - 1
    return np.where(sizes > INFINITY, BEYOND[name][1], codes | signs).astype(_code_type(name))
