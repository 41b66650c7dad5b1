"""Models of strangers: one sentence each."""

import random

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx_models import build, feed

from dstc.errors import DstcError
from dstc.network import Recorder, fix_shapes, graph_inputs, load_model, resolve_shapes
from dstc.network.load import MAX_ELEMENTS


def small():
    """y = relu(x w) for x of 2 x 3."""
    return build([("MatMul", "x w", "m"), ("Relu", "m", "y")], {"x": [2, 3]},
                 tensors={"w": feed(1, 3, 4)})


def refusal(path):
    with pytest.raises(DstcError) as caught:
        opened(path)
    text = str(caught.value)
    assert "\n" not in text and len(text) < 500
    return text


def opened(path):
    """Everything that happens to a model before it runs."""
    model = load_model(path)
    inputs = graph_inputs(model)
    model = fix_shapes(model, resolve_shapes(inputs, {}))
    Recorder(model, [])
    return model


@pytest.fixture
def saved(tmp_path):
    def saved(model, name="model.onnx"):
        (tmp_path / name).write_bytes(model if isinstance(model, bytes)
                                      else model.SerializeToString())
        return tmp_path / name
    return saved


def test_sound(saved):
    assert [node.op_type for node in opened(saved(small())).graph.node] == ["MatMul", "Relu"]


def test_absent(tmp_path):
    assert refusal(tmp_path / "no.onnx") == (
        f"Input must be an existing file, not {tmp_path / 'no.onnx'}")


@pytest.mark.parametrize("content, part", [
    (b"", "must have from 1 to"),
    (b"not a model at all", "must be a whole ONNX file, not corrupt or truncated"),
    (b"\x08\x08", "must be an ONNX graph with nodes"),
])
def test_no_model(saved, content, part):
    assert part in refusal(saved(content))


def test_truncated_anywhere(saved):
    """Cut after any byte, a model is refused."""
    whole = small().SerializeToString()
    for length in range(1, len(whole), 3):
        # The operator set comes last, so a whole graph without it may be left.
        refusal(saved(whole[:length]))


def test_corrupt_anywhere(saved):
    """With bytes changed it is refused in a sentence, or is another sound model."""
    rng, whole = random.Random(3), small().SerializeToString()
    refused = 0
    for _ in range(300):
        content = bytearray(whole)
        for _ in range(rng.choice((1, 1, 4))):
            content[rng.randrange(len(content))] = rng.randrange(256)
        path = saved(bytes(content))
        try:
            opened(path)
        except DstcError as error:
            assert "\n" not in str(error)
            refused += 1
    assert refused > 100


@pytest.mark.parametrize("opsets, shown", [([6], "6"), ([1000], "1000"), ([], "none"),
                                           ([13, 17], "13, 17")])
def test_operator_sets(saved, opsets, shown):
    model = small()
    del model.opset_import[:]
    model.opset_import.extend(helper.make_opsetid("", version) for version in opsets)
    newest = onnx.defs.onnx_opset_version()
    path = saved(model)
    assert refusal(path) == (f"Model {path} must use one ONNX operator set from 7 to {newest}, not "
                             f"{shown}")


@pytest.mark.parametrize("version", [2, 99, 1 << 40])
def test_ir_version(saved, version):
    model = small()
    model.ir_version = version
    assert f"must be of an IR version from 3 to {onnx.IR_VERSION}, not {version}" in refusal(
        saved(model))


def tensor(dims, name="w", **content):
    return TensorProto(name=name, dims=dims, data_type=TensorProto.FLOAT, **content)


@pytest.mark.parametrize("wrong, part", [
    (tensor([1 << 40, 1 << 40]), "must have at most 536870912 elements, not the shape "
                                 "1099511627776x1099511627776"),
    (tensor([-3, 4]), "must have at most 536870912 elements, not the shape -3x4"),
    (tensor([3, 4], raw_data=b"1234"), "Tensor w must hold the 48 bytes of its shape 3x4, not 4"),
    (tensor([3, 4], float_data=[1.0]), "Model "),
    (TensorProto(name="w", dims=[3, 4], data_type=777, raw_data=b"1"),
     "Tensor w must be of a type that ONNX defines, not number 777"),
])
def test_tensors_that_lie(saved, wrong, part):
    model = small()
    model.graph.initializer[0].CopyFrom(wrong)
    assert part in refusal(saved(model))


