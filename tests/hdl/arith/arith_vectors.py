"""Operands for the arithmetic units, as bit patterns, aimed at what each unit may get wrong.

Every function takes a ``numpy.random.Generator`` and gives two arrays of one length.
"""

import numpy as np

__all__ = ["adder_suite", "bf16_borders", "bf16_subnormal_operands", "cancellations",
           "class_pairs", "element_class_pairs", "exponent_pairs", "fp16_operands",
           "near_exponents", "rounding_ties", "subnormal_border"]


def _pack(sign, exponent, mantissa, mantissa_bits, dtype):
    width = 8 * np.dtype(dtype).itemsize
    return (np.asarray(sign, np.int64) << (width - 1)
            | np.asarray(exponent, np.int64) << mantissa_bits
            | np.asarray(mantissa, np.int64)).astype(dtype)


def _fp32(sign, exponent, mantissa):
    return _pack(sign, exponent, mantissa, 23, np.uint32)


def _mantissas(rng, count, bits):
    """Random ones, and ones with long runs of zeros and ones, where carries travel far."""
    full = (1 << bits) - 1
    random = rng.integers(0, full + 1, count)
    run = (1 << rng.integers(0, bits + 1, count)) - 1
    edge = rng.choice([0, 1, full - 1, full, 1 << (bits - 1), (1 << (bits - 1)) - 1], count)
    kind = rng.integers(0, 4, count)
    return np.select([kind == 0, kind == 1, kind == 2], [run, full ^ run, edge], random)


def _classes(rng, count, exponent_bits, mantissa_bits):
    """One number of each class per draw: exponent and mantissa, ``[classes, count]``."""
    special = (1 << exponent_bits) - 1
    bias = special >> 1
    full = (1 << mantissa_bits) - 1
    quiet = 1 << (mantissa_bits - 1)

    def same(exponent, mantissa):
        return np.full(count, exponent), np.full(count, mantissa)

    return [
        same(0, 0), same(0, 1), same(0, full),
        (np.zeros(count, int), rng.integers(1, full + 1, count)),
        same(1, 0), same(1, full), same(bias, 0),
        (rng.integers(1, special, count), _mantissas(rng, count, mantissa_bits)),
        same(special - 1, 0), same(special - 1, full),
        same(special, 0),
        (np.full(count, special), quiet | rng.integers(0, quiet, count)),
        (np.full(count, special), rng.integers(1, quiet, count)),
    ]


