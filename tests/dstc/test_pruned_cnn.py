"""The example network against other implementations of the same arithmetic."""

import re

import numpy as np
import pytest
from scipy.signal import correlate

from dstc import golden
from dstc.conv import im2col
from dstc.elements import ELEMENTS
from dstc.errors import DstcError
from dstc.pruned_cnn import LAYERS, Network, load_digits, lower

FP16, INT8 = ELEMENTS["fp16"], ELEMENTS["int8"]
INNER = "block1.conv2"


@pytest.fixture(scope="module")
def network():
    return Network.load()


@pytest.fixture(scope="module")
def digits():
    return load_digits()


def correlated(x, weight, bias, stride, padding):
    """A convolution by scipy, one pair of channels at a time, in FP64."""
    x = np.pad(x.astype(np.float64), ((0, 0), (padding,) * 2, (padding,) * 2))
    full = np.stack([
        sum(correlate(plane, kernel, mode="valid", method="direct")
            for plane, kernel in zip(x, kernels, strict=True)) + offset
        for kernels, offset in zip(weight.astype(np.float64), bias, strict=True)])
    return full[:, ::stride, ::stride]


@pytest.mark.parametrize("name", LAYERS)
def test_layer_against_scipy(network, digits, name):
    layer, x = LAYERS[name], network.capture(digits[0][4], name)
    expected = correlated(x, network.weights[name], network.biases[name], layer.stride,
                          layer.padding)
    got = network.convolve(name, x[np.newaxis])[0]
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-6)


def test_accuracy_is_the_recorded_one(network, digits):
    images, labels = digits
    assert images.shape == (1000, 28, 28)
    assert np.array_equal(labels, np.arange(1000) % 10)
    top1 = (network.classify(images) == labels).mean()
    assert top1 == network.record["top1"]["pruned_fp16"]
    assert top1 > 0.98
    assert top1 >= network.record["top1"]["dense"] - 0.005


def test_weights_are_pruned(network):
    zeros = {name: round(float(np.mean(weight == 0)), 4)
             for name, weight in network.weights.items()}
    assert zeros == network.record["weight_zeros"]
    total = sum(np.count_nonzero(weight == 0) for weight in network.weights.values())
    assert 0.75 <= total / sum(weight.size for weight in network.weights.values()) <= 0.80
    assert 0.70 <= zeros[INNER] <= 0.90
    for name, layer in LAYERS.items():
        assert network.weights[name].dtype == np.float16
        assert network.weights[name].shape == (layer.outputs, layer.inputs, layer.kernel,
                                               layer.kernel)
        assert (zeros[name] > 0.1) == layer.pruned


@pytest.mark.parametrize("number", [0, 7])
def test_captured_activations_are_the_networks(network, digits, number):
    """From the pixels to the inner layer by scipy alone: the same bits, so the same zeros."""
    image = digits[0][number]
    x = (image / 256).astype(np.float16)[np.newaxis]
    for name in ("stem", "block1.conv1"):
        layer = LAYERS[name]
        y = correlated(x, network.weights[name], network.biases[name], layer.stride,
                       layer.padding)
        x = np.maximum(y.astype(np.float32), 0).astype(np.float16)
    captured = network.capture(image, INNER)
    assert captured.dtype == np.float16
    # The sums above run in another order: a value next to a rounding boundary may differ.
    assert np.count_nonzero(captured != x) <= 3
    assert np.array_equal(captured == 0, x == 0)
    assert 0.35 <= np.mean(x == 0) <= 0.60
    assert 0.40 <= np.mean(im2col(x, LAYERS[INNER].geometry(14, 14)) == 0) <= 0.60


@pytest.mark.parametrize("name", LAYERS)
def test_lowered_product_is_the_layer(network, digits, name):
    image = digits[0][3]
    x = network.capture(image, name)
    lowered = lower(network, name, x, FP16)
    assert np.array_equal(lowered.a, network.weights[name].reshape(len(lowered.a), -1))
    assert lowered.b.dtype == np.float16 and lowered.c.dtype == np.float32
    assert np.all(lowered.c == network.biases[name][:, np.newaxis])
    assert np.any(lowered.c != 0)
    d = golden.matmul(lowered.a, lowered.b, lowered.c)
    got = lowered.feature_map(d)
    np.testing.assert_allclose(got, network.convolve(name, x[np.newaxis])[0], rtol=1e-3,
                               atol=1e-4)
    logits = network.answer_with(image, name, got)
    np.testing.assert_allclose(logits, network.logits(image[np.newaxis])[0], atol=0.02)


@pytest.mark.parametrize("name", [INNER, "block2.skip"])
def test_quantised_operands(network, digits, name):
    x = network.capture(digits[0][5], name)
    exact, lowered = lower(network, name, x, FP16), lower(network, name, x, INT8)
    assert lowered.a.dtype == np.int8 and lowered.b.dtype == np.int8
    assert lowered.c.dtype == np.int32
    assert np.all(np.abs(lowered.a).max(axis=1) == 127) and lowered.b.max() == 127
    assert np.all(lowered.a[exact.a == 0] == 0) and np.all(lowered.b[exact.b == 0] == 0)
    weight_step = np.abs(exact.a.astype(float)).max(axis=1, keepdims=True) / 127
    input_step = float(exact.b.max()) / 127
    assert np.abs(lowered.a * weight_step - exact.a).max() <= weight_step.max() * 0.5001
    assert np.abs(lowered.b * input_step - exact.b).max() <= input_step * 0.5001
    np.testing.assert_allclose(lowered.c * lowered.scale, exact.c,
                               atol=float(lowered.scale.max()) * 0.5001)
    close = lowered.feature_map(golden.matmul(lowered.a, lowered.b, lowered.c))
    full = exact.feature_map(golden.matmul(exact.a, exact.b, exact.c))
    assert np.abs(close - full).max() < 0.05 * np.abs(full).max()


def test_a_replaced_layer_decides(network, digits):
    """What stands in for a layer reaches the answer, or the last check of a run is empty."""
    image = digits[0][7]
    right = network.logits(image[np.newaxis])[0]
    assert right.argmax() == 7
    wrong = network.answer_with(image, INNER, np.full((64, 14, 14), 9, np.float32))
    assert np.abs(wrong - right).max() > 1


def test_all_zero_operands_have_a_step(network):
    lowered = lower(network, INNER, np.zeros((64, 14, 14), np.float16), INT8)
    assert not lowered.b.any() and np.isfinite(lowered.scale).all()


@pytest.mark.parametrize("call, message", [
    (lambda n: n.layer("conv9"), f"Layer must be one of {', '.join(LAYERS)}, not 'conv9'"),
    (lambda n: n.capture(np.zeros((28, 28), np.uint8), "x"),
     f"Layer must be one of {', '.join(LAYERS)}, not 'x'"),
    (lambda n: n.logits(np.zeros((2, 28, 28))),
     "Images must be uint8 of shape (N, 28, 28), not float64 of shape (2, 28, 28)"),
    (lambda n: n.logits(np.zeros((28, 28), np.uint8)),
     "Images must be uint8 of shape (N, 28, 28), not uint8 of shape (28, 28)"),
    (lambda n: lower(n, INNER, np.zeros((32, 14, 14)), FP16),
     "Feature map of block1.conv2 must have shape (64, H, W), not (32, 14, 14)"),
])
def test_refusals(network, call, message):
    with pytest.raises(DstcError, match=f"^{re.escape(message)}$"):
        call(network)
