"""The example's driver, from the image to the folder, and what its README states."""

import importlib.util
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dstc.conv import im2col
from dstc.pruned_cnn import LAYERS, Network, load_digits
from dstc_sim.engine import RtlEngine
from dstc_sim.runs import SimulationError

FOLDER = Path(__file__).parents[2] / "examples/pruned_cnn"
SMALL = ["--config", "tiny", "--layer", "block1.skip", "--image", "42"]


@pytest.fixture(scope="module")
def driver():
    spec = importlib.util.spec_from_file_location("pruned_cnn_run", FOLDER / "run.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_from_image_to_report(driver, tmp_path, capsys):
    out = tmp_path / "run"
    assert driver.main([*SMALL, "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "bit-exact: all 12,544 values" in printed and "not bit-exact" not in printed
    assert re.search(r"│ total .* speedup \d+\.\d\dx │\n└[^\n]*┘\n$", printed)
    assert {path.name for path in out.iterdir()} == {
        "dstc_core.v", "dstc_core.json", "matrices.npz", "picture.png", "index.html"}
    assert "module dstc_core" in (out / "dstc_core.v").read_text()

    network, image = Network.load(), load_digits()[0][42]
    x = network.capture(image, "block1.skip")
    with np.load(out / "matrices.npz") as stored:
        a, b, c, d = (stored[name] for name in "abcd")
    assert np.array_equal(a, network.weights["block1.skip"].reshape(64, 32))
    assert np.array_equal(b, x[:, ::2, ::2].reshape(32, 196))
    assert np.array_equal(c, np.repeat(network.biases["block1.skip"][:, None], 196, axis=1))
    exact = a.astype(float) @ b.astype(float) + c
    np.testing.assert_allclose(d, exact, rtol=1e-4, atol=1e-5)
    page = (out / "index.html").read_text()
    assert " ".join(("examples/pruned_cnn/run.py", *SMALL)) in page
    assert '<b id="answer">2</b>' in page


class Disturbed(RtlEngine):
    """The real engine with one wrong bit in one mode."""

    mode = "sparse"

    def run(self, *operands, mode="sparse", **options):
        result = super().run(*operands, mode=mode, **options)
        if mode == self.mode:
            out = result.out.copy()
            out.view(np.uint32)[5, 7] ^= 1
            result = replace(result, out=out)
        return result


@pytest.mark.parametrize("mode", ["sparse", "dense"])
def test_a_wrong_bit_fails_and_writes_nothing(driver, tmp_path, capsys, monkeypatch, mode):
    monkeypatch.setattr(driver, "RtlEngine", Disturbed)
    monkeypatch.setattr(Disturbed, "mode", mode)
    assert driver.main([*SMALL, "--out", str(tmp_path / "run")]) == 1
    assert "not bit-exact: of 12,544 values" in capsys.readouterr().out
    assert not (tmp_path / "run").exists()


def test_a_hang_fails_and_writes_nothing(driver, tmp_path, capsys, monkeypatch):
    def hang(*_, **__):
        raise SimulationError("Core moved nothing")

    monkeypatch.setattr(RtlEngine, "run", hang)
    assert driver.main([*SMALL, "--out", str(tmp_path / "run")]) == 1
    assert capsys.readouterr().err.endswith("run.py: Core moved nothing\n")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("options, message", [
    (["--config", "huge"], "Configuration must be one of paper, .*, not 'huge'"),
    (["--layer", "conv9"], "Layer must be one of stem, .*, head, not 'conv9'"),
    (["--image", "1000"], "Image must be from 0 to 999, not 1000"),
    (["--image", "-1"], "Image must be from 0 to 999, not -1"),
    (["--simulator", "vcs"], "Simulator must be one of verilator, .*, not 'vcs'"),
    (["--simulator", "pysim"], "Simulator must be one of the emitted Verilog, verilator or icarus,"
                               " not 'pysim'"),
])
def test_refusals(driver, tmp_path, capsys, options, message):
    assert driver.main([*options, "--out", str(tmp_path / "run")]) == 2
    assert re.fullmatch(f"run.py: {message}\n", capsys.readouterr().err)
    assert not (tmp_path / "run").exists()


def test_a_file_is_no_folder(driver, tmp_path, capsys):
    (tmp_path / "run").write_text("mine")
    assert driver.main(["--out", str(tmp_path / "run")]) == 2
    assert capsys.readouterr().err == (
        f"run.py: Output must be a folder, not the file {tmp_path / 'run'}\n")
    assert (tmp_path / "run").read_text() == "mine"


def test_readme_states_what_is_shipped():
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    network, (images, _) = Network.load(), load_digits()
    zeros = {name: np.zeros(2) for name in LAYERS}

    def watch(name, x):
        # Padding enters the mask as False, a zero like the others.
        stored = x != 0
        lowered = im2col(stored, LAYERS[name].geometry(*x.shape[2:]))
        zeros[name] += [np.count_nonzero(~mask) / mask[0].size for mask in (stored, lowered)]
        return network.convolve(name, x)

    network.logits(images, watch)
    for name, weight in network.weights.items():
        line = re.search(rf"\| \**{re.escape(name)}\** \|.*", text)[0]
        cells = [cell.strip(" *") for cell in line.split("|")[2:-1]]
        shares = [100 * np.mean(weight == 0), *(100 * zeros[name] / len(images))]
        assert cells == [f"{weight.shape[0]} x {weight[0].size}", cells[1], f"{weight.size:,}",
                         *(f"{share:.1f} %" for share in shares)]
    top1, versions = network.record["top1"], network.record["versions"]
    stated = re.findall(r"\| (?:dense|pruned|as shipped).*\| (.*) \|", text)
    assert stated == [f"{100 * top1[key]:.1f} %" for key in ("dense", "pruned", "pruned_fp16")]
    plain = " ".join(text.split())
    for tool in ("Python", "torch", "mlxtend", "numpy"):
        assert f"{tool} {versions[tool.lower()].split('+')[0]}" in plain
