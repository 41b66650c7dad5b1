# amaranth: UnusedElaboratable=no
"""Integer products and sums, in pysim."""

import re

import numpy as np
import pytest
from amaranth import *
from arith_bench import simulate
from arith_oracles import NUMPY

from dstc.errors import DstcError
from dstc_hdl.arith import Int32Adder, IntMultiplier

PRODUCTS = [
    (0, 0, 0), (1, 1, 1), (0xFF, 1, 0xFFFFFFFF), (0xFF, 0xFF, 1), (0x7F, 0x7F, 0x3F01),
    (0x80, 0x7F, 0xFFFFC080), (0x80, 0x80, 0x4000), (0x80, 0xFF, 0x80), (0x80, 0, 0),
    (3, 0xF9, 0xFFFFFFEB),
]
SUMS = [
    (0, 0, 0), (1, 1, 2), (0xFFFFFFFF, 1, 0), (0x7FFFFFFF, 1, 0x80000000),
    (0x80000000, 0xFFFFFFFF, 0x7FFFFFFF), (0x80000000, 0x80000000, 0),
    (0x55555555, 0xAAAAAAAB, 0), (0x0000FFFF, 1, 0x10000), (0x00FFFFFF, 1, 0x01000000),
    (0x000000FF, 0xFFFFFF01, 0),
]


def columns(cases, dtype):
    return [np.array(column, dtype) for column in zip(*cases, strict=True)]


@pytest.mark.parametrize("latency", [0, 1, 2])
def test_products(latency):
    a, b, want = columns(PRODUCTS, np.uint32)
    assert simulate(IntMultiplier(latency), a, b).tolist() == want.tolist()
    assert simulate(IntMultiplier(latency), b, a).tolist() == want.tolist()


@pytest.mark.parametrize("latency", [1, 2, 3, 4])
def test_sums(latency):
    a, b, want = columns(SUMS, np.uint32)
    assert simulate(Int32Adder(latency), a, b).tolist() == want.tolist()
    assert simulate(Int32Adder(latency), b, a).tolist() == want.tolist()


@pytest.mark.parametrize("latency", [1, 2, 3, 4])
def test_random_sums(latency):
    a, b = np.random.default_rng(latency).integers(0, 1 << 32, (2, 500), np.uint32)
    np.testing.assert_array_equal(simulate(Int32Adder(latency), a, b),
                                  NUMPY["Int32Adder"](a, b))


@pytest.mark.parametrize("unit, latency", [
    *((IntMultiplier, latency) for latency in (0, 1, 2)),
    *((Int32Adder, latency) for latency in (1, 2, 3, 4)),
])
def test_latency(unit, latency):
    """One pair that is not zero shows up in exactly one cycle."""
    dut = unit(latency)
    assert dut.latency == latency
    a = np.zeros(12, np.uint32)
    a[5] = 2
    got = simulate(dut, a, a, latency=0)
    assert np.flatnonzero(got[latency:]).tolist() == [5]
    assert got[5 + latency] == 4


@pytest.mark.parametrize("latency", [1, 2, 3, 4])
def test_reset_does_not_touch_data(latency):
    a = np.full(10, 0x12345678, np.uint32)
    got = simulate(Int32Adder(latency), a, a, wrap=ResetInserter(C(1)))
    assert (got == 0x2468ACF0).all()


@pytest.mark.parametrize("latency", [-1, 3, 1.0, True, "1"])
def test_wrong_multiplier_latency(latency):
    message = f"IntMultiplier latency must be an integer from 0 to 2, not {latency!r}"
    with pytest.raises(DstcError, match=f"^{re.escape(message)}$"):
        IntMultiplier(latency)


@pytest.mark.parametrize("latency", [0, 5, 1.0, True, "1"])
def test_wrong_adder_latency(latency):
    message = f"Int32Adder latency must be an integer from 1 to 4, not {latency!r}"
    with pytest.raises(DstcError, match=f"^{re.escape(message)}$"):
        Int32Adder(latency)
