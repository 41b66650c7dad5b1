"""Millions of operands through the emitted Verilog, compiled by Verilator."""

import numpy as np
import pytest
from arith_bench import Verilated
from arith_oracles import FORMATS, NUMPY, SOFTFLOAT
from arith_vectors import (
    adder_suite,
    bf16_borders,
    bf16_subnormal_operands,
    element_class_pairs,
    fp16_operands,
)

from dstc.elements import ELEMENTS
from dstc_hdl.arith import Fp32Adder, FpMultiplier, Int32Adder, IntMultiplier

ADDER_LATENCIES, MULTIPLIER_LATENCIES = (1, 2, 3, 4), (0, 1, 2)
# Pairs that SoftFloat checks as well, some hundred thousand per second.
SAMPLE = 20_000


@pytest.fixture(scope="module")
def floats():
    return Verilated([*map(Fp32Adder, ADDER_LATENCIES),
                      *(FpMultiplier(latency, ELEMENTS[name].layout)
                        for name in FORMATS for latency in MULTIPLIER_LATENCIES)], "float_units")


@pytest.fixture(scope="module")
def integers():
    return Verilated([*map(Int32Adder, ADDER_LATENCIES),
                      *map(IntMultiplier, MULTIPLIER_LATENCIES)], "integer_units")


def check(verilated, kind, a, b, oracles=NUMPY):
    """All units of a kind against the oracle; the first wrong results are named."""
    want = oracles[kind](a, b)
    results = verilated.run(a, b, kind)
    assert tuple(results) == (ADDER_LATENCIES if "Adder" in kind else
                              MULTIPLIER_LATENCIES)
    for latency, got in results.items():
        wrong = np.flatnonzero(got != want)
        assert not len(wrong), [
            f"{kind}, latency {latency}: {a[n]:x}, {b[n]:x} give {got[n]:08x}, "
            f"not {want[n]:08x}; {len(wrong)} of {len(a)} wrong" for n in wrong[:5]]


@pytest.mark.parametrize("seed", [7])
def test_fp32_sums(floats, seed):
    rng = np.random.default_rng(seed)
    suite = adder_suite(rng)
    assert sum(len(a) for a, _ in suite.values()) > 2_000_000
    for a, b in suite.values():
        check(floats, "Fp32Adder", a, b)
        some = rng.choice(len(a), SAMPLE, replace=False)
        check(floats, "Fp32Adder", a[some], b[some], SOFTFLOAT)


@pytest.mark.parametrize("seed", [8])
def test_fp16_products(floats, seed):
    """All numbers with every exponent, every power of two, extremes and random numbers."""
    rng = np.random.default_rng(seed)
    powers = [1 << n for n in range(10)] + [n << 10 for n in range(32)]
    others = np.unique([*powers, 0x8000, 0xFC00, 0x7C01, 0x7E00, 0x03FF, 0x7BFF,
                        *rng.integers(0, 1 << 16, 17)])
    a, b = fp16_operands(0, 1 << 16, others)
    assert len(a) > 4_000_000
    swap = rng.random(len(a)) < .5
    check(floats, "FpMultiplier", np.where(swap, b, a), np.where(swap, a, b))


@pytest.mark.parametrize("seed", [9])
def test_fp16_class_products(floats, seed):
    a, b = element_class_pairs(np.random.default_rng(seed), 50, "fp16")
    check(floats, "FpMultiplier", a, b)
    check(floats, "FpMultiplier", a, b, SOFTFLOAT)


@pytest.mark.parametrize("element", ["fp8_e4m3", "fp8_e5m2"])
def test_fp8_products(floats, element):
    """All of them."""
    a, b = np.mgrid[:256, :256].astype(np.uint8).reshape(2, -1)
    check(floats, f"FpMultiplier {element}", a, b)
    check(floats, f"FpMultiplier {element}", a, b, SOFTFLOAT)


# Sums of the exponent fields of bfloat16: a product of two normal numbers is at least half of the
# smallest subnormal number from 103 on, may be normal from 127 on, and infinite from 381 on.
BORDERS = {"underflow": range(98, 131), "overflow": range(377, 386)}


@pytest.mark.parametrize("seed", [11])
@pytest.mark.parametrize("border", BORDERS)
def test_bf16_borders(floats, border, seed):
    """Every pair of mantissas at every place around a border, rounding ties among them."""
    rng = np.random.default_rng(seed)
    a, b = bf16_borders(rng, BORDERS[border])
    want = NUMPY["FpMultiplier bf16"](a, b) & 0x7FFFFFFF
    for low, high in {"underflow": [(0, 1), (1, 0x800000), (0x800000, 0x7F800000)],
                      "overflow": [(0, 0x7F800000), (0x7F800000, 0x7F800001)]}[border]:
        assert ((low <= want) & (want < high)).sum() > 10_000, "both sides of the border"
    check(floats, "FpMultiplier bf16", a, b)
    some = rng.choice(len(a), SAMPLE, replace=False)
    check(floats, "FpMultiplier bf16", a[some], b[some], SOFTFLOAT)


@pytest.mark.parametrize("seed", [12])
def test_bf16_subnormal_operands(floats, seed):
    """All of them, four million pairs."""
    check(floats, "FpMultiplier bf16", *bf16_subnormal_operands(np.random.default_rng(seed)))


@pytest.mark.parametrize("seed", [13])
def test_bf16_products(floats, seed):
    """Every pair of classes, and two million pairs of any codes."""
    rng = np.random.default_rng(seed)
    check(floats, "FpMultiplier bf16", *rng.integers(0, 1 << 16, (2, 2_000_000), np.uint16))
    a, b = element_class_pairs(rng, 50, "bf16")
    check(floats, "FpMultiplier bf16", a, b)
    check(floats, "FpMultiplier bf16", a, b, SOFTFLOAT)


def test_int8_products(integers):
    """All of them."""
    a, b = np.mgrid[:256, :256].astype(np.uint8).reshape(2, -1)
    check(integers, "IntMultiplier", a, b)


@pytest.mark.parametrize("seed", [10])
def test_int32_sums(integers, seed):
    """Random ones, and carries of every length from every place."""
    a, b = np.random.default_rng(seed).integers(0, 1 << 32, (2, 500_000), np.uint32)
    start, length = np.mgrid[:32, 1:33].reshape(2, -1)
    runs = (((1 << length) - 1) << start & 0xFFFFFFFF).astype(np.uint32)
    check(integers, "Int32Adder", np.concatenate([a, runs, runs]),
          np.concatenate([b, (1 << start).astype(np.uint32), ~runs]))
