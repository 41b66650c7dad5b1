"""Layers as convolutions: small integers through the golden model give ONNX Runtime's bits."""

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper
from onnx_models import build

from dstc.conv import Epilogue, convolution
from dstc.elements import ELEMENTS
from dstc.errors import DstcError
from dstc.network import find_layers, fix_shapes
from dstc.network.problems import host_bias, layer_problems, layer_result

TYPES = {np.float32: TensorProto.FLOAT, np.float16: TensorProto.FLOAT16,
         np.float64: TensorProto.DOUBLE}


def whole(rng, *shape, dtype=np.float32):
    """Integers so small that every sum is exact in every order."""
    return (rng.integers(-3, 4, shape) * (rng.random(shape) < .7)).astype(dtype)


def model_of(node, feeds, tensors):
    model = build([node], {name: array.shape for name, array in feeds.items()}, tensors=tensors)
    for entry, array in zip(model.graph.input, feeds.values(), strict=True):
        entry.type.tensor_type.elem_type = TYPES[array.dtype.type]
    model.graph.output[0].CopyFrom(helper.make_empty_tensor_value_info(node[2]))
    return model


def check(node, feeds, tensors=None, on_host=None):
    """By way of the core, as in ONNX Runtime: shape, type and every value."""
    model = model_of(node, feeds, tensors)
    want = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]).run(None, feeds)[0]
    network = find_layers(fix_shapes(model, {}))
    assert not network.skipped
    (layer,) = network.layers
    problems = layer_problems(layer, feeds, "fp16")
    results = [convolution(problem.x_element, problem.w_element, problem.geometry,
                           Epilogue(bias=problem.bias), element=ELEMENTS["fp16"])
               for problem in problems]
    got = layer_result(layer, feeds, results, want.dtype)
    assert (got.shape, got.dtype) == (want.shape, want.dtype)
    np.testing.assert_array_equal(got, want)
    assert sum(problem.rounded for problem in problems) == 0
    if on_host is not None:
        assert (host_bias(layer, feeds, want) is not None) == on_host
        assert (problems[0].bias is None) == on_host
    return problems


@pytest.mark.parametrize("x_shape, w_shape, facts", [
    ((1, 3, 6, 7), (4, 3, 3, 2), {}),
    ((3, 4, 6, 7), (6, 2, 3, 3), {"group": 2, "strides": [2, 1], "pads": [1, 0, 2, 1]}),
    ((2, 6, 5, 5), (6, 1, 3, 3), {"group": 6, "auto_pad": "SAME_UPPER"}),
    ((1, 2, 5, 6), (3, 2, 2, 2), {"auto_pad": "SAME_LOWER", "strides": [2, 2]}),
    ((1, 2, 5, 6), (3, 2, 2, 2), {"auto_pad": "VALID"}),
    ((2, 4, 9), (5, 4, 3), {"strides": [2], "pads": [2, 1]}),
    ((1, 4, 9), (8, 1, 2), {"group": 4, "dilations": [3]}),
])
@pytest.mark.parametrize("bias", [None, "constant", "fed"])
def test_convolutions(x_shape, w_shape, facts, bias):
    rng = np.random.default_rng(31)
    feeds, tensors = {"x": whole(rng, *x_shape)}, {"w": whole(rng, *w_shape)}
    if bias is not None:
        (tensors if bias == "constant" else feeds)["b"] = whole(rng, w_shape[0])
    node = ("Conv", "x w" + (" b" if bias else ""), "y", facts)
    problems = check(node, feeds, tensors, on_host=None if bias is None else bias == "fed")
    assert len(problems) == x_shape[0]


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_other_floats(dtype):
    rng = np.random.default_rng(37)
    check(("Gemm", "x w b", "y"), {"x": whole(rng, 2, 3, dtype=dtype)},
          {"w": whole(rng, 3, 4, dtype=dtype), "b": whole(rng, 4, dtype=dtype)})
    if dtype == np.float16:
        w, b = whole(rng, 4, 3, 3, 3, dtype=dtype), whole(rng, 4, dtype=dtype)
        check(("Conv", "x w b", "y"), {"x": whole(rng, 2, 3, 5, 5, dtype=dtype)},
              {"w": w, "b": b})


