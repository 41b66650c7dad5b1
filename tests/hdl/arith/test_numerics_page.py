# amaranth: UnusedElaboratable=no
"""docs/numerics.md: its examples are true, and what it names exists."""

import re
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from arith_bench import simulate
from arith_oracles import FORMATS, NUMPY, SOFTFLOAT, kind_of

from dstc.elements import ELEMENTS
from dstc.numerics import to_element
from dstc_hdl.arith import Fp32Adder, FpMultiplier, Int32Adder, IntMultiplier

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


def test_every_line_is_an_example():
    assert len(EXAMPLES) + len(CONVERSIONS) == len(BLOCKS.splitlines()) > 80
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


def test_what_is_named_exists():
    names = re.findall(r"`((?:tests|hdl|software|bench)/[\w./]+)(?:::(\w+))?`", PAGE)
    assert len(names) > 15
    for path, function in names:
        assert (ROOT / path).exists(), path
        if function:
            assert f"\ndef {function}(" in (ROOT / path).read_text(), f"{path}::{function}"
