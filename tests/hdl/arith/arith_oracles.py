"""What the arithmetic units have to answer, as bit patterns, from two oracles that are not ours.

numpy computes with the processor's IEEE 754 arithmetic and is quick; Berkeley SoftFloat is a
software implementation by other people.  Both leave the bits of a NaN open, so they are replaced
by the one NaN of docs/numerics.md.  What a code of an element format stands for is told to the
first by ``ml_dtypes``, and to the second by SoftFloat where it has the format and otherwise by the
format's definition.
"""

from functools import partial

import ml_dtypes
import numpy as np
import softfloatpy as sf

__all__ = ["FORMATS", "NUMPY", "QUIET_NAN", "SOFTFLOAT", "kind_of"]

QUIET_NAN = 0x7FC00000


def _canonical(numbers):
    bits = numbers.view(np.uint32).copy()
    bits[np.isnan(numbers)] = QUIET_NAN
    return bits


def _fp32_sum(a, b):
    with np.errstate(all="ignore"):
        return _canonical(a.view(np.float32) + b.view(np.float32))


def _product(dtype, a, b):
    with np.errstate(all="ignore"):
        return _canonical(a.view(dtype).astype(np.float32) * b.view(dtype).astype(np.float32))


def _int32_sum(a, b):
    return (a.astype(np.int64) + b & 0xFFFFFFFF).astype(np.uint32)


def _int8_product(a, b):
    return (a.view(np.int8).astype(np.int32) * b.view(np.int8)).view(np.uint32)


def _single(bits):
    return sf.Float32.from_bytes(int(bits).to_bytes(4, "big"))


def _int32(number):
    return sf.Int32.from_int(number)


def _fp16(bits):
    return sf.f16_to_f32(sf.Float16.from_bytes(int(bits).to_bytes(2, "big")))


def _bf16(bits):
    return sf.bf16_to_f32(sf.BFloat16.from_bytes(int(bits).to_bytes(2, "big")))


def _e5m2(bits):
    """The upper half of binary16."""
    return _fp16(int(bits) << 8)


def _e4m3(bits):
    """Sign, four bits of exponent with bias 7, three of mantissa; all ones is NaN."""
    exponent, mantissa = int(bits) >> 3 & 15, int(bits) & 7
    if (exponent, mantissa) == (15, 7):
        return _single(QUIET_NAN)
    size = sf.i32_to_f32(_int32(mantissa if exponent == 0 else mantissa + 8))
    # A power of two from 2**-9 to 2**5, with the sign.
    unit = _single((127 - 9 + max(exponent - 1, 0)) << 23 | int(bits) >> 7 << 31)
    return sf.f32_mul(size, unit)


def _softfloat(operation, operand):
    def oracle(a, b):
        sf.set_rounding_mode(sf.RoundingMode.NEAR_EVEN)
        results = (operation(operand(x), operand(y)) for x, y in zip(a, b, strict=True))
        return np.array([QUIET_NAN if sf.f32_is_nan(result)
                         else int.from_bytes(result.to_bytes(), "big") for result in results],
                        np.uint32)
    return oracle


FORMATS = {"fp16": (np.float16, _fp16), "bf16": (ml_dtypes.bfloat16, _bf16),
           "fp8_e4m3": (ml_dtypes.float8_e4m3fn, _e4m3), "fp8_e5m2": (ml_dtypes.float8_e5m2, _e5m2)}
"""Element format to its type in numpy and to a function that widens a code to SoftFloat's FP32."""


def kind_of(unit):
    """What a unit computes: its class, and for products of floats their format unless fp16."""
    name = type(unit).__name__
    if name != "FpMultiplier":
        return name
    fields = unit.layout.exponent_bits, unit.layout.mantissa_bits
    return {(5, 10): name, (8, 7): f"{name} bf16", (4, 3): f"{name} fp8_e4m3",
            (5, 2): f"{name} fp8_e5m2"}[fields]


def _kind(element):
    return "FpMultiplier" if element == "fp16" else f"FpMultiplier {element}"


NUMPY = {"Fp32Adder": _fp32_sum, "Int32Adder": _int32_sum, "IntMultiplier": _int8_product,
         **{_kind(name): partial(_product, dtype) for name, (dtype, _) in FORMATS.items()}}
"""Kind of a unit to a function of two arrays of operands' bits."""

SOFTFLOAT = {"Fp32Adder": _softfloat(sf.f32_add, _single),
             **{_kind(name): _softfloat(sf.f32_mul, widened)
                for name, (_, widened) in FORMATS.items()}}
"""The same for the floating-point units, some hundred thousand pairs per second."""
