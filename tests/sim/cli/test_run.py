"""``dstc run`` as a user calls it."""

import json
import re

import numpy as np
import pytest
from onnx import helper
from small_network import TINY, save, small_net

from dstc_sim.netrun import network_run
from dstc_sim.netrun.solver import Solver
from dstc_sim.runs import SimulationError

ROW = {"name", "bit_exact", "difference", "of_bound", "within_bound", "rounded", "cycles",
       "dense_cycles", "speedup", "ohmma", "tiles", "rtl_tiles"}
REPORT = {"model", "engine", "config", "samples", "input", "layers", "total", "output", "accuracy",
          "resumed", "skipped", "seconds"}


@pytest.mark.parametrize("engine", ["golden", "model", "rtl"])
def test_network(report, net, tmp_path, build_folder, engine):
    _, y = net
    found = report("model.onnx", "--input", "x.npy", "--labels", "labels.npy", *TINY, "-o",
                   "y.npz", "--engine", engine)
    assert found.keys() == REPORT
    assert (found["model"], found["engine"], found["config"]) == ("model.onnx", engine, "tiny")
    assert (found["samples"], found["input"], found["resumed"]) == (6, "file", 0)
    assert [row["name"] for row in found["layers"]] == ["first", "second", "last"]
    for row in found["layers"]:
        assert row.keys() == ROW
        assert row["bit_exact"] and row["within_bound"] and 0.02 < row["of_bound"] <= 1
        assert row["rounded"] > 100 and row["rtl_tiles"] == 0
        assert (row["cycles"] is None) == (row["ohmma"] is None) == (engine == "golden")
        if engine != "golden":
            assert row["cycles"] > row["ohmma"] > 0
    assert found["accuracy"] == {"core": 5 / 6, "onnxruntime": 5 / 6}
    assert found["output"]["same_top1"] == 1
    result = np.load(tmp_path / "y.npz")["y"]
    difference = np.abs(result.astype(float) - y).max()
    assert 0 < difference < 0.05 and found["output"]["difference"] == pytest.approx(difference)
    assert not list((build_folder / "runs").iterdir())


def test_engines_agree(report, net, tmp_path):
    rows = {}
    for engine in ("golden", "model", "rtl"):
        rows[engine] = report("model.onnx", "--input", "x.npy", *TINY, "--engine", engine,
                              "--samples", 2, "-o", f"{engine}.npz")["layers"]
        np.testing.assert_array_equal(np.load(tmp_path / f"{engine}.npz")["y"],
                                      np.load(tmp_path / "golden.npz")["y"])
    for model, rtl, golden in zip(rows["model"], rows["rtl"], rows["golden"], strict=True):
        assert model["ohmma"] == rtl["ohmma"]
        for key in ("difference", "of_bound", "rounded", "dense_cycles", "tiles"):
            assert model[key] == rtl[key] == golden[key]


