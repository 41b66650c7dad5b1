"""Integer sums to int8: by hand in pysim, and by the million as emitted Verilog."""

import numpy as np
import pytest
from amaranth import *
from convert_bench import Compiled, simulate

from dstc.conv.words import SHIFT_STOP
from dstc_hdl.arith.requantize import Requantizer

LOW, HIGH = -1 << 32, (1 << 32) - 1
TOP = 65535

# Sum, multiplier, shift, result.
CASES = [
    (0, TOP, 0, 0), (5, 0, 0, 0), (1, 1, 0, 1), (-1, 1, 0, -1), (127, 1, 0, 127),
    (128, 1, 0, 127), (-128, 1, 0, -128), (-129, 1, 0, -128),
    # Ties, to the even neighbour.
    (1, 1, 1, 0), (3, 1, 1, 2), (5, 1, 1, 2), (7, 1, 1, 4), (-1, 1, 1, 0), (-3, 1, 1, -2),
    (-5, 1, 1, -2), (-7, 1, 1, -4), (5, 3, 1, 8), (5, 1, 0, 5),
    # Below and above a tie, by the lowest bit of the product.
    (0x1FFFF, 1, 18, 0), (0x20000, 1, 18, 0), (0x20001, 1, 18, 1),
    (-0x20001, 1, 18, -1), (-0x20000, 1, 18, 0), (-0x1FFFF, 1, 18, 0),
    # The limits are rounded into and out of: 127.5, 126.5, just below 127.5, -128.5, -129.
    (255, 1, 1, 127), (253, 1, 1, 126), (2039, 1, 4, 127), (-257, 1, 1, -128),
    (-258, 1, 1, -128), (-255, 1, 1, -128), (-259, 1, 1, -128),
    # Extremes of every operand.
    (HIGH, TOP, 0, 127), (LOW, TOP, 0, -128), (HIGH, TOP, 47, 2), (LOW, TOP, 47, -2),
    (LOW, 1, 47, 0), (HIGH, TOP, 41, 127), (LOW, TOP, 41, -128), (HIGH, 1, 25, 127),
    (HIGH, 1, 26, 64),
]


def exact(total, multiplier, shift):
    """The definition, in Python's integers."""
    product = total * multiplier
    quotient, rest = product >> shift, product & (1 << shift) - 1
    twice = 2 * rest
    if twice > 1 << shift or (twice == 1 << shift and quotient & 1):
        quotient += 1
    return max(-128, min(127, quotient))


def signed(codes):
    return np.asarray(codes, np.uint8).view(np.int8).tolist()


def test_by_hand():
    total, multiplier, shift, want = zip(*CASES, strict=True)
    got = simulate(Requantizer(), i=total, multiplier=multiplier, shift=shift)
    assert signed(got) == list(want)
    assert [exact(*case[:3]) for case in CASES] == list(want)


def quotients(total, multiplier, shift):
    """The same of arrays; every product fits 64 bits."""
    product = total * multiplier
    quotient, rest = product >> shift, product & (np.int64(1) << shift) - 1
    half = np.where(shift > 0, np.int64(1) << np.maximum(shift - 1, 0), 2)
    up = (rest > half) | ((rest == half) & (quotient & 1 == 1))
    return np.clip(quotient + up, -128, 127)


def ties(rng, count):
    """Products around the middle of two quotients, and around the limits."""
    shift = rng.integers(0, SHIFT_STOP, count)
    multiplier = np.where(rng.random(count) < .5, 1 << rng.integers(0, 16, count),
                          rng.integers(1, TOP + 1, count))
    quotient = np.where(rng.random(count) < .5, rng.integers(-132, 132, count),
                        rng.choice([-129, -128, -1, 0, 126, 127], count))
    middle = (2 * quotient + rng.integers(0, 3, count) << shift) // 2
    total = middle // multiplier + rng.integers(-1, 2, count)
    return np.clip(total, LOW, HIGH), multiplier, shift


@pytest.mark.parametrize("seed", [31])
def test_bulk(seed):
    rng, count = np.random.default_rng(seed), 1_000_000
    sets = [(rng.integers(LOW, HIGH + 1, count), rng.integers(0, TOP + 1, count),
             rng.integers(0, SHIFT_STOP, count)),
            (rng.integers(-1 << 16, 1 << 16, count), rng.integers(0, TOP + 1, count),
             rng.integers(0, 34, count)),
            ties(rng, count)]
    compiled = Compiled({"o": Requantizer()}, "requantizer")
    for total, multiplier, shift in sets:
        want = quotients(total, multiplier, shift)
        some = rng.choice(count, 2000, replace=False)
        operands = [[int(side[n]) for side in (total, multiplier, shift)] for n in some]
        assert [exact(*case) for case in operands] == want[some].tolist()
        got = compiled.run(i=(total & (1 << 33) - 1).astype(np.uint64),
                           multiplier=multiplier.astype(np.uint16),
                           shift=shift.astype(np.uint8))["o"].view(np.int8)
        wrong = np.flatnonzero(got != want)
        assert not len(wrong), [f"{total[n]} * {multiplier[n]} / 2**{shift[n]} gives {got[n]}, "
                                f"not {want[n]}; {len(wrong)} wrong" for n in wrong[:5]]


def test_latency():
    """A sum that is not zero shows up in exactly one cycle."""
    dut = Requantizer()
    assert dut.latency == 3
    got = simulate(dut, latency=0, i=[int(n == 5) for n in range(12)], multiplier=[1] * 12,
                   shift=[0] * 12)
    assert [n for n, code in enumerate(got[3:]) if code] == [5]


def test_reset_does_not_touch_data():
    got = simulate(Requantizer(), wrap=ResetInserter(C(1)), i=[3] * 5, multiplier=[7] * 5,
                   shift=[0] * 5)
    assert got == [21] * 5
