"""The bench of whole networks: what it measures, what it calls passed, and its page."""

import copy
import importlib.util
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

SCRIPT = Path(__file__).parents[2] / "bench/network_run.py"


@pytest.fixture(scope="module")
def bench():
    spec = importlib.util.spec_from_file_location("bench_network_run", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def run(bench, tmp_path_factory):
    """A measured run: two samples of a product on ``tiny``, by the command itself."""
    rng, folder = np.random.default_rng(73), tmp_path_factory.mktemp("net")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"], "product")], "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 40])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 9])],
        [numpy_helper.from_array(rng.standard_normal((40, 9)).astype(np.float32), "w")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    (folder / "net.onnx").write_bytes(model.SerializeToString())
    np.save(folder / "x.npy", rng.standard_normal((2, 40)).astype(np.float32))
    np.save(folder / "labels.npy", np.array([0, 1]))
    return bench.measure("Net", ["net.onnx", "--input", "x.npy", "--labels", "labels.npy",
                                 "--config", "tiny"], folder)


def test_page(bench, run):
    assert bench.passed(run)
    row = run["layers"][0]
    page = bench.page({"command": "bench it", "tools": {"dstc": "1.2"}, "machine": "a machine",
                       "runs": [run], "notes": ["A note."]})
    assert "Made by `bench it` with dstc 1.2; a machine." in page and page.endswith("A note.\n")
    assert "## Net" in page
    assert "`dstc run net.onnx --input x.npy --labels labels.npy --config tiny`, " in page
    # Cycles of one sample.
    assert f"| product | {row['cycles'] / 2:,.0f} | {row['dense_cycles'] / 2:,.0f} | " in page
    assert "Configuration `tiny`, engine `model`, 2 images" in page
    assert "Every layer is bit-exact." in page and "in 100.0%." in page
    assert f"Accuracy: {run['accuracy']['core']:.1%} on the core" in page


@pytest.mark.parametrize("place, key, words", [
    ("total", "bit_exact", "Not bit-exact: product."),
    ("total", "within_bound", "Outside the bound: product."),
    ("output", "same_top1", "in 0.0%.")])
def test_what_fails_is_said(bench, run, place, key, words):
    wrong = copy.deepcopy(run)
    wrong[place][key] = 0
    wrong["layers"][0][key] = False
    assert not bench.passed(wrong)
    assert words in "\n".join(bench.section(wrong))


def test_refused_command(bench, tmp_path):
    with pytest.raises(SystemExit) as caught:
        bench.measure("Net", ["missing.onnx"], tmp_path)
    assert str(caught.value) == "dstc run missing.onnx ended with 2"
