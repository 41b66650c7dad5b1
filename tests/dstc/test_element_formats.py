"""The float formats against decoders and encoders written from their definitions."""

import bisect
import functools
from fractions import Fraction

import numpy as np
import pytest
import softfloatpy as sf
from float_formats import FIELDS, codes, nearest, values
from numpy.testing import assert_array_equal

from dstc.elements import ELEMENTS
from dstc.numerics import nonzero_mask, to_accumulator, to_element

FORMATS = list(FIELDS)


def bits(array):
    return array.view(f"u{array.itemsize}")


def with_nan(name, array):
    """Codes, and -1 for every NaN."""
    return np.where(np.isnan(values(name)[bits(array)]), -1, bits(array).astype(int))


def test_every_float_format_is_here():
    assert [name for name, element in ELEMENTS.items() if element.is_float] == FORMATS


@pytest.mark.parametrize("name", FORMATS)
def test_every_code(name):
    """What numpy or ml_dtypes takes a code for is what the definition says."""
    element = ELEMENTS[name]
    layout = element.layout
    assert (layout.exponent_bits, layout.mantissa_bits, layout.has_infinity) == FIELDS[name]
    with np.errstate(invalid="ignore"):
        got = codes(name).view(element.dtype).astype(np.float64)
    assert_array_equal(got, values(name))
    assert_array_equal(np.signbit(got), np.signbit(values(name)))


def test_landmarks():
    """A few codes as the specifications print them."""
    for name, code, number in (
            ("fp8_e4m3", 0x7E, 448), ("fp8_e4m3", 0x08, 2**-6), ("fp8_e4m3", 0x01, 2**-9),
            ("fp8_e5m2", 0x7B, 57344), ("fp8_e5m2", 0x04, 2**-14), ("fp8_e5m2", 0x01, 2**-16),
            ("fp8_e5m2", 0xFC, -np.inf), ("bf16", 0x3F80, 1), ("bf16", 0x0001, 2**-133),
            ("bf16", 0x7F7F, 255 * 2.0**120), ("fp16", 0x7BFF, 65504)):
        assert values(name)[code] == number
    assert_array_equal(np.flatnonzero(np.isnan(values("fp8_e4m3"))), [0x7F, 0xFF])
    assert not np.isinf(values("fp8_e4m3")).any()


@pytest.mark.parametrize("wide", [np.float32, np.float64])
@pytest.mark.parametrize("name", FORMATS)
def test_every_code_survives(name, wide):
    back, changed = to_element(values(name).astype(wide), name)
    assert back.dtype == ELEMENTS[name].dtype and changed == 0
    assert_array_equal(with_nan(name, back), with_nan(name, codes(name)))
    same, changed = to_element(back, name)
    assert same is back and changed == 0


def hard_numbers(name, rng):
    """Every number of a format, every middle of two, what is next to it in doubles and beyond."""
    finite = np.unique(values(name)[np.isfinite(values(name))])
    step = finite[-1] - finite[-2]
    ends = finite[-1] + step / 2 * np.array([.5, .999, 1, 1.001, 2, 3])
    middle = np.concatenate([(finite[1:] + finite[:-1]) / 2, ends, -ends])
    # Past the middle by less than single precision shows: what is rounded twice goes wrong here.
    beside = [middle * (1 + 2.0**-n) for n in (26, 30, 40, 52)]
    beside += [middle * (1 - 2.0**-n) for n in (26, 30, 40, 53)]
    scale = 2.0 ** rng.integers(-150, 129, 20_000)
    return np.concatenate([
        finite, middle, *beside, rng.uniform(-2, 2, 20_000) * scale,
        [0, -0.0, np.inf, -np.inf, np.nan, 5e-324, 1e308, -1e308, 2.0**-149, 3.4e38]])


@pytest.mark.parametrize("given", [np.float64, np.float32, np.float16])
@pytest.mark.parametrize("name", FORMATS)
def test_rounding(name, given, seed=3):
    with np.errstate(over="ignore"):
        numbers = hard_numbers(name, np.random.default_rng(seed)).astype(given)
    got, changed = to_element(numbers, name)
    want = nearest(name, numbers)
    assert_array_equal(with_nan(name, got), want)
    exact = values(name)[np.where(want < 0, 0, want)] == numbers
    assert changed == np.count_nonzero(~(exact & (want >= 0)) & ~np.isnan(numbers))