def test_tiles_on_verilog(report, net):
    words = ("model.onnx", "--input", "x.npy", "--samples", 2, *TINY)
    every = report(*words, "--rtl-tiles", 2)["layers"]
    assert all(row["rtl_tiles"] == 2 * min(2, row["tiles"] // 2) for row in every)
    assert [row["rtl_tiles"] for row in every].count(4) >= 1
    chosen = report(*words, "--rtl-tiles", 1, "--rtl-layers", "last, first")["layers"]
    assert [row["rtl_tiles"] for row in chosen] == [2, 0, 2]
    assert [row["cycles"] for row in chosen] == [row["cycles"] for row in every]


def test_fixed_batch(report, net, tmp_path):
    """A model that takes two at once: three runs, the same answers."""
    small_net(tmp_path / "two.onnx", 2)
    words = ("--input", "x.npy", "--labels", "labels.npy", *TINY, "--engine", "golden")
    one, two = (report(model, *words, "-o", f"{model}.npz") for model in ("model.onnx", "two.onnx"))
    assert two["samples"] == one["samples"] == 6 and two["accuracy"] == one["accuracy"]
    np.testing.assert_array_equal(np.load(tmp_path / "two.onnx.npz")["y"],
                                  np.load(tmp_path / "model.onnx.npz")["y"])
    assert report("two.onnx", *words, "--samples", 4)["accuracy"]["core"] == 3 / 4


def test_made_up_input(run, net):
    code, out, err = run("run", "model.onnx", "--input-shape", "x=3x2x7x7", *TINY)
    assert (code, err) == (0, "")
    assert "first choice in 100.0% of 3" in out and "the input is made up" in out


def test_in_words(run, net):
    code, out, err = run("run", "model.onnx", "--input", "x.npy", "--labels", "labels.npy",
                         "--rtl-tiles", 1, "--rtl-layers", "first", *TINY)
    assert (code, err) == (0, "")
    head, *rows = out.splitlines()
    assert head.split() == ["layer", "cycles", "dense", "speedup", "bit-exact", "difference", "of",
                            "bound", "tiles", "on", "Verilog"]
    assert [row.split()[0] for row in rows[:4]] == ["first", "second", "last", "total"]
    assert re.search(r"^first .*x +yes +\d\.\d\de-0\d +\d+\.\d% +6 of \d+ *$", rows[0])
    assert "accuracy on 6 samples: 83.3%, ONNX Runtime 83.3%" in rows
    assert rows[-1].startswith("engine model, configuration tiny, ")
    code, out, _ = run("run", "model.onnx", "--input", "x.npy", *TINY, "--engine", "golden")
    assert code == 0 and "cycles" not in out and "Verilog" not in out


def test_no_layers(run, tmp_path):
    save(tmp_path / "m.onnx", [helper.make_node("Relu", ["x"], ["r"]),
                               helper.make_node("Einsum", ["r"], ["y"], "sums", equation="ij->i")],
         {}, [2, 3])
    code, out, err = run("run", "m.onnx", *TINY)
    assert (code, err) == (0, "")
    first, second, third = out.splitlines()[:3]
    assert first == "no layer of this model runs on the core"
    assert second == "on the host: sums (Einsum): operator that the core does not run"
    assert third == "output against ONNX Runtime: largest difference 0"


def test_outputs_of_any_name_and_shape(report, tmp_path):
    """Also a stored tensor, and one whose shape depends on the values."""
    nodes = [helper.make_node("MatMul", ["x", "w"], ["file"], "product"),
             helper.make_node("NonZero", ["x"], ["/places"])]
    save(tmp_path / "m.onnx", nodes, {"w": np.float32([[1], [2]])}, ["N", 2],
         outputs=("file", "w", "/places"))
    np.save(tmp_path / "x.npy", np.float32([[1, 2], [0, 3]]))
    report("m.onnx", "--input", "x.npy", *TINY, "-o", "out.npz")
    arrays = np.load(tmp_path / "out.npz")
    assert arrays["file"].tolist() == [[5], [6]]
    assert arrays["w"].tolist() == [[1], [2], [1], [2]]
    assert arrays["/places[0]"].tolist() == [[0, 0], [0, 1]]
    assert arrays["/places[1]"].tolist() == [[0], [1]]


def test_infinity_beside_zero(run, net, tmp_path):
    """The core skips a zero weight; ONNX Runtime multiplies it, and that is no number."""
    save(tmp_path / "m.onnx", [helper.make_node("MatMul", ["x", "w"], ["y"], "product")],
         {"w": np.float32([[0], [2]])}, [1, 2])
    np.save(tmp_path / "inf.npy", np.float32([[np.inf, 1]]))
    code, out, err = run("run", "m.onnx", "--input", "inf.npy", *TINY, "--json")
    row = json.loads(out)["layers"][0]
    assert code == 1 and row["bit_exact"] and not row["within_bound"]
    assert row["difference"] is row["of_bound"] is json.loads(out)["output"]["difference"] is None
    assert err == ("dstc: layer product differs from ONNX Runtime by more than roundings explain\n")
    code, out, _ = run("run", "m.onnx", "--input", "inf.npy", *TINY)
    assert code == 1 and out.count("no number") == 3


@pytest.fixture
def disturbed(monkeypatch):
    """The real solver with one wrong value in the second layer."""
    right = Solver.solve

    def disturb(change, exact):
        def solve(self, problem, tiles=()):
            solution = right(self, problem, tiles)
            if problem.geometry.groups == 2:
                solution.out[1, 1, 1] = change(solution.out[1, 1, 1])
                object.__setattr__(solution, "bit_exact", exact)
            return solution
        monkeypatch.setattr(network_run.Solver, "solve", solve)
    return disturb


def test_wrong_bit(run, net, tmp_path, disturbed):
    disturbed(lambda value: np.nextafter(value, np.float32(9)), exact=False)
    code, out, err = run("run", "model.onnx", "--input", "x.npy", *TINY, "-o", "y.npz")
    assert (code, err) == (1, "dstc: layer second differs from the golden model\n")
    assert out.count("NO") == 2 and not (tmp_path / "y.npz").exists()


def test_wrong_value(run, net, tmp_path, disturbed):
    """A hundredth beside the truth is more than the bound of this layer."""
    disturbed(lambda value: value + np.float32(0.02), exact=True)
    code, _, err = run("run", "model.onnx", "--input", "x.npy", *TINY, "-o", "y.npz")
    assert (code, err) == (
        1, "dstc: layer second differs from ONNX Runtime by more than roundings explain\n")
    assert not (tmp_path / "y.npz").exists()


def test_failed_simulation(run, net, monkeypatch):
    def hang(*arguments):
        raise SimulationError("Core moved nothing")
    monkeypatch.setattr(Solver, "solve", hang)
    assert run("run", "model.onnx", "--input", "x.npy", *TINY, "--json") == (
        1, "", "dstc: Core moved nothing\n")


@pytest.mark.parametrize("words, sentence", [
    (("--engine", "gpu"), "Engine must be one of golden, model, rtl, not 'gpu'"),
    (("--config", "paper-int8"), "Configuration must have floating-point elements to run a network "
                                 "of floats, not int8 (paper-int8)"),
    (("--rtl-layers", "first"), "Option --rtl-layers must be given with --rtl-tiles, not without"),
    (("--rtl-tiles", "1", "--rtl-layers", "first,third"),
     "Layer must be one of first, second, last, not 'third'"),
    (("--samples", "7"), "Samples must be at most 6 and a multiple of 1, which the model takes at "
                         "once, not 7"),
    (("--input-shape", "1x2x7x7"), "Option --input-shape must be given without --input, not with "
                                   "it"),
    (("--labels", "none.npy"), "Input must be an existing file, not none.npy"),
    (("--labels", "x.npy"), "Labels must be integers, one for each of 6 samples, not float32 of "
                            "shape (6, 2, 7, 7)"),
    (("--input", "flat.npy"), "Input x must have the shape [samples, 2, 7, 7], not [6, 98]"),
    (("--input", "labels.npy"), "Input x must have 4 dimensions [N, 2, 7, 7], not the shape 6"),
    (("--input", "huge.npy"), "Values of layer first must fit fp16, not be as large as 1e+06"),
    (("-o", "y.npy"), "Output name must end in .npz, not y.npy"),
    (("-o", "no/y.npz"),
     "Output must be a file that can be written, not no/y.npz (No such file or directory)"),
    (("--checkpoint", "labels.npy"),
     "Checkpoint must be a folder that can be made, not labels.npy (File exists)"),
    (("--checkpoint", "."), "Checkpoint . must be empty or that of a run, not hold other files"),
])
def test_refused(refused, net, tmp_path, words, sentence):
    np.save(tmp_path / "flat.npy", np.ones((6, 98), np.float32))
    np.save(tmp_path / "huge.npy", np.full((1, 2, 7, 7), 1e6, np.float32))
    given = () if words[0] == "--input" else ("--input", "x.npy")
    for extra in ((), ("--json",)):
        assert refused("run", "model.onnx", *given, *TINY, *words, *extra) == sentence


@pytest.mark.parametrize("words, sentence", [
    ((), "Input x must have a fixed shape, not [N, 2, 7, 7]: give it with --input, or with "
         "--input-shape x=1x2x7x7 and the right numbers"),
    (("--samples", "1"), "Option --samples must be given with --input, not without"),
    (("--labels", "labels.npy"), "Option --labels must be given with --input, not without"),
])
def test_refused_without_input(refused, net, words, sentence):
    assert refused("run", "model.onnx", *TINY, *words) == sentence


def test_labels_need_answers(refused, net, tmp_path):
    save(tmp_path / "m.onnx", [helper.make_node("MatMul", ["x", "w"], ["p"], "product"),
                               helper.make_node("ReduceSum", ["p"], ["y"], keepdims=0)],
         {"w": np.ones((7, 2), np.float32)}, ["N", 2, 7, 7])
    assert refused("run", "m.onnx", "--input", "x.npy", "--labels", "labels.npy", *TINY) == (
        "Labels must be given with a model whose output y holds values for 1 samples, not the "
        "shape []")


def test_model_without_outputs(refused, tmp_path):
    save(tmp_path / "m.onnx", [helper.make_node("MatMul", ["x", "w"], ["y"], "product")],
         {"w": np.ones((7, 2), np.float32)}, [1, 2, 7, 7], outputs=())
    assert refused("run", "m.onnx", *TINY) == (
        "Model m.onnx must have an output to be run for, not none")


def test_help_names_what_there_is(run):
    code, out, err = run("run", "--help")
    assert (code, err) == (0, "")
    for word in ("MODEL.onnx", "--rtl-tiles", "--checkpoint", "--labels", "Ctrl-C"):
        assert word in out