def test_huge_constant_attribute(saved):
    model = build([("Constant", "", "w", {"value": tensor([1 << 50])}), ("MatMul", "x w", "y")],
                  {"x": [2, 3]})
    assert "elements, not the shape 1125899906842624" in refusal(saved(model))


def test_huge_inputs(saved):
    model = small()
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1 << 40
    assert refusal(saved(model)) == (
        f"Input x must have from 1 to {MAX_ELEMENTS} elements, not the shape 1099511627776x3")


@pytest.mark.parametrize("nodes, tensors", [
    ([("ConstantOfShape", "s", "c"), ("Relu", "c", "y")], {"s": np.array([1 << 40, 2])}),
    ([("Expand", "x s", "y")], {"s": np.array([1 << 35, 2, 3])}),
    ([("Tile", "x s", "y")], {"s": np.array([1 << 20, 1 << 20])}),
    ([("Pad", "x s", "y")], {"s": np.array([0, 0, 1 << 40, 0])}),
], ids=["constant", "expand", "tile", "pad"])
def test_huge_tensors_inside(saved, nodes, tensors):
    text = refusal(saved(build(nodes, {"x": [2, 3]}, tensors=tensors)))
    assert f"must have at most {MAX_ELEMENTS} elements" in text


def test_open_shapes(saved):
    model = small()
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "batch"
    assert refusal(saved(model)) == (
        "Input x must have a fixed shape, not [batch, 3]: give it with --input, or with "
        "--input-shape x=1x3 and the right numbers")
    inputs = graph_inputs(load_model(saved(model)))
    assert resolve_shapes(inputs, {"x": (5, 3)}) == {"x": (5, 3)}


@pytest.mark.parametrize("kind, shown", [(TensorProto.STRING, "STRING"),
                                         (TensorProto.COMPLEX64, "COMPLEX64"),
                                         (TensorProto.INT4, "INT4")])
def test_types_of_inputs(saved, kind, shown):
    model = build([("Identity", "x", "y")], {"x": [2, 3]}, opset=21)
    model.ir_version = 10
    model.graph.input[0].type.tensor_type.elem_type = kind
    assert refusal(saved(model)) == ("Input x must hold booleans, integers or floats of 16 to 64 "
                                     f"bits, not {shown}")


def test_inputs_that_are_no_tensors(saved):
    model = build([("SequenceAt", "x i", "y")], {"x": [2]}, tensors={"i": np.array(0)})
    model.graph.input[0].CopyFrom(helper.make_tensor_sequence_value_info("x", 1, [2]))
    assert refusal(saved(model)) == "Input x must be a tensor, not sequence_type"


@pytest.mark.parametrize("nodes, part", [
    ([("Frobnicate", "x", "y")], "No Op registered for Frobnicate"),
    ([("Relu", "gone", "y")], "gone"),
    ([("Relu", "y", "m"), ("Relu", "m", "y")], "Model"),
    ([("Relu", "x", "x")], "Model"),
    ([("MatMul", "x x", "y")], "Incompatible dimensions for matrix multiplication"),
    ([("Relu", "x", "y", {"domain": "acme"})], "acme"),
])
def test_broken_graphs(saved, nodes, part):
    assert part in refusal(saved(build(nodes, {"x": [2, 3]})))


@pytest.mark.parametrize("name", [b"Relu", b"test", b"\x01m", b"\x01y"])
def test_names_in_other_bytes(saved, name):
    """Of operators, graphs and tensors."""
    content = small().SerializeToString().replace(name, name[:-1] + b"\xff")
    assert "must have names in UTF-8, not b'" in refusal(saved(content))


