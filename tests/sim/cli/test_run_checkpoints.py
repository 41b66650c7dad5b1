"""``dstc run`` that is interrupted: the same command continues."""

import json
import signal
import subprocess
import sys

import numpy as np
import pytest
from small_network import TINY

from dstc_sim.netrun.solver import Solver


@pytest.mark.parametrize("folder", [(), ("--checkpoint", "point")])
def test_interrupted_run_continues(run, report, net, tmp_path, monkeypatch, folder):
    """Ctrl-C in the second sample's second layer: only what is missing is computed."""
    words = ("model.onnx", "--input", "x.npy", "--samples", 3, *TINY, *folder)
    whole = report(*words, "-o", "whole.npz")
    right, calls = Solver.solve, []

    def solve(*arguments):
        calls.append(1)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return right(*arguments)
    monkeypatch.setattr(Solver, "solve", solve)
    code, out, err = run("run", *words, "-o", "part.npz")
    assert (code, out) == (130, "")
    assert err == "dstc: interrupted; the same command continues after the last finished layer\n"
    assert not (tmp_path / "part.npz").exists()

    calls[:] = [0] * 10
    rest = report(*words, "-o", "rest.npz")
    assert len(calls) - 10 == 9 - 4 and rest["resumed"] == 4
    assert rest["layers"] == whole["layers"] and rest["output"] == whole["output"]
    np.testing.assert_array_equal(np.load(tmp_path / "rest.npz")["y"],
                                  np.load(tmp_path / "whole.npz")["y"])
    assert not (tmp_path / "point").exists()
    assert report(*words)["resumed"] == 0


def test_checkpoint_of_another_run(run, refused, net, tmp_path, monkeypatch):
    right, calls = Solver.solve, []

    def interrupt(*arguments):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return right(*arguments)
    with monkeypatch.context() as patch:
        patch.setattr(Solver, "solve", interrupt)
        assert run("run", "model.onnx", "--input", "x.npy", *TINY, "--checkpoint", "p")[0] == 130
    for words in (("--samples", 2, *TINY), ("--engine", "golden", *TINY), ("--config", "small"),
                  ("--seed", 1, *TINY), ("--rtl-tiles", 1, *TINY)):
        assert refused("run", "model.onnx", "--input", "x.npy", *words, "--checkpoint", "p") == (
            "Checkpoint p must be that of the same model, inputs and options, not of another run")
    assert run("run", "model.onnx", "--input", "x.npy", *TINY, "--checkpoint", "p")[0] == 0


# The command, which waits in the second layer of the third sample until a signal comes.
# A shell starts what it puts in the background, perhaps this test, with the interrupt ignored.
WAITING = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
from dstc_sim.cli import main
from dstc_sim.netrun.solver import Solver
right, calls = Solver.solve, []
def solve(*arguments):
    calls.append(1)
    if len(calls) == 8:
        print("waiting", file=sys.stderr, flush=True)
        time.sleep(600)
    return right(*arguments)
Solver.solve = solve
sys.exit(main())
"""


def test_killed_run_continues(net, tmp_path, run):
    """A real process, a real signal: the checkpoint it leaves serves the next one."""
    words = ["run", "model.onnx", "--input", "x.npy", *TINY, "--engine", "golden",
             "--checkpoint", "point", "--json"]
    process = subprocess.Popen([sys.executable, "-c", WAITING, *words], cwd=tmp_path,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr.readline() == "waiting\n"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert err == "dstc: interrupted; the same command continues after the last finished layer\n"
    assert len(list(tmp_path.glob("point/sample-*.json"))) == 2
    code, out, _ = run(*words)
    found = json.loads(out)
    assert code == 0 and found["samples"] == len(net[0]) and found["resumed"] == 7
