"""``dstc profile`` as a user calls it: models, traces, JSON and the page."""

import json
import math
import os
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from html_page import NestedPage
from onnx import TensorProto, helper, numpy_helper

from dstc.network import LIMITS

SHAPES = {"image": [1, 3, 6, 6]}
WEIGHTS = {"w1": np.zeros((4, 3, 3, 3), np.float32), "w2": np.ones((2, 4 * 36), np.float32)}
WEIGHTS["w1"][0, 0, 1, 1] = 1
WEIGHTS["w2"][:, ::2] = 2


def save(path, shape=(1, 3, 6, 6), name="conv", bias=0.0, extra=()):
    """A 3x3 convolution whose first output copies the first channel, ReLU, and a Gemm."""
    tensors = {**WEIGHTS, "b1": np.full(4, bias, np.float32)}
    graph = helper.make_graph(
        [helper.make_node("Conv", ["image", "w1", "b1"], ["c"], name, pads=[1] * 4),
         helper.make_node("Relu", ["c"], ["r"]), helper.make_node("Flatten", ["r"], ["f"]),
         helper.make_node("Gemm", ["f", "w2"], ["y"], "gemm", transB=1), *extra], "net",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(array, key) for key, array in tensors.items()])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)],
                                ir_version=8), path)


@pytest.fixture
def files(tmp_path):
    """model.onnx, and an image with a positive first channel in its upper half alone."""
    save(tmp_path / "model.onnx")
    image = np.ones(SHAPES["image"], np.float32)
    image[0, 0, 3:] = -1
    np.save(tmp_path / "image.npy", image)


@pytest.fixture
def profiled(run):
    """Run ``dstc profile ... --json``; the report."""
    def profiled(*words):
        code, out, err = run("profile", *words, "--json")
        assert (code, err, out.count("\n")) == (0, "", 1)
        return json.loads(out)
    return profiled


def test_by_hand(files, profiled):
    report = profiled("model.onnx", "--input", "image.npy", "--config", "tiny")
    conv, gemm = report["layers"]
    assert (conv["name"], conv["op"], gemm["name"], gemm["op"]) == ("conv", "Conv", "gemm", "Gemm")
    assert conv["shape"] == {
        "batch": 1, "m": 36, "n": 4, "k": 27, "channels": 3, "height": 6, "width": 6,
        "kernel": [3, 3], "stride": [1, 1], "pads": [1, 1, 1, 1], "dilation": [1, 1], "groups": 1}
    # One weight, in the middle of the kernel, which is in the image at all 36 positions.
    assert conv["effectual_macs"] == 36 and conv["macs"] == 36 * 4 * 27
    assert conv["density"] == {"x": 1.0, "a": 3 * 16 * 16 / (36 * 27), "b": 1 / 108}
    # 36 rows are four tiles of four groups and one of two; dense, five of 4 x 2 OHMMA per k.
    assert {key: conv["ohmma"][key] for key in ("dense", "half", "b_only", "dual", "swapped",
                                                "least")} == {
        "dense": 5 * 8 * 27, "half": 5 * 4 * 27, "b_only": 5 * 4, "dual": 18, "swapped": 9,
        "least": math.ceil(36 / 8)}
    assert conv["limit"] in ("drains", "tile pairs", "loads of A", "loads of B")
    assert gemm["shape"] == {"batch": 1, "m": 1, "n": 2, "k": 144}
    # The first of four channels is positive in its first 18 pixels, the others are 0.
    assert gemm["density"] == {"x": 18 / 144, "a": 18 / 144, "b": 1.0}
    assert (gemm["effectual_macs"], gemm["ohmma"]["dual"]) == (36, 18)
    totals = report["totals"]
    assert totals["ohmma"]["dual"] == 36 and totals["macs"] == 36 * 4 * 27 + 288
    assert totals["at_least"]["cycles"] == sum(row["at_least"]["cycles"]
                                               for row in report["layers"])
    assert (report["input"], report["seed"], report["pruned"]) == ("image.npy", None, None)
    assert report["skipped"] == [] and report["input_shapes"] == SHAPES


