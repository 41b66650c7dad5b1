"""The example network as files: the ONNX model gives what the network in numpy gives."""

import runpy
import sys
from pathlib import Path

import numpy as np
import onnxruntime

from dstc.network import load_model
from dstc.pruned_cnn import Network, load_digits

SCRIPT = Path(__file__).parents[2] / "examples/pruned_cnn/export.py"


def test_files(tmp_path, monkeypatch, capsys):
    folder = tmp_path / "cnn"
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), "--out", str(folder)])
    runpy.run_path(str(SCRIPT), run_name="__main__")
    files = {path.name for path in folder.iterdir()}
    assert files == {"model.onnx", "images.npy", "labels.npy"}
    assert set(capsys.readouterr().out.split()) == {str(folder / name) for name in files}

    images, labels = np.load(folder / "images.npy"), np.load(folder / "labels.npy")
    digits, right = load_digits()
    np.testing.assert_array_equal(images[:, 0], digits)
    np.testing.assert_array_equal(labels, right)
    model = load_model(folder / "model.onnx")
    logits, = onnxruntime.InferenceSession(model.SerializeToString()).run(
        None, {"image": images})
    # Stated in the example's page; activations are not rounded to FP16 here.
    assert abs((logits.argmax(1) == labels).mean() - 0.987) < 0.002
    np.testing.assert_allclose(logits[:20], Network.load().logits(digits[:20]), atol=0.02)
