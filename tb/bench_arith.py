"""Multipliers and adders: a new pair in every cycle, numpy as the oracle."""

import ml_dtypes
import numpy as np

from tb.lib.bench import bench_test

PAIRS = 4000
# Zeros, the smallest and largest subnormal and normal numbers, 1 and its neighbours, infinities
# and NaN of several payloads.
ELEMENTS = {
    "fp16": (0, 1, 0x3FF, 0x400, 0x401, 0x3BFF, 0x3C00, 0x3C01, 0x7BFF, 0x7C00, 0x7C01, 0x7E00,
             0x7FFF),
    # Beside 1: what makes products around the smallest and above the largest number.
    "bf16": (0, 1, 0x7F, 0x80, 0x81, 0x33FF, 0x3480, 0x3EFF, 0x3F80, 0x3F81, 0x5FB5, 0x7F7F, 0x7F80,
             0x7F81, 0x7FC0, 0x7FFF),
    "fp8_e4m3": (0, 1, 7, 8, 9, 0x37, 0x38, 0x39, 0x77, 0x78, 0x7E, 0x7F),
    "fp8_e5m2": (0, 1, 3, 4, 5, 0x3B, 0x3C, 0x3D, 0x7B, 0x7C, 0x7D, 0x7E, 0x7F),
    "int8": (0, 1, 2, 0x7F, 0x80, 0x81, 0xFF, 0x55),
}
SINGLE = (0, 1, 0x7FFFFF, 0x800000, 0x800001, 0x3F7FFFFF, 0x3F800000, 0x3F800001, 0x7F7FFFFF,
          0x7F800000, 0x7F800001, 0x7FC00000, 0x7FFFFFFF, 0x34000000, 0x33800000, 0x4B800000)
TYPES = {"fp16": np.float16, "bf16": ml_dtypes.bfloat16, "fp8_e4m3": ml_dtypes.float8_e4m3fn,
         "fp8_e5m2": ml_dtypes.float8_e5m2, "int8": np.int8}
WORD = (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x0000FFFF, 0xFFFF0000, 0x55555555, 0xAAAAAAAA)


def random_single(rng):
    """Two binary32 numbers whose sum cancels, or shifts, or gets subnormal, as it happens."""
    low = rng.random() < 0.5
    exponent = rng.randrange(48) if low else rng.randrange(256)
    other = min(max(exponent + rng.choice((0, 0, 1, -1, rng.randint(-40, 40))), 0), 255)
    mantissa, same = rng.getrandbits(23), rng.randrange(24)
    near = mantissa ^ rng.getrandbits(23) >> same
    return (rng.getrandbits(1) << 31 | exponent << 23 | mantissa,
            rng.getrandbits(1) << 31 | other << 23 | near)


def operands(rng, corners, width, near):
    """Every pair of corners with both signs, then random pairs; some are ``near``."""
    signed = [*corners, *(c | 1 << (width - 1) for c in corners)]
    pairs = [(a, b) for a in signed for b in signed]
    while len(pairs) < PAIRS:
        pairs.append(near(rng) if near and rng.random() < 0.7
                     else (rng.getrandbits(width), rng.getrandbits(width)))
    return np.array(pairs, np.uint64).T


def canonical(bits):
    values = bits.view(np.float32)
    return np.where(np.isnan(values), 0x7FC00000, bits)


def random_bf16(rng):
    """Two bfloat16 numbers whose product is near the smallest or the largest binary32 number."""
    total = rng.choice((rng.randint(100, 130), rng.randint(378, 384)))
    exponent = rng.randint(max(0, total - 254), min(254, total))
    return tuple(rng.getrandbits(1) << 15 | field << 7 | rng.getrandbits(7)
                 for field in (exponent, total - exponent))


def products(element, a, b):
    """Bits of the products of two arrays of elements' bits."""
    dtype = np.dtype(TYPES[element])
    x, y = (side.astype(f"u{dtype.itemsize}").view(dtype) for side in (a, b))
    if element == "int8":
        return (x.astype(np.int32) * y.astype(np.int32)).view(np.uint32)
    with np.errstate(all="ignore"):
        return canonical((x.astype(np.float32) * y.astype(np.float32)).view(np.uint32))


def sums(is_float, a, b):
    """Bits of the sums of two arrays of accumulators' bits."""
    if not is_float:
        return (a + b).astype(np.uint32)
    with np.errstate(all="ignore"):
        total = a.astype(np.uint32).view(np.float32) + b.astype(np.uint32).view(np.float32)
        return canonical(total.view(np.uint32))


@bench_test
async def stream_of_pairs(bench):
    config = bench.config
    if bench.unit == "multiplier":
        near = random_bf16 if config.element == "bf16" else None
        a, b = operands(bench.rng, ELEMENTS[config.element], config.element_bits, near)
        wanted = products(config.element, a, b).tolist()
    else:
        is_float = config.format.is_float
        a, b = operands(bench.rng, SINGLE if is_float else WORD, config.acc_bits,
                        random_single if is_float else None)
        wanted = sums(is_float, a, b).tolist()
    latency = bench.component.latency
    await bench.start()
    for n in range(len(wanted) + latency + 1):
        await bench.tick()
        if n > latency:
            got, last = bench.get("o"), n - latency - 1
            assert got == wanted[last], (f"{bench.unit} of {a[last]:#x}, {b[last]:#x} must be "
                                         f"{wanted[last]:#x}, not {got:#x}")
        if n < len(wanted):
            bench.set("a", int(a[n]))
            bench.set("b", int(b[n]))
