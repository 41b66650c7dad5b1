"""The epilogue against SoftFloat, tables of the element formats and exact rationals."""

import re
from fractions import Fraction

import numpy as np
import pytest
import softfloatpy as sf
from float_formats import FIELDS, nearest, values
from numpy.testing import assert_array_equal

from dstc.conv import Epilogue, fixed_point
from dstc.conv.epilogue import apply
from dstc.elements import ELEMENTS
from dstc.errors import DstcError

INT8 = ELEMENTS["int8"]
QUIET = 0x7FC00000
QUIET_CODES = {"fp16": 0x7E00, "bf16": 0x7FC0, "fp8_e4m3": 0x7F, "fp8_e5m2": 0x7E}
SPECIAL = np.array([0x00000000, 0x80000000, 0x00000001, 0x80000001, 0x007FFFFF, 0x80800000,
                    0x3F800000, 0xBF800001, 0x33800000, 0x477FEFFF, 0x477FF000, 0x43E80000,
                    0x43E80001, 0x7F7FFFFF, 0xFF7FFFFF, 0x7F800000, 0xFF800000, QUIET], np.uint32)


def added(a, b):
    """Bits of binary32 sums by SoftFloat, every NaN the one quiet NaN."""
    sf.set_rounding_mode(sf.RoundingMode.NEAR_EVEN)
    results = []
    for pair in zip(a.tolist(), b.tolist(), strict=True):
        total = sf.f32_add(*(sf.Float32.from_bytes(bits.to_bytes(4, "big")) for bits in pair))
        results.append(QUIET if sf.f32_is_nan(total) else int.from_bytes(total.to_bytes(), "big"))
    return np.array(results, np.uint32)


def rectified(bits):
    """ReLU on bits: sign 1 becomes +0."""
    return np.where(bits >> 31 == 1, 0, bits).astype(np.uint32)


def float_cases(rng, count):
    """Bits of accumulators and of biases: special pairs, neighbours in size, any bits but NaN."""
    pairs = np.array([(a, b) for a in SPECIAL for b in SPECIAL], np.uint32).T
    close = rng.standard_normal((2, count)).astype(np.float32)
    scaled = close * np.exp2(rng.integers(-16, 17, (2, count))).astype(np.float32)
    wild = rng.integers(0, 1 << 32, (2, count), np.uint32)
    wild[np.isnan(wild.view(np.float32))] = QUIET
    return np.concatenate([pairs, close.view(np.uint32), scaled.view(np.uint32), wild], axis=1)


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("name", FIELDS)
def test_floats(name, relu):
    element = ELEMENTS[name]
    rng = np.random.default_rng([11, sum(FIELDS[name]), relu])
    acc, bias = float_cases(rng, 700)
    sums = added(acc, bias)
    for wanted, given in ((sums, bias.view(np.float32)), (acc, None)):
        wanted = rectified(wanted) if relu else wanted
        for raw in (True, False):
            epilogue = Epilogue(bias=given, relu=relu, raw=raw)
            before = acc.copy()
            got = apply(acc.view(np.float32)[np.newaxis], epilogue, element)[0]
            assert_array_equal(acc, before)
            if raw:
                assert got.dtype == np.float32
                assert_array_equal(got.view(np.uint32), wanted)
                continue
            with np.errstate(invalid="ignore"):
                codes = nearest(name, wanted.view(np.float32).astype(np.float64))
            sign = 1 << sum(FIELDS[name][:2])
            codes[codes == sign] = 0
            bits = got.view(f"u{element.dtype.itemsize}").astype(int)
            assert got.dtype == element.dtype
            assert_array_equal(np.where(np.isnan(values(name)[bits]), -1, bits), codes)
            # A NaN is the quiet one; what overflows without an infinity keeps its sign.
            lost = codes == -1
            assert_array_equal(bits[lost], QUIET_CODES[name] | (wanted[lost] >> 31) * sign)


