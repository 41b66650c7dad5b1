import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[2] / "bench" / "arith_exhaustive.py"


@pytest.fixture
def bench(monkeypatch):
    """The script as a module, and a function that runs it with options."""
    monkeypatch.setattr(sys, "path", sys.path[:])
    spec = importlib.util.spec_from_file_location("arith_exhaustive", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def run(*options):
        monkeypatch.setattr(sys, "argv", [str(SCRIPT), *map(str, options)])
        return module.main()

    return module, run


def test_a_slice_of_the_products(bench, tmp_path, capsys):
    _, run = bench
    path = tmp_path / "new" / "products.json"
    assert run("products", "--first", "0x3f8", "--last", "0x409", "--json", path) == 0
    result = json.loads(path.read_text())
    assert result["pairs"] == 17 << 16 and result["mismatches"] == 0
    assert (result["first"], result["last"], result["complete"]) == (0x3F8, 0x409, False)
    assert "FpMultiplier, latency 1: 1114112 pairs, 0 wrong" in capsys.readouterr().out


def test_sums(bench, tmp_path):
    _, run = bench
    path = tmp_path / "sums.json"
    assert run("sums", "--pairs", "1", "--seed", "3", "--jobs", "1", "--json", path) == 0
    result = json.loads(path.read_text())
    assert result["pairs"] > 2_000_000 and result["mismatches"] == 0 and result["seed"] == 3
    assert (result["unit"], result["latency"]) == ("Fp32Adder", 3)


def test_wrong_results_are_told(bench, tmp_path, monkeypatch, capsys):
    module, run = bench

    def oracle(a, b):
        return np.where(a == 5, 7, 0).astype(np.uint32)

    monkeypatch.setitem(module.NUMPY, "FpMultiplier", oracle)
    path = tmp_path / "products.json"
    assert run("products", "--first", "5", "--last", "6", "--json", path) == 1
    result = json.loads(path.read_text())
    assert result["mismatches"] == 1 << 16 and len(result["examples"]) == module.SHOWN
    assert result["examples"][1] == {"a": "5", "b": "1", "got": "28a00000", "want": "00000007"}
    assert "5, 1: 28a00000, not 00000007" in capsys.readouterr().out


@pytest.mark.parametrize("options", [
    ["products", "--first", "8", "--last", "8"], ["products", "--last", "65537"],
    ["sums", "--pairs", "0"], ["products", "--jobs", "0"],
])
def test_wrong_options(bench, options, capsys):
    _, run = bench
    with pytest.raises(SystemExit) as stopped:
        run(*options)
    assert stopped.value.code == 2
    assert "must be" in capsys.readouterr().err
