"""A sweep's results: right figures, kept at once, found again, made again when damaged."""

import ast
import contextlib
import json
import signal
from concurrent.futures import Executor, Future
from pathlib import Path

import pytest

from dstc.config import get_config
from dstc.errors import DstcError
from dstc.formats import encode
from dstc_sim.cyclemodel import core as core_module
from dstc_sim.cyclemodel.sampling import estimate_cycles
from dstc_sim.sweep import Store, sweep
from dstc_sim.sweep import task as task_module
from dstc_sim.sweep.pareto import front
from dstc_sim.sweep.run import processes
from dstc_sim.sweep.space import make_space
from dstc_sim.sweep.task import Task, model_version, run_task

SPACE = {"base": "tiny", "vary": {"collector_entries": [2, 4]},
         "workload": [{"shape": "16x16x16", "density": ["0.5x0.25", "1x1"]}]}


class Here(Executor):
    """Runs tasks in this process; may stop working after some."""

    def __init__(self, limit=None):
        self.ran, self.limit = [], limit

    def submit(self, function, task):
        future = Future()
        if len(self.ran) == self.limit:
            future.set_exception(KeyboardInterrupt())
            return future
        self.ran.append((task.config.name, task.workload.name))
        try:
            future.set_result(function(task))
        except DstcError as error:
            future.set_exception(error)
        return future


@pytest.fixture
def space(tmp_path):
    return make_space(SPACE, tmp_path)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def run(space, store, executor, area=lambda config: None):
    said = []
    report = sweep(space, store, lambda: contextlib.nullcontext(executor), area, said.append)
    return report, said


def tasks(space):
    return [Task(config=config, workload=workload, mode=space.mode, sample=space.sample,
                 version=model_version())
            for config in space.configs for workload in space.workloads]


def test_points_in_the_order_of_the_space(space, store):
    report, said = run(space, store, Here())
    assert said == [] and report["failed"] == [] and report["refused"] == []
    assert [(point["config"], point["workload"]) for point in report["points"]] == [
        (config, workload) for config in ("tiny-collector_entries-2", "tiny")
        for workload in ("16x16x16 0.5x0.25", "16x16x16 1x1")]
    for point in report["points"]:
        # 2 x 2 x 4 tiles, 4 k-steps each, 4 x 2 groups.
        assert point["dense_cycles"] == 512
        assert sum(point["bins"].values()) == point["cycles"] == point["low"] == point["high"]
    dense = [point for point in report["points"] if point["workload"].endswith("1x1")]
    assert all(point["ohmma"] == 512 and point["products"] == 4096 for point in dense)
    first = report["configs"][0]
    both = [point["cycles"] for point in report["points"][:2]]
    assert first["cycles"] == pytest.approx((both[0] * both[1]) ** .5, rel=1e-4)
    json.dumps(report, allow_nan=False)


def test_a_second_run_does_only_what_is_missing(space, store):
    first, _ = run(space, store, Here())
    for task in tasks(space)[1:3]:
        store.path(task).unlink()
    again = Here()
    assert run(space, store, again) == (first, [])
    assert again.ran == [("tiny-collector_entries-2", "16x16x16 1x1"),
                         ("tiny", "16x16x16 0.5x0.25")]
    assert run(space, store, None) == (first, [])


def test_what_was_finished_before_an_interruption_is_kept(space, store):
    with pytest.raises(KeyboardInterrupt):
        run(space, store, Here(limit=3))
    rest = Here()
    run(space, store, rest)
    assert len(rest.ran) == 1


def test_a_lost_process():
    """Somebody ends a worker process: one sentence."""
    with (pytest.raises(DstcError, match=r"^Worker process must end its task, not be ended; the "
                                         r"same command goes on with what is missing$"),
          processes(1) as pool):
        pool.submit(signal.raise_signal, signal.SIGKILL).result()


def test_no_processes():
    with (pytest.raises(DstcError, match=r"^Number of processes must be positive, not 0$"),
          processes(0)):
        pass