def external(saved, tmp_path, data=None, **entries):
    """The small model with its weights in a file beside it."""
    model = small()
    weights = model.graph.initializer[0]
    content, weights.raw_data = weights.raw_data, b""
    weights.ClearField("raw_data")
    weights.data_location = TensorProto.EXTERNAL
    for key, value in entries.items():
        weights.external_data.add(key=key, value=str(value))
    if data:
        (tmp_path / data).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / data).write_bytes(b"12345678" + content)
    return saved(model, "inner/model.onnx")


@pytest.fixture
def inner(tmp_path):
    (tmp_path / "inner").mkdir()


def test_external_data(saved, tmp_path, inner):
    path = external(saved, tmp_path, "inner/w.bin", location="w.bin", offset=8, length=48)
    want = numpy_helper.to_array(small().graph.initializer[0])
    got = numpy_helper.to_array(opened(path).graph.initializer[0])
    assert np.array_equal(got, want)


@pytest.mark.parametrize("data, entries, part", [
    (None, {"location": "w.bin"}, "must be in the file w.bin beside the model, not missing"),
    ("w.bin", {"location": "../w.bin"}, "must be a file in the folder of the model, not "
                                        "'../w.bin'"),
    (None, {"location": "/etc/passwd"}, "must be a file in the folder of the model"),
    (None, {}, "must be a file in the folder of the model, not ''"),
    (None, {"location": "."}, "must be in the file . beside the model, not missing"),
    ("inner/w.bin", {"location": "w.bin", "offset": 8, "length": 49},
     "must lie inside the 56 bytes of w.bin, not end after them"),
    ("inner/w.bin", {"location": "w.bin", "offset": 57}, "must lie inside the 56 bytes"),
    ("inner/w.bin", {"location": "w.bin", "offset": -8}, "must lie inside the 56 bytes"),
    ("inner/w.bin", {"location": "w.bin", "length": "many"}, "must lie inside the 56 bytes"),
    ("inner/w.bin", {"location": "w.bin"}, "must hold the 48 bytes of its shape 3x4, not 56"),
])
def test_external_data_refused(saved, tmp_path, inner, data, entries, part):
    assert part in refusal(external(saved, tmp_path, data, **entries))


def test_external_link_out_of_the_folder(saved, tmp_path, inner):
    path = external(saved, tmp_path, "w.bin", location="w.bin", offset=8)
    (tmp_path / "inner" / "w.bin").symlink_to(tmp_path / "w.bin")
    assert "must be a file in the folder of the model, not 'w.bin'" in refusal(path)


def function(name, *calls):
    return helper.make_function("own", name, ["x"], ["y"], [
        helper.make_node(op, ["x" if n == 0 else f"t{n}"],
                         ["y" if n == len(calls) - 1 else f"t{n + 1}"], domain=domain)
        for n, (op, domain) in enumerate(calls)],
        [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)])


def with_functions(*functions):
    model = build([("F0", "x", "y", {"domain": "own"})], {"x": [2, 3]})
    model.opset_import.append(helper.make_opsetid("own", 1))
    model.functions.extend(functions)
    return model


def test_functions_are_written_out(saved):
    model = opened(saved(with_functions(function("F0", ("Relu", ""), ("F1", "own")),
                                        function("F1", ("Abs", "")))))
    assert [node.op_type for node in model.graph.node] == ["Relu", "Abs"]


def test_functions_without_end(saved):
    assert "must be nested at most 100 deep" in refusal(
        saved(with_functions(function("F0", ("F1", "own")), function("F1", ("F0", "own")))))


def test_functions_that_explode(saved):
    """30 functions that call the next one four times: 2^60 nodes from 4 kB."""
    functions = [function(f"F{n}", *[(f"F{n + 1}", "own")] * 4) for n in range(30)]
    text = refusal(saved(with_functions(*functions, function("F30", ("Relu", "")))))
    assert text == "Model must have at most 1048576 nodes, functions written out, not more"
