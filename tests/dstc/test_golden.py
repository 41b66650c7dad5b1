import re

import ml_dtypes
import numpy as np
import pytest
from float_formats import codes, special_codes
from numpy.testing import assert_array_equal
from softfloat_oracle import matmul_oracle

from dstc.errors import DstcError
from dstc.golden import matmul

SPECIAL = np.array([0x0000, 0x8000, 0x0001, 0x8001, 0x03FF, 0x0400, 0x3C00, 0xBC00, 0x3C01,
                    0x7BFF, 0xFBFF, 0x7C00, 0xFC00, 0x7E00, 0x7C01, 0xFE55], np.uint16)
SPECIAL_C = np.array([0x00000000, 0x80000000, 0x00000001, 0x80000001, 0x007FFFFF, 0x00800000,
                      0x3F800000, 0x7F7FFFFF, 0xFF7FFFFF, 0x7F800000, 0xFF800000, 0x7FC00000,
                      0x7F800001, 0xFFFFFFFF], np.uint32)


def assert_bits(got, want):
    assert got.dtype == np.float32
    assert_array_equal(got.view(np.uint32), want)


def thin(values, density, rng):
    values[rng.random(values.shape) >= density] = rng.choice([0.0, -0.0])
    return values


@pytest.mark.parametrize("density_a, density_b", [(1, 1), (.5, .5), (.1, .7), (0, 1)])
@pytest.mark.parametrize("shape", [(1, 1, 1), (5, 7, 33), (12, 9, 16)])
def test_random(shape, density_a, density_b):
    rng = np.random.default_rng([3, *shape, int(100 * density_a)])
    m, n, k = shape
    a = thin(rng.standard_normal((m, k)).astype(np.float16), density_a, rng)
    b = thin(rng.standard_normal((k, n)).astype(np.float16), density_b, rng)
    c = rng.standard_normal((m, n)).astype(np.float32)
    assert_bits(matmul(a, b), matmul_oracle(a, b))
    assert_bits(matmul(a, b, c), matmul_oracle(a, b, c))


@pytest.mark.parametrize("seed", range(6))
def test_every_exponent(seed):
    rng = np.random.default_rng(seed)
    a = rng.integers(0, 1 << 16, (8, 24)).astype(np.uint16)
    b = rng.integers(0, 1 << 16, (24, 8)).astype(np.uint16)
    # Finite ones only, so that the sums stay interesting; subnormals are frequent.
    a, b = (np.where((x & 0x7C00) == 0x7C00, x & 0x83FF, x).view(np.float16) for x in (a, b))
    c = rng.integers(0, 1 << 32, (8, 8)).astype(np.uint32).view(np.float32)
    assert_bits(matmul(a, b, c), matmul_oracle(a, b, c))


def test_special_pairs():
    """Every pair of special values on every special C."""
    a, b = SPECIAL.view(np.float16)[:, None], SPECIAL.view(np.float16)[None, :]
    for bits in SPECIAL_C:
        c = np.full((16, 16), bits, np.uint32).view(np.float32)
        assert_bits(matmul(a, b, c), matmul_oracle(a, b, c))


@pytest.mark.parametrize("seed", range(4))
def test_special_sums(seed):
    rng = np.random.default_rng([5, seed])
    a = rng.choice(SPECIAL, (8, 6)).view(np.float16)
    b = rng.choice(SPECIAL, (6, 8)).view(np.float16)
    c = rng.choice(SPECIAL_C, (8, 8)).view(np.float32)
    assert_bits(matmul(a, b, c), matmul_oracle(a, b, c))


NEW = {"bf16": ml_dtypes.bfloat16, "fp8_e4m3": ml_dtypes.float8_e4m3fn,
       "fp8_e5m2": ml_dtypes.float8_e5m2}


@pytest.mark.parametrize("name", NEW)
def test_special_pairs_of_other_formats(name):
    """Every pair of special codes on every special C."""
    special = special_codes(name).view(NEW[name])
    for bits in SPECIAL_C:
        c = np.full((special.size, special.size), bits, np.uint32).view(np.float32)
        want = matmul_oracle(special[:, None], special[None, :], c)
        assert_bits(matmul(special[:, None], special[None, :], c), want)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", NEW)
def test_any_codes_of_other_formats(name, seed):
    """Sums of products of any two finite codes, subnormal and overflowing products among them."""
    rng = np.random.default_rng([7, seed])
    with np.errstate(invalid="ignore"):
        finite = codes(name)[np.isfinite(codes(name).view(NEW[name]).astype(np.float32))]
    if name == "bf16" and seed:
        # Sizes around 1, so that the terms of a sum meet.
        finite = finite[(finite >> 7 & 0xFF > 0x76) & (finite >> 7 & 0xFF < 0x88)]
    a, b = rng.choice(finite, (8, 24)).view(NEW[name]), rng.choice(finite, (24, 8)).view(NEW[name])
    c = rng.standard_normal((8, 8)).astype(np.float32)
    assert_bits(matmul(a, b, c), matmul_oracle(a, b, c))


