import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "bench" / "encode.py"


def test_small_run():
    run = subprocess.run([sys.executable, SCRIPT, "--size", "100", "--repeat", "1", "--seed", "5",
                          "--density", "0.3"],
                         capture_output=True, text=True, check=True, timeout=60)
    result = json.loads(run.stdout)
    assert result["shape"] == [100, 100] and result["seed"] == 5
    assert .25 < result["density"] < .35
    names = {"nonzero", "encode_A", "encode_B", "decode_A", "decode_B"}
    assert result["seconds"].keys() == result["peak_memory_over_matrix"].keys() == names
    assert all(seconds > 0 for seconds in result["seconds"].values())
    assert all(name in run.stderr for name in names)


def test_memory_bound():
    """The bound of the goal on a matrix that is much larger than the blocks it is cut into."""
    run = subprocess.run([sys.executable, SCRIPT, "--size", "2048", "--repeat", "1",
                          "--density", "1"],
                         capture_output=True, text=True, check=True, timeout=60)
    peak = json.loads(run.stdout)["peak_memory_over_matrix"]
    assert max(peak["encode_A"], peak["encode_B"]) <= 4
