"""docs/numerics.md: its examples are true, and what it names exists."""

import re
from pathlib import Path

import numpy as np
import pytest
from arith_bench import simulate
from arith_oracles import NUMPY, SOFTFLOAT

from dstc_hdl.arith import Fp32Adder, FpMultiplier, Int32Adder, IntMultiplier

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "numerics.md").read_text()
UNITS = {"fp16 *": (FpMultiplier, np.uint16, (0, 1, 2)),
         "fp32 +": (Fp32Adder, np.uint32, (1, 2, 3, 4)),
         "int8 *": (IntMultiplier, np.uint8, (0, 1, 2)),
         "int32 +": (Int32Adder, np.uint32, (1, 2, 3, 4))}

BLOCKS = "".join(re.findall(r"^```text\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
EXAMPLES = re.findall(r"^(\w+) ([0-9a-f]+) ([*+]) ([0-9a-f]+) = ([0-9a-f]{8})(?:   .*)?$", BLOCKS,
                      re.MULTILINE)


def test_every_line_is_an_example():
    assert len(EXAMPLES) == len(BLOCKS.splitlines()) > 25


@pytest.mark.parametrize("kind", UNITS)
def test_examples(kind):
    unit, dtype, latencies = UNITS[kind]
    chosen = [(int(a, 16), int(b, 16), int(o, 16)) for name, a, sign, b, o in EXAMPLES
              if f"{name} {sign}" == kind]
    a, b, want = zip(*chosen, strict=True)
    a, b = np.array(a, dtype), np.array(b, dtype)
    for oracles in (NUMPY, SOFTFLOAT):
        if unit.__name__ in oracles:
            assert oracles[unit.__name__](a, b).tolist() == list(want)
    for latency in latencies:
        assert simulate(unit(latency), a, b).tolist() == list(want)


def test_what_is_named_exists():
    names = re.findall(r"`((?:tests|hdl|software|bench)/[\w./]+)(?:::(\w+))?`", PAGE)
    assert len(names) > 15
    for path, function in names:
        assert (ROOT / path).exists(), path
        if function:
            assert f"\ndef {function}(" in (ROOT / path).read_text(), f"{path}::{function}"