@pytest.mark.parametrize("damage, sentence", [
    (lambda text: text[:len(text) // 2], "a whole file of a sweep, not a damaged or foreign one"),
    (lambda text: b"", "a whole file of a sweep, not a damaged or foreign one"),
    (lambda text: b"\xff\x00", "a whole file of a sweep, not a damaged or foreign one"),
    (lambda text: b"[]", "a whole file of a sweep, not a damaged or foreign one"),
    (lambda text: b"[" * 100_000, "a whole file of a sweep, not a damaged or foreign one"),
    (lambda text: text.replace(b'"cycles": ', b'"cycles": 1'),
     "a whole file of a sweep, not a damaged or foreign one"),
    (None, "that of its name, not of another task"),
])
def test_a_damaged_result_is_made_again(space, store, damage, sentence):
    first, _ = run(space, store, Here())
    path, other = (store.path(task) for task in tasks(space)[1:3])
    whole = path.read_bytes()
    path.write_bytes(damage(whole) if damage else other.read_bytes())
    again = Here()
    report, said = run(space, store, again)
    assert report == first and len(again.ran) == 1 and path.read_bytes() == whole
    assert said == [f"Result {path} must be {sentence}; it is made again"]


def test_other_files_are_left_alone(space, store):
    path = store.path(tasks(space)[0]).with_name("notes.json")
    path.parent.mkdir()
    path.write_text("mine")
    _, said = run(space, store, Here())
    assert path.read_text() == "mine" and said == []
    assert len(list(path.parent.iterdir())) == 5


def test_a_store_that_is_a_file(tmp_path):
    (tmp_path / "x").write_text("")
    with pytest.raises(DstcError, match=r"^Store must be a folder, not the file .*/x$"):
        Store(tmp_path / "x")


def test_the_key_tells_what_decides(space, tmp_path):
    one = tasks(space)[0]
    other = {"configuration": get_config("tiny"), "model": "another"}
    keys = {one.key, *(task.key for task in tasks(space)),
            Task(config=other["configuration"], workload=one.workload, mode="dense", sample=None,
                 version=one.version).key,
            Task(config=one.config, workload=one.workload, mode="sparse", sample=24,
                 version=one.version).key,
            Task(config=one.config, workload=one.workload, mode="sparse", sample=None,
                 version=other["model"]).key}
    assert len(keys) == 7
    renamed = one.config.replace(name="other")
    assert Task(config=renamed, workload=one.workload, mode="sparse", sample=None,
                version=one.version).key == one.key


def test_the_version_knows_what_the_model_takes_from_the_hardware():
    """Every name that the cycle model imports from the HDL is among its constants."""
    taken = set()
    for path in Path(core_module.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("dstc_hdl."):
                module = node.module.removeprefix("dstc_hdl.")
                taken |= {f"{module}.{name.name}" for name in node.names
                          if not module.startswith("emit")}
    assert taken == set(task_module.HARDWARE)


def test_another_model_is_refused(space, store, monkeypatch):
    """A worker of another version answers nothing; the sweep says so and keeps nothing."""
    asked = tasks(space)[0]
    monkeypatch.setattr(task_module, "model_version", lambda: "other")
    with pytest.raises(DstcError, match=f"^Worker must have the cycle model {asked.version} of "
                                        "the one who asks, not other$"):
        run_task(asked)
    report, _ = run(space, store, Here())
    assert len(report["failed"]) == 4 and report["points"] == []
    assert report["failed"][0]["reason"].endswith("not other")
    assert all(row["cycles"] is None for row in report["configs"])
    assert list(store.path(asked).parent.glob("*.json")) == []


def test_sampled_cycles(tmp_path, store):
    space = make_space({"base": "tiny", "sample": 24, "workload": [{"shape": "64x64x32"}]},
                       tmp_path)
    (point,), = [run(space, store, Here())[0]["points"]]
    config = get_config("tiny")
    (a, b), = space.workloads[0].products(config)
    want = estimate_cycles(encode(a, "A", config), encode(b, "B", config), config=config, tiles=24)
    assert (point["cycles"], point["low"], point["high"]) == (want.cycles, want.low, want.high)
    assert want.low < want.high and point["bins"] is None


def test_areas_make_the_front(space, store):
    areas = {"tiny": {"area_um2": 200.0, "fmax_mhz": 100.0},
             "tiny-collector_entries-2": {"area_um2": 100.0, "fmax_mhz": 50.0}}
    report, _ = run(space, store, Here(), lambda config: areas[config.name])
    slow, fast = report["configs"]
    assert report["goal"] == "microseconds" and slow["pareto"] and fast["pareto"]
    assert slow["microseconds"] == slow["cycles"] / 50
    # Without a clock for each, cycles decide.
    areas["tiny"] = {"area_um2": 50.0, "fmax_mhz": None}
    report, _ = run(space, store, Here(), lambda config: areas[config.name])
    slow, fast = report["configs"]
    assert report["goal"] == "cycles" and fast["microseconds"] is None
    assert fast["cycles"] < slow["cycles"] and (slow["pareto"], fast["pareto"]) == (False, True)


def test_front():
    points = [(3, 1), (1, 3), None, (2, 2), (2, 3), (3, 1), (2, 2.5), (4, 1)]
    assert front(points) == [1, 3, 0, 5]
    assert front([None, None]) == front([]) == []
