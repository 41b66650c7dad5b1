# amaranth: UnusedElaboratable=no
"""binary32 to the element formats: by hand in pysim, and by the million as emitted Verilog."""

import re

import numpy as np
import pytest
import softfloatpy as sf
from amaranth import *
from convert_bench import Compiled, simulate
from rounding_oracles import TYPES, converted, searched

from dstc.elements import ELEMENTS, FloatLayout
from dstc.errors import DstcError
from dstc.numerics import to_element
from dstc_hdl.arith.rounding import FpRounder

MINUS = 0x80000000
ONE, INF, NAN = 0x3F800000, 0x7F800000, 0x7FC00000

# Worked out by hand from the definitions of the formats.
CASES = {
    "fp16": [
        (0, 0), (ONE, 0x3C00), (0x40490FDB, 0x4248), (0x3F802000, 0x3C01),
        # 1 + 2**-11 is a tie, to even; just above it; 1 + 3 x 2**-11 is one to the other side.
        (0x3F801000, 0x3C00), (0x3F801001, 0x3C01), (0x3F803000, 0x3C02), (0x3F802FFF, 0x3C01),
        # The largest number and half a step above it.
        (0x477FE000, 0x7BFF), (0x477FEFFF, 0x7BFF), (0x477FF000, 0x7C00), (0x47800000, 0x7C00),
        # The smallest normal number; the largest subnormal one, and the tie between them.
        (0x38800000, 0x0400), (0x387FC000, 0x03FF), (0x387FE000, 0x0400), (0x387FDFFF, 0x03FF),
        # The smallest number, half of it, which is a tie to 0, and more than half.
        (0x33800000, 1), (0x33000000, 0), (0x33000001, 1), (0x32FFFFFF, 0), (1, 0),
        (0x33C00000, 2), (0x34200000, 2), (0x34600000, 4),
    ],
    "bf16": [
        (0, 0), (ONE, 0x3F80), (0x3F808000, 0x3F80), (0x3F818000, 0x3F82), (0x3F808001, 0x3F81),
        (0x7F7F7FFF, 0x7F7F), (0x7F7F8000, 0x7F80), (0x00008000, 0), (0x00008001, 1),
        (0x00018000, 2), (0x007F8000, 0x0080), (0x007F7FFF, 0x007F), (1, 0),
    ],
    "fp8_e4m3": [
        (0, 0), (ONE, 0x38), (0x3F880000, 0x38), (0x3F880001, 0x39), (0x3F980000, 0x3A),
        # 448 is the largest number; 464 is a tie, and what is larger is NaN.
        (0x43E00000, 0x7E), (0x43E80000, 0x7E), (0x43E80001, 0x7F), (0x43F00000, 0x7F),
        (0x43FFFFFF, 0x7F), (0x44000000, 0x7F), (0x7F7FFFFF, 0x7F), (0x43D80000, 0x7E),
        # 2**-6 is the smallest normal number, 2**-9 the smallest, 2**-10 a tie.
        (0x3C800000, 0x08), (0x3C700000, 0x08), (0x3C6FFFFF, 0x07), (0x3B000000, 1),
        (0x3B400000, 2), (0x3A800000, 0), (0x3A800001, 1), (1, 0),
    ],
    "fp8_e5m2": [
        (0, 0), (ONE, 0x3C), (0x3FA00000, 0x3D), (0x3F900000, 0x3C), (0x3FB00000, 0x3E),
        (0x476FFFFF, 0x7B), (0x47700000, 0x7C), (0x47600000, 0x7B), (0x7F7FFFFF, 0x7C),
        (0x38800000, 0x04), (0x37800000, 1), (0x37000000, 0), (0x37000001, 1), (1, 0),
    ],
}
# Infinity and NaN: result of either sign.
SPECIAL = {"fp16": (0x7C00, 0x7E00), "bf16": (0x7F80, 0x7FC0), "fp8_e4m3": (0x7F, 0x7F),
           "fp8_e5m2": (0x7C, 0x7E)}


def cases(name):
    """The cases with both signs, infinities, and NaN of several payloads."""
    sign = 1 << ELEMENTS[name].bits - 1
    infinity, nan = SPECIAL[name]
    signed = [*CASES[name], (INF, infinity)]
    return [*signed, *((bits | MINUS, want | sign) for bits, want in signed),
            *((bits, nan) for bits in (NAN, NAN | MINUS, INF + 1, INF + 1 | MINUS, 0x7FFFFFFF))]


def unit(name):
    return FpRounder(ELEMENTS[name].layout)


@pytest.mark.parametrize("name", TYPES)
def test_by_hand(name):
    given, want = zip(*cases(name), strict=True)
    got = simulate(unit(name), i=given)
    wrong = [f"{bits:08x} gives {code:x}, not {right:x}"
             for bits, code, right in zip(given, got, want, strict=True) if code != right]
    assert not wrong


@pytest.mark.parametrize("name", TYPES)
def test_oracles_agree_with_the_cases(name):
    given, want = zip(*cases(name), strict=True)
    given = np.array(given, np.uint32)
    assert converted(name, given).tolist() == list(want)
    assert searched(name, given).tolist() == list(want)
    # Conversion of input is the same rounding (docs/numerics.md).
    nan = np.isnan(given.view(np.float32))
    got, _ = to_element(given[~nan].view(np.float32), name)
    assert got.view(f"u{got.itemsize}").tolist() == np.array(want)[~nan].tolist()


