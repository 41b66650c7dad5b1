"""``dstc sweep``: options, files, output, and what it refuses."""

import base64
import json
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[3]
SMALL = ("sweep", "--base", "tiny", "--shape", "16x16x16", "--density", "0.5x0.25,1",
         "--area", "none", "--store", "store", "--jobs", "1")


@pytest.fixture
def report(run):
    def report(*words):
        code, out, err = run(*words, "--json")
        assert (code, err, out.count("\n")) == (0, "", 1)
        return json.loads(out)
    return report


def test_cycles_are_those_of_gemm(report):
    """A point is remade with dstc gemm: same shape, densities and seed."""
    found = report(*SMALL, "--vary", "collector_entries=4,2", "--seed", "3")
    gemm = report("gemm", "--shape", "16x16x16", "--density-a", "0.5", "--density-b", "0.25",
                  "--seed", "3", "--config", "tiny", "--engine", "model")
    point = found["points"][0]
    assert (point["config"], point["workload"]) == ("tiny", "16x16x16 0.5x0.25 seed 3")
    for key in ("cycles", "dense_cycles", "bins", "speedup"):
        assert point[key] == gemm[key]
    assert point["ohmma"] == gemm["ohmma"]["executed"]


def test_a_second_time_nothing_is_run(report, tmp_path, monkeypatch):
    first = report(*SMALL)
    files = {path: path.stat().st_mtime_ns for path in (tmp_path / "store").iterdir()}
    assert len(files) == 2
    monkeypatch.setattr("dstc_sim.sweep.run.processes", lambda jobs: 1 / 0)
    assert report(*SMALL) == first
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "store").iterdir()} == files
    damaged = min(files)
    damaged.write_text("{")
    with pytest.raises(ZeroDivisionError):
        report(*SMALL)


def test_the_file_says_what_the_options_say(report, tmp_path):
    (tmp_path / "space.toml").write_text(
        'base = ["tiny"]\n[vary]\nslots = [2, 9]\n[[workload]]\nshape = "16x16x16"\n'
        'density = ["0.5x0.25", "1"]\n')
    by_file = report("sweep", "space.toml", "--area", "none", "--store", "store", "--jobs", "1")
    assert by_file == report(*SMALL, "--vary", "slots=2,9")
    assert by_file["refused"] == [{"config": "tiny-slots-9", "reason":
                                   "Configuration slots must be from 2 to 8, not 9"}]


def test_the_table(run):
    code, out, err = run(*SMALL, "--vary", "slots=2,9")
    assert (code, err) == (0, "")
    assert "tiny" in out and "Geometric means over 2 workloads; sparse; cycle model " in out
    assert "No area is known of 1 of 1 configurations" in out
    assert "Refused: tiny-slots-9: Configuration slots must be from 2 to 8, not 9" in out


@pytest.mark.parametrize("words, message", [
    ((), "Space must have from 1 to 1000 workloads, not 0"),
    (("--density", "0.5"), "Option --density must be given with --shape, not without it"),
    (("--shape", "8x8x8", "--vary", "slots"),
     "Option --vary must be PARAMETER=VALUE,VALUE, not 'slots'"),
    (("--shape", "8x8x8", "--matrices", "a.npy"),
     "Option --matrices must be two files with a comma between them, not 'a.npy'"),
    (("--network", "model.onnx"),
     "Option --network must be two files with a comma between them, not 'model.onnx'"),
    (("--shape", "8x8x8", "--seed", "x"), "Seed must be an integer from 0, not 'x'"),
    (("--shape", "8x8x8", "--area", "all"),
     "Area must be one of cached, synthesise, none, not 'all'"),
    (("--shape", "8x8x8", "--target", "asic7"),
     "Target must be one of asic45, asic180, not 'asic7'"),
    (("--shape", "8x8x8", "--jobs", "2", "--scheduler", "tcp://127.0.0.1:1"),
     "Option --jobs must be given without --scheduler, not with it"),
    (("--shape", "8x8x8", "--html", "page.svg"), "Output name must end in .html, not page.svg"),
    (("space.toml",), "Input must be an existing file, not space.toml"),
    (("space.toml", "--base", "tiny"),
     "Option --base must be given without a file, not with space.toml"),
])
def test_refusals(refused, words, message):
    assert refused("sweep", *words) == message


