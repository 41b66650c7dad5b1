"""Running commands as a user does."""

import pytest

from dstc_sim.cli import main


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    """Run a command in an empty folder: its exit code, output and errors."""
    monkeypatch.chdir(tmp_path)
    # Wide enough that nothing is wrapped.
    monkeypatch.setenv("COLUMNS", "300")

    def run(*words):
        code = main([str(word) for word in words])
        return code, *capsys.readouterr()
    return run


@pytest.fixture
def refused(run, tmp_path):
    """Run a command that must refuse its input: one sentence, code 2, nothing written."""
    def refused(*words):
        before = sorted(tmp_path.rglob("*"))
        code, out, err = run(*words)
        assert (code, out) == (2, "")
        assert err.startswith("dstc: ") and err.endswith("\n") and err.count("\n") == 1
        assert sorted(tmp_path.rglob("*")) == before
        return err.removeprefix("dstc: ").rstrip("\n")
    return refused
