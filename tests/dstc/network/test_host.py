"""A network cut into layers and host segments: together they are the model."""

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx_models import build, feed

from dstc.errors import DstcError
from dstc.network import Layer, find_layers, fix_shapes
from dstc.network.host import HostSegment, network_steps, reference_node

X = feed(3, 1, 3, 6, 6)
W = feed(5, 4, 3, 3, 3)


def cut(model):
    model = fix_shapes(model, {})
    layers = find_layers(model).layers
    return model, layers, network_steps(model, layers)


def walk(model, feeds):
    """The outputs by way of the steps, each layer in ONNX Runtime too; and the steps' kinds."""
    model, layers, steps = cut(model)
    tensors = dict(feeds)
    for step in steps:
        segment = step if isinstance(step, HostSegment) else reference_node(model, step)
        known = {} if segment is step else {step.weight_name: step.weight,
                                            step.bias_name: step.bias}
        made = segment.run(tensors | {name: value for name, value in known.items()
                                      if value is not None})
        assert tuple(made) == segment.outputs
        tensors |= made
    kinds = "".join("L" if isinstance(step, Layer) else "h" for step in steps)
    assert kinds.count("L") == len(layers)
    return {entry.name: tensors[entry.name] for entry in model.graph.output}, kinds


def check(model, kinds, feeds=None):
    feeds = {"x": X} if feeds is None else feeds
    got, cuts = walk(model, feeds)
    assert cuts == kinds
    session = onnxruntime.InferenceSession(model.SerializeToString(),
                                           providers=["CPUExecutionProvider"])
    for name, want in zip(got, session.run(None, feeds), strict=True):
        np.testing.assert_allclose(got[name], want, rtol=1e-5, atol=1e-5)
        assert got[name].dtype == want.dtype


def image(nodes, outputs=(), tensors=None, **extra):
    return build(nodes, {"x": [1, 3, 6, 6]}, outputs, {"w": W, **(tensors or {})}, **extra)


def test_one_layer():
    check(image([("Conv", "x w", "y")]), "L")


def test_no_layer():
    check(image([("Relu", "x", "r"), ("Neg", "r", "y")]), "h")


def test_segments_around_layers():
    check(image([("Relu", "x", "r"), ("Neg", "r", "n"), ("Conv", "n w", "c"), ("Conv", "r w", "d"),
                 ("Relu", "c", "e"), ("Add", "e d", "y")]), "hLLh")


def test_outputs_inside():
    """What a layer or a segment makes may be an output and be needed later as well."""
    check(image([("Relu", "x", "r"), ("Conv", "r w", "c"), ("Neg", "c", "y")], ["c", "y", "r"]),
          "hLh")


def test_nodes_that_nobody_needs():
    model, _, steps = cut(image([("Relu", "x", "a"), ("Exp", "x", "lost"), ("Conv", "a w", "y"),
                                 ("Neg", "lost", "too")], ["y"]))
    assert [getattr(step, "outputs", None) for step in steps] == [("a",), None]
    check(model, "hL")


def test_computed_weights():
    """Through two nodes each; nothing of that runs between the layers."""
    check(image([("Identity", "w", "v"), ("Identity", "v", "u"), ("Neg", "b", "c"),
                 ("Abs", "c", "d"), ("Conv", "x u d", "y")],
                tensors={"b": np.arange(4, dtype=np.float32)}), "L")


def test_constant_nodes():
    check(build([("Constant", "", "w", {"value": numpy_helper.from_array(W)}),
                 ("Conv", "x w", "c"), ("Constant", "", "k", {"value_float": 2.0}),
                 ("Mul", "c k", "y")], {"x": [1, 3, 6, 6]}), "Lh")


def test_computed_bias():
    """Not constant: an input of the layer, made two nodes earlier."""
    check(image([("ReduceMax", "x", "m", {"keepdims": 0}), ("Mul", "m ramp", "b"),
                 ("Conv", "x w b", "y")], tensors={"ramp": np.arange(4, dtype=np.float32)}), "hL")


def test_layers_of_two_activations():
    check(build([("Transpose", "x", "t", {"perm": [0, 2, 1]}), ("MatMul", "x t", "s"),
                 ("Softmax", "s", "p"), ("MatMul", "p x", "y")], {"x": [2, 5, 4]}), "hLhL",
          {"x": feed(7, 2, 5, 4)})


def test_several_inputs_of_several_types():
    check(build([("Cast", "k", "f", {"to": TensorProto.FLOAT}), ("Where", "m a f", "s"),
                 ("MatMul", "s w", "y")], {"a": [2, 3], "i:k": [2, 3], "b:m": [2, 3]},
                tensors={"w": feed(9, 3, 2)}), "hL",
          {"a": feed(8, 2, 3), "k": np.arange(6).reshape(2, 3), "m": np.eye(2, 3) > 0})


def branch(op, source):
    return helper.make_graph([helper.make_node(op, [source], [f"{op}.out"])], op, [],
                             [helper.make_tensor_value_info(f"{op}.out", TensorProto.FLOAT, None)])


@pytest.mark.parametrize("limit", [-1e9, 1e9])
def test_branches_take_tensors_of_earlier_steps(limit):
    """The branches of an If read a layer's output, and what an earlier segment made."""
    check(image([("Relu", "x", "r"), ("Conv", "r w", "c"), ("ReduceSum", "c", "s", {"keepdims": 0}),
                 ("Greater", "s limit", "more"),
                 ("If", "more", "y", {"then_branch": branch("Neg", "r"),
                                      "else_branch": branch("Abs", "c")})],
                tensors={"limit": np.float32(limit)}), "hLh")


def test_sparse_constants():
    values = numpy_helper.from_array(np.float32([2, 3]), "s")
    sparse = helper.make_sparse_tensor(values, numpy_helper.from_array(np.array([1, 5])), [6])
    model = image([("Conv", "x w", "c"), ("Add", "c s", "d"), ("Relu", "d", "y")])
    model.graph.sparse_initializer.append(sparse)
    model = fix_shapes(model, {})
    layers = find_layers(model).layers
    _, segment = network_steps(model, layers)
    assert segment.inputs == ("c",)
    c = feed(11, 1, 4, 4, 6)
    np.testing.assert_array_equal(segment.run({"c": c})["y"],
                                  np.maximum(c + np.float32([0, 2, 0, 0, 0, 3]), 0))


def test_segments_run_with_other_shapes():
    model = image([("Relu", "x", "y")])
    segment = HostSegment(model, model.graph.node, ["y"])
    for shape in ((1, 2), (3, 4)):
        np.testing.assert_array_equal(segment.run({"x": -np.ones(shape, np.float32)})["y"],
                                      np.zeros(shape))
    with pytest.raises(DstcError, match=r"^Nodes between layers must run in ONNX Runtime: [^\n]+$"):
        segment.run({"x": np.ones(3, np.float32)})


def test_refused_nodes():
    model = image([("Reshape", "x s", "y")], tensors={"s": np.array([5])})
    with pytest.raises(DstcError, match=r"^Nodes between layers must run in ONNX Runtime: [^\n]+$"):
        HostSegment(model, model.graph.node, ["y"]).run({"x": X})


@pytest.mark.parametrize("node, kind", [
    (("SequenceConstruct", "x x", "y"), "list"),
    (("Cast", "x", "y", {"to": TensorProto.STRING}), "of strings")])
def test_no_numbers(node, kind):
    model = image([node])
    with pytest.raises(DstcError) as caught:
        HostSegment(model, model.graph.node, ["y"]).run({"x": X})
    assert str(caught.value) == f"Tensor y must be an array of numbers, not {kind}"
