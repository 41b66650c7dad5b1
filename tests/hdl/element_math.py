"""Products and sums of one element format in numpy, on bits."""

import ml_dtypes
import numpy as np

__all__ = ["add", "multiply", "random_element", "random_sum"]

NAN = 0x7FC00000
# Infinities, NaN, subnormal and largest numbers; and sizes of which a sum has room for several.
FLOATS = {
    "fp16": (np.float16, [0x7C00, 0xFC00, 0x7E01, 0x0001, 0x83FF], (0x2000, 0x5000)),
    "bf16": (ml_dtypes.bfloat16, [0x7F80, 0xFF80, 0x7FA1, 0x0001, 0x807F, 0x7F7F, 0x0080],
             (0x3C00, 0x4300)),
    "fp8_e4m3": (ml_dtypes.float8_e4m3fn, [0x7F, 0xFF, 0x01, 0x87, 0x7E], (0x08, 0x78)),
    "fp8_e5m2": (ml_dtypes.float8_e5m2, [0x7C, 0xFC, 0x7D, 0xFF, 0x01, 0x83, 0x7B], (0x20, 0x50)),
}


def _bits(value):
    return NAN if np.isnan(value) else int(np.float32(value).view(np.uint32))


def multiply(config, a, b):
    """The product of two elements in the accumulator's format."""
    if config.element == "int8":
        return int(np.int32(np.uint8(a).view(np.int8)) * np.int32(np.uint8(b).view(np.int8))) \
            & 0xFFFFFFFF
    with np.errstate(all="ignore"):
        dtype, unsigned = FLOATS[config.element][0], f"u{config.element_bits // 8}"
        x, y = np.array([a, b], unsigned).view(dtype).astype(np.float32)
        return _bits(x * y)


def add(config, x, y):
    """The sum of two accumulators."""
    if config.element == "int8":
        return (x + y) & 0xFFFFFFFF
    with np.errstate(all="ignore"):
        return _bits(np.uint32(x).view(np.float32) + np.uint32(y).view(np.float32))


def random_element(config, rng):
    """Bits of a non-zero element; now and then an infinity, a NaN or a subnormal."""
    if config.element == "int8":
        return rng.randrange(1, 256)
    _, special, usual = FLOATS[config.element]
    if rng.random() < .03:
        return rng.choice(special)
    return rng.randrange(*usual) | rng.randrange(2) << config.element_bits - 1


def random_sum(config, rng):
    """Bits of an accumulator of about the size of a few products; zeros of both signs too."""
    if config.element == "int8":
        return rng.getrandbits(32)
    if rng.random() < .1:
        return rng.choice([0, 0x80000000, 0x7F800000, 0xFF800000, 0x00000001])
    return rng.randrange(0x38000000, 0x46000000) | rng.randrange(2) << 31