def neighbourhoods(name):
    """Every number of the format, every middle of two, and the binary32 numbers around them."""
    element = ELEMENTS[name]
    top = SPECIAL[name][0]
    codes = np.arange(top).astype(f"u{element.bits // 8}")
    numbers = codes.view(element.dtype).astype(np.float64)
    # After the largest number comes the one that a wider exponent, or the NaN's code, would give.
    numbers = np.append(numbers, 2 * numbers[-1] - numbers[-2])
    middles = (numbers[1:] + numbers[:-1]) / 2
    with np.errstate(over="ignore"):        # the last one may be 2**128
        numbers = np.concatenate([numbers, middles]).astype(np.float32)
    around = numbers.view(np.uint32).astype(np.int64)[:, None] + np.arange(-2, 3)
    bits = np.clip(around.ravel(), 0, INF).astype(np.uint32)
    return np.concatenate([bits, bits | np.uint32(MINUS)])


def runs():
    """Every exponent field with every run of ones in the mantissa, of both signs."""
    start, length = np.mgrid[:24, :24].reshape(2, -1)
    mantissas = np.unique(((1 << length) - 1 << start) & 0x7FFFFF).astype(np.uint32)
    fields = np.arange(512, dtype=np.uint32) << 23
    return (fields[:, None] | mantissas).ravel()


def vectors(seed):
    """Operands for all formats; more than a million."""
    rng = np.random.default_rng(seed)
    near = [neighbourhoods(name) for name in TYPES]
    anything = rng.integers(0, 1 << 32, 1_000_000, np.uint32)
    return np.concatenate([*near, runs(), anything, *(subnormal(rng, name) for name in TYPES)])


def subnormal(rng, name, count=100_000):
    """Operands of which most give subnormal results."""
    layout = ELEMENTS[name].layout
    smallest = 127 - layout.bias + 1
    fields = rng.integers(max(0, smallest - layout.mantissa_bits - 2), smallest + 2, count)
    return (rng.integers(0, 2, count) << 31 | fields << 23
            | rng.integers(0, 1 << 23, count)).astype(np.uint32)


@pytest.fixture(scope="module")
def compiled():
    return Compiled({name: unit(name) for name in TYPES}, "rounding_units")


@pytest.mark.parametrize("seed", [21])
def test_bulk(compiled, seed):
    bits = vectors(seed)
    assert len(bits) > 2_000_000
    results = compiled.run(i=bits)
    for name in TYPES:
        want = converted(name, bits)
        assert (searched(name, bits) == want).all(), "the oracles agree"
        wrong = np.flatnonzero(results[name] != want)
        assert not len(wrong), [f"{name}: {bits[n]:08x} gives {results[name][n]:x}, not "
                                f"{want[n]:x}; {len(wrong)} wrong" for n in wrong[:5]]
        size = want & (1 << ELEMENTS[name].bits - 1) - 1
        tiny = (size > 0) & (size < 1 << ELEMENTS[name].layout.mantissa_bits)
        assert tiny.sum() > 10_000, "subnormal results"


@pytest.mark.parametrize("name, convert", [("fp16", sf.f32_to_f16), ("bf16", sf.f32_to_bf16)])
def test_softfloat(compiled, name, convert):
    """Berkeley SoftFloat, which has two of the formats; it leaves the bits of a NaN open."""
    bits = np.random.default_rng(22).choice(vectors(22), 20_000)
    bits = bits[~np.isnan(bits.view(np.float32))]
    sf.set_rounding_mode(sf.RoundingMode.NEAR_EVEN)
    want = [int.from_bytes(convert(sf.Float32.from_bytes(int(n).to_bytes(4, "big"))).to_bytes(),
                           "big") for n in bits]
    assert compiled.run(i=bits)[name].tolist() == want


@pytest.mark.parametrize("name", TYPES)
def test_latency(name):
    """An operand that is not zero shows up in exactly one cycle."""
    dut = unit(name)
    assert dut.latency == 1
    got = simulate(dut, latency=0, i=[ONE if n == 5 else 0 for n in range(12)])
    assert [n for n, code in enumerate(got[1:]) if code] == [5]


def test_reset_does_not_touch_data():
    got = simulate(unit("fp16"), wrap=ResetInserter(C(1)), i=[ONE] * 4)
    assert got == [0x3C00] * 4


@pytest.mark.parametrize("layout, field, bits", [
    ({"exponent_bits": 1, "mantissa_bits": 6}, "exponent must have 2 to 8 bits", 1),
    ({"exponent_bits": 9, "mantissa_bits": 6}, "exponent must have 2 to 8 bits", 9),
    ({"exponent_bits": 8, "mantissa_bits": 6, "has_infinity": False},
     "exponent must have 2 to 7 bits", 8),
    ({"exponent_bits": 5, "mantissa_bits": 0}, "mantissa must have 1 to 21 bits", 0),
    ({"exponent_bits": 5, "mantissa_bits": 22}, "mantissa must have 1 to 21 bits", 22),
])
def test_wrong_layout(layout, field, bits):
    with pytest.raises(DstcError, match=f"^{re.escape(f'FpRounder {field}, not {bits}')}$"):
        FpRounder(FloatLayout(**layout))
