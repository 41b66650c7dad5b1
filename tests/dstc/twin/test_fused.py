"""Golden model of the fused numerics against a scalar one on exact fractions."""

import math
import random
from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest

from dstc.errors import DstcError
from dstc.golden import matmul
from dstc.twin.fused import fused_matmul

# type, exponent bits, mantissa bits, infinities
FORMATS = {
    "fp16": (np.float16, 5, 10, True),
    "bf16": (ml_dtypes.bfloat16, 8, 7, True),
    "fp8_e4m3": (ml_dtypes.float8_e4m3fn, 4, 3, False),
    "fp8_e5m2": (ml_dtypes.float8_e5m2, 5, 2, True),
    "fp32": (np.float32, 8, 23, True),
}
NAN = 0x7FC00000


def parse(kind, bits):
    """("nan",), ("inf", sign) or ("number", value, exponent)."""
    _, exponent_bits, mantissa_bits, infinities = FORMATS[kind]
    field = bits >> mantissa_bits & (1 << exponent_bits) - 1
    mantissa = bits & (1 << mantissa_bits) - 1
    sign = -1 if bits >> exponent_bits + mantissa_bits else 1
    ones = field == (1 << exponent_bits) - 1
    if ones and infinities:
        return ("nan",) if mantissa else ("inf", sign)
    if ones and mantissa == (1 << mantissa_bits) - 1:
        return ("nan",)
    exponent = max(field, 1) - (1 << exponent_bits - 1) + 1
    hidden = 1 if field else 0
    value = Fraction(2) ** exponent * (hidden + Fraction(mantissa, 1 << mantissa_bits))
    return ("number", sign * value, exponent)


def rounded(value):
    """The bits of binary32 next to a fraction, ties to even; +0 of 0."""
    sign, size = (0x80000000, -value) if value < 0 else (0, value)
    if not size:
        return 0
    exponent = -126
    while size >= Fraction(2) ** (exponent + 1):
        exponent += 1
    steps = round(size / Fraction(2) ** (exponent - 23))    # ties to even
    # Subnormal numbers lack the hidden bit, and a carry goes into the exponent.
    code = steps + (exponent + 126 << 23)
    return sign | min(code, 0x7F800000)


def one_dot(kind, acc, pairs):
    """The definition, one term after the other."""
    start = parse("fp32", acc)
    terms = [start]
    for a, b in pairs:
        x, y = parse(kind, a), parse(kind, b)
        if 0 in (x[1:2] + y[1:2]):      # a zero: the pair is left out
            continue
        if ("nan",) in (x, y):
            terms.append(("nan",))
        elif "inf" in (x[0], y[0]):
            terms.append(("inf", int(math.copysign(1, x[1]) * math.copysign(1, y[1]))))
        else:
            terms.append(("number", x[1] * y[1], x[2] + y[2]))
    if ("nan",) in terms or {("inf", 1), ("inf", -1)} <= set(terms):
        return NAN
    if len(terms) == 1:
        return acc
    for sign, bits in ((1, 0x7F800000), (-1, 0xFF800000)):
        if ("inf", sign) in terms:
            return bits
    unit = Fraction(2) ** (max(term[2] for term in terms) - 26)
    return rounded(sum(math.trunc(term[1] / unit) for term in terms) * unit)


def matrix(kind, rng, shape, style):
    bits = sum(FORMATS[kind][1:3]) + 1
    mantissa_bits = FORMATS[kind][2]
    middle = (1 << FORMATS[kind][1] - 1) - 1

    def word():
        if rng.random() < .15:
            return rng.getrandbits(1) << bits - 1
        if style == "any":
            return rng.getrandbits(bits)
        field = middle + rng.randint(-2, 2) + (-63 if style == "low" else 0)
        return rng.getrandbits(1) << bits - 1 | field << mantissa_bits | rng.getrandbits(
            mantissa_bits)

    flat = np.array([word() for _ in range(shape[0] * shape[1])], f"u{bits // 8}")
    return flat.reshape(shape).view(FORMATS[kind][0])


