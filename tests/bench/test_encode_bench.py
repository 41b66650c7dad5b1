import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "bench" / "encode.py"


def measured(tmp_path, *options):
    path = tmp_path / "encode.json"
    run = subprocess.run([sys.executable, SCRIPT, "--repeat", "1", "--json", path, *options],
                         capture_output=True, text=True, check=True, timeout=60)
    return run.stdout, json.loads(path.read_text())


def test_small_run(tmp_path):
    table, result = measured(tmp_path, "--size", "100", "--seed", "5", "--density", "0.3")
    assert result["shape"] == [100, 100] and result["seed"] == 5
    assert .25 < result["density"] < .35
    names = {"nonzero", "encode_A", "encode_B", "decode_A", "decode_B"}
    assert result["seconds"].keys() == result["peak_memory_over_matrix"].keys() == names
    assert all(seconds > 0 for seconds in result["seconds"].values())
    assert all(name in table for name in names)


def test_memory_bound(tmp_path):
    """The bound of the goal on a matrix that is much larger than the blocks it is cut into."""
    _, result = measured(tmp_path, "--size", "2048", "--density", "1")
    peak = result["peak_memory_over_matrix"]
    assert max(peak["encode_A"], peak["encode_B"]) <= 4
