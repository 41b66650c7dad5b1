# amaranth: UnusedElaboratable=no
"""Addition of binary32 numbers, in pysim."""

import re

import numpy as np
import pytest
from amaranth import *
from arith_bench import simulate
from arith_oracles import NUMPY, SOFTFLOAT
from arith_vectors import adder_suite

from dstc.errors import DstcError
from dstc_hdl.arith import Fp32Adder

LATENCIES = [1, 2, 3, 4]

ONE, ULP = 0x3F800000, 0x34000000  # 1 and 2**-23
MIN, SUB, TOP = 0x00800000, 0x007FFFFF, 0x7F7FFFFF  # smallest normal, largest subnormal, largest
INF, NAN, MINUS = 0x7F800000, 0x7FC00000, 0x80000000

# Worked out by hand from IEEE 754; a comment gives what is not obvious.
CASES = [
    (ONE, ONE, 0x40000000),
    (ONE, 0x40400000, 0x40800000),  # 1 + 3
    (0x3DCCCCCD, 0x3E4CCCCD, 0x3E99999A),  # 0.1 + 0.2 in the last place
    # Signs of zero (6.3).
    (0, 0, 0),
    (MINUS, MINUS, MINUS),
    (0, MINUS, 0),
    (ONE, ONE | MINUS, 0),
    (1, 1 | MINUS, 0),
    (TOP, TOP | MINUS, 0),
    (ONE, MINUS, ONE),
    (MINUS, 1 | MINUS, 1 | MINUS),
    # Ties to even: 2**24 has a last place of 2.
    (0x4B800000, ONE, 0x4B800000),
    (0x4B800001, ONE, 0x4B800002),
    (0x4B800000, ONE + 1, 0x4B800001),
    (0x4B800001, ONE - 1, 0x4B800001),
    (0x4B800000, 0xBF800000, 0x4B7FFFFF),  # 2**24 - 1 is exact
    (0x4B800000, 0xBF000000, 0x4B800000),  # 2**24 - 0.5 is a tie
    (0x4B800000, 0xBF000001, 0x4B7FFFFF),  # and this is just below it
    (0x4B7FFFFF, 0x3F000000, 0x4B800000),  # a tie that carries into the next exponent
    # Sticky: the smallest number decides a tie from 2**-25 times the last place down.
    (ONE, 0x33800000, ONE),
    (ONE, 0x33800001, ONE + 1),
    (ONE | MINUS, 0x33800001 | MINUS, ONE + 1 | MINUS),
    (ONE, 0x00000001, ONE),
    (ONE, 0x80000001, ONE),  # 1 - 2**-149 rounds back
    (ONE, 0xB3000000, ONE),  # 1 - 2**-25 is a tie of the binade below
    (ONE, 0xB3000001, ONE - 1),
    # Cancellation.
    (ONE + 1, ONE | MINUS, ULP),
    (0x40000000, 0xBFFFFFFF, ULP),
    (MIN + 1, MIN | MINUS, 1),
    # Into, inside and out of the subnormal numbers.
    (1, 1, 2),
    (SUB, 1, MIN),
    (MIN, 1 | MINUS, SUB),
    (SUB, SUB, 0x00FFFFFE),
    (MIN, MIN, 0x01000000),
    (0x00C00000, MIN | MINUS, 0x00400000),
    (0x01000001, MIN | MINUS, 0x00800002),  # 2**-125 and a last place, less 2**-126
    (0x01800000, 0x817FFFFF, 0x00000002),
    # Overflow: half of the last place of the largest number is 2**103.
    (TOP, TOP, INF),
    (TOP, 0x73000000, INF),
    (TOP, 0x72FFFFFF, TOP),
    (TOP | MINUS, 0x73000000 | MINUS, INF | MINUS),
    # Infinity and NaN (6.1, 6.2): quiet, signalling, negative, with a payload.
    (INF, ONE, INF),
    (INF, TOP | MINUS, INF),
    (INF | MINUS, TOP, INF | MINUS),
    (INF, INF, INF),
    (INF | MINUS, INF | MINUS, INF | MINUS),
    (INF, INF | MINUS, NAN),
    (NAN, ONE, NAN),
    (0x7F800001, ONE, NAN),
    (0xFFFFFFFF, 0, NAN),
    (0x7FA00000, INF, NAN),
    (0xFFC12345, 0x7FC54321, NAN),
]


def operands(pairs):
    return (np.array(side, np.uint32) for side in zip(*pairs, strict=True))


@pytest.mark.parametrize("latency", LATENCIES)
def test_special_cases(latency):
    pairs = [case[:2] for case in CASES] + [case[1::-1] for case in CASES]
    got = simulate(Fp32Adder(latency), *operands(pairs))
    wrong = [(f"{a:08x} + {b:08x}", f"{sum_:08x}, not {want:08x}")
             for (a, b), sum_, want in zip(pairs, got, [case[2] for case in CASES] * 2,
                                           strict=True) if sum_ != want]
    assert not wrong


def test_oracles_agree_with_the_cases():
    a, b = operands(case[:2] for case in CASES)
    want = [case[2] for case in CASES]
    assert NUMPY["Fp32Adder"](a, b).tolist() == want
    assert SOFTFLOAT["Fp32Adder"](a, b).tolist() == want


@pytest.mark.parametrize("latency", LATENCIES)
def test_random(latency):
    rng = np.random.default_rng(latency)
    chosen = [(a[some], b[some]) for a, b in adder_suite(rng).values()
              for some in [rng.choice(len(a), 250, replace=False)]]
    a, b = map(np.concatenate, zip(*chosen, strict=True))
    got = simulate(Fp32Adder(latency), a, b)
    np.testing.assert_array_equal(got, NUMPY["Fp32Adder"](a, b))
    np.testing.assert_array_equal(got, SOFTFLOAT["Fp32Adder"](a, b))


@pytest.mark.parametrize("latency", LATENCIES)
def test_latency(latency):
    """One pair that is not zero shows up in exactly one cycle.

    What a pipeline shows before its first pair has come through means nothing.
    """
    dut = Fp32Adder(latency)
    assert dut.latency == latency
    a = np.zeros(12, np.uint32)
    a[5] = ONE
    got = simulate(dut, a, a, latency=0)
    assert np.flatnonzero(got[latency:]).tolist() == [5]
    assert got[5 + latency] == 0x40000000


@pytest.mark.parametrize("latency", LATENCIES)
def test_reset_does_not_touch_data(latency):
    a = np.arange(1, 20, dtype=np.uint32)
    got = simulate(Fp32Adder(latency), a, a, wrap=ResetInserter(C(1)))
    assert got.tolist() == (2 * a).tolist()


@pytest.mark.parametrize("latency", [0, 5, -1, 1.0, True, "3", None])
def test_wrong_latency(latency):
    message = f"Fp32Adder latency must be an integer from 1 to 4, not {latency!r}"
    with pytest.raises(DstcError, match=f"^{re.escape(message)}$"):
        Fp32Adder(latency)
