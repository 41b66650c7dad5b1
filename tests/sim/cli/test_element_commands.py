"""Commands with the element formats that numpy does not have."""

import json

import ml_dtypes
import numpy as np
import pytest

from dstc.config import CONFIGS
from dstc.formats import encode, load, save

# 300 and 0.1 as each format has them, worked out by hand, and how many of them are rounded.
HELD = {
    "paper-bf16": (300.0, 205 / 2048, 1),
    "paper-fp8-e4m3": (288.0, 13 / 128, 2),
    "paper-fp8-e5m2": (320.0, 3 / 32, 2),
}


@pytest.fixture
def report(run):
    """Run a command with ``--json``; the report."""
    def report(*words):
        code, out, err = run(*words, "--json")
        assert (code, err) == (0, "")
        return json.loads(out)
    return report


@pytest.fixture
def files(tmp_path):
    """a.npy with 1, 300, 0.1 and -0, and b.npy, the identity, both float64."""
    np.save(tmp_path / "a.npy", np.array([[1, 300], [0.1, -0.0]]))
    np.save(tmp_path / "b.npy", np.eye(2))


@pytest.mark.parametrize("config", HELD)
def test_gemm_from_files(report, files, tmp_path, config):
    got = report("gemm", "a.npy", "b.npy", "--config", config, "-o", "d.npy")
    large, small, rounded = HELD[config]
    assert got["bit_exact"] and got["rounded"] == {"a": rounded, "b": 0, "c": 0}
    assert got["density"] == {"a": 0.75, "b": 0.5}
    result = np.load(tmp_path / "d.npy")
    assert result.dtype == np.float32
    assert result.tolist() == [[1, large], [np.float32(small), 0]]


@pytest.mark.parametrize("config", HELD)
def test_gemm_from_containers(report, files, tmp_path, config):
    """Encoded, told about, and multiplied: the values are those of the file."""
    element = CONFIGS[config].element
    encoded = report("encode", "a.npy", "--side", "A", "--config", config, "-o", "a.dstc")
    assert (encoded["element"], encoded["nnz"], encoded["rounded"]) == (element, 3, HELD[config][2])
    told = report("info", "a.dstc")
    assert told["element"] == element and config in told["configurations"]
    values = load(tmp_path / "a.dstc").values
    assert values.dtype == CONFIGS[config].format.dtype
    assert values.astype(float).tolist() == [1, HELD[config][1], HELD[config][0]]
    got = report("gemm", "a.dstc", "b.npy", "--config", config, "-o", "d.npy")
    assert got["rounded"] == {"a": 0, "b": 0, "c": 0}
    assert np.load(tmp_path / "d.npy").tolist() == [[1, HELD[config][0]], [HELD[config][1], 0]]
    # What no other format rounds is the same on another core.
    assert report("gemm", "a.dstc", "b.npy", "--config", "paper-bf16")["rounded"]["a"] == 0


@pytest.mark.parametrize("config", HELD)
def test_random_operands(report, config):
    got = report("gemm", "--shape", "40x35x50", "--config", config, "--random-c")
    assert got["bit_exact"] and 0.4 < got["density"]["a"] < 0.6


def test_signalling_nan_and_both_zeros(report, tmp_path):
    """Nothing is said about a NaN, and -0 is not stored."""
    codes = np.array([[0x7F81, 0x0000], [0x8000, 0x3F80]], np.uint16).view(ml_dtypes.bfloat16)
    save(tmp_path / "a.dstc", encode(codes, "A", CONFIGS["paper-bf16"]))
    np.save(tmp_path / "b.npy", np.array([[0, np.inf], [1, 2]], np.float32))
    got = report("gemm", "a.dstc", "b.npy", "--config", "paper-bf16", "-o", "d.npy")
    assert got["density"] == {"a": 0.5, "b": 0.75}
    assert np.load(tmp_path / "d.npy").view(np.uint32).tolist() == [
        [0, 0x7FC00000], [0x3F800000, 0x40000000]]
    assert report("info", "a.dstc")["nnz"] == 2


def test_overflow_is_told(report, tmp_path):
    np.save(tmp_path / "a.npy", np.array([[464, 465, -1e9, 448]]))
    got = report("encode", "a.npy", "--side", "A", "--config", "paper-fp8-e4m3", "-o", "a.dstc")
    assert got["rounded"] == 3
    values = load(tmp_path / "a.dstc").values
    assert np.isnan(values).tolist() == [False, True, True, False]
    assert values[[0, 3]].astype(float).tolist() == [448, 448]


@pytest.mark.parametrize("dtype, shown", [
    (ml_dtypes.bfloat16, "|V2"), (ml_dtypes.float8_e4m3fn, "|V1"), (ml_dtypes.float8_e5m2, "<f1"),
])
@pytest.mark.parametrize("name", ["a.npy", "a.npz"])
def test_arrays_without_a_type(refused, tmp_path, dtype, shown, name):
    """numpy writes these types without their names, so what the bytes are is not known."""
    (np.save if name == "a.npy" else np.savez)(tmp_path / name, np.ones((2, 2), dtype))
    np.save(tmp_path / "b.npy", np.eye(2))
    kind = "NumPy array" if name == "a.npy" else "NumPy archive"
    assert refused("gemm", name, "b.npy", "--config", "paper-bf16") == (
        f"File {name} must be a valid {kind}: values must be of a type that the file names, not "
        f"{shown}; bfloat16 and 8-bit floats have to be saved as float32")