@pytest.mark.parametrize("transposed", [(0, 0), (1, 0), (0, 1), (1, 1)])
@pytest.mark.parametrize("weights", ["b", "a", None])
@pytest.mark.parametrize("factors", [{}, {"alpha": 0.5, "beta": -2.0}])
@pytest.mark.parametrize("bias", [None, (), (6,), (5, 1), (1, 6), (5, 6)])
def test_gemm(transposed, weights, factors, bias):
    rng = np.random.default_rng(41)
    arrays = {"a": whole(rng, *((4, 5) if transposed[0] else (5, 4))),
              "b": whole(rng, *((6, 4) if transposed[1] else (4, 6)))}
    tensors = {name: arrays.pop(name) for name in ("a", "b") if name == weights}
    names = "a b"
    if bias is not None:
        tensors["c"], names = whole(rng, *bias), "a b c"
    facts = {"transA": transposed[0], "transB": transposed[1], **factors}
    # The epilogue adds a number for each column of the product on the core.
    on_core = not factors and weights != "a" and bias in ((6,), (1, 6))
    check(("Gemm", names, "y", facts), arrays, tensors,
          on_host=None if bias is None else not on_core)


def test_gemm_without_bias_by_factor():
    """A factor of zero leaves out even what is no number."""
    rng = np.random.default_rng(43)
    check(("Gemm", "a b c", "y", {"beta": 0.0}), {"a": whole(rng, 2, 3)},
          {"b": whole(rng, 3, 4), "c": np.full(4, np.nan, np.float32)})


SHAPES = [
    ((5, 4), (4, 6)), ((4,), (4, 6)), ((5, 4), (4,)), ((4,), (4,)),
    ((2, 3, 5, 4), (4, 6)), ((2, 3, 5, 4), (4,)), ((3, 5, 4), (3, 4, 6)), ((5, 4), (3, 4, 6)),
    ((4,), (3, 4, 6)), ((2, 1, 5, 4), (3, 4, 6)), ((1, 5, 4), (2, 3, 4, 6)), ((3, 5, 4), (1, 4, 6)),
    ((1, 1, 5, 4), (4, 6)), ((5, 4), (1, 1, 4, 6)), ((2, 3, 1, 4), (2, 3, 4, 1)),
]


@pytest.mark.parametrize("shapes", SHAPES)
@pytest.mark.parametrize("weights", ["a", "b", None])
def test_matmul(shapes, weights):
    rng = np.random.default_rng(47)
    arrays = {name: whole(rng, *shape) for name, shape in zip("ab", shapes, strict=True)}
    tensors = {name: arrays.pop(name) for name in "ab" if name == weights}
    check(("MatMul", "a b", "y"), arrays, tensors)


def test_rounded_operands_are_counted():
    layer = find_layers(fix_shapes(model_of(
        ("MatMul", "x w", "y"), {"x": np.ones((1, 3), np.float32)},
        {"w": np.float32([[1], [0.1], [3e-9]])}), {})).layers[0]
    (problem,) = layer_problems(layer, {"x": np.float32([[2049, 1, np.nan]])}, "fp16")
    assert problem.rounded == 3
    assert problem.w_element.ravel().tolist() == [1, float(np.float16(0.1)), 0]
    np.testing.assert_array_equal(problem.x_element.ravel(), np.float16([2048, 1, np.nan]))


@pytest.mark.parametrize("x, sentence", [
    (np.full((1, 2, 3, 3), 7e4), "Values of layer y must fit fp16, not be as large as 70000"),
    (np.ones((0, 2, 3, 3)), "Layer y must be given values, not the empty shape (0, 2, 3, 3)"),
    (np.ones((1, 2, 3, 3), int), "Layer y must multiply floats, not int64"),
    (np.ones((1, 3, 3, 3)), "Layer y: Convolution weights must have 3 channels, as a group of the "
                            "feature map has, not 2"),
])
def test_refused(x, sentence):
    layer = find_layers(fix_shapes(model_of(
        ("Conv", "x w", "y"), {"x": np.ones((1, 2, 3, 3), np.float32)},
        {"w": np.ones((4, 2, 2, 2), np.float32)}), {})).layers[0]
    with pytest.raises(DstcError) as caught:
        layer_problems(layer, {"x": x}, "fp16")
    assert str(caught.value) == sentence


def test_no_number_may_be_too_large():
    layer = find_layers(fix_shapes(model_of(
        ("MatMul", "x w", "y"), {"x": np.ones((1, 1), np.float32)},
        {"w": np.float32([[1]])}), {})).layers[0]
    (problem,) = layer_problems(layer, {"x": np.float32([[np.inf]])}, "fp16")
    assert problem.x_element == np.inf and problem.rounded == 0
