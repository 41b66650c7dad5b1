import importlib.util
import json
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "bench" / "rounding_exhaustive.py"


@pytest.fixture
def bench(monkeypatch, tmp_path):
    """The script as a module, and a function that runs it: exit code and report."""
    monkeypatch.setattr(sys, "path", [str(SCRIPT.parent), *sys.path])
    spec = importlib.util.spec_from_file_location("rounding_exhaustive", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def run(*options):
        file = tmp_path / "new" / "a.json"
        monkeypatch.setattr(sys, "argv", [str(SCRIPT), *options, "--json", str(file)])
        return module.main(), json.loads(file.read_text())

    return module, run


def test_a_slice(bench):
    module, run = bench
    code, report = run("--first", "0x3efff000", "--last", "0x3f801001")
    assert code == 0 and not report["complete"]
    assert list(report["results"]) == list(module.TYPES)
    for result in report["results"].values():
        assert result["numbers"] == 0x802001 and result["examples"] == []
        assert result["numpy_mismatches"] == result["middles_mismatches"] == 0


@pytest.mark.parametrize("oracle", ["numpy", "middles"])
def test_differences_are_told(bench, monkeypatch, capsys, oracle):
    module, run = bench
    right = module.ORACLES[oracle]

    def wrong(name, bits):
        return right(name, bits) ^ (bits == 0x3F800000) if name == "bf16" else right(name, bits)

    monkeypatch.setitem(module.ORACLES, oracle, wrong)
    code, report = run("--first", "0x3f7fffff", "--last", "0x3f800010")
    assert code == 1
    assert report["results"]["bf16"][f"{oracle}_mismatches"] == 1
    assert report["results"]["bf16"]["examples"] == ["3f800000: 3f80, not 3f81"]
    assert report["results"]["fp16"][f"{oracle}_mismatches"] == 0
    assert "  3f800000: 3f80, not 3f81\n" in capsys.readouterr().out


@pytest.mark.parametrize("options", [("--first", "8", "--last", "8"), ("--last", "4294967297")])
def test_wrong_range(bench, options, capsys):
    _, run = bench
    with pytest.raises(SystemExit) as stopped:
        run(*options)
    assert stopped.value.code == 2
    assert "range must be within 0 and 4294967296 and not empty" in capsys.readouterr().err
