"""The bound of a difference: its formula in exact arithmetic, that it holds, that it is small."""

from fractions import Fraction

import ml_dtypes
import numpy as np
import onnxruntime
import pytest
from onnx_models import build

from dstc.conv import ConvGeometry, Epilogue, convolution
from dstc.elements import ELEMENTS
from dstc.network.tolerance import difference_bound, output_bound
from dstc.numerics import to_element

V = Fraction(1, 2 ** 24)
TINIEST = Fraction(1, 2 ** 149)
GEOMETRIES = [
    {"channels": 3, "height": 5, "width": 4, "outputs": 4, "kernel": 3, "pads": 1},
    {"channels": 4, "height": 6, "width": 5, "outputs": 6, "kernel": (3, 2), "stride": (2, 1),
     "dilation": (1, 2), "groups": 2},
    {"channels": 5, "height": 3, "width": 1, "outputs": 2, "kernel": 1},
]


def gamma(depth):
    return (depth + 2) * V / (1 - (depth + 2) * V)


def by_fractions(x, x_used, w, w_used, bias, geometry):
    """The sums of the bound, product by product."""
    exact = np.vectorize(lambda value: Fraction(float(value)), otypes=[object])
    x, x_used, w, w_used = map(exact, (x, x_used, w, w_used))
    top, left = geometry.pads[:2]
    depth, share = w[0].size, geometry.outputs // geometry.groups
    bound = np.empty(geometry.out_shape, object)
    for m, oh, ow in np.ndindex(geometry.out_shape):
        moved = sizes = Fraction(0)
        for c, i, j in np.ndindex(w.shape[1:]):
            place = (m // share * w.shape[1] + c,
                     oh * geometry.stride[0] + i * geometry.dilation[0] - top,
                     ow * geometry.stride[1] + j * geometry.dilation[1] - left)
            if not all(0 <= at < size for at, size in zip(place, x.shape, strict=True)):
                continue
            a, used, b, b_used = x[place], x_used[place], w[m, c, i, j], w_used[m, c, i, j]
            moved += abs(used - a) * abs(b_used) + abs(a) * abs(b_used - b)
            sizes += abs(a * b) + abs(used * b_used)
        if bias is not None:
            sizes += 2 * abs(Fraction(float(bias[m])))
        bound[m, oh, ow] = moved + gamma(depth) * sizes + 2 * (depth + 2) * TINIEST
    return bound


@pytest.mark.parametrize("element", ["fp16", "bf16", "fp8_e4m3", "fp8_e5m2"])
@pytest.mark.parametrize("facts", GEOMETRIES)
@pytest.mark.parametrize("with_bias", [False, True])
def test_formula(element, facts, with_bias):
    rng = np.random.default_rng(len(element))
    geometry = ConvGeometry(**facts)
    x, w = (rng.standard_normal(shape).astype(np.float32)
            for shape in (geometry.x_shape, geometry.w_shape))
    bias = rng.standard_normal(geometry.outputs).astype(np.float32) if with_bias else None
    x_used, w_used = to_element(x, element)[0], to_element(w, element)[0]
    got = difference_bound(x, x_used, w, w_used, bias, geometry)
    want = by_fractions(x, x_used, w, w_used, bias, geometry)
    assert got.shape == want.shape
    for ours, exact in zip(got.flat, want.flat, strict=True):
        assert abs(Fraction(float(ours)) / exact - 1) < Fraction(1, 10 ** 12)


def runtime_conv(x, w, bias, geometry):
    tensors = {"w": w, "b": np.zeros(len(w), np.float32) if bias is None else bias}
    model = build([("Conv", "x w b", "y", {
        "strides": geometry.stride, "pads": geometry.pads, "dilations": geometry.dilation,
        "group": geometry.groups})], {"x": [1, *x.shape]}, tensors=tensors)
    session = onnxruntime.InferenceSession(model.SerializeToString(),
                                           providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x[None]})[0][0]


def random_layer(seed):
    """Operands in single precision, up to a few thousand products in a sum."""
    rng = np.random.default_rng(seed)
    groups = int(rng.choice([1, 1, 2]))
    geometry = ConvGeometry(
        channels=groups * int(rng.integers(1, 80)), height=int(rng.integers(5, 9)),
        width=int(rng.integers(5, 9)), outputs=groups * int(rng.integers(1, 9)),
        kernel=rng.integers(1, 6, 2).tolist(), stride=rng.integers(1, 3, 2).tolist(),
        pads=rng.integers(0, 3, 4).tolist(), groups=groups)
    x, w = ((rng.standard_normal(shape) * (rng.random(shape) < .6)
             * 10.0 ** rng.integers(-2, 2)).astype(np.float32)
            for shape in (geometry.x_shape, geometry.w_shape))
    bias = rng.standard_normal(geometry.outputs).astype(np.float32) if seed % 2 else None
    return x, w, bias, geometry


def shares(x, w, bias, geometry, element, w_used=None):
    """Of the bound that differences to ONNX Runtime take; the core's weights may be others."""
    x_used, exact = to_element(x, element)[0], to_element(w, element)[0]
    result = convolution(x_used, exact if w_used is None else w_used, geometry,
                         Epilogue(bias=bias), element=ELEMENTS[element])
    bound = difference_bound(x, x_used, w, exact, bias, geometry)
    difference = np.abs(result.astype(np.float64) - runtime_conv(x, w, bias, geometry))
    return difference / bound