def test_relu_of_special_values():
    """Negative zero becomes +0, NaN stays, infinities are numbers."""
    acc = np.array([[0x80000000, 0x00000000, 0x80000001, 0x00000001, 0xFF800000, 0x7F800000,
                     QUIET]], np.uint32)
    got = apply(acc.view(np.float32), Epilogue(relu=True), ELEMENTS["fp16"])
    assert_array_equal(got.view(np.uint32),
                       [[0, 0, 0, 0x00000001, 0, 0x7F800000, QUIET]])


def test_bias_of_zero_is_an_addition():
    """-0 + +0 is +0; without a bias -0 stays."""
    acc = np.array([[-0.0]], np.float32)
    assert np.signbit(apply(acc, Epilogue(), ELEMENTS["fp16"]))
    assert not np.signbit(apply(acc, Epilogue(bias=np.zeros(1, np.float32)), ELEMENTS["fp16"]))


def requantised(value, multiplier, shift):
    """Exactly: Python rounds fractions to nearest, ties to even."""
    return min(127, max(-128, round(Fraction(value * multiplier, 1 << shift))))


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("with_bias", [False, True])
def test_requantisation(relu, with_bias):
    rng = np.random.default_rng([13, relu, with_bias])
    columns = 1500
    limits = np.iinfo(np.int32)
    multiplier = np.where(rng.random(columns) < .2, rng.choice([0, 1, 65535], columns),
                          rng.integers(0, 1 << 16, columns))
    shift = rng.integers(0, 48, columns)
    # Sums that come out between the limits of int8, and often half way between two numbers.
    acc = (rng.integers(-300, 301, (6, columns)) / 2
           * np.exp2(shift) / np.maximum(multiplier, 1)).clip(limits.min, limits.max)
    acc[3] = rng.integers(limits.min, limits.max, columns, endpoint=True)
    acc[4] = rng.choice([limits.min, limits.max, 0, -1], columns)
    acc[5] = rng.integers(-8, 8, columns)
    acc = acc.astype(np.int32)
    bias = rng.integers(-9, 10, columns).astype(np.int32)
    bias[::7] = rng.choice([limits.min, limits.max], bias[::7].size)
    got = apply(acc, Epilogue(bias=bias if with_bias else None, relu=relu, raw=False,
                              multiplier=multiplier, shift=shift), INT8)
    assert got.dtype == np.int8
    ties = 0
    for (row, column), value in np.ndenumerate(acc):
        total = int(value) + (int(bias[column]) if with_bias else 0)
        total = max(total, 0) if relu else total
        pair = int(multiplier[column]), int(shift[column])
        assert got[row, column] == requantised(total, *pair)
        ties += Fraction(total * pair[0], 1 << pair[1]).denominator == 2
    assert ties > 50


def test_raw_integers():
    acc = np.array([[5, -5], [2**31 - 1, -2**31]], np.int32)
    bias = np.array([0, 0], np.int32)
    assert_array_equal(apply(acc, Epilogue(relu=True, bias=bias), INT8), [[5, 0], [2**31 - 1, 0]])
    got = apply(acc[:1], Epilogue(bias=np.array([-7, 2**31 - 1], np.int32)), INT8)
    assert got.dtype == np.int32
    assert_array_equal(got, [[-2, 2**31 - 6]])
    message = "Sum of accumulator and bias must be from -2147483648 to 2147483647, not 2147483648"
    with pytest.raises(DstcError, match=f"^{message}$"):
        apply(acc, Epilogue(bias=np.array([1, 0], np.int32)), INT8)


