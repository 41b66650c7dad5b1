"""Layers found in models: what they multiply is what the reference evaluator computes."""

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from onnx_models import build, feed

from dstc.conv import im2col, weight_matrix
from dstc.errors import DstcError
from dstc.network import capture, find_layers, fix_shapes, gemm_operands, layer_work


def only_layer(model):
    network = find_layers(fix_shapes(model, {}))
    assert not network.skipped
    (layer,) = network.layers
    return layer


def product(layer, tensors):
    """The layer's result without bias, and its shape, from the operands that the core gets."""
    if layer.conv is None:
        shape, a, b = gemm_operands(layer, tensors)
        result = np.matmul(a, b.swapaxes(-1, -2))
        assert result.shape == (shape.batch, shape.m, shape.n) and a.shape[-1] == shape.k
        return result
    x = tensors[layer.a]
    geometry = layer.geometry(x.shape)
    x, w = x.reshape(-1, *geometry.x_shape), layer.weight.reshape(geometry.w_shape)
    return im2col(x, geometry) @ weight_matrix(w, geometry)


def expected(model, feeds, layer):
    return dict(zip([layer.output], ReferenceEvaluator(model).run([layer.output], feeds),
                    strict=True))[layer.output]


@pytest.mark.parametrize("x_shape, w_shape, facts", [
    ((1, 3, 8, 9), (4, 3, 3, 3), {}),
    ((2, 3, 8, 9), (4, 3, 3, 2), {"pads": [1, 0, 2, 1], "strides": [2, 3]}),
    ((1, 4, 9, 9), (6, 2, 3, 3), {"group": 2, "dilations": [2, 1]}),
    ((1, 5, 7, 7), (5, 1, 3, 3), {"group": 5, "pads": [1] * 4, "kernel_shape": [3, 3]}),
    ((1, 2, 7, 10), (3, 2, 3, 4), {"auto_pad": "SAME_UPPER", "strides": [2, 3]}),
    ((1, 2, 7, 10), (3, 2, 3, 4), {"auto_pad": "SAME_LOWER", "strides": [2, 3]}),
    ((1, 2, 7, 10), (3, 2, 4, 2), {"auto_pad": "SAME_UPPER"}),
    ((1, 2, 7, 10), (3, 2, 3, 4), {"auto_pad": "VALID", "strides": [1, 2]}),
    ((2, 3, 20), (4, 3, 5), {"strides": [2], "pads": [3, 1], "dilations": [2]}),
    ((1, 3, 20), (4, 3, 4), {"auto_pad": "SAME_LOWER"}),
    ((1, 8, 4, 4), (5, 8, 1, 1), {"auto_pad": "NOTSET"}),
])
def test_convolution(x_shape, w_shape, facts):
    model = build([("Conv", "x w b", "y", facts)], {"x": x_shape},
                  tensors={"w": feed(1, *w_shape), "b": feed(2, w_shape[0])})
    layer, x = only_layer(model), feed(3, *x_shape)
    assert (layer.op, layer.a, layer.b, layer.weight_name, layer.bias_name) == (
        "Conv", "x", None, "w", "b")
    want = expected(model, {"x": x}, layer)
    got = (product(layer, {"x": x}) + layer.bias).swapaxes(-1, -2).reshape(want.shape)
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("trans_a, trans_b", [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_gemm(trans_a, trans_b, swapped):
    left, right = feed(1, *((3, 5) if trans_a else (5, 3))), feed(2, *((7, 3) if trans_b else
                                                                       (3, 7)))
    stays, moves = (left, right) if swapped else (right, left)
    model = build([("Gemm", "w x c" if swapped else "x w c", "y",
                    {"transA": trans_a, "transB": trans_b, "alpha": 2.0, "beta": .5})],
                  {"x": moves.shape}, tensors={"w": stays, "c": feed(3, 7)})
    layer = only_layer(model)
    assert (layer.swapped, layer.alpha, layer.beta) == (swapped, 2, .5)
    (got,) = product(layer, {"x": moves})
    want = expected(model, {"x": moves}, layer)
    got = layer.alpha * (got.T if swapped else got) + layer.beta * layer.bias
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("x_shape, w_shape, swapped, shape", [
    ((4, 5), (5, 6), False, (1, 4, 6)), ((2, 3, 4, 5), (5, 6), False, (1, 24, 6)),
    ((2, 4, 5), (2, 5, 6), False, (2, 4, 6)), ((4, 5), (2, 5, 6), False, (2, 4, 6)),
    ((5,), (5, 6), False, (1, 1, 6)), ((4, 5), (5,), False, (1, 4, 1)),
    ((5, 6), (4, 5), True, (1, 6, 4)), ((3, 5, 6), (4, 5), True, (1, 18, 4)),
    ((5, 6), (5,), True, (1, 6, 1)), ((2, 4, 5), (1, 1, 5, 6), False, (1, 8, 6)),
])
def test_matmul_with_weights(x_shape, w_shape, swapped, shape):
    model = build([("MatMul", "w x" if swapped else "x w", "y")], {"x": x_shape},
                  tensors={"w": feed(1, *w_shape)})
    layer, x = only_layer(model), feed(2, *x_shape)
    got = product(layer, {"x": x})
    assert got.shape == shape
    want = expected(model, {"x": x}, layer)
    if swapped and want.ndim > 1:
        # Every product of the stack is the transpose of the node's.
        want = want.swapaxes(-1, -2)
    np.testing.assert_allclose(got.ravel(), want.ravel(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("a_shape, b_shape, shape", [
    ((4, 5), (5, 6), (1, 4, 6)), ((2, 3, 4, 5), (2, 3, 5, 6), (6, 4, 6)),
    ((2, 1, 4, 5), (3, 5, 6), (6, 4, 6)), ((3, 4, 5), (5, 6), (1, 12, 6)),
    ((1, 4, 5), (3, 5, 6), (3, 4, 6)), ((5,), (3, 5, 6), (3, 1, 6)), ((5,), (5,), (1, 1, 1)),
])
def test_matmul_of_activations(a_shape, b_shape, shape):
    model = build([("MatMul", "a b", "y")], {"a": a_shape, "b": b_shape})
    layer = only_layer(model)
    feeds = {"a": feed(1, *a_shape), "b": feed(2, *b_shape)}
    assert (layer.tensors, layer.weight) == (("a", "b"), None)
    got = product(layer, feeds)
    assert got.shape == shape
    np.testing.assert_allclose(got.ravel(), expected(model, feeds, layer).ravel(), rtol=1e-4,
                               atol=1e-5)


def test_weights_computed_from_constants():
    """Through Identity, Transpose, Reshape and arithmetic, as exporters leave them."""
    w = feed(1, 12, 5)
    model = build([("Identity", "w", "i"), ("Transpose", "i", "t"), ("Constant", "", "s", {
        "value": numpy_helper.from_array(np.array([5, 3, 4]))}), ("Reshape", "t s", "r"),
        ("ReduceMax", "r", "n", {"axes": [2], "keepdims": 0}), ("MatMul", "x n", "y")],
        {"x": [2, 5]}, tensors={"w": w})
    layer = only_layer(model)
    np.testing.assert_array_equal(layer.weight, w.T.reshape(5, 3, 4).max(2))
    assert layer.weight_name == "n"


def test_names_are_unique():
    model = build([("MatMul", "x w", "y", {"name": "m"}), ("MatMul", "x w", "z", {"name": "m"}),
                   ("MatMul", "x w", "last")], {"x": [2, 5]}, tensors={"w": feed(1, 5, 5)})
    assert [layer.name for layer in find_layers(model).layers] == ["m", "m#2", "last"]


def nodes_inside():
    """An If whose branches multiply."""
    def branch(name, op):
        return helper.make_graph([helper.make_node(op, ["x", "w"], [name], f"in {name}")], name,
                                 [], [helper.make_tensor_value_info(name, 1, None)])
    return {"then_branch": branch("t", "MatMul"), "else_branch": branch("e", "Gemm")}


INT8 = np.ones((5, 6), np.int8)


@pytest.mark.parametrize("nodes, tensors, told", [
    ([("DequantizeLinear", "w s", "d"), ("MatMul", "x d", "y", {"name": "m"})],
     {"w": INT8, "s": np.float32(.5)},
     [("m", "MatMul", "its weights d are quantised (DequantizeLinear)")]),
    ([("ConvTranspose", "x4 w", "y", {"name": "up"})], {"w": feed(1, 3, 2, 3, 3)},
     [("up", "ConvTranspose", "operator that the core does not run")]),
    ([("Einsum", "x w", "y", {"equation": "ij,jk->ik"})], {"w": feed(1, 5, 6)},
     [("y", "Einsum", "operator that the core does not run")]),
    ([("MatMulNBits", "x w", "y", {"domain": "com.microsoft"})], {"w": INT8},
     [("y", "MatMulNBits", "operator of the domain com.microsoft, which the core does not "
                           "know")]),
    ([("Conv", "x5 w", "y")], {"w": feed(1, 2, 3, 2, 2, 2)},
     [("y", "Conv", "its kernel has 3 dimensions, not one or two")]),
    ([("Conv", "x4 k", "y")], {}, [("y", "Conv", "its weights are computed from the input")]),
    ([("MatMul", "v w", "y")], {"v": feed(1, 2, 5), "w": feed(2, 5, 6)},
     [("y", "MatMul", "both operands are constant")]),
    ([("MatMul", "i w", "y")], {"w": np.ones((5, 6), np.int64)},
     [("y", "MatMul", "its weights are int64, not floats")]),
    ([("If", "flag", "y", nodes_inside())], {"w": feed(1, 5, 6)},
     [("in e", "Gemm", "it stands inside If y, where no tensor can be captured"),
      ("in t", "MatMul", "it stands inside If y, where no tensor can be captured")]),
    ([("Conv", "x4 w", "y", {"strides": [1, 1, 1]})], {"w": feed(1, 2, 3, 2, 2)},
     [("y", "Conv", "its strides must be 2 integers, not 3")]),
    ([("Conv", "x4 w", "y", {"kernel_shape": [5, 5]})], {"w": feed(1, 2, 3, 2, 2)},
     [("y", "Conv", "its kernel_shape must be that of the weights, [2, 2], not [5, 5]")]),
    ([("Conv", "x4 w", "y", {"auto_pad": "SAME"})], {"w": feed(1, 2, 3, 2, 2)},
     [("y", "Conv", "its auto_pad must be NOTSET, VALID, SAME_UPPER or SAME_LOWER, not 'SAME'")]),
    ([("Conv", "x4", "y")], {}, [("y", "Conv", "it has fewer than two operands")]),
])
def test_named_and_not_run(nodes, tensors, told):
    inputs = {"x": [2, 5], "x4": [1, 3, 8, 8], "x5": [1, 3, 4, 4, 4], "k": [2, 3, 3, 3],
              "i:i": [2, 5], "b:flag": [1]}
    network = find_layers(build(nodes, inputs, tensors=tensors))
    assert not network.layers
    assert [(one.name, one.op, one.reason) for one in network.skipped] == told


def test_sparse_weights():
    """Stored as a sparse tensor: named, with the layers around it found."""
    model = build([("MatMul", "x w", "m", {"name": "one"}), ("MatMul", "m v", "y")],
                  {"x": [2, 3]}, tensors={"v": feed(1, 4, 3)})
    model.graph.sparse_initializer.append(helper.make_sparse_tensor(
        numpy_helper.from_array(np.float32([1, 2]), "w"),
        numpy_helper.from_array(np.array([0, 5])), [3, 4]))
    network = find_layers(model)
    assert [layer.name for layer in network.layers] == ["y"]
    assert network.skipped[0].reason == "its weights w are stored as a sparse tensor"


def test_shapes_that_do_not_fit():
    conv = only_layer(build([("Conv", "x w", "y", {"name": "c"})], {"x": [1, 3, 8, 8]},
                            tensors={"w": feed(1, 2, 3, 5, 5)}))
    with pytest.raises(DstcError, match=r"Layer c: Convolution kernel must fit the padded"):
        conv.geometry((1, 3, 4, 8))
    with pytest.raises(DstcError, match="Layer c must be given a feature map with elements, not"):
        conv.geometry((0, 3, 8, 8))
    product = only_layer(build([("MatMul", "x w", "y", {"name": "m"})], {"x": [2, 3]},
                               tensors={"w": feed(1, 3, 4)}))
    for shape in ((2, 4), (0, 3)):
        with pytest.raises(DstcError, match="Layer m must multiply matrices that fit"):
            gemm_operands(product, {"x": np.zeros(shape)})


def network():
    """Two branches that share an input, a product of activations, an output in the middle."""
    model = build([
        ("Conv", "x w1", "c1", {"pads": [1] * 4}), ("Relu", "c1", "r1"),
        ("Conv", "r1 w2", "c2"), ("Conv", "r1 w3", "c3"), ("Relu", "c3", "r3"),
        ("MatMul", "c2 r3", "m"), ("Flatten", "m", "f"), ("Gemm", "f w4", "y")],
        {"x": [2, 3, 6, 6]}, ["y", "r3"],
        {"w1": feed(1, 4, 3, 3, 3), "w2": feed(2, 5, 4, 1, 1), "w3": feed(3, 5, 4, 1, 1),
         "w4": feed(4, 5 * 36, 7, density=.5)})
    return fix_shapes(model, {})


@pytest.mark.parametrize("max_held", [1 << 29, 300, 1])
def test_captured_tensors(max_held):
    """What enters each layer, in one run or in several, is what the reference evaluator has."""
    model, x = network(), feed(9, 2, 3, 6, 6)
    layers = find_layers(model).layers
    names = sorted({name for layer in layers for name in layer.tensors})
    reference = helper.make_model(model.graph, opset_imports=model.opset_import, ir_version=8)
    reference.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
                                  for name in names if name not in ("x", "r3"))
    want = dict(zip(names, ReferenceEvaluator(reference).run(names, {"x": x}), strict=True))
    got = list(capture(model, layers, {"x": x}, max_held=max_held))
    assert [layer.name for layer, _ in got] == ["c1", "c2", "c3", "m", "y"]
    for layer, tensors in got:
        assert tuple(tensors) == layer.tensors
        for name in tensors:
            np.testing.assert_allclose(tensors[name], want[name], rtol=1e-4, atol=1e-5)
    # The model is as it was.
    assert [output.name for output in model.graph.output] == ["y", "r3"]


def test_captured_masks():
    model, x = network(), feed(9, 2, 3, 6, 6)
    seen = []

    def keep(tensor):
        seen.append(tensor)
        return tensor != 0

    works = [layer_work(layer, masks)
             for layer, masks in capture(model, find_layers(model).layers, {"x": x}, keep)]
    # r1 enters two layers and is looked at once.
    assert len(seen) == 5
    assert [work.name for work in works] == ["c1", "c2", "c3", "m", "y"]
    assert works[1].x is not works[3].a and works[1].x.mean() < .7
    assert works[1].shape["batch"] == 2 and works[3].shape == {"batch": 10, "m": 6, "n": 6, "k": 6}
    assert 0.4 < works[4].b.mean() < .6


def test_model_that_fails_when_it_runs():
    model = fix_shapes(build([("Gather", "x i", "g"), ("MatMul", "g w", "y")],
                             {"x": [3, 4], "i:i": [2]}, tensors={"w": feed(1, 4, 4)}), {})
    feeds = {"x": feed(1, 3, 4), "i": np.array([0, 7])}
    with pytest.raises(DstcError, match=r"Model must run in ONNX Runtime: .*indices element out of "
                                        r"data bounds") as caught:
        list(capture(model, find_layers(model).layers, feeds))
    assert "onnxruntime_src" not in str(caught.value) and "\n" not in str(caught.value)