@pytest.mark.parametrize("kind, style", [
    *((kind, style) for kind in ("fp16", "bf16", "fp8_e4m3", "fp8_e5m2")
      for style in ("near", "any")), ("bf16", "low")])
def test_against_fractions(kind, style):
    rng = random.Random(f"{kind} {style}")
    a, b = matrix(kind, rng, (9, 10), style), matrix(kind, rng, (10, 9), style)
    c = matrix("fp32", rng, (9, 9), "any" if style == "any" else "near")
    if style == "low":
        c = (c * np.float32(2**-126)).astype(np.float32)
    got = fused_matmul(a, b, c).view(np.uint32)
    x, y = a.view(f"u{a.itemsize}"), b.view(f"u{b.itemsize}")
    for m in range(9):
        for n in range(9):
            acc = int(c.view(np.uint32)[m, n])
            for k in range(0, 10, 4):
                pairs = [(int(x[m, i]), int(y[i, n])) for i in range(k, min(k + 4, 10))]
                acc = one_dot(kind, acc, pairs)
            assert got[m, n] == (NAN if parse("fp32", acc) == ("nan",) else acc)


def dot(a, b, c):
    a, b = np.array([a], np.float16), np.array([b], np.float16).T
    return int(fused_matmul(a, b, np.array([[c]], np.float32)).view(np.uint32)[0, 0])


def test_by_hand():
    # One rounding: 2^24 + 1 + 1 is a number of binary32, and two roundings would lose both.
    assert dot([1, 1, 0, 0], [1, 1, 0, 0], 2**24) == 0x4B800001
    assert dot([1, 1], [1, 0], 2**24) == 0x4B800000     # 2^24 + 1: a tie, to even
    # 2^-24 has its place below 1, but 2^-28 is below the 26 that are kept, four times over.
    assert dot([2**-12, 0], [2**-12, 0], 1) == 0x3F800000
    assert dot([2**-12] * 2, [2**-12] * 2, 1) == 0x3F800001
    assert dot([2**-14] * 4, [2**-14] * 4, 1 + 2**-23) == 0x3F800001
    assert dot([2**-12] + [2**-14] * 3, [2**-12] + [2**-14] * 3, 1) == 0x3F800000
    # Nothing is lost when terms cancel exactly.
    assert dot([256, 1, 0, 0], [-256, 3, 0, 0], 65536) == 0x40400000
    assert dot([3, -3], [1, 1], 0) == 0
    # Without a pair the accumulator stays, -0 too; infinities and NaN as in any sum.
    assert dot([0, -0.0], [np.inf, 5], -0.0) == 0x80000000
    assert dot([1, 1], [1, -1], -0.0) == 0
    assert dot([np.inf, 1], [-1, 1], 3e38) == 0xFF800000
    assert dot([np.inf, np.inf], [-1, 1], 0) == NAN
    assert dot([np.inf, 1], [1, 1], -np.inf) == NAN
    assert dot([np.nan, 1], [1, 1], 0) == NAN


def test_structured_takes_the_kept_values_of_eight_k():
    """2^24 + 1 + 1 in one dot product of the structured core, in two of the dense one."""
    a = np.ones((1, 8), np.float16)
    b = np.array([[1, 0, 0, 0, 0, 0, 0, 1]], np.float16).T
    c = np.array([[2**24]], np.float32)
    assert fused_matmul(a, b, c)[0, 0] == 2**24
    assert fused_matmul(a, b, c, structured=True)[0, 0] == 2**24 + 2


def test_integers_are_those_of_the_golden_model():
    rng = np.random.default_rng(1)
    a, b = (rng.integers(-128, 128, shape).astype(np.int8) for shape in ((3, 9), (9, 4)))
    c = rng.integers(-1000, 1000, (3, 4)).astype(np.int32)
    np.testing.assert_array_equal(fused_matmul(a, b, c), matmul(a, b, c))


def test_operands_that_do_not_fit():
    message = "Columns of A must be as many as the 3 rows of B, not 2"
    with pytest.raises(DstcError, match=f"^{message}$"):
        fused_matmul(np.ones((1, 2), np.float16), np.ones((3, 1), np.float16))
