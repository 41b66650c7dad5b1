# amaranth: UnusedElaboratable=no
"""Products of bfloat16 and of the 8-bit formats, in pysim; those of binary16 are next door."""

import re

import numpy as np
import pytest
from arith_bench import simulate
from arith_oracles import NUMPY, SOFTFLOAT
from arith_vectors import element_class_pairs

from dstc.elements import ELEMENTS, FloatLayout
from dstc.errors import DstcError
from dstc_hdl.arith import FpMultiplier
from dstc_hdl.emit import emit

LATENCIES = [0, 1, 2]
NAN32, INF32, MINUS32 = 0x7FC00000, 0x7F800000, 0x80000000

# Worked out by hand from the definitions of the formats.
CASES = {
    "bf16": [
        (0x3F80, 0x3F80, 0x3F800000),
        (0x3F81, 0x3F81, 0x3F820200),  # (1 + 2**-7)**2, exact
        (0xBF80, 0x4040, 0xC0400000),  # -1 * 3
        (0x7F7F, 0x3F80, 0x7F7F0000),  # the largest number
        (0x7F7F, 0x4000, INF32),
        (0x5F80, 0x5F00, 0x7F000000),  # 2**64 * 2**63
        (0x5F80, 0x5F80, INF32),  # 2**128
        (0xDF80, 0x5F80, INF32 | MINUS32),
        (0x5FFF, 0x5F00, 0x7F7F0000),
        (0x5FB5, 0x5FB5, INF32),  # 2**128 * 1.9996948, which is not 2**128 * 2
        (0x5F35, 0x5FB5, 0x7F7FF200),  # half of that: the largest exponent
        # Subnormal results (7.5): exact, rounded, and nothing left.
        (0x0080, 0x3F80, 0x00800000),  # 2**-126, the smallest normal number
        (0x0080, 0x3F00, 0x00400000),
        (0x00FF, 0x3F00, 0x007F8000),
        (0x1FFF, 0x1FFF, 0x00000000 | 0x007F0080),  # 1.984497 * 2**-127
        (0x0001, 0x3F80, 0x00010000),  # 2**-133, the smallest subnormal number
        (0x007F, 0x3F80, 0x007F0000),
        (0x0001, 0x7F00, 0x3C800000),  # 2**-133 * 2**127
        (0x007F, 0x4000, 0x00FE0000),  # across the border
        (0x0040, 0x4000, 0x00800000),
        (0x0080, 0x3400, 0x00000001),  # 2**-149
        (0x0080, 0x3380, 0x00000000),  # 2**-150, a tie: to 0
        (0x0080, 0x3381, 0x00000001),  # just above it
        (0x00C0, 0x3400, 0x00000002),  # 1.5 * 2**-149, a tie: to 2
        (0x00A0, 0x3480, 0x00000002),  # 2.5 * 2**-149, a tie: to 2
        (0x00A1, 0x3480, 0x00000003),  # just above it
        (0x00FF, 0x3380, 0x00000001),  # just below 2**-149
        (0x0001, 0x0001, 0),
        (0x8001, 0x0001, MINUS32),
        (0x007F, 0x8080, MINUS32),
        # Zeros, infinity and NaN.
        (0x0000, 0x8000, MINUS32), (0x8000, 0x8000, 0), (0x7F7F, 0x8000, MINUS32),
        (0x7F80, 0x0001, INF32), (0xFF80, 0x7F7F, INF32 | MINUS32), (0x7F80, 0x0000, NAN32),
        (0x7F81, 0x0000, NAN32), (0xFFC0, 0x3F80, NAN32), (0x7FFF, 0x7F80, NAN32),
    ],
    "fp8_e4m3": [
        (0x38, 0x38, 0x3F800000),
        (0x39, 0x39, 0x3FA20000),  # (1 + 2**-3)**2
        (0xB8, 0x44, 0xC0400000),  # -1 * 3
        (0x7E, 0x7E, 0x48440000),  # 448**2
        (0x78, 0x38, 0x43800000),  # 256: the highest exponent is that of numbers
        (0xF8, 0x78, 0xC7800000),
        (0x01, 0x01, 0x36800000),  # 2**-9 squared
        (0x07, 0x07, 0x39440000),  # 49 * 2**-18
        (0x08, 0x38, 0x3C800000),  # 2**-6, the smallest normal number
        (0x01, 0x7E, 0x3F600000),  # 448 * 2**-9
        (0x00, 0x80, MINUS32), (0x80, 0x80, 0), (0x7E, 0x80, MINUS32),
        (0x7F, 0x38, NAN32), (0xFF, 0x00, NAN32), (0x7F, 0xFF, NAN32),
    ],
    "fp8_e5m2": [
        (0x3C, 0x3C, 0x3F800000),
        (0x3D, 0x3D, 0x3FC80000),  # (1 + 2**-2)**2
        (0xBC, 0x42, 0xC0400000),  # -1 * 3
        (0x7B, 0x7B, 0x4F440000),  # 57344**2
        (0x01, 0x01, 0x2F800000),  # 2**-16 squared
        (0x03, 0x03, 0x31100000),  # 9 * 2**-32
        (0x04, 0x3C, 0x38800000),  # 2**-14, the smallest normal number
        (0x01, 0x7B, 0x3F600000),  # 57344 * 2**-16
        (0x00, 0x80, MINUS32), (0x80, 0x80, 0),
        (0x7C, 0x01, INF32), (0xFC, 0x7B, INF32 | MINUS32), (0x7C, 0x80, NAN32),
        (0x7D, 0x00, NAN32), (0xFF, 0x3C, NAN32), (0x7E, 0x7C, NAN32),
    ],
}


