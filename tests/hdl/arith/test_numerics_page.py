# amaranth: UnusedElaboratable=no
"""docs/numerics.md: its examples are true, and what it names exists."""

import re
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from arith_bench import simulate
from arith_oracles import FORMATS, NUMPY, SOFTFLOAT, kind_of
from convert_bench import simulate as simulate_named

from dstc.elements import ELEMENTS
from dstc.numerics import to_element
from dstc_hdl.arith import Fp32Adder, FpMultiplier, Int32Adder, IntMultiplier
from dstc_hdl.arith.requantize import Requantizer
from dstc_hdl.arith.rounding import FpRounder

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "numerics.md").read_text()
UNITS = {**{f"{name} *": (partial(FpMultiplier, layout=ELEMENTS[name].layout),
                          f"u{ELEMENTS[name].bits // 8}", (0, 1, 2)) for name in FORMATS},
         "fp32 +": (Fp32Adder, np.uint32, (1, 2, 3, 4)),
         "int8 *": (IntMultiplier, np.uint8, (0, 1, 2)),
         "int32 +": (Int32Adder, np.uint32, (1, 2, 3, 4))}

BLOCKS = "".join(re.findall(r"^```text\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
EXAMPLES = re.findall(r"^(\w+) ([0-9a-f]+) ([*+]) ([0-9a-f]+) = ([0-9a-f]{8})(?:   .*)?$", BLOCKS,
                      re.MULTILINE)
CONVERSIONS = re.findall(r"^fp(32|64) ([0-9a-f]+) -> (\w+) ([0-9a-f]+)(?:   .*)?$", BLOCKS,
                         re.MULTILINE)
REQUANTISATIONS = [tuple(map(int, numbers)) for numbers in re.findall(
    r"^requantise (-?\d+) \* (\d+) / 2\^(\d+) = (-?\d+)(?:   .*)?$", BLOCKS, re.MULTILINE)]


def test_every_line_is_an_example():
    count = len(EXAMPLES) + len(CONVERSIONS) + len(REQUANTISATIONS)
    assert count == len(BLOCKS.splitlines()) > 80
    assert {name for _, _, name, _ in CONVERSIONS} == set(FORMATS)


@pytest.mark.parametrize("kind", UNITS)
def test_examples(kind):
    unit, dtype, latencies = UNITS[kind]
    chosen = [(int(a, 16), int(b, 16), int(o, 16)) for name, a, sign, b, o in EXAMPLES
              if f"{name} {sign}" == kind]
    a, b, want = zip(*chosen, strict=True)
    a, b = np.array(a, dtype), np.array(b, dtype)
    what = kind_of(unit(latencies[-1]))
    for oracles in (NUMPY, SOFTFLOAT):
        if what in oracles:
            assert oracles[what](a, b).tolist() == list(want)
    for latency in latencies:
        assert simulate(unit(latency), a, b).tolist() == list(want)


def test_conversions():
    for bits, given, name, wanted in CONVERSIONS:
        number = np.array([int(given, 16)], f"u{int(bits) // 8}").view(f"f{int(bits) // 8}")
        got, changed = to_element(number, name)
        assert f"{got.view(f'u{got.itemsize}')[0]:0{2 * got.itemsize}x}" == wanted, (given, name)
        assert changed == (got.astype(np.float64)[0] != number[0])


@pytest.mark.parametrize("name", FORMATS)
def test_conversions_by_the_unit(name):
    """The binary32 numbers among them."""
    chosen = [(int(given, 16), int(wanted, 16)) for bits, given, to, wanted in CONVERSIONS
              if (bits, to) == ("32", name)]
    given, wanted = zip(*chosen, strict=True)
    assert simulate_named(FpRounder(ELEMENTS[name].layout), i=given) == list(wanted)


def test_requantisations():
    total, multiplier, shift, wanted = zip(*REQUANTISATIONS, strict=True)
    got = simulate_named(Requantizer(), i=total, multiplier=multiplier, shift=shift)
    assert np.array(got, np.uint8).view(np.int8).tolist() == list(wanted)
    for total, multiplier, shift, wanted in REQUANTISATIONS:
        # Python rounds a fraction to the nearest integer, ties to even.
        assert max(-128, min(127, round(Fraction(total * multiplier, 1 << shift)))) == wanted


def test_what_is_named_exists():
    names = re.findall(r"`((?:tests|hdl|software|bench)/[\w./]+)(?:::(\w+))?`", PAGE)
    assert len(names) > 15
    for path, function in names:
        assert (ROOT / path).exists(), path
        if function:
            assert f"\ndef {function}(" in (ROOT / path).read_text(), f"{path}::{function}"
