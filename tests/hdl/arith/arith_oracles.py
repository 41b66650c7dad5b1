"""What the arithmetic units have to answer, as bit patterns, from two oracles that are not ours.

numpy computes with the processor's IEEE 754 arithmetic and is quick; Berkeley SoftFloat is a
software implementation by other people.  Both leave the bits of a NaN open, so they are replaced
by the one NaN of docs/numerics.md.
"""

import numpy as np
import softfloatpy as sf

__all__ = ["NUMPY", "QUIET_NAN", "SOFTFLOAT"]

QUIET_NAN = 0x7FC00000


def _canonical(numbers):
    bits = numbers.view(np.uint32).copy()
    bits[np.isnan(numbers)] = QUIET_NAN
    return bits


def _fp32_sum(a, b):
    with np.errstate(all="ignore"):
        return _canonical(a.view(np.float32) + b.view(np.float32))


def _fp16_product(a, b):
    with np.errstate(all="ignore"):
        return _canonical(a.view(np.float16).astype(np.float32)
                          * b.view(np.float16).astype(np.float32))


def _int32_sum(a, b):
    return (a.astype(np.int64) + b & 0xFFFFFFFF).astype(np.uint32)


def _int8_product(a, b):
    return (a.view(np.int8).astype(np.int32) * b.view(np.int8)).view(np.uint32)


def _single(bits):
    return sf.Float32.from_bytes(int(bits).to_bytes(4, "big"))


def _widened(bits):
    return sf.f16_to_f32(sf.Float16.from_bytes(int(bits).to_bytes(2, "big")))


def _softfloat(operation, operand):
    def oracle(a, b):
        sf.set_rounding_mode(sf.RoundingMode.NEAR_EVEN)
        results = (operation(operand(x), operand(y)) for x, y in zip(a, b, strict=True))
        return np.array([QUIET_NAN if sf.f32_is_nan(result)
                         else int.from_bytes(result.to_bytes(), "big") for result in results],
                        np.uint32)
    return oracle


NUMPY = {"Fp32Adder": _fp32_sum, "FpMultiplier": _fp16_product, "Int32Adder": _int32_sum,
         "IntMultiplier": _int8_product}
"""Class name of a unit to a function of two arrays of operands' bits."""

SOFTFLOAT = {"Fp32Adder": _softfloat(sf.f32_add, _single),
             "FpMultiplier": _softfloat(sf.f32_mul, _widened)}
"""The same for the floating-point units, some hundred thousand pairs per second."""
