"""Products and sums of one element format in numpy, on bits."""

import numpy as np

__all__ = ["add", "multiply", "random_element", "random_sum"]

NAN = 0x7FC00000


def _bits(value):
    return NAN if np.isnan(value) else int(np.float32(value).view(np.uint32))


def multiply(config, a, b):
    """The product of two elements, exact in the accumulator's format."""
    if config.element == "int8":
        return int(np.int32(np.uint8(a).view(np.int8)) * np.int32(np.uint8(b).view(np.int8))) \
            & 0xFFFFFFFF
    with np.errstate(all="ignore"):
        return _bits(np.float32(np.uint16(a).view(np.float16))
                     * np.float32(np.uint16(b).view(np.float16)))


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
    if rng.random() < .03:
        return rng.choice([0x7C00, 0xFC00, 0x7E01, 0x0001, 0x83FF])
    return rng.randrange(0x2000, 0x5000) | rng.randrange(2) << 15


def random_sum(config, rng):
    """Bits of an accumulator of about the size of a few products; zeros of both signs too."""
    if config.element == "int8":
        return rng.getrandbits(32)
    if rng.random() < .1:
        return rng.choice([0, 0x80000000, 0x7F800000, 0xFF800000, 0x00000001])
    return rng.randrange(0x38000000, 0x46000000) | rng.randrange(2) << 31
