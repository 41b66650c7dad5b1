"""``dstc verilog --bundle``: a folder that checks itself without Python."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

# All that run.sh may find; no Python among it.
TOOLS = ("sh", "cat", "cmp", "grep", "iverilog", "vvp")


@pytest.fixture(scope="session")
def bare_path(tmp_path_factory):
    """A folder with the few programs that run.sh needs."""
    folder = tmp_path_factory.mktemp("bin")
    for name in TOOLS:
        (folder / name).symlink_to(shutil.which(name))
    return folder


@pytest.fixture
def check(bare_path):
    """Run run.sh of a bundle with nothing else on the path: exit code and output."""
    def check(folder):
        assert shutil.which("python3", path=bare_path) is None
        done = subprocess.run([bare_path / "sh", "run.sh"], cwd=folder, check=False, text=True,
                              env={"PATH": str(bare_path)}, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        return done.returncode, done.stdout
    return check


def change(path, pattern, replacement):
    """Change exactly one place of a file."""
    text, count = re.subn(pattern, replacement, path.read_text(encoding="ascii"), count=1,
                          flags=re.M)
    assert count == 1
    path.write_text(text, encoding="ascii")


def flip(match):
    """A hexadecimal digit with its lowest bit changed."""
    return f"{match[1]}{int(match[2], 16) ^ 1:x}"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Bundles of ``tiny``, made once."""
    from dstc_sim.cli import main

    def make(unit, *words):
        folder = tmp_path_factory.mktemp("bundles") / unit
        assert main(["verilog", "--config", "tiny", "--bundle", "--unit", unit, *words,
                     "-o", str(folder)]) == 0
        return folder
    return {unit: make(unit) for unit in ("core", "stream_core")}


@pytest.fixture
def copy(made, tmp_path):
    """A copy of a bundle to spoil."""
    return lambda unit: Path(shutil.copytree(made[unit], tmp_path / unit))


@pytest.mark.parametrize("unit", ["core", "stream_core"])
def test_bare_core_passes(made, check, unit):
    code, out = check(made[unit])
    assert (code, out.splitlines()[-1]) == (0, "PASS")


@pytest.mark.parametrize("unit", ["core", "stream_core"])
def test_bare_core_fails_with_one_bit_of_the_verilog(copy, check, unit):
    folder = copy(unit)
    # A bit of the product of two significands.
    change(folder / f"dstc_{unit}.v", r"(assign high = .* \* .*);$", r"\1 ^ 1024;")
    code, out = check(folder)
    assert (code, out.splitlines()[-1]) == (1, "FAIL")


@pytest.mark.parametrize("unit", ["core", "stream_core"])
def test_bare_core_fails_with_one_bit_of_the_expectation(copy, check, unit):
    folder = copy(unit)
    change(folder / "expected.hex", r"\A((?:.*\n){4}.{9})(\w)", flip)
    code, out = check(folder)
    assert (code, out.splitlines()[-1]) == (1, "FAIL")
