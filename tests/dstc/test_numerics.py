import re

import numpy as np
import pytest
import softfloatpy as sf
from numpy.testing import assert_array_equal

from dstc.elements import ELEMENTS
from dstc.errors import DstcError
from dstc.numerics import (
    QUIET_NAN,
    canonical_nan,
    nonzero_mask,
    require_real,
    to_accumulator,
    to_element,
)

FP16, INT8 = ELEMENTS["fp16"], ELEMENTS["int8"]


def refused(sentence):
    return pytest.raises(DstcError, match=f"^{re.escape(sentence)}$")


def test_every_half_survives():
    halves = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    same, changed = to_element(halves, "fp16")
    assert changed == 0 and same is halves
    for wide in (np.float32, np.float64):
        back, changed = to_element(halves.astype(wide), "fp16")
        assert changed == 0
        number = ~np.isnan(halves)
        assert_array_equal(back.view(np.uint16)[number], halves.view(np.uint16)[number])
        assert_array_equal(np.isnan(back), np.isnan(halves))


def test_big_endian_is_not_a_change():
    back, changed = to_element(np.array([1.5, -0.0, 65504], ">f2"), "fp16")
    assert back.dtype == FP16.dtype and changed == 0
    assert_array_equal(back.view(np.uint16), [0x3E00, 0x8000, 0x7BFF])


@pytest.mark.parametrize("wide, narrow", [
    (np.float32, lambda bits: sf.f32_to_f16(sf.Float32.from_bytes(int(bits).to_bytes(4, "big")))),
    (np.float64, lambda bits: sf.f64_to_f16(sf.Float64.from_bytes(int(bits).to_bytes(8, "big")))),
], ids=["fp32", "fp64"])
def test_rounding_against_softfloat(wide, narrow, seed=11):
    rng = np.random.default_rng(seed)
    # Every binade of half precision and its neighbours, some values exactly between two halves.
    values = (rng.uniform(1, 2, 4000) * 2.0 ** rng.integers(-27, 18, 4000)).astype(wide)
    halves = rng.integers(0, 0x7BFF, 4000).astype(np.uint16).view(np.float16).astype(wide)
    above = (halves.astype(np.float16).view(np.uint16) + 1).view(np.float16).astype(wide)
    middle = (halves + above) / 2
    values = np.concatenate([values, middle, np.nextafter(middle, wide(0)), halves])
    values *= rng.choice([-1, 1], values.size).astype(wide)
    got, changed = to_element(values, "fp16")
    sf.set_rounding_mode(sf.RoundingMode.NEAR_EVEN)
    want = [int.from_bytes(narrow(bits).to_bytes(), "big")
            for bits in values.view(f"u{values.itemsize}")]
    assert_array_equal(got.view(np.uint16), want)
    assert changed == sum(float(g) != float(v) for g, v in zip(got, values, strict=True))
    assert 0 < changed < values.size


def test_one_rounding_from_every_type():
    # 1 + 2**-11 + 2**-40 rounds up at once, but to even (down) after a stop at single.
    value, changed = to_element(np.array([1 + 2**-11 + 2**-40]), "fp16")
    assert (value.view(np.uint16)[0], changed) == (0x3C01, 1)
    # The same for an integer of more than 24 bits: too large, so an infinity.
    value, changed = to_element(np.array([2**24 + 1, 2049, 2051, -65519, 65520]), "fp16")
    assert_array_equal(value, np.array([np.inf, 2048, 2052, -65504, np.inf], np.float16))
    assert changed == 5


@pytest.mark.parametrize("value, single, changed", [
    (2**24, 2**24, 0), (2**24 + 1, 2**24, 1), (2**24 + 3, 2**24 + 4, 1), (2**53 + 1, 2**53, 1),
    # Up at once, but to even (down) after a stop at double.
    (2**60 + 2**36 + 1, 2**60 + 2**37, 1), (2**63 - 1, 2**63, 1), (-2**63, -2**63, 0),
])
def test_integers_to_single(value, single, changed):
    got, count = to_accumulator(np.array([value], np.int64), FP16)
    assert (int(got[0]), count) == (single, changed)