def test_fixed_point_is_nearest():
    rng = np.random.default_rng(17)
    scales = np.concatenate([np.exp2(rng.uniform(-48, 16, 400)).clip(0, 65535), [
        0, 1, .5, 65535, 65534.5, 65535 / 65536, 65535.5 / 65536, 65535.49 / 65536, 2.0**-47,
        2.0**-48, 1e-300, 1 / 3]])
    multiplier, shift = fixed_point(scales)
    for scale, m, s in zip(scales.tolist(), multiplier.tolist(), shift.tolist(), strict=True):
        assert 0 <= m <= 65535 and 0 <= s <= 47
        error = abs(Fraction(m, 1 << s) - Fraction(scale))
        best = min(abs(Fraction(min(65535, round(Fraction(scale) * (1 << t))), 1 << t)
                       - Fraction(scale)) for t in range(48))
        assert error == best
        if scale >= 2.0**-32:
            assert error <= Fraction(scale) / (1 << 16)
    # A plain number is one column; the largest shift of those that give the same.
    assert [part.tolist() for part in fixed_point(0.5)] == [[32768], [16]]


@pytest.mark.parametrize("scale", [-1e-9, 65535.01, np.inf, np.nan])
def test_fixed_point_refuses(scale):
    message = f"Factor of requantisation must be from 0 to 65535, not {scale}"
    with pytest.raises(DstcError, match=f"^{re.escape(message)}$"):
        fixed_point([0.5, scale])


ONES = np.ones(2, np.int64)
FLOATS, INTEGERS = np.ones((3, 2), np.float32), np.ones((3, 2), np.int32)


@pytest.mark.parametrize("parts, message", [
    ({"bias": 1.5}, "Epilogue bias must be an array of one dimension, not 1.5"),
    ({"bias": np.ones((1, 1), np.int32)},
     "Epilogue bias must be an array of one dimension, not array([[1]], dtype=int32)"),
    ({"bias": np.ones(2)}, "Epilogue bias must be float32 or int32, not float64"),
    ({"raw": False, "shift": ONES},
     "Epilogue multiplier must be given with a shift, not left out"),
    ({"raw": False, "multiplier": ONES},
     "Epilogue shift must be given with a multiplier, not left out"),
    ({"multiplier": ONES, "shift": ONES},
     "Epilogue multiplier must be given for results that become elements, not for raw ones"),
    ({"raw": False, "multiplier": ONES / 2, "shift": ONES},
     "Epilogue multiplier must be integers, not float64"),
    ({"raw": False, "multiplier": ONES << 16, "shift": ONES},
     "Epilogue multiplier must be from 0 to 65535, not 65536"),
    ({"raw": False, "multiplier": ONES, "shift": -ONES},
     "Epilogue shift must be from 0 to 47, not -1"),
    ({"raw": False, "multiplier": ONES, "shift": 48 * ONES},
     "Epilogue shift must be from 0 to 47, not 48"),
    ({"raw": False, "multiplier": ONES, "shift": ONES[:1]},
     "Epilogue parts must be as many as there are columns, not 2 of multiplier, 1 of shift"),
])
def test_refused_parts(parts, message):
    with pytest.raises(DstcError, match=f"^{re.escape(message)}$"):
        Epilogue(**parts)


@pytest.mark.parametrize("acc, element, parts, message", [
    (FLOATS, "fp16", {"bias": np.ones(3, np.float32)},
     "Epilogue bias must have 2 values, one for each output channel, not 3"),
    (FLOATS, "fp16", {"bias": np.ones(2, np.int32)},
     "Epilogue bias of fp16 must be float32, not int32"),
    (FLOATS, "bf16", {"raw": False, "multiplier": ONES, "shift": ONES},
     "Epilogue multiplier must be given for int8, not for bf16"),
    (INTEGERS, "int8", {"raw": False},
     "Epilogue multiplier must be given for int8 results that become elements, not left out"),
    (INTEGERS, "int8", {"raw": False, "multiplier": ONES[:1], "shift": ONES[:1]},
     "Epilogue multiplier must have 2 values, one for each output channel, not 1"),
    (INTEGERS, "fp16", {}, "Accumulators of fp16 must be float32, not int32"),
])
def test_refused_accumulators(acc, element, parts, message):
    with pytest.raises(DstcError, match=f"^{re.escape(message)}$"):
        apply(acc, Epilogue(**parts), ELEMENTS[element])
