"""The numerics contract once more, in scalar Berkeley SoftFloat: an oracle that is not numpy."""

import numpy as np
import softfloatpy as sf

__all__ = ["matmul_oracle"]

QUIET = 0x7FC00000


def _half(bits):
    return sf.Float16.from_bytes(int(bits).to_bytes(2, "big"))


def _single(bits):
    return sf.Float32.from_bytes(int(bits).to_bytes(4, "big"))


def matmul_oracle(a, b, c=None):
    """Bits (uint32) of ``a @ b + c``: k ascending, pairs with a zero skipped."""
    sf.set_rounding_mode(sf.RoundingMode.NEAR_EVEN)
    widen = {int(bits): sf.f16_to_f32(_half(bits))
             for bits in np.unique(np.concatenate([a.ravel(), b.ravel()]).view(np.uint16))}
    a_bits, b_bits = a.view(np.uint16), b.view(np.uint16)
    out = np.empty((a.shape[0], b.shape[1]), np.uint32)
    for m in range(a.shape[0]):
        for n in range(b.shape[1]):
            acc = _single(0 if c is None else c[m, n].view(np.uint32))
            for k in range(a.shape[1]):
                x, y = int(a_bits[m, k]), int(b_bits[k, n])
                if x & 0x7FFF and y & 0x7FFF:
                    acc = sf.f32_add(acc, sf.f32_mul(widen[x], widen[y]))
            bits = int.from_bytes(acc.to_bytes(), "big")
            out[m, n] = QUIET if sf.f32_is_nan(acc) else bits
    return out