def _all_pairs(rng, count, exponent_bits, mantissa_bits, dtype):
    sides = ([], [])
    draws = _classes(rng, count, exponent_bits, mantissa_bits)
    for left in range(2 * len(draws)):
        for right in range(2 * len(draws)):
            for side, which in zip(sides, (left, right), strict=True):
                exponent, mantissa = draws[which // 2]
                # The other operand of a class pair must not always be the same number.
                order = rng.permutation(count)
                side.append(_pack(which % 2, exponent[order], mantissa[order], mantissa_bits,
                                  dtype))
    return np.concatenate(sides[0]), np.concatenate(sides[1])


def class_pairs(rng, count):
    """binary32: zeros, subnormal, normal, extreme, infinite and NaN, of both signs, each with each.

    ``count`` pairs of each of the 676 kinds.
    """
    return _all_pairs(rng, count, 8, 23, np.uint32)


def element_class_pairs(rng, count, element):
    """The same for fp16 or bf16."""
    return _all_pairs(rng, count, *{"fp16": (5, 10), "bf16": (8, 7)}[element], np.uint16)


def exponent_pairs(rng, count):
    """binary32: every exponent field with every other, ``count`` times, with any mantissas."""
    left, right = (field.ravel().repeat(count) for field in np.mgrid[:256, :256])
    return tuple(_fp32(rng.integers(0, 2, len(field)), field, _mantissas(rng, len(field), 23))
                 for field in (left, right))


def near_exponents(rng, count, reach=30):
    """binary32: exponents so close that the significands overlap, or almost."""
    left = rng.integers(1, 255, count)
    right = np.clip(left + rng.integers(-reach, reach + 1, count), 0, 254)
    return tuple(_fp32(rng.integers(0, 2, count), field, _mantissas(rng, count, 23))
                 for field in (left, right))


def rounding_ties(rng, count):
    """binary32: what lies below the last place of the larger operand is one half, or nearly.

    The smaller operand, d binary places below, ends in a one and d - 1 zeros; every third time
    one is added to it or taken away.
    """
    distance = rng.integers(1, 26, count)
    exponent = rng.integers(30, 254, count)
    half = np.int64(1) << (distance - 1)
    significand = rng.integers(0, 1 << 24, count) | 1 << 23
    significand = significand & -(half << 1) | half
    significand += rng.integers(-1, 2, count)
    # From distance 25 on the one is above the significand; clip it to the largest.
    significand = np.clip(significand, 1 << 23, (1 << 24) - 1)
    large = _fp32(rng.integers(0, 2, count), exponent, _mantissas(rng, count, 23))
    small = _fp32(rng.integers(0, 2, count), exponent - distance, significand & 0x7FFFFF)
    swap = rng.random(count) < .5
    return np.where(swap, small, large), np.where(swap, large, small)


def cancellations(rng, count):
    """binary32: opposite signs and almost equal sizes, so that many leading places vanish."""
    a = _fp32(rng.integers(0, 2, count), rng.integers(0, 255, count),
              _mantissas(rng, count, 23))
    step = rng.integers(-1, 2, count) << rng.integers(0, 25, count)
    size = np.clip((a & 0x7FFFFFFF) + step, 0, 0x7F800000)
    return a, (size | ~a.astype(np.int64) & 0x80000000).astype(np.uint32)


def subnormal_border(rng, count):
    """binary32: both operands near the smallest normal number, where shifts end early."""
    return tuple(_fp32(rng.integers(0, 2, count), rng.integers(0, 28, count),
                       _mantissas(rng, count, 23)) for _ in range(2))


def adder_suite(rng, scale=1):
    """All of the above, about two million pairs times ``scale``.

    Returns
    -------
    dict
        Name of the set to its two arrays.
    """
    return {
        "class_pairs": class_pairs(rng, 250 * scale),
        "exponent_pairs": exponent_pairs(rng, 10 * scale),
        "near_exponents": near_exponents(rng, 400_000 * scale),
        "rounding_ties": rounding_ties(rng, 300_000 * scale),
        "cancellations": cancellations(rng, 300_000 * scale),
        "subnormal_border": subnormal_border(rng, 200_000 * scale),
    }


def fp16_operands(first, last, others):
    """Every bit pattern from ``first`` up to ``last`` with each of ``others``."""
    a = np.arange(first, last).astype(np.uint16).repeat(len(others))
    return a, np.tile(np.asarray(others, np.uint16), last - first)


def bf16_borders(rng, sums):
    """bfloat16: every pair of normal mantissas, once for each sum of the exponent fields.

    The sum decides where the product lies, whichever exponents it is made of.
    """
    total, left, right = (side.ravel() for side in np.meshgrid(
        np.asarray(sums), np.arange(128), np.arange(128), indexing="ij"))
    low, high = np.maximum(1, total - 254), np.minimum(254, total - 1)
    exponent = rng.integers(low, high + 1)
    signs = rng.integers(0, 2, (2, len(total)))
    return (_pack(signs[0], exponent, left, 7, np.uint16),
            _pack(signs[1], total - exponent, right, 7, np.uint16))


def bf16_subnormal_operands(rng):
    """bfloat16: every subnormal number, of either sign, with every non-negative code."""
    small, other = (side.ravel() for side in np.mgrid[1:128, :1 << 15])
    small = small | rng.integers(0, 2, len(small)) << 15
    swap = rng.random(len(small)) < .5
    return (np.where(swap, other, small).astype(np.uint16),
            np.where(swap, small, other).astype(np.uint16))
