"""Every dstc command that a page shows as a block of shell runs as it stands there."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

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
    """The files that the pages speak of: pruned weights and activations that fit them."""
    rng = np.random.default_rng(3)
    mask = rng.random((24, 40)) < 0.3
    offsets = np.concatenate([[0], np.cumsum(mask.sum(1))])
    lines = [f"24, 40, {mask.sum()}", " ".join(map(str, offsets)),
             " ".join(map(str, np.nonzero(mask)[1]))]
    (tmp_path / "weights.smtx").write_text("\n".join(lines) + "\n", encoding="ascii")
    values = np.maximum(rng.standard_normal((40, 18)), 0)
    np.save(tmp_path / "activations.npy", values.astype(np.float16))
    return tmp_path


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
    assert len([page for page, _ in documented() if page == "README.md"]) == 7


def test_targets_exist():
    """Every make target that a page names is in the Makefile."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {name for page in PAGES
             for line in re.findall(r"^make ([a-z -]+)$|`make ([a-z -]+)`",
                                    page.read_text(encoding="utf-8"), re.MULTILINE)
             for name in " ".join(line).split()}
    assert named and named <= targets
