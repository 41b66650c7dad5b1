"""``dstc verilog``: files that a plain Verilog simulator can run."""

import hashlib
import json
import re
import subprocess

import pytest


def test_files_and_report(run, tmp_path):
    code, out, err = run("verilog", "--config", "tiny", "-o", "made/here", "--json")
    assert (code, err) == (0, "")
    report = json.loads(out)
    assert (report["config"], report["unit"], report["top"]) == ("tiny", "core", "dstc_core")
    text = (tmp_path / "made/here/dstc_core.v").read_bytes()
    manifest = json.loads((tmp_path / "made/here/dstc_core.json").read_text())
    assert report["sha256"] == manifest["verilog"]["sha256"] == hashlib.sha256(text).hexdigest()
    assert sorted(report["files"]) == sorted(
        str(path.relative_to(tmp_path)) for path in (tmp_path / "made/here").iterdir())
    assert report["lines"] == text.count(b"\n")


@pytest.mark.parametrize("seed", [0, 5])
def test_bench_computes_the_expected_output_in_icarus(run, tmp_path, seed):
    assert run("verilog", "--config", "tiny", "-o", ".", "--seed", seed)[0] == 0
    subprocess.run(["iverilog", "-g2005", "-o", "run", "bench.v", "dstc_core.v"], check=True,
                   cwd=tmp_path)
    subprocess.run(["./run"], check=True, cwd=tmp_path, stdout=subprocess.DEVNULL)
    expected = (tmp_path / "expected.hex").read_text()
    assert (tmp_path / "d.hex").read_text() == expected
    assert len(set(expected.split())) > 10
    assert (tmp_path / "end.txt").read_text().startswith("outcome stopped\n")


def test_same_files_twice(run, tmp_path):
    for folder in ("one", "two"):
        assert run("verilog", "--config", "tiny", "-o", folder)[0] == 0
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


def test_summary_names_the_files(run):
    code, out, _ = run("verilog", "--config", "tiny", "-o", "made")
    assert code == 0
    assert out.startswith("tiny: module dstc_core, ")
    assert "made/dstc_core.v" in out and "made/bench.v" in out


@pytest.mark.parametrize("words, message", [
    (["--config", "huge"], r"Configuration must be one of paper, .*, not 'huge'"),
    (["--unit", "corn"], r"Unit must be one of core.*, not 'corn'"),
])
def test_refusals(refused, words, message):
    assert re.fullmatch(message, refused("verilog", *words))


def test_output_that_is_a_file(refused, tmp_path):
    (tmp_path / "taken").write_text("")
    assert refused("verilog", "--config", "tiny", "-o", "taken") == (
        "Output must be a folder, not the file taken")
