"""What models are fed with, and pruning."""

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx_models import build, feed

from dstc.errors import DstcError
from dstc.network import (
    Recorder,
    find_layers,
    fix_shapes,
    graph_inputs,
    prune_layers,
    prune_magnitude,
    read_inputs,
    sample_inputs,
)


def two_inputs():
    return graph_inputs(build([("Add", "x y", "z")], {"x": [2, "n"], "y": [2, 3]}))


def test_inputs():
    one, two = two_inputs()
    assert (one.name, one.shape, one.fixed, one.dtype) == ("x", (2, "n"), False, np.float32)
    assert (two.shown(), two.fixed) == ("[2, 3]", True)


def test_initializers_are_no_inputs():
    """Old files list them among the inputs."""
    model = build([("MatMul", "x w", "y")], {"x": [2, 3], "w": [3, 4]},
                  tensors={"w": feed(1, 3, 4)})
    assert [entry.name for entry in graph_inputs(model)] == ["x"]


@pytest.mark.parametrize("dim", [0, -1])
def test_dimensions_that_say_nothing(dim):
    model = build([("Relu", "x", "y")], {"x": [dim, 3]})
    assert graph_inputs(model)[0].shape == ("?", 3)


def test_archive(tmp_path):
    np.savez(tmp_path / "in.npz", x=np.ones((2, 5)), y=np.zeros((2, 3), np.float16))
    feeds = read_inputs(tmp_path / "in.npz", two_inputs())
    assert {name: (array.shape, array.dtype.name) for name, array in feeds.items()} == {
        "x": ((2, 5), "float32"), "y": ((2, 3), "float32")}


@pytest.mark.parametrize("name, arrays, part", [
    ("in.npy", None, "Input file must be .npz with the arrays x, y, not"),
    ("in.txt", None, "Input file must end in .npy or .npz, not"),
    ("in.npz", {"x": np.ones((2, 5))}, "must be one of x, not y"),
    ("in.npz", {"x": np.ones((2, 5)), "y": np.ones((2, 4))},
     "Input y must have the shape [2, 3], not [2, 4]"),
    ("in.npz", {"x": np.ones((2, 5), complex), "y": np.ones((2, 3))},
     "Input x must be of type float32, not complex128"),
    ("in.npz", {"x": np.array([[{}]]), "y": np.ones((2, 3))}, "must be a valid NumPy file: "),
])
def test_files_refused(tmp_path, name, arrays, part):
    if arrays is None:
        (tmp_path / name).write_bytes(b"x")
    else:
        np.savez(tmp_path / name, **arrays)
    with pytest.raises(DstcError) as caught:
        read_inputs(tmp_path / name, two_inputs())
    assert part in str(caught.value)


def test_integers_are_not_floats(tmp_path):
    inputs = graph_inputs(build([("Gather", "t i", "y")], {"i:i": [2]},
                                tensors={"t": feed(1, 5, 4)}))
    np.save(tmp_path / "in.npy", np.ones(2))
    with pytest.raises(DstcError, match="Input i must be of type int64, not float64"):
        read_inputs(tmp_path / "in.npy", inputs)


def test_sample():
    model = build([("Gather", "t i", "g"), ("Add", "g x", "s"), ("Where", "b s s", "y")],
                  {"x": [1, 3, 64, 48], "i:i": [40], "i:m": [2], "b:b": [1]},
                  tensors={"t": feed(1, 5, 4)})
    inputs = graph_inputs(model)
    shapes = {entry.name: tuple(entry.shape) for entry in inputs}
    one, same, other = (sample_inputs(model, inputs, shapes, seed) for seed in (3, 3, 4))
    assert all(np.array_equal(one[name], same[name]) for name in one)
    assert not np.array_equal(one["x"], other["x"])
    x = one["x"]
    assert x.shape == (1, 3, 64, 48) and x.dtype == np.float32
    assert abs(x.mean()) < 1e-4 and x.std() == pytest.approx(1, abs=1e-3)
    # Smooth: neighbours differ far less than strangers, so signs come in clusters.
    assert np.abs(np.diff(x, axis=3)).mean() < .5 * np.abs(x - x[..., ::-1]).mean()
    assert set(one["i"]) == set(range(5)) and (one["m"] == 1).all() and one["b"].all()


@pytest.mark.parametrize("share, zeros", [(0, 2), (.1, 2), (.5, 5), (.59, 5), (1, 10)])
def test_magnitudes(share, zeros):
    weights = np.float32([[3, -1, 0, 9, -8], [7, -2, 0, 4, 5]])
    pruned = prune_magnitude(weights, share)
    assert np.count_nonzero(pruned == 0) == zeros
    kept = pruned != 0
    assert np.array_equal(pruned[kept], weights[kept])
    assert np.abs(weights[~kept]).max() < np.abs(weights[kept]).min(initial=10)
    assert weights[0, 1] == -1


def test_pruned_model():
    """Stored and computed weights, one of them shared; a bias stays as it is."""
    w = feed(1, 6, 6)
    model = build([("Transpose", "w", "t"), ("MatMul", "x t", "m"), ("MatMul", "m t", "n"),
                   ("Gemm", "n v b", "y")], {"x": [2, 6]},
                  tensors={"w": w, "v": feed(2, 6, 6), "b": feed(3, 6)})
    prune_layers(model, find_layers(model).layers, .5)
    layers = find_layers(model).layers
    assert [int((layer.weight == 0).sum()) for layer in layers] == [18, 18, 18]
    assert np.array_equal(layers[2].bias, feed(3, 6))
    x = feed(4, 2, 6)
    got = Recorder(model, ["m"]).fetch(["m", "y"], {"x": x})
    half = w.T * (np.abs(w.T) > np.median(np.abs(w)))
    np.testing.assert_allclose(got["m"], x @ half, rtol=1e-4, atol=1e-5)
    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    assert np.array_equal(numpy_helper.to_array(stored["w"]), w)


def test_share_out_of_range():
    with pytest.raises(DstcError, match=r"Share to prune must be from 0 to 1, not -0.5"):
        prune_layers(build([("Relu", "x", "y")], {"x": [1]}), [], -.5)


def test_shapes_are_of_one_run():
    """An open dimension stays open, another one is opened; a branch that is not taken may not fit
    these inputs, which shape inference knows and ONNX Runtime is not told."""
    def branch(name, axis):
        return helper.make_graph(
            [helper.make_node("Concat", ["x", "c"], [name], axis=axis)], name, [],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, None)])

    model = build([("If", "b", "i", {"then_branch": branch("t", 0),
                                     "else_branch": branch("e", 1)}), ("MatMul", "x w", "y")],
                  {"x": ["n", 3], "b:b": []}, ["i", "y"],
                  {"c": feed(1, 1, 3), "w": feed(2, 3, 2)})
    model = fix_shapes(model, {"x": (4, 3), "b": ()})
    known = {entry.name: [dim.dim_value for dim in entry.type.tensor_type.shape.dim]
             for entry in model.graph.value_info}
    assert known["y"] == [4, 2]
    got = Recorder(model, ["y"]).fetch(["i", "y"], {"x": feed(3, 4, 3), "b": np.array(True)})
    assert got["i"].shape == (5, 3) and got["y"].shape == (4, 2)
    other = fix_shapes(build([("Relu", "x", "y")], {"x": [10, 3]}), {"x": (2, 3)})
    assert Recorder(other, []).fetch(["y"], {"x": feed(1, 2, 3)})["y"].shape == (2, 3)
