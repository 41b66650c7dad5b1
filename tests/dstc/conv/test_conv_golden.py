"""The golden convolution against ONNX Runtime, and against SoftFloat where sums round."""

import re
from collections import Counter
from fractions import Fraction

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.testing import assert_array_equal
from onnx import helper
from random_geometries import fill, random_geometry
from softfloat_oracle import matmul_oracle

import dstc
from dstc.conv import ConvGeometry, Epilogue, convolution, fixed_point
from dstc.elements import ELEMENTS
from dstc.errors import DstcError

FP16, INT8 = ELEMENTS["fp16"], ELEMENTS["int8"]
# Whole numbers that a format holds, all of them; their sums below 2**24 are exact in any order.
WHOLE = {"fp16": 9, "bf16": 9, "fp8_e4m3": 9, "fp8_e5m2": 4, "int8": 127}
SEEDS, EACH = 10, 300
FLOAT, BYTE, WORD = (onnx.TensorProto.FLOAT, onnx.TensorProto.INT8, onnx.TensorProto.INT32)


def session(nodes, inputs, outputs):
    """ONNX Runtime on a graph with inputs and outputs of four dimensions, one thread."""
    def value(name, kind):
        return helper.make_tensor_value_info(name, kind, [None] * (1 if name == "bias" else 4))
    graph = helper.make_graph(nodes, "g", [value(*pair) for pair in inputs.items()],
                              [value(*pair) for pair in outputs.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options,
                                        providers=["CPUExecutionProvider"])


def attributes(geometry):
    return {"strides": geometry.stride, "pads": geometry.pads, "dilations": geometry.dilation,
            "group": geometry.groups, "kernel_shape": geometry.kernel}


def onnx_conv(x, w, geometry, bias):
    """Whole numbers in, whole numbers out; int8 by ``ConvInteger``, others by ``Conv``."""
    if x.dtype == np.int8:
        node = helper.make_node("ConvInteger", ["x", "w"], ["y"], **attributes(geometry))
        run = session([node], {"x": BYTE, "w": BYTE}, {"y": WORD})
        y = run.run(None, {"x": x, "w": w})[0].astype(np.int64)
        return y if bias is None else y + bias[:, None, None]
    given = {"x": x.astype(np.float32), "w": w.astype(np.float32)}
    if bias is not None:
        given["bias"] = bias.astype(np.float32)
    node = helper.make_node("Conv", list(given), ["y"], **attributes(geometry))
    y = session([node], dict.fromkeys(given, FLOAT), {"y": FLOAT}).run(None, given)[0]
    assert np.abs(y).max() < 1 << 24
    return y.astype(np.int64)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_against_onnx_runtime(seed):
    """SEEDS * EACH geometries, with and without batch, bias, C and ReLU."""
    seen = Counter()
    for number in range(EACH):
        rng = np.random.default_rng([19, seed, number])
        geometry = random_geometry(rng)
        element = ELEMENTS[list(WHOLE)[number % len(WHOLE)]]
        size, batch = WHOLE[element.name], int(rng.integers(1, 3))
        density = rng.choice([.2, .6, 1], 2)
        x = fill((batch, *geometry.x_shape), density[0], -size, size, rng).astype(element.dtype)
        w = fill(geometry.w_shape, density[1], -size, size, rng).astype(element.dtype)
        with_bias, with_c, relu = (rng.random(3) < .4).tolist()
        bias = rng.integers(-200, 200, geometry.outputs) if with_bias else None
        want = onnx_conv(x, w, geometry, bias)
        c = rng.integers(-999, 999, want.shape) if with_c else None
        want = want if c is None else want + c
        got = dstc.conv2d(
            x, w, bias=bias, c=c, stride=geometry.stride, padding=geometry.pads,
            dilation=geometry.dilation, groups=geometry.groups, relu=relu, element=element.name)
        assert got.dtype == element.acc_dtype
        assert_array_equal(got, np.maximum(want, 0) if relu else want, str(geometry))
        seen.update({"depthwise": geometry.groups > 1 and geometry.group_channels == 1,
                     "groups": geometry.groups > 1, "dilated": max(geometry.dilation) > 1,
                     "uneven": geometry.pads[:2] != geometry.pads[2:], "bias": with_bias,
                     "strided": max(geometry.stride) > 1, "seven": max(geometry.kernel) == 7,
                     "several": geometry.positions > 8, "batch": batch > 1})
    assert min(seen.values()) >= EACH // 15 and len(seen) == 9


def test_chains_against_onnx_runtime():
    """Three layers with ReLU between them; each result is the next layer's feature map."""
    for number in range(40):
        rng = np.random.default_rng([23, number])
        first = random_geometry(rng, side=9, channels=4)
        nodes, weights, x, before = [], {}, fill(first.x_shape, .6, -3, 3, rng), "x"
        geometries = [first]
        for _ in range(2):
            channels, height, width = geometries[-1].out_shape
            geometries.append(ConvGeometry(channels=channels, height=height, width=width,
                                           outputs=int(rng.integers(1, 7)), kernel=(3, 2), pads=1,
                                           stride=rng.integers(1, 3, 2).tolist()))
        for index, geometry in enumerate(geometries):
            weights[f"w{index}"] = fill(geometry.w_shape, .3, -1, 1, rng)
            nodes += [helper.make_node("Conv", [before, f"w{index}"], [f"s{index}"],
                                       **attributes(geometry)),
                      helper.make_node("Relu", [f"s{index}"], [f"y{index}"])]
            before = f"y{index}"
        given = {name: values.astype(np.float32)
                 for name, values in (("x", x[None]), *weights.items())}
        names = [f"y{index}" for index in range(3)]
        wanted = session(nodes, dict.fromkeys(given, FLOAT), dict.fromkeys(names, FLOAT)).run(
            names, given)
        for geometry, name, want in zip(geometries, weights, wanted, strict=True):
            # fp16 holds every whole number up to here.
            assert want.max() <= 2048
            x = dstc.conv2d(x, weights[name], stride=geometry.stride, padding=geometry.pads,
                            dilation=geometry.dilation, groups=geometry.groups, relu=True,
                            out="element")
            assert x.dtype == np.float16
            assert_array_equal(x, want[0])


def direct(x, w, geometry, c):
    """Bits of every sum by the definition: taps in order, one SoftFloat operation after another."""
    top, left, bottom, right = geometry.pads
    padded = np.zeros((geometry.channels, top + geometry.height + bottom,
                       left + geometry.width + right), x.dtype)
    padded[:, top:top + geometry.height, left:left + geometry.width] = x
    want = np.empty(geometry.out_shape, np.uint32)
    share, depth = geometry.outputs // geometry.groups, geometry.channels // geometry.groups
    for n, oh, ow in np.ndindex(want.shape):
        group = n // share * depth
        seen = [padded[group + at, oh * geometry.stride[0] + i * geometry.dilation[0],
                       ow * geometry.stride[1] + j * geometry.dilation[1]]
                for at, i, j in np.ndindex(w.shape[1:])]
        want[n, oh, ow] = matmul_oracle(np.array([seen], x.dtype), w[n].reshape(-1, 1),
                                        c[n, oh, ow].reshape(1, 1))[0, 0]
    return want


@pytest.mark.parametrize("name", ["fp16", "bf16", "fp8_e4m3", "fp8_e5m2"])
def test_rounded_sums(name):
    """Sums whose order counts, also of infinities and NaN that meet the padding."""
    element = ELEMENTS[name]
    for number in range(30):
        rng = np.random.default_rng([29, number])
        geometry = random_geometry(rng, side=7, channels=3)
        x, w = (rng.standard_normal(shape) * np.exp2(rng.integers(-6, 4, shape))
                for shape in (geometry.x_shape, geometry.w_shape))
        x[rng.random(x.shape) < .3] = rng.choice([0, -0.0])
        w[rng.random(w.shape) < .4] = -0.0
        if number > 20:
            for values in (x, w):
                values[rng.random(values.shape) < .1] = np.nan if name == "fp8_e4m3" else np.inf
        c = rng.standard_normal(geometry.out_shape).astype(np.float32)
        x, w = x.astype(element.dtype), w.astype(element.dtype)
        got = convolution(x, w, geometry, Epilogue(), c=c, element=element)
        assert_array_equal(got.view(np.uint32), direct(x, w, geometry, c))


def test_int8_feature_map():
    """Requantised exactly: the sums by ONNX Runtime, the factor by fractions."""
    rng = np.random.default_rng(31)
    for _ in range(20):
        geometry = random_geometry(rng)
        x, w = (fill(shape, .7, -128, 127, rng).astype(np.int8)
                for shape in (geometry.x_shape, geometry.w_shape))
        bias = rng.integers(-5000, 5000, geometry.outputs)
        sums = onnx_conv(x[None], w, geometry, bias)[0]
        multiplier, shift = fixed_point(100 / np.maximum(np.abs(sums).max(axis=(1, 2)), 1))
        got = dstc.conv2d(x, w, bias=bias, stride=geometry.stride, padding=geometry.pads,
                          dilation=geometry.dilation, groups=geometry.groups, element="int8",
                          out="element", multiplier=multiplier, shift=shift)
        assert got.dtype == np.int8
        for (n, *_), total, result in zip(np.ndindex(sums.shape), sums.flat, got.flat,
                                          strict=True):
            exact = Fraction(int(total) * int(multiplier[n]), 1 << int(shift[n]))
            assert result == min(127, max(-128, round(exact)))
        one = dstc.conv2d(x, w, stride=geometry.stride, padding=geometry.pads,
                          dilation=geometry.dilation, groups=geometry.groups, element="int8",
                          out="element", multiplier=3, shift=9)
        plain = onnx_conv(x[None], w, geometry, None)[0]
        assert_array_equal(one, np.clip(np.rint(plain * 3 / 512), -128, 127))


def test_operands_are_converted():
    """Lists and doubles; 2049 is no number of fp16."""
    got = dstc.conv2d([[[2049.0, 1]]], [[[[1, 0.5]]]])
    assert got.dtype == np.float32 and got.tolist() == [[[2048.5]]]


X, W = np.ones((2, 4, 4, 4), np.int8), np.ones((6, 2, 3, 3), np.int8)


@pytest.mark.parametrize("changes, message", [
    ({"element": "fp64"}, "Element format must be one of fp16, bf16, fp8_e4m3, fp8_e5m2, int8, "
                          "not 'fp64'"),
    ({"out": "y"}, "Output must be one of acc, element, not 'y'"),
    ({"groups": 1}, "Convolution weights must have 4 channels, as a group of the feature map has, "
                    "not 2"),
    ({"bias": np.ones(5)}, "Epilogue bias must have 6 values, one for each output channel, not 5"),
    ({"c": np.ones((6, 2, 2))}, "C must have the shape (2, 6, 2, 2), not (6, 2, 2)"),
    ({"x": X / 2}, "int8 values must be integers from -128 to 127, not 0.5"),
    ({"c": np.full((2, 6, 2, 2), 2**31 - 17)},
     "Largest possible int8 sum, max|C| + sum over k of max|A[:,k]| max|B[k,:]|, must be at most "
     "2147483647, not 2147483649"),
    ({"multiplier": "3"}, "Epilogue values must be booleans, integers or floats of at most 64 "
                          "bits, not <U1"),
])
def test_refusals(changes, message):
    words = {"x": X, "w": W, "groups": 2, "element": "int8", **changes}
    with pytest.raises(DstcError, match=f"^{re.escape(message)}$"):
        dstc.conv2d(words.pop("x"), words.pop("w"), **words)


def test_refusals_of_one_image():
    geometry = ConvGeometry.from_shapes((4, 4, 4), W.shape, groups=2)
    for x, w, c, message in [
            (X, W, None, "Feature map must have the shape (4, 4, 4), not (2, 4, 4, 4)"),
            (X[0], W[0], None, "Convolution weights must have the shape (6, 2, 3, 3), "
                               "not (2, 3, 3)"),
            (X[0], W, np.ones((4, 6), np.int32), "C must have the shape (6, 2, 2), not (4, 6)"),
            (X[0], W, np.ones((6, 2, 2)), "C must be of type int32, not float64")]:
        with pytest.raises(DstcError, match=f"^{re.escape(message)}$"):
            convolution(x, w, geometry, Epilogue(), c=c, element=INT8)


def test_package_has_no_other_names():
    with pytest.raises(AttributeError, match=r"^module 'dstc' has no attribute 'conv3d'$"):
        _ = dstc.conv3d