@pytest.mark.parametrize("element", ["fp16", "bf16", "fp8_e5m2"])
def test_holds_and_is_small(element):
    """Rounded operands: no difference above the bound, some a good part of it in every layer."""
    for seed in range(40):
        worst = shares(*random_layer(seed), element).max()
        assert 0.03 < worst <= 1, (seed, worst)


def test_holds_for_exact_operands():
    """Only sums are rounded: far below a bound for any order, but not by magnitudes."""
    worst = []
    for seed in range(60):
        x, w, bias, geometry = random_layer(seed)
        x, w = (to_element(side, "fp16")[0].astype(np.float32) for side in (x, w))
        worst.append(shares(x, w, bias, geometry, "fp16").max())
    assert max(worst) <= 1
    assert max(worst) > 0.01


def test_catches_one_wrong_weight():
    """A weight of the core that is off by its last bit, or lost, in a sum of many products."""
    caught = {"last bit": 0, "lost": 0}
    for seed in range(30):
        x, w, bias, geometry = random_layer(seed)
        x, w = (to_element(side, "fp16")[0].astype(np.float32) for side in (x, w))
        place = np.unravel_index(np.abs(w).argmax(), w.shape)
        for kind in caught:
            wrong = w.astype(np.float16)
            if kind == "lost":
                wrong[place] = 0
            else:
                wrong.view(np.uint16)[place] ^= 1
            caught[kind] += shares(x, w, bias, geometry, "fp16", wrong).max() > 1
    assert caught["lost"] == 30
    # Beside thousands of products one last bit may vanish among the roundings of the others.
    assert caught["last bit"] >= 10


@pytest.mark.parametrize("shape", [(), (6,), (5, 1), (5, 6)])
@pytest.mark.parametrize("alpha", [1.0, -0.3, 7.0])
def test_host_share_holds_for_gemm(shape, alpha):
    """Factors and biases that the host applies, and ONNX Runtime wherever it likes."""
    rng = np.random.default_rng(29)
    for depth in (3, 40, 700):
        a, b = (rng.standard_normal(size).astype(np.float16) for size in ((5, depth), (depth, 6)))
        bias = np.asarray(100 * rng.standard_normal(shape), np.float32)
        model = build([("Gemm", "a b c", "y", {"alpha": alpha, "beta": 0.7})],
                      {"a": [5, depth], "b": [depth, 6], "c": shape})
        session = onnxruntime.InferenceSession(model.SerializeToString(),
                                               providers=["CPUExecutionProvider"])
        reference = session.run(None, {"a": a.astype(np.float32), "b": b.astype(np.float32),
                                       "c": bias})[0]
        geometry = ConvGeometry(channels=depth, height=5, width=1, outputs=6, kernel=1)
        x, w = np.ascontiguousarray(a.T)[:, :, None], np.ascontiguousarray(b.T)[:, :, None, None]
        core = convolution(x, w, geometry, Epilogue(), element=ELEMENTS["fp16"])[:, :, 0].T
        added = np.float32(0.7) * bias
        out = np.float32(alpha) * core + added
        bound = output_bound(difference_bound(x, x, w, w, None, geometry)[:, :, 0].T, out,
                             reference, depth=depth, alpha=float(np.float32(alpha)), bias=added)
        difference = np.abs(out.astype(np.float64) - reference)
        assert (difference <= bound).all()
        # Of a bias of 100 one rounding is 6e-6; nothing near the bias itself is let through.
        assert bound.max() < 1e-5 * (depth + 10) * (np.abs(added).max() + 10)


def test_host_share_by_hand():
    core, out, reference = np.array([0.5]), np.float32([3]), np.float32([4])
    v = 2.0 ** -24
    assert output_bound(core, out, reference, depth=6) == core
    scaled = output_bound(core, out, reference, depth=6, alpha=-2.0)
    assert scaled == pytest.approx(1 + 3 * v * 7, rel=1e-12)
    biased = output_bound(core, out, reference, depth=6, bias=np.float32([-5]))
    assert biased == pytest.approx(0.5 + 3 * v * 17 + 8 * v / (1 - 8 * v) * 10, rel=1e-12)


@pytest.mark.parametrize("dtype, unit, smallest", [
    (np.float16, 2.0 ** -11, 2.0 ** -24), (ml_dtypes.bfloat16, 2.0 ** -8, 2.0 ** -133)])
def test_shorter_outputs_are_rounded_once_more(dtype, unit, smallest):
    core, out, reference = np.array([2.0 ** -6]), np.array([3], dtype), np.array([4], dtype)
    bound = output_bound(core, out, reference, depth=6)
    assert bound == 2.0 ** -6 + 7 * unit + smallest


def test_longer_outputs_are_not_rounded():
    core = np.array([2.0 ** -40])
    assert output_bound(core, np.array([3.0]), np.array([4.0]), depth=6) == core


def test_no_number_has_no_bound():
    geometry = ConvGeometry(channels=1, height=1, width=1, outputs=1, kernel=1)
    one = np.ones((1, 1, 1), np.float32)
    for value in (np.inf, np.nan):
        bound = difference_bound(one * value, one * value, one[None], one[None], None, geometry)
        assert not np.isfinite(bound).any()