def test_layers_and_matrices(report, net, tmp_path):
    """Of a network and of files: the OHMMA of dstc profile and dstc gemm."""
    x, _ = net
    np.save(tmp_path / "image.npy", x[:1])
    np.save(tmp_path / "a.npy", np.tril(np.ones((12, 20), np.float16)))
    np.save(tmp_path / "b.npy", np.eye(20, 9, dtype=np.float16))
    found = report("sweep", "--base", "tiny", "--network", "model.onnx,image.npy", "--matrices",
                   "a.npy,b.npy", "--area", "none", "--store", "store", "--jobs", "1")
    profile = report("profile", "model.onnx", "--input", "image.npy", "--config", "tiny")
    gemm = report("gemm", "a.npy", "b.npy", "--config", "tiny", "--engine", "model")
    *layers, files = found["points"]
    assert [point["workload"] for point in layers] == [
        f"model {layer['name']}" for layer in profile["layers"]]
    assert [point["ohmma"] for point in layers] == [
        layer["ohmma"]["dual"] for layer in profile["layers"]]
    assert (files["workload"], files["cycles"]) == ("a.npy b.npy", gemm["cycles"])


def test_a_page(run, tmp_path, monkeypatch):
    """One file with the picture in it; named configurations have their committed areas."""
    monkeypatch.setattr("dstc_sim.sweep.area.find_core_area", lambda config, target: None)
    code, out, err = run("sweep", "--base", "tiny,small,paper", "--shape", "16x16x16", "--store",
                         "store", "--jobs", "1", "--html", "page.html", "--json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    committed = json.loads((ROOT / "docs/results/area.json").read_text())
    for row in found["configs"][1:]:
        area = committed[row["config"]]
        assert row["area"] == {
            "area_um2": area["area_um2"], "kge": area["kge"], "fmax_mhz": area["fmax_mhz"],
            "without_operand_buffers_um2": area["without_operand_buffers"]["area_um2"],
            "source": "docs/results/area.json"}
        assert row["microseconds"] == row["cycles"] / area["fmax_mhz"]
    assert found["without_area"] == ["tiny"] and found["goal"] == "microseconds"
    page = (tmp_path / "page.html").read_text()
    for row in found["configs"]:
        assert f'<th scope="row">{row["config"]}' in page
    assert page.count("data:image/svg+xml;base64,") == 1 and "http" not in page.replace(
        "http-equiv", "")
    svg = base64.b64decode(page.split("base64,")[1].split('"')[0])
    assert svg.startswith(b"<?xml") and svg.count(b"<use ") >= 2
    for column in ("config", "workload", "cycles"):
        assert f'<th scope="col">{column}</th>' in page


def test_areas_are_synthesised_when_asked_for(run, monkeypatch):
    """What is known is taken, the rest is made, one line each."""
    def area(config, target):
        return {"area_um2": 10.0 * config.slots, "without_operand_buffers_um2": 1.0, "kge": 1.0,
                "fmax_mhz": 100.0}

    monkeypatch.setattr("dstc_sim.sweep.area.find_core_area", lambda config, target:
                        area(config, target) if config.name == "tiny" else None)
    monkeypatch.setattr("dstc_sim.sweep.area.core_area", area)
    words = [word for word in SMALL if word not in ("--area", "none")]
    code, out, _ = run(*words, "--vary", "slots=2,3,4", "--json")
    assert code == 0
    assert json.loads(out)["without_area"] == ["tiny-slots-3", "tiny-slots-4"]
    code, out, err = run(*words, "--vary", "slots=2,3,4", "--area", "synthesise")
    assert code == 0 and err.splitlines() == [f"dstc: synthesising tiny-slots-{n}" for n in (3, 4)]
    assert " 20 " in out and " 30 " in out and " 40 " in out and "100.0" in out
    assert "No area" not in out


def test_without_the_package_of_the_scheduler(refused, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert refused("sweep", "--shape", "8x8x8", "--store", "s", "--scheduler",
                   "tcp://127.0.0.1:1") == (
        "Option --scheduler must have the package distributed, which is not installed; pip "
        "install 'dstc[sweep]' brings it")
