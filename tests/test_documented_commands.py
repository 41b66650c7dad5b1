"""Every dstc command that a page shows as a block of shell runs as it stands there."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("**/*.md"))]
PREFIX = ".venv/bin/dstc "


def documented():
    """Page and command, in the order of the page."""
    for page in PAGES:
        for block in re.findall(r"```sh\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
            for line in block.splitlines():
                if line.startswith(PREFIX):
                    yield page.name, line


@pytest.fixture
def folder(tmp_path):
    """The files that the pages speak of: pruned weights and activations that fit them, small
    networks with an image, and a trace."""
    rng = np.random.default_rng(3)
    mask = rng.random((24, 40)) < 0.3
    offsets = np.concatenate([[0], np.cumsum(mask.sum(1))])
    lines = [f"24, 40, {mask.sum()}", " ".join(map(str, offsets)),
             " ".join(map(str, np.nonzero(mask)[1]))]
    (tmp_path / "weights.smtx").write_text("\n".join(lines) + "\n", encoding="ascii")
    values = np.maximum(rng.standard_normal((40, 18)), 0)
    np.save(tmp_path / "activations.npy", values.astype(np.float16))
    for name, images in (("model.onnx", 1), ("open.onnx", "images")):
        _save_network(tmp_path / name, images, rng)
    np.save(tmp_path / "image.npy", rng.standard_normal((1, 3, 12, 12)).astype(np.float32))
    np.savez(tmp_path / "trace.npz", **{
        "order": np.array(["conv"]), "conv/xshape": np.array([8, 6, 6]),
        "conv/xbits": np.packbits(rng.random((8, 36)) < .5, axis=1),
        "conv/wshape": np.array([16, 8, 3, 3]), "conv/stride_pad": np.array([1, 1])})
    return tmp_path


def _save_network(path, images, rng):
    """A convolution, ReLU and a fully connected layer."""
    tensors = {"w": rng.standard_normal((8, 3, 3, 3)), "v": rng.standard_normal((8 * 144, 10))}
    graph = helper.make_graph(
        [helper.make_node("Conv", ["image", "w"], ["c"], "conv", pads=[1] * 4),
         helper.make_node("Relu", ["c"], ["r"]), helper.make_node("Flatten", ["r"], ["f"]),
         helper.make_node("Gemm", ["f", "v"], ["y"], "classes")], "network",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [images, 3, 12, 12])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [images, 10])],
        [numpy_helper.from_array(array.astype(np.float32), name)
         for name, array in tensors.items()])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)],
                                ir_version=8), path)


@pytest.mark.parametrize("page, command", list(documented()))
def test_command(page, command, folder):
    """Exit code 0 and something said."""
    program = str(Path(sys.executable).with_name("dstc"))
    done = subprocess.run([program, *shlex.split(command[len(PREFIX):], comments=True)],
                          cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{page}: {command}: {done.stderr}"
    assert done.stdout


def test_pages_show_commands():
    """The search finds what the README shows."""
    assert len([page for page, _ in documented() if page == "README.md"]) == 12


def test_targets_exist():
    """Every make target that a page names is in the Makefile."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {name for page in PAGES
             for line in re.findall(r"^make ([a-z -]+)$|`make ([a-z -]+)`",
                                    page.read_text(encoding="utf-8"), re.MULTILINE)
             for name in " ".join(line).split()}
    assert named and named <= targets
