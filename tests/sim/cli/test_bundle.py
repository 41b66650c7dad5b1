"""``dstc verilog --bundle``: a folder that checks itself without Python."""

import json
import os
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
    def check(folder, *vectors):
        assert shutil.which("python3", path=bare_path) is None
        done = subprocess.run([bare_path / "sh", "run.sh", *vectors], cwd=folder, check=False,
                              env={"PATH": str(bare_path)}, text=True, stdout=subprocess.PIPE,
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
    return {unit: make(unit) for unit in ("accelerator", "core", "stream_core")}


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


def test_accelerator_passes(made, check):
    """Every vector, without and with waits: all that the folder promises."""
    code, out = check(made["accelerator"])
    assert code == 0
    lines = out.splitlines()
    assert lines[-1] == "PASS" and len(lines) == 7
    assert [line.split()[:2] for line in lines[:-1:2]] == [
        ["pass:", "gemm"], ["pass:", "ring"], ["pass:", "chain"]]


@pytest.mark.parametrize("vectors, file, pattern, replacement, why", [
    # A bit of the product of two significands.
    ("gemm", "dstc_accelerator.v", r"(assign high = .* \* .*);$", r"\1 ^ 1024;",
     "FAIL: results differ"),
    ("gemm", "dstc_accelerator.v", r"(assign m_axi_arburst = 2'h)1;$", r"\g<1>2;",
     "FAIL: a rule of AXI4 was broken"),
    # The interrupt hangs.
    ("ring", "dstc_accelerator.v", r"^(  assign irq = ).*;$", r"\g<1>1'h1;",
     "FAIL: irq must be low"),
    # An expected directory entry.
    ("chain", "vectors/chain/expected.hex", r"(directory of result conv3x3(?:.*\n){2}.{31})(\w)",
     flip, "FAIL: results differ"),
    # The magic of a job: the device has to say so.
    ("ring", "vectors/ring/memory.hex", r"(: job\n@0\n.{31})(\w)", flip,
     "FAIL: a register has another value"),
])
def test_accelerator_fails(copy, check, vectors, file, pattern, replacement, why):
    folder = copy("accelerator")
    change(folder / file, pattern, replacement)
    change(folder / "parameters.vh", r"(LIMIT = )\d+;", r"\g<1>3000;")
    code, out = check(folder, vectors)
    assert (code, out.splitlines()[-1]) == (1, "FAIL")
    assert why in out.splitlines()


def test_same_bytes_twice_and_other_vectors_of_another_seed(made, run):
    texts = {}
    for seed, folder in ((0, "same"), (1, "other")):
        code, out, _ = run("verilog", "--config", "tiny", "--bundle", "--seed", seed, "-o", folder,
                           "--json")
        assert code == 0
        texts[folder] = {Path(name).relative_to(folder): Path(name).read_bytes()
                         for name in json.loads(out)["files"]}
    first = made["accelerator"]
    assert all((first / name).read_bytes() == text for name, text in texts["same"].items())
    assert {str(name) for name in texts["same"]
            if texts["same"][name] != texts["other"][name]} >= {
        f"vectors/{name}/{file}.hex" for name in ("gemm", "ring", "chain")
        for file in ("memory", "expected")}
    assert os.access(first / "run.sh", os.X_OK)


def test_documents_name_every_port_and_register(made):
    folder = made["accelerator"]
    manifest = json.loads((folder / "dstc_accelerator.json").read_text(encoding="ascii"))
    readme = (folder / "README.txt").read_text(encoding="ascii")
    bench = (folder / "bench.v").read_text(encoding="ascii")
    assert manifest["ports"][0]["name"] == "clk" and len(manifest["ports"]) > 40
    for port in manifest["ports"]:
        assert re.search(rf"^  {port['direction']} +{port['width']}  {port['name']}$", readme,
                         re.M)
        assert f".{port['name']}({port['name']})" in readme
        assert f".{port['name']}(" in bench
    registers = json.loads((folder / "registers.json").read_text(encoding="ascii"))["registers"]
    offsets = {each["offset"] for each in registers}
    assert len(offsets) == len(registers)
    header = (folder / "dstc_accelerator.h").read_text(encoding="ascii")
    for each in registers:
        if not each["name"].startswith("CORE"):
            assert f"#define DSTC_REG_{each['name']} {each['offset']:#05x}u\n" in header
    for script in (folder / "vectors").glob("*/script.hex"):
        accesses = re.findall(r"^[123] (\w{3}) ", script.read_text(encoding="ascii"), re.M)
        assert len(accesses) > 20 and {int(offset, 16) for offset in accesses} <= offsets


@pytest.mark.parametrize("words, message", [
    (["--unit", "conv_core", "--bundle"],
     "Unit of a bundle must be one of accelerator, core, stream_core, not 'conv_core'"),
    (["--cores", "2"], "Option --cores must be given with --unit accelerator, not core"),
    (["--port", "64", "--bundle", "--unit", "stream_core"],
     "Option --port must be given with --unit accelerator, not stream_core"),
    (["--bundle", "--port", "32"], "Accelerator data_bits must be 64 or 128, not 32"),
    (["--bundle", "--cores", "5"], "Accelerator cores must be from 1 to 4, not 5"),
    (["--unit", "accelerator", "--address-bits", "31"],
     "Accelerator address_bits must be from 32 to 48, not 31"),
])
def test_refusals(refused, words, message):
    assert refused("verilog", "--config", "tiny", *words) == message


@pytest.mark.parametrize("age", ["2001", "2012"])
def test_bench_compiles_in_every_generation_of_the_language(made, age):
    """Words that were free in 2001 are keywords of SystemVerilog."""
    done = subprocess.run(["iverilog", f"-g{age}", "-t", "null", "bench.v", "axi4_memory.v",
                           "dstc_accelerator.v"], cwd=made["accelerator"], check=False,
                          capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
