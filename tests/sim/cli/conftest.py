"""Running commands as a user does."""

import json

import numpy as np
import pytest

from dstc_sim.cli import main


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    """Run a command in an empty folder: its exit code, output and errors."""
    monkeypatch.chdir(tmp_path)
    # Wide enough that nothing is wrapped.
    monkeypatch.setenv("COLUMNS", "300")

    def run(*words):
        code = main([str(word) for word in words])
        return code, *capsys.readouterr()
    return run


@pytest.fixture
def refused(run, tmp_path):
    """Run a command that must refuse its input: one sentence, code 2, nothing written."""
    def refused(*words):
        before = sorted(tmp_path.rglob("*"))
        code, out, err = run(*words)
        assert (code, out) == (2, "")
        assert err.startswith("dstc: ") and err.endswith("\n") and err.count("\n") == 1
        assert sorted(tmp_path.rglob("*")) == before
        return err.removeprefix("dstc: ").rstrip("\n")
    return refused


@pytest.fixture
def net(tmp_path, build_folder):
    """model.onnx, six images and labels, of which ONNX Runtime gets five right."""
    import onnxruntime
    from small_network import random, small_net

    small_net(tmp_path / "model.onnx")
    x = random(np.random.default_rng(67), 6, 2, 7, 7)
    y = onnxruntime.InferenceSession(str(tmp_path / "model.onnx")).run(None, {"x": x})[0]
    labels = y.argmax(1)
    labels[3] = (labels[3] + 1) % 5
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "labels.npy", labels)
    return x, y


@pytest.fixture
def build_folder(tmp_path_factory, monkeypatch):
    """Checkpoints of runs without --checkpoint go where no other test's are."""
    folder = tmp_path_factory.mktemp("build")
    monkeypatch.setattr("dstc_hdl.emit.build_folder", lambda: folder)
    return folder


@pytest.fixture
def report(run, build_folder):
    """Run ``dstc run ... --json``; the report of a run that passes."""
    def report(*words):
        code, out, err = run("run", *words, "--json")
        assert (code, err, out.count("\n")) == (0, "", 1)
        return json.loads(out)
    return report