def test_bf16_products_are_rounded():
    """Each product to FP32 before it is added: 2**-150 twice is nothing, not 2**-149."""
    a = np.array([[0x0080, 0x0080]], np.uint16).view(ml_dtypes.bfloat16)
    b = np.array([[0x3380], [0x3380]], np.uint16).view(ml_dtypes.bfloat16)
    assert_bits(matmul(a, b), [[0]])
    # 2**128 is infinite, also where the sum would not be.
    a = np.array([[0x5F80, 0x5F80]], np.uint16).view(ml_dtypes.bfloat16)
    b = np.array([[0xDF80], [0x5F80]], np.uint16).view(ml_dtypes.bfloat16)
    assert_bits(matmul(a[:, :1], b[:1], np.full((1, 1), 2.0**127, np.float32)), [[0xFF800000]])
    assert_bits(matmul(a, b), [[0x7FC00000]])


def test_zero_contributes_nothing():
    nothing = np.array([[0.0, -0.0]], np.float16)
    worst = np.array([[np.inf], [np.nan]], np.float16)
    for left, right in ((nothing, worst), (worst.T, nothing.T)):
        assert_bits(matmul(left, right), [[0]])
        minus = np.array([[-0.0]], np.float32)
        assert_bits(matmul(left, right, minus), [[0x80000000]])


def test_order_matters():
    """1e8-like, then its negative, then 1: k ascending gives 1, any other order gives 0."""
    a = np.array([[8192, -8192, 1]], np.float16)
    b = np.array([[8192], [8192], [1]], np.float16)
    assert matmul(a, b)[0, 0] == 1
    assert matmul(a[:, [2, 0, 1]], b[[2, 0, 1]])[0, 0] == 0


def test_c_is_not_written():
    c = np.full((1, 1), np.nan, np.float32)
    c.view(np.uint32)[:] = 0xFFC00001
    got = matmul(np.ones((1, 1), np.float16), np.ones((1, 1), np.float16), c)
    assert_bits(got, [[0x7FC00000]])
    assert c.view(np.uint32)[0, 0] == 0xFFC00001


@pytest.mark.parametrize("order", ["C", "F"])
def test_layouts(order):
    rng = np.random.default_rng(17)
    a = np.asarray(rng.standard_normal((6, 10)).astype(np.float16), order=order)[::2, ::-1]
    b = np.asarray(rng.standard_normal((10, 4)).astype(np.float16), order=order)
    c = np.asarray(rng.standard_normal((3, 4)).astype(np.float32), order=order)
    assert_bits(matmul(a, b, c), matmul_oracle(np.ascontiguousarray(a), b.copy(order="C"), c))


def test_int8_against_python():
    rng = np.random.default_rng(23)
    a = rng.integers(-128, 128, (5, 40)).astype(np.int8)
    b = rng.integers(-128, 128, (40, 6)).astype(np.int8)
    c = rng.integers(-2**30, 2**30, (5, 6)).astype(np.int32)
    want = [[int(c[m, n]) + sum(int(x) * int(y) for x, y in zip(a[m], b[:, n], strict=True))
             for n in range(6)] for m in range(5)]
    got = matmul(a, b, c)
    assert got.dtype == np.int32
    assert_array_equal(got, want)


def test_int8_bound():
    low = np.full((1, 131072), -128, np.int8)
    # 131,071 products of (-128)**2 fit, one more would be 2**31.
    fits = matmul(low[:, 1:], low[:, 1:].T)
    assert fits[0, 0] == 131071 * 16384
    sentence = ("Largest possible int8 sum, max|C| + sum over k of max|A[:,k]| max|B[k,:]|, "
                "must be at most 2147483647, not {}")
    with pytest.raises(DstcError, match=f"^{re.escape(sentence.format(2147483648))}$"):
        matmul(low, low.T)
    room = np.array([[-(2**31 - 1 - 131071 * 16384)]], np.int32)
    matmul(low[:, 1:], low[:, 1:].T, room)
    with pytest.raises(DstcError, match=f"^{re.escape(sentence.format(2147483648))}$"):
        matmul(low[:, 1:], low[:, 1:].T, room - 1)


def test_empty():
    a, b = np.ones((2, 0), np.float16), np.ones((0, 3), np.float16)
    assert_bits(matmul(a, b), np.zeros((2, 3)))
    assert matmul(np.ones((0, 4), np.int8), np.ones((4, 2), np.int8)).shape == (0, 2)


HALF, SINGLE, BYTE = (lambda *shape, dtype=dtype: np.zeros(shape, dtype)
                      for dtype in (np.float16, np.float32, np.int8))
TYPES = "float16, bfloat16, float8_e4m3fn, float8_e5m2, int8"


@pytest.mark.parametrize("operands, sentence", [
    ((HALF(2, 3), HALF(4, 2)), "Operand shapes must be M x K and K x N, not 2 x 3 and 4 x 2"),
    ((HALF(2), HALF(2, 2)), "Operand shapes must be M x K and K x N, not 2 and 2 x 2"),
    ((HALF(), HALF(2, 2)), "Operand shapes must be M x K and K x N, not a scalar and 2 x 2"),
    ((HALF(2, 2), BYTE(2, 2)),
     f"Operands must be both of one of the types {TYPES}, not float16 and int8"),
    ((SINGLE(2, 2), SINGLE(2, 2)),
     f"Operands must be both of one of the types {TYPES}, not float32 and float32"),
    ((HALF(2, 2), HALF(2, 2), SINGLE(2, 3)), "C must be 2 x 2, not 2 x 3"),
    ((BYTE(2, 2), BYTE(2, 2), SINGLE(2, 2)), "C must be of type int32, not float32"),
])
def test_refused(operands, sentence):
    with pytest.raises(DstcError, match=f"^{re.escape(sentence)}$"):
        matmul(*operands)
