"""Dot-product units: one dot product in every cycle, against models of the numerics."""

import numpy as np
import pytest
from element_math import add, multiply
from twin_bench import random_c, random_operand
from unit_bench import CONFIGS, Bench

from dstc.golden import matmul
from dstc.twin.fused import fused_matmul
from dstc_hdl.twin.dot import dot_class
from dstc_hdl.twin.selected_dot import SelectedDot

TINY = CONFIGS["tiny"]
FLOATS = {name: TINY.replace(name=name, element=name)
          for name in ("fp16", "bf16", "fp8_e4m3", "fp8_e5m2")}
INT8 = TINY.replace(name="int8", element="int8")
EDGE = 10


def bits_of(matrix):
    """Elements as integers."""
    return matrix.view(f"u{matrix.dtype.itemsize}").tolist()


def tagged(config, bits):
    """An element as the units take it."""
    magnitude = bits & (1 << config.element_bits - 1) - 1
    return {"value": bits, "zero": int(config.format.is_float and magnitude == 0)}


def simulate(config, numerics, a, b, acc):
    """Sums of a unit: ``a`` and ``b`` are lists of four elements for each sum."""
    unit = dot_class(config, numerics)
    timing, bench, got = unit.timing(config), Bench(unit(config)), []
    delay = timing.acc_at + timing.latency

    def drive(ctx, cycle):
        for e in range(4):
            n = cycle - e * timing.skew
            if 0 <= n < len(a):
                ctx.set(bench.dut.a[e], tagged(config, a[n][e]))
                ctx.set(bench.dut.b[e], tagged(config, b[n][e]))
        if 0 <= cycle - timing.acc_at < len(acc):
            ctx.set(bench.dut.acc, acc[cycle - timing.acc_at])

    bench.before(drive)
    bench.after(lambda cycle, o: got.append(o) if cycle >= delay else None, "o")
    bench.run(lambda: len(got) == len(acc), len(acc) + delay + 1)
    return got


def vectors(config, rng, make):
    """Every row of A with every column of B, and a C: operands of a product and of a unit."""
    a, b, c = make(config, rng)
    rows, cols = len(a), b.shape[1]
    pairs = [(m, n) for m in range(rows) for n in range(cols)]
    columns = np.ascontiguousarray(b.T)
    return (a, b, c), ([bits_of(a[m]) for m, _ in pairs], [bits_of(columns[n]) for _, n in pairs],
                       c.view(np.uint32).ravel().tolist())


def near(config, rng):
    """Terms of about the same size."""
    return (random_operand(config, rng, (EDGE, 4)), random_operand(config, rng, (4, EDGE)),
            random_c(config, rng, (EDGE, EDGE)))


def wild(config, rng):
    """Any patterns; zeros of both signs onto every other -0, infinities of both signs."""
    a = random_operand(config, rng, (EDGE, 4), wild=True, density=.95)
    a[0] = random_operand(config, rng, 4, density=0)
    if config.format.layout.has_infinity:
        a[1, 1:3] = np.inf
    c = random_c(config, rng, (EDGE, EDGE), wild=True)
    c[0, ::2] = -0.0
    return a, random_operand(config, rng, (4, EDGE), wild=True, density=.95), c


def cancelling(config, rng):
    """Sums that leave little or nothing: B repeats itself with opposite signs, C is small."""
    a, b, c = near(config, rng)
    a[:, 2:] = a[:, :2]
    b[2:] = -b[:2]
    flip = rng.random(b.shape) < .2
    b[flip] = -b[flip]
    return a, b, (c * np.float32(2) ** rng.integers(-30, 1, c.shape)).astype(np.float32)


def tiny(config, rng):
    """bf16: products and sums around the smallest normal number of binary32."""
    fields = rng.integers(46, 64, (EDGE, 4)), rng.integers(46, 64, (4, EDGE))
    a, b = ((field << 7 | rng.integers(0, 128, field.shape)
             | rng.integers(0, 2, field.shape) << 15).astype(np.uint16).view(config.format.dtype)
            for field in fields)
    c = rng.integers(0, 1 << 25, (EDGE, EDGE)) | rng.integers(0, 2, (EDGE, EDGE)) << 31
    return a, b, c.astype(np.uint32).view(np.float32)