def test_everything_is_documented(files, profiled):
    """Each key of the report, and each answer to what limits a layer."""
    page = (Path(__file__).resolve().parents[3] / "docs" / "networks.md").read_text()
    report = profiled("model.onnx", "--sample", "24")
    keys = {*report, *report["layers"][0], *report["totals"], *LIMITS}
    for part in ("density", "tile_density", "ohmma", "at_least"):
        keys |= {(f"{part}.{key}", f".{key}`") for key in report["totals"][part]}
    for key in keys:
        assert any(text in page for text in ((key,) if isinstance(key, str) else key)), key


def test_long_names(run, tmp_path):
    save(tmp_path / "model.onnx", name="a/long/name/of/many/parts/" * 2 + "conv")
    assert "\n.../long/name/of/many/parts/conv  " in run("profile", "model.onnx")[1]


def test_sample_input(files, run, profiled):
    one, same, other = (profiled("model.onnx", "--seed", seed) for seed in (0, 0, 1))
    assert one == same and one["seed"] == 0 and one["input"] is None
    assert one["layers"][1]["density"] != other["layers"][1]["density"]
    code, out, _ = run("profile", "model.onnx")
    assert code == 0 and "from a made-up sample (seed 0), not real data" in out


def test_prune(files, run, profiled):
    report = profiled("model.onnx", "--input", "image.npy", "--prune", "0.75")
    conv, gemm = report["layers"]
    # The one weight of the convolution stays, of the others half are 1 and go first.
    assert conv["density"]["b"] == 1 / 108 and gemm["density"]["b"] == .25
    assert conv["effectual_macs"] == 36 and report["pruned"] == .75
    code, out, _ = run("profile", "model.onnx", "--prune", "0.75")
    assert code == 0 and "the network's accuracy is unknown" in out
    # Activations are those of the pruned network.
    everything = profiled("model.onnx", "--input", "image.npy", "--prune", "1")
    assert everything["layers"][1]["density"]["a"] == 0
    assert everything["layers"][0]["limit"] == "no work"


def test_sampled_cycles(files, profiled):
    report = profiled("model.onnx", "--input", "image.npy", "--config", "tiny", "--sample", "24")
    for row in report["layers"]:
        estimate = row["estimate"]
        # So small that every tile is simulated.
        assert estimate["low"] == estimate["cycles"] == estimate["high"]
        assert estimate["cycles"] >= row["at_least"]["cycles"]
    assert report["totals"]["estimate"]["tiles"] == 5 + 1


def test_rivals(files, run, refused, profiled):
    """Every machine has cycles in every layer, and totals are sums; the text has the speedups."""
    report = profiled("model.onnx", "--input", "image.npy", "--rivals")
    assert profiled("model.onnx", "--input", "image.npy")["totals"]["rivals"] is None
    for layer in report["layers"]:
        assert layer["rivals"]["dual-side"] == min(layer["ohmma"]["dual"],
                                                   layer["ohmma"]["swapped"])
        assert layer["rivals"]["uni-stc"] >= layer["ohmma"]["least"]
    assert report["totals"]["rivals"]["dense"] == sum(layer["rivals"]["dense"]
                                                      for layer in report["layers"])
    assert "RM-STC" in run("profile", "model.onnx", "--rivals")[1]
    assert refused("profile", "model.onnx", "--rivals", "--config", "tiny") == (
        "Option --rivals must be given with a configuration of 128 multipliers, not with tiny of 8")


def test_open_shape(run, refused, profiled, tmp_path):
    save(tmp_path / "open.onnx", ("N", 3, 6, 6))
    assert refused("profile", "open.onnx") == (
        "Input image must have a fixed shape, not [N, 3, 6, 6]: give it with --input, or with "
        "--input-shape image=1x3x6x6 and the right numbers")
    report = profiled("open.onnx", "--input-shape", "image=1x3x6x6")
    assert report["input_shapes"] == SHAPES
    assert profiled("open.onnx", "--input-shape", "1x3x6x6") == report