def unit(element, latency):
    return FpMultiplier(latency, ELEMENTS[element].layout)


def operands(element, pairs):
    return (np.array(side, f"u{ELEMENTS[element].bits // 8}") for side in zip(*pairs, strict=True))


@pytest.mark.parametrize("latency", LATENCIES)
@pytest.mark.parametrize("element", CASES)
def test_special_cases(element, latency):
    cases = CASES[element]
    pairs = [case[:2] for case in cases] + [case[1::-1] for case in cases]
    got = simulate(unit(element, latency), *operands(element, pairs))
    wrong = [(f"{a:x} * {b:x}", f"{product:08x}, not {want:08x}")
             for (a, b), product, want in zip(pairs, got, [case[2] for case in cases] * 2,
                                              strict=True) if product != want]
    assert not wrong


@pytest.mark.parametrize("element", CASES)
def test_oracles_agree_with_the_cases(element):
    a, b = operands(element, [case[:2] for case in CASES[element]])
    want = [case[2] for case in CASES[element]]
    assert NUMPY[f"FpMultiplier {element}"](a, b).tolist() == want
    assert SOFTFLOAT[f"FpMultiplier {element}"](a, b).tolist() == want


@pytest.mark.parametrize("latency", LATENCIES)
def test_random(latency):
    a, b = element_class_pairs(np.random.default_rng(latency), 3, "bf16")
    np.testing.assert_array_equal(simulate(unit("bf16", latency), a, b),
                                  SOFTFLOAT["FpMultiplier bf16"](a, b))


@pytest.mark.parametrize("latency", LATENCIES)
def test_latency(latency):
    """One pair that is not zero shows up in exactly one cycle."""
    a = np.zeros(10, np.uint16)
    a[5] = 0x3F80
    got = simulate(unit("bf16", latency), a, a, latency=0)
    assert np.flatnonzero(got[latency:]).tolist() == [5]
    assert got[5 + latency] == 0x3F800000


def test_only_bf16_has_logic_for_subnormal_products():
    for element, there in (("bf16", True), ("fp16", False), ("fp8_e4m3", False)):
        assert (" lost;" in emit(unit(element, 1), "unit").verilog) == there


def number(layout, code):
    """A finite code's number, as a double; NaN for all others."""
    mantissa, rest = code & (1 << layout.mantissa_bits) - 1, code >> layout.mantissa_bits
    exponent, sign = rest & (1 << layout.exponent_bits) - 1, rest >> layout.exponent_bits
    if exponent == (1 << layout.exponent_bits) - 1 and (
            layout.has_infinity or mantissa == (1 << layout.mantissa_bits) - 1):
        return np.nan
    significand = mantissa | (exponent > 0) << layout.mantissa_bits
    size = np.ldexp(float(significand), max(exponent, 1) - layout.bias - layout.mantissa_bits)
    return -size if sign else size


@pytest.mark.parametrize("exponent, mantissa", [(2, 1), (3, 4), (6, 9), (7, 11), (8, 1), (8, 11)])
@pytest.mark.parametrize("has_infinity", [True, False])
def test_any_format(exponent, mantissa, has_infinity):
    """Every width that is taken; products as exact doubles, rounded once by numpy."""
    layout = FloatLayout(exponent_bits=exponent, mantissa_bits=mantissa,
                         has_infinity=has_infinity)
    rng = np.random.default_rng([exponent, mantissa])
    a, b = rng.integers(0, 1 << layout.bits, (2, 800))
    # Half of the pairs are near the borders: exponent fields that add up to few sums.
    field = (1 << exponent) - 1
    sums = rng.choice([field // 2 - 8, field // 2, field // 2 + 1, 3 * field // 2], 400)
    near = sums - (a[:400] >> mantissa & field)
    b[:400] = b[:400] & ~(field << mantissa) | np.clip(near, 0, field) << mantissa
    x, y = (np.array([number(layout, int(code)) for code in side]) for side in (a, b))
    finite = ~np.isnan(x) & ~np.isnan(y)
    with np.errstate(over="ignore", under="ignore"):
        want = (x * y)[finite].astype(np.float32).view(np.uint32)
    a, b = a[finite].astype(np.uint32), b[finite].astype(np.uint32)
    for latency in LATENCIES:
        np.testing.assert_array_equal(simulate(FpMultiplier(latency, layout), a, b), want)


@pytest.mark.parametrize("exponent, mantissa, sentence", [
    (1, 3, "FpMultiplier exponent must have 2 to 8 bits, not 1"),
    (9, 3, "FpMultiplier exponent must have 2 to 8 bits, not 9"),
    (5, 0, "FpMultiplier mantissa must have 1 to 11 bits, not 0"),
    (8, 23, "FpMultiplier mantissa must have 1 to 11 bits, not 23"),
])
def test_wrong_format(exponent, mantissa, sentence):
    with pytest.raises(DstcError, match=f"^{re.escape(sentence)}$"):
        FpMultiplier(1, FloatLayout(exponent_bits=exponent, mantissa_bits=mantissa))