def test_every_small_integer():
    for dtype in (np.int8, np.uint8, np.int16, np.uint16):
        values = np.arange(np.iinfo(dtype).min, np.iinfo(dtype).max + 1).astype(dtype)
        got, changed = to_element(values, "fp16")
        with np.errstate(over="ignore"):
            want = values.astype(np.float64).astype(np.float16)
        assert_array_equal(got, want)
        assert changed == sum(float(g) != int(v) for g, v in zip(got, values, strict=True))


def test_what_counts_as_changed():
    values = np.array([1.0, 0.1, -0.0, np.nan, np.inf, 1e9, 1e-9], np.float32)
    got, changed = to_element(values, "fp16")
    assert changed == 3
    assert_array_equal(got.view(np.uint16)[[0, 2, 4, 5, 6]], [0x3C00, 0x8000, 0x7C00, 0x7C00, 0])
    assert np.isnan(got[3])


def test_integers_in_range():
    for dtype in (np.int8, np.int64, np.float32, ">i4"):
        got, changed = to_element(np.array([-128, 0, 127], dtype), "int8")
        assert got.dtype == np.int8 and changed == 0
        assert_array_equal(got, [-128, 0, 127])
    assert_array_equal(to_element(np.array([True, False]), "int8")[0], [1, 0])
    assert_array_equal(to_element(np.array([True, False]), "fp16")[0], [1, 0])


@pytest.mark.parametrize("values, shown", [
    ([1, 128], "128"), ([-129.0], "-129.0"), ([0.5], "0.5"), ([np.nan], "nan"),
    ([-np.inf], "-inf"), ([2**63], "9223372036854775808"),
])
def test_integers_out_of_range(values, shown):
    with refused(f"int8 values must be integers from -128 to 127, not {shown}"):
        to_element(np.array(values), "int8")


@pytest.mark.parametrize("values, name", [
    (np.array([1j]), "complex128"), (np.array(["a"]), "<U1"), (np.array([None]), "object"),
    (np.array([0], "M8[s]"), "datetime64[s]"), (np.zeros(1, np.longdouble), "float128"),
    (np.zeros(1, "i4,f4"), "[('f0', '<i4'), ('f1', '<f4')]"),
])
def test_not_real_numbers(values, name):
    with refused("Matrix values must be booleans, integers or floats of at most 64 bits, "
                 f"not {name}"):
        to_element(values, "fp16")
    with refused(f"C values must be booleans, integers or floats of at most 64 bits, not {name}"):
        require_real(values, "C")


def test_unknown_element():
    with refused("Element format must be one of fp16, bf16, fp8_e4m3, fp8_e5m2, int8, not 'fp13'"):
        to_element([0], "fp13")


def test_accumulator_formats():
    got, changed = to_accumulator(np.array([0.1, -0.0, 2**-149, 1e300]), FP16)
    assert got.dtype == np.float32 and changed == 2
    assert_array_equal(got.view(np.uint32)[1:], [0x80000000, 1, 0x7F800000])
    got, changed = to_accumulator(np.array([2**31 - 1, -2**31]), INT8)
    assert got.dtype == np.int32 and changed == 0
    with refused("int32 values must be integers from -2147483648 to 2147483647, not 2147483648"):
        to_accumulator(np.array([2**31]), INT8)


def test_nonzero_mask():
    halves = np.arange(1 << 16, dtype=np.uint16)
    assert_array_equal(np.flatnonzero(~nonzero_mask(halves.view(np.float16))), [0, 0x8000])
    assert_array_equal(nonzero_mask(np.array([-128, 0, 1], np.int8)), [True, False, True])


def test_canonical_nan():
    bits = np.array([0x7F800001, 0xFFC00000, 0x7FFFFFFF, 0x7F800000, 0xFF800000, 0x80000000],
                    np.uint32)
    got = canonical_nan(bits.copy().view(np.float32)).view(np.uint32)
    assert_array_equal(got, [QUIET_NAN] * 3 + [0x7F800000, 0xFF800000, 0x80000000])
    assert QUIET_NAN == 0x7FC00000
