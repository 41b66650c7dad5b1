"""Multipliers and adders: a new pair in every cycle, numpy as the oracle."""

import numpy as np

from tb.lib.bench import bench_test

PAIRS = 4000
# Zeros, the smallest and largest subnormal and normal numbers, 1 and its neighbours, infinities
# and NaN of several payloads.
HALF = (0, 1, 0x3FF, 0x400, 0x401, 0x3BFF, 0x3C00, 0x3C01, 0x7BFF, 0x7C00, 0x7C01, 0x7E00, 0x7FFF)
SINGLE = (0, 1, 0x7FFFFF, 0x800000, 0x800001, 0x3F7FFFFF, 0x3F800000, 0x3F800001, 0x7F7FFFFF,
          0x7F800000, 0x7F800001, 0x7FC00000, 0x7FFFFFFF, 0x34000000, 0x33800000, 0x4B800000)
BYTE = (0, 1, 2, 0x7F, 0x80, 0x81, 0xFF, 0x55)
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


def expected(kind, a, b):
    with np.errstate(all="ignore"):
        if kind == "fp16 multiplier":
            product = (a.astype(np.uint16).view(np.float16).astype(np.float32)
                       * b.astype(np.uint16).view(np.float16).astype(np.float32))
            return canonical(product.view(np.uint32))
        if kind == "fp16 adder":
            total = a.astype(np.uint32).view(np.float32) + b.astype(np.uint32).view(np.float32)
            return canonical(total.view(np.uint32))
        if kind == "int8 multiplier":
            return (a.astype(np.uint8).view(np.int8).astype(np.int32)
                    * b.astype(np.uint8).view(np.int8).astype(np.int32)).view(np.uint32)
        return (a + b).astype(np.uint32)


@bench_test
async def stream_of_pairs(bench):
    multiplier = bench.unit == "multiplier"
    width = bench.config.element_bits if multiplier else bench.config.acc_bits
    corners, near = {
        ("fp16", True): (HALF, None), ("fp16", False): (SINGLE, random_single),
        ("int8", True): (BYTE, None), ("int8", False): (WORD, None),
    }[bench.config.element, multiplier]
    a, b = operands(bench.rng, corners, width, near)
    wanted = expected(f"{bench.config.element} {bench.unit}", a, b).tolist()
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