def huge(config, rng):
    """bf16: products around the largest number of binary32 and far above it."""
    a, b, _ = tiny(config, rng)
    a, b = ((x.view(np.uint16) + (128 << 7)).view(config.format.dtype) for x in (a, b))
    c = rng.integers(0x7C000000, 0x7F800000, (EDGE, EDGE)) | rng.integers(0, 2, (EDGE, EDGE)) << 31
    return a, b, c.astype(np.uint32).view(np.float32)


CASES = [(name, make) for name in FLOATS for make in (near, wild, cancelling)]
CASES += [("bf16", tiny), ("bf16", huge)]


@pytest.mark.parametrize("name, make", CASES, ids=lambda value: getattr(value, "__name__", value))
def test_fused(name, make):
    config = FLOATS[name]
    (a, b, c), given = vectors(config, np.random.default_rng(11), make)
    want = fused_matmul(a, b, c).view(np.uint32).ravel().tolist()
    assert simulate(config, "fused", *given) == want


@pytest.mark.parametrize("name, latency", [*((name, 3) for name in FLOATS), ("fp16", 1)])
def test_exact(name, latency):
    """Element by element: a product of two numbers that are not zero is added, then the next."""
    config = FLOATS[name].replace(adder_latency=latency)
    _, (a, b, acc) = vectors(config, np.random.default_rng(12), wild)
    # Accumulators come with the one quiet NaN.
    acc = [0x7FC00000 if word & 0x7FFFFFFF > 0x7F800000 else word for word in acc]
    want = []
    for x, y, total in zip(a, b, acc, strict=True):
        for p, q in zip(x, y, strict=True):
            if not (tagged(config, p)["zero"] or tagged(config, q)["zero"]):
                total = add(config, total, multiply(config, p, q))
        want.append(total)
    assert simulate(config, "exact", a, b, acc) == want


@pytest.mark.parametrize("numerics", ["exact", "fused"])
def test_integers(numerics):
    (a, b, c), given = vectors(INT8, np.random.default_rng(13), near)
    assert simulate(INT8, numerics, *given) == matmul(a, b, c).view(np.uint32).ravel().tolist()
    # The largest sum of products, and accumulators that wrap around.
    lowest = [[0x80] * 4] * 3
    assert simulate(INT8, numerics, lowest, lowest, [0, 0x7FFF0000, 0xFFFFFFFF]) == [
        0x10000, 0x80000000, 0xFFFF]


@pytest.mark.parametrize("config", [TINY, INT8], ids=lambda config: config.element)
def test_timing(config):
    """What the core takes from a unit."""
    exact, fused = (dot_class(config, numerics).timing(config) for numerics in ("exact", "fused"))
    if config.format.is_float:
        assert exact == (config.adder_latency, 1, 4 * config.adder_latency)
        assert fused == (0, 1, 4)
    else:
        assert exact == fused == (0, 2, config.adder_latency)


def test_selection():
    """Every element meets the one of its four candidates that its place names."""
    bench, rng = Bench(SelectedDot(INT8, "exact"), seed=14), np.random.default_rng(14)
    timing, want, got = dot_class(INT8, "exact").timing(INT8), [], []

    def drive(ctx, cycle):
        a, b = rng.integers(-128, 128, (4, 4)), rng.integers(-128, 128, 4)
        place = rng.integers(0, 4, 4)
        want.append(int(a[np.arange(4), place] @ b) % 2**32)
        ctx.set(bench.dut.a, [[{"value": int(v) & 0xFF} for v in four] for four in a])
        ctx.set(bench.dut.b, [{"value": int(v) & 0xFF} for v in b])
        ctx.set(bench.dut.place, place.tolist())

    bench.before(drive)
    bench.after(lambda cycle, o: got.append(o), "o")
    bench.run(lambda: bench.cycle == 60, 61)
    delay = timing.acc_at + timing.latency
    assert got[delay:] == want[:-delay]
