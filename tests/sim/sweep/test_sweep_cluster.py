"""A sweep on a Dask cluster of two workers gives what it gives here, also when one is ended."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from distributed import Client

from dstc_sim.cli import main

WORDS = ("sweep", "--base", "tiny", "--vary", "collector_entries=2,4,6,8,99",
         "--vary", "adder_latency=1,2", "--shape", "320x320x128", "--density", "0.6x0.6,1x0.4",
         "--pattern", "iid,clustered", "--area", "none", "--json")
TASKS = 32
DSTC, DASK = (str(Path(sys.executable).with_name(name)) for name in ("dstc", "dask"))
PATIENCE = 300


@pytest.fixture
def start(tmp_path):
    """Starts a Dask process beside a scheduler's file; gives the process."""
    processes = []

    def start(*words):
        with (tmp_path / f"{len(processes)}.log").open("w") as log:
            processes.append(subprocess.Popen(
                [DASK, *words, "--no-dashboard", "--scheduler-file", "scheduler.json"],
                stdout=log, stderr=log, cwd=tmp_path))
        return processes[-1]

    start.processes = processes
    yield start
    for process in reversed(processes):
        process.kill()
        process.wait()


@pytest.fixture
def address(start, tmp_path):
    """Of a scheduler on this machine."""
    start("scheduler", "--host", "127.0.0.1", "--port", "0")
    _wait((tmp_path / "scheduler.json").exists)
    return json.loads((tmp_path / "scheduler.json").read_text())["address"]


def _wait(true):
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def _sweep(store, address):
    """The command, started."""
    return subprocess.Popen([DSTC, *WORDS, "--store", str(store), "--scheduler", address],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=store.parent)


def test_a_cluster_that_loses_a_worker(start, address, tmp_path, capsys):
    there, here = tmp_path / "there", tmp_path / "here"
    started = {name: start("worker", "--no-nanny", "--nthreads", "1", "--name", name,
                           "--local-directory", str(tmp_path)) for name in ("first", "second")}
    with Client(address, set_as_default=False) as client:
        client.wait_for_workers(2, timeout=PATIENCE)
        places = {place: started[worker["name"]]
                  for place, worker in client.scheduler_info()["workers"].items()}
        sweep = _sweep(there, address)
        try:
            _wait(lambda: there.is_dir() and len(list(there.glob("*.json"))) >= 4)
            victim = next(places[place] for place, keys in client.processing().items() if keys)
            victim.send_signal(signal.SIGKILL)
            assert len(list(there.glob("*.json"))) < TASKS
            out, err = sweep.communicate(timeout=PATIENCE)
        finally:
            sweep.kill()
            sweep.wait()
    assert victim.wait(PATIENCE) == -signal.SIGKILL
    assert [worker.poll() for worker in places.values() if worker is not victim] == [None]
    assert (sweep.returncode, err) == (0, b"")
    assert main([*WORDS, "--store", str(here), "--jobs", "2"]) == 0
    local = capsys.readouterr().out.encode()
    assert out == local
    report = json.loads(local)
    assert len(report["points"]) == TASKS and report["failed"] == []
    assert len(report["refused"]) == 2
    kept = {path.name: path.read_bytes() for path in here.iterdir()}
    assert {path.name: path.read_bytes() for path in there.iterdir()} == kept
    assert len(kept) == TASKS


def test_a_scheduler_that_is_lost(start, address, tmp_path):
    """One sentence; what was finished is kept."""
    start("worker", "--no-nanny", "--nthreads", "1", "--local-directory", str(tmp_path))
    store = tmp_path / "store"
    sweep = _sweep(store, address)
    try:
        _wait(lambda: store.is_dir() and len(list(store.glob("*.json"))) >= 2)
        start.processes[0].kill()
        out, err = sweep.communicate(timeout=PATIENCE)
    finally:
        sweep.kill()
        sweep.wait()
    assert (sweep.returncode, out) == (2, b"")
    assert err.decode() == (
        f"dstc: Scheduler must stay until all tasks are done, which {address} did not; the same "
        "command goes on with what is missing\n")
    assert 2 <= len(list(store.glob("*.json"))) < TASKS


def refusal(capsys, address):
    assert main([*WORDS, "--store", "unused", "--scheduler", address]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    return err


def test_a_scheduler_without_workers(address, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("dstc_sim.sweep.run.ANSWER_SECONDS", 1)
    assert refusal(capsys, address) == (
        f"dstc: Scheduler must have a worker within 1 s, which {address} has not\n")


@pytest.mark.parametrize("nowhere", ["tcp://127.0.0.1:1", "here", "gopher://127.0.0.1:1"])
def test_no_scheduler(nowhere, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("dstc_sim.sweep.run.ANSWER_SECONDS", 1)
    assert refusal(capsys, nowhere).startswith(
        f"dstc: Scheduler must be the address of a Dask scheduler that answers, not {nowhere} (")
