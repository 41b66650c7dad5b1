"""The numerics contract once more, in scalar Berkeley SoftFloat: an oracle that is not numpy."""

import numpy as np
import softfloatpy as sf
from float_formats import decode

__all__ = ["matmul_oracle"]

QUIET = 0x7FC00000
# What a code is in binary32.  SoftFloat does not have the 8-bit formats; their numbers are exact.
WIDEN = {
    "float16": lambda code: sf.f16_to_f32(sf.Float16.from_bytes(code.to_bytes(2, "big"))),
    "bfloat16": lambda code: sf.bf16_to_f32(sf.BFloat16.from_bytes(code.to_bytes(2, "big"))),
    "float8_e4m3fn": lambda code: _single(np.float32(decode("fp8_e4m3", code)).view(np.uint32)),
    "float8_e5m2": lambda code: _single(np.float32(decode("fp8_e5m2", code)).view(np.uint32)),
}


def _single(bits):
    return sf.Float32.from_bytes(int(bits).to_bytes(4, "big"))


def matmul_oracle(a, b, c=None):
    """Bits (uint32) of ``a @ b + c``: k ascending, pairs with a zero skipped."""
    sf.set_rounding_mode(sf.RoundingMode.NEAR_EVEN)
    a_bits, b_bits = (side.view(f"u{side.itemsize}") for side in (a, b))
    widen = {int(bits): WIDEN[a.dtype.name](int(bits))
             for bits in np.unique(np.concatenate([a_bits.ravel(), b_bits.ravel()]))}
    size = (1 << 8 * a.itemsize - 1) - 1
    out = np.empty((a.shape[0], b.shape[1]), np.uint32)
    for m in range(a.shape[0]):
        for n in range(b.shape[1]):
            acc = _single(0 if c is None else c[m, n].view(np.uint32))
            for k in range(a.shape[1]):
                x, y = int(a_bits[m, k]), int(b_bits[k, n])
                if x & size and y & size:
                    acc = sf.f32_add(acc, sf.f32_mul(widen[x], widen[y]))
            bits = int.from_bytes(acc.to_bytes(), "big")
            out[m, n] = QUIET if sf.f32_is_nan(acc) else bits
    return out
