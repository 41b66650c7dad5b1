# amaranth: UnusedElaboratable=no
"""Products of binary16 numbers, in pysim."""

import re

import numpy as np
import pytest
from amaranth import *
from arith_bench import simulate
from arith_oracles import NUMPY, SOFTFLOAT
from arith_vectors import element_class_pairs

from dstc.errors import DstcError
from dstc_hdl.arith import FpMultiplier

LATENCIES = [0, 1, 2]

ONE, TWO, THREE = 0x3C00, 0x4000, 0x4200
TINY, SUB, MIN, TOP = 0x0001, 0x03FF, 0x0400, 0x7BFF  # 2**-24, largest subnormal, 2**-14, 65504
INF, MINUS = 0x7C00, 0x8000
NAN32, INF32, MINUS32 = 0x7FC00000, 0x7F800000, 0x80000000

# Worked out by hand from IEEE 754.
CASES = [
    (ONE, ONE, 0x3F800000),
    (TWO, THREE, 0x40C00000),
    (THREE, THREE, 0x41100000),  # 9: the product of the significands is not below 2
    (ONE | MINUS, THREE, 0xC0400000),
    (ONE | MINUS, ONE | MINUS, 0x3F800000),
    (0x3C01, 0x3C01, 0x3F804008),  # (1 + 2**-10)**2, exact
    # Extremes: every product is a normal number.
    (TOP, TOP, 0x4F7FC004),  # 65504**2
    (MIN, MIN, 0x31800000),  # 2**-28
    (TINY, TINY, 0x27800000),  # 2**-48
    (TINY | MINUS, TINY, 0xA7800000),
    (SUB, SUB, 0x317F8010),  # 1023**2 * 2**-48
    (TINY, TOP, 0x3B7FE000),  # 65504 * 2**-24
    (TINY, ONE, 0x33800000),  # 2**-24
    (0x0200, 0x0200, 0x30800000),  # 2**-15 squared is 2**-30
    (SUB, ONE, 0x387FC000),  # 1023 * 2**-24
    (0x0003, 0x0005, 0x29700000),  # 15 * 2**-48
    # Zeros have the exclusive or of the signs (6.3).
    (0, 0, 0),
    (0, MINUS, MINUS32),
    (MINUS, MINUS, 0),
    (ONE | MINUS, 0, MINUS32),
    (0, TOP, 0),
    (MINUS, TINY, MINUS32),
    # Infinity and NaN (6.1, 6.2).
    (INF, ONE, INF32),
    (INF, TINY | MINUS, INF32 | MINUS32),
    (INF | MINUS, INF, INF32 | MINUS32),
    (INF, 0x3C01, INF32),
    (INF, 0, NAN32),
    (INF | MINUS, MINUS, NAN32),
    (0x7E00, ONE, NAN32),
    (0x7C01, 0, NAN32),
    (0xFFFF, INF, NAN32),
    (0xFE12, 0x7D55, NAN32),
]


def operands(pairs):
    return (np.array(side, np.uint16) for side in zip(*pairs, strict=True))


@pytest.mark.parametrize("latency", LATENCIES)
def test_special_cases(latency):
    pairs = [case[:2] for case in CASES] + [case[1::-1] for case in CASES]
    got = simulate(FpMultiplier(latency), *operands(pairs))
    wrong = [(f"{a:04x} * {b:04x}", f"{product:08x}, not {want:08x}")
             for (a, b), product, want in zip(pairs, got, [case[2] for case in CASES] * 2,
                                              strict=True) if product != want]
    assert not wrong


def test_oracles_agree_with_the_cases():
    a, b = operands(case[:2] for case in CASES)
    want = [case[2] for case in CASES]
    assert NUMPY["FpMultiplier"](a, b).tolist() == want
    assert SOFTFLOAT["FpMultiplier"](a, b).tolist() == want


@pytest.mark.parametrize("latency", LATENCIES)
def test_random(latency):
    rng = np.random.default_rng(latency)
    a, b = element_class_pairs(rng, 3, "fp16")
    got = simulate(FpMultiplier(latency), a, b)
    np.testing.assert_array_equal(got, NUMPY["FpMultiplier"](a, b))
    np.testing.assert_array_equal(got, SOFTFLOAT["FpMultiplier"](a, b))


@pytest.mark.parametrize("latency", LATENCIES)
def test_latency(latency):
    """One pair that is not zero shows up in exactly one cycle.

    What a pipeline shows before its first pair has come through means nothing.
    """
    dut = FpMultiplier(latency)
    assert dut.latency == latency
    a = np.zeros(10, np.uint16)
    a[5] = ONE
    got = simulate(dut, a, a, latency=0)
    assert np.flatnonzero(got[latency:]).tolist() == [5]
    assert got[5 + latency] == 0x3F800000


@pytest.mark.parametrize("latency", [1, 2])
def test_reset_does_not_touch_data(latency):
    a = np.full(10, THREE, np.uint16)
    got = simulate(FpMultiplier(latency), a, a, wrap=ResetInserter(C(1)))
    assert (got == 0x41100000).all()


@pytest.mark.parametrize("latency", [-1, 3, 1.0, False, "1", None])
def test_wrong_latency(latency):
    message = f"FpMultiplier latency must be an integer from 0 to 2, not {latency!r}"
    with pytest.raises(DstcError, match=f"^{re.escape(message)}$"):
        FpMultiplier(latency)
