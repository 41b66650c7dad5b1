"""Every command that a page shows as a block of shell runs as it stands there, or is known to be
run elsewhere."""

import json
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
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("**/*.md")),
         *(ROOT / name / "README.md" for name in ("tb", "formal"))]
PREFIX = ".venv/bin/dstc "
PYTEST = ".venv/bin/python -m pytest "
HERE = {f"{PYTEST}tests/hdl/test_ticket_counter.py"}
"""Tests that a page shows and that are quick enough to run once more."""
ELSEWHERE = {
    "sh build/bundle/tiny/run.sh": "tests/sim/cli/test_bundle.py runs it",
    ".venv/bin/python -m formal --quick": "tests/formal proves the same",
    ".venv/bin/pip install -e '.[serial]'": "the extra is checked below",
    "openFPGALoader -b ulx3s build/fpga/ulx3s-85f/top.bit": "needs the board",
}
"""Commands that no test runs as they stand, and why not."""


def shell_lines():
    """Page and line, comments left out, of every block of shell."""
    for page in PAGES:
        for block in re.findall(r"```sh\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
            for line in block.splitlines():
                yield page.relative_to(ROOT).as_posix(), re.sub(r"\s+#.*", "", line)


def documented():
    """Page and command of dstc, each command where it comes first."""
    seen = set()
    for page, line in shell_lines():
        if line.startswith(PREFIX) and line not in seen:
            seen.add(line)
            yield page, line


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
    (tmp_path / "profile.json").write_text(json.dumps({
        "config": {"name": "paper"}, "file": "model.onnx", "layers": [
            {"name": "conv", "density": {"a": .5, "b": .25}, "ohmma": {"dense": 64, "dual": 16}}]}),
        encoding="ascii")
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
    assert len([page for page, _ in documented() if page == "README.md"]) == 13


def test_every_line_is_known():
    """A line is a command of dstc, a target, a test, or listed with a reason; nothing is listed
    that no page shows."""
    lines = {line for _, line in shell_lines()}
    others = {line for line in lines if not line.startswith((PREFIX, PYTEST, "make "))}
    assert others == set(ELSEWHERE)
    assert lines >= HERE
    extras = re.findall(r"^([a-z]+) = \[$", (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert "serial" in extras


def test_targets_exist():
    """Every make target that a page names is in the Makefile."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {word for _, line in shell_lines() if line.startswith("make ")
             for word in shlex.split(line)[1:] if "=" not in word}
    named |= {name for page in PAGES
              for line in re.findall(r"`make ([a-z -]+)[`A-Z]", page.read_text(encoding="utf-8"))
              for name in line.split()}
    assert {"run", "test", "site", "report"} <= named <= targets


def test_named_tests_exist():
    """What a page gives to pytest is there; a name after -k is part of a bench's."""
    from tb.test_benches import CASES

    for page, line in shell_lines():
        if line.startswith(PYTEST):
            words = shlex.split(line.removeprefix(PYTEST))
            assert (ROOT / words[0]).exists(), (page, line)
            if "-k" in words:
                wanted = words[words.index("-k") + 1]
                assert words[0] == "tb" and any(wanted in case.name for case in CASES), (page, line)


@pytest.mark.parametrize("command", sorted(HERE))
def test_quick_tests(command):
    """Tests that a page shows pass on their own."""
    done = subprocess.run([sys.executable, *shlex.split(command)[1:]], cwd=ROOT,
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_code_of_pages():
    """Code under a comment with the name of a file is in that file as it stands on the page."""
    found = 0
    for page in sorted((ROOT / "docs").glob("**/*.md")):
        for name, code in re.findall(r"```python\n# (\S+\.py)\n(.*?)```",
                                     page.read_text(encoding="utf-8"), re.DOTALL):
            assert code in (ROOT / name).read_text(encoding="utf-8"), (page.name, name)
            found += 1
    assert found >= 5