@pytest.mark.parametrize("words, sentence", [
    (["gone.onnx"], "Input must be an existing file, not gone.onnx"),
    (["model.onnx", "--prune", "1.5"], "Share to prune must be from 0 to 1, not 1.5"),
    (["model.onnx", "--sample", "3"], "Sample must have at least 24 output tiles, not 3"),
    (["model.onnx", "--config", "huge"], "Configuration must be one of"),
    (["model.onnx", "--html", "page.txt"], "Output name must end in .html, not page.txt"),
    (["model.onnx", "--input", "image.npy", "--input-shape", "1x3x6x6"],
     "Option --input-shape must be given without --input, not with it"),
    (["model.onnx", "--input-shape", "1x3x6"],
     "Input image must have 4 dimensions [1, 3, 6, 6], not the shape 1x3x6"),
    (["model.onnx", "--input-shape", "other=1x3x6x6"], "Input shape must be NAME=1x3x224x224"),
    (["model.onnx", "--input-shape", "image=1x3x6x-6"], "Shape of input image must be positive"),
    (["model.onnx", "--input-shape", "image=999999x999999x9x9"], "must have from 1 to 536870912"),
    (["model.onnx", "--input-shape", "1x4x6x6"], "Model must run in ONNX Runtime: "),
    (["trace.npz", "--prune", "0.5"],
     "Option --prune must be given with a model, not with the trace trace.npz"),
])
def test_refused(files, refused, words, sentence):
    assert sentence in refused("profile", *words)


def test_html(files, run, tmp_path):
    code, out, _ = run("profile", "model.onnx", "--sample", "24", "--html", "page.html")
    assert code == 0 and out.endswith("page.html: the same with plots; open it in a browser\n")
    text = (tmp_path / "page.html").read_text()
    page = NestedPage(text)
    assert text.count("<circle") == 2 and text.count('class="strip"') == 6 + 2
    # Nothing is loaded from anywhere, nothing runs.
    assert not [tag for tag, _ in page.tags if tag in ("script", "img", "iframe", "object")]
    assert all(value.startswith("data:") for _, facts in page.tags for key, value in facts.items()
               if key in ("src", "href"))
    assert "default-src 'none'" in text and 'name="viewport"' in text


def test_strange_names(run, tmp_path):
    """Names of a file neither control the terminal nor become HTML."""
    einsum = helper.make_node("Einsum", ["f", "w2"], ["e"], "<i>\x1b[2J", equation="ab,cb->ac")
    save(tmp_path / "model.onnx", name="<script>alert(1)</script>\x1b[31m", extra=[einsum])
    code, out, _ = run("profile", "model.onnx", "--html", "page.html")
    assert code == 0 and "\x1b" not in out and "<script>alert(1)</script>?[31m" in out
    assert "  Einsum <i>?[2J: operator that the core does not run" in out.splitlines()
    text = (tmp_path / "page.html").read_text()
    assert "<script" not in text and "&lt;script&gt;alert(1)" in text and "\x1b" not in text


def test_names_that_are_no_text(files, refused, tmp_path):
    """Bytes that ONNX Runtime cannot put into its message; nothing of that gets out."""
    model = (tmp_path / "model.onnx").read_bytes().replace(b"Relu", b"Rel\x95")
    (tmp_path / "model.onnx").write_bytes(model)
    assert "Model" in refused("profile", "model.onnx")


def test_without_layers(run, tmp_path):
    """A network of nothing that the core computes."""
    graph = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["y"])], "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [2])])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)],
                                ir_version=8), tmp_path / "relu.onnx")
    code, out, _ = run("profile", "relu.onnx", "--html", "page.html")
    assert code == 0 and "relu.onnx: 0 layers on paper" in out
    assert json.loads(run("profile", "relu.onnx", "--json")[1])["totals"] is None


def test_missing_packages(files, refused, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert refused("profile", "model.onnx") == (
        "Packages onnx and onnxruntime must be installed to read networks (pip install "
        "'dstc[onnx]'), not missing (onnxruntime)")


def test_failure_leaves_the_page(files, run, tmp_path):
    """A page that was there stays when the model turns out not to run."""
    save(tmp_path / "other.onnx", (1, 3, 8, 8))
    (tmp_path / "page.html").write_text("old")
    code, out, err = run("profile", "other.onnx", "--html", "page.html")
    assert (code, out) == (2, "") and err.startswith("dstc: Model must") and err.count("\n") == 1
    assert (tmp_path / "page.html").read_text() == "old" and len(os.listdir(tmp_path)) == 4