def test_bf16_against_softfloat(seed=5):
    with np.errstate(over="ignore"):
        numbers = hard_numbers("bf16", np.random.default_rng(seed)).astype(np.float32)
    numbers = numbers[~np.isnan(numbers)]
    sf.set_rounding_mode(sf.RoundingMode.NEAR_EVEN)
    want = [int.from_bytes(sf.f32_to_bf16(sf.Float32.from_bytes(
        int(code).to_bytes(4, "big"))).to_bytes(), "big") for code in bits(numbers)[::7]]
    assert_array_equal(bits(to_element(numbers[::7], "bf16")[0]), want)


@pytest.mark.parametrize("name, number, code", [
    ("fp8_e4m3", 464, 0x7E),  # half a step above 448: a tie, to even
    ("fp8_e4m3", 464 * (1 + 2**-40), None), ("fp8_e4m3", -480, None),
    ("fp8_e4m3", np.inf, None), ("fp8_e4m3", -np.inf, None), ("fp8_e4m3", 1e300, None),
    ("fp8_e5m2", 61439, 0x7B), ("fp8_e5m2", 61440, 0x7C), ("fp8_e5m2", -1e300, 0xFC),
    ("bf16", 3.3961775292304957e38, 0x7F80),  # a tie between the largest number and 2**128
    ("bf16", 3.396177e38, 0x7F7F),
])
def test_overflow(name, number, code):
    """Beyond the largest number there is infinity, and NaN where there is none."""
    got, changed = to_element(np.array([number]), name)
    assert changed == (np.isfinite(number) or name == "fp8_e4m3")
    assert with_nan(name, got).tolist() == [-1 if code is None else code]


@functools.cache
def all_sizes(name):
    """Every size of a number, ascending, and the one that would be next."""
    numbers = values(name)
    sizes = sorted({Fraction(size) for size in numbers[np.isfinite(numbers)].tolist()
                    if size >= 0})
    return [*sizes, 2 * sizes[-1] - sizes[-2]]


def rounded(name, number):
    """An integer's size in a format by exact fractions; None beyond the largest number."""
    sizes = all_sizes(name)
    place = bisect.bisect_left(sizes, abs(number))
    if place == len(sizes):
        return None
    near = min((n for n in (place - 1, place) if n >= 0),
               key=lambda n: (abs(sizes[n] - abs(number)), n % 2))
    return None if near == len(sizes) - 1 else sizes[near]


@pytest.mark.parametrize("dtype", [np.int8, np.uint16, np.int32, np.int64, np.uint64])
@pytest.mark.parametrize("name", FORMATS[1:])
def test_integers(name, dtype):
    """Rounded once, also from more bits than a double has."""
    places = [k for k in range(8, 62) if 1 << k + 1 <= np.iinfo(dtype).max]
    numbers = [0, 1, np.iinfo(dtype).min, np.iinfo(dtype).max, *(
        sign * ((1 << k) + tie * (1 << k - below) + step)
        for k in places for below in (3, 4, 8) for tie in (1, 3) for step in (-1, 0, 1)
        for sign in ((1, -1) if np.iinfo(dtype).min else (1,)))]
    got, changed = to_element(np.array(numbers, dtype), name)
    number_of = values(name)
    sizes = [rounded(name, number) for number in numbers]
    assert changed == sum(size != abs(number) for size, number in zip(sizes, numbers, strict=True))
    for number, size, code in zip(numbers, sizes, bits(got), strict=True):
        value = number_of[code]
        if size is None:
            assert not np.isfinite(value), number
        else:
            assert abs(value) == size and (value >= 0) == (number >= 0), number


def test_from_one_format_to_another():
    small, _ = to_element([1.125, 2**-9, np.nan], "fp8_e4m3")
    got, changed = to_element(small, "bf16")
    assert bits(got)[:2].tolist() == [0x3F90, 0x3B00] and np.isnan(values("bf16")[bits(got)[2]])
    assert changed == 0
    got, changed = to_element(small, "fp8_e5m2")
    assert bits(got)[:2].tolist() == [0x3C, 0x18] and changed == 1
    assert to_element(to_element([3, -128], "bf16")[0], "int8")[0].tolist() == [3, -128]
    got, changed = to_accumulator(small[:2], ELEMENTS["bf16"])
    assert got.dtype == np.float32 and got.tolist() == [1.125, 2**-9] and changed == 0


@pytest.mark.parametrize("name", FORMATS)
def test_only_zeros_are_not_stored(name):
    mask = nonzero_mask(codes(name).view(ELEMENTS[name].dtype))
    assert_array_equal(np.flatnonzero(~mask), [0, codes(name).size // 2])
