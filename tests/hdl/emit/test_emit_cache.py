"""The cache of results: whole entries or none, made once, dropped without harm."""

import multiprocessing
import shutil
import time

import pytest

import dstc_hdl.emit.units as units
from dstc.config import get_config
from dstc_hdl.emit import build_folder, content_key, emit_unit, publish
from dstc_hdl.emit.cache import source_files


@pytest.fixture(autouse=True)
def own_build(tmp_path, monkeypatch):
    monkeypatch.setenv("DSTC_BUILD", str(tmp_path / "build"))


def write_slowly(count_file):
    def make(folder):
        with count_file.open("a") as file:
            file.write("made\n")
        (folder / "part1").write_text("one")
        time.sleep(.2)
        (folder / "part2").write_text("two")
    return make


def enter(count_file):
    place = publish("test", "key", write_slowly(count_file))
    assert sorted(path.name for path in place.iterdir()) == ["part1", "part2"]


def test_made_once_by_many_processes(tmp_path):
    count_file = tmp_path / "count"
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=enter, args=(count_file,)) for _ in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * 6
    assert count_file.read_text() == "made\n"


def test_failure_leaves_no_entry(tmp_path):
    def make(folder):
        (folder / "half").write_text("")
        raise RuntimeError("interrupted")

    with pytest.raises(RuntimeError, match="interrupted"):
        publish("test", "key", make)
    assert [path.name for path in (build_folder() / "cache" / "test").iterdir()] == ["key.lock"]
    enter(tmp_path / "count")


def test_key_depends_on_every_part():
    keys = [content_key(*parts) for parts in [
        ("a", "b"), ("ab", ""), ("a", b"b"), ("a", ["b"]), ({"x": 1, "y": 2},), ({"x": 2},)]]
    assert len(set(keys)) == len(keys)
    assert content_key({"x": 1, "y": 2}) == content_key({"y": 2, "x": 1})


def forbid_elaboration(monkeypatch):
    monkeypatch.setitem(units.UNITS, "core", ("dstc_hdl.core", "ElaboratedAgain"))


def test_second_run_does_not_elaborate(monkeypatch):
    config = get_config("tiny")
    first, folder = emit_unit("core", config)
    forbid_elaboration(monkeypatch)
    assert emit_unit("core", config) == (first, folder)
    with pytest.raises(AttributeError, match="ElaboratedAgain"):
        emit_unit("core", config.replace(slots=3))
    shutil.rmtree(build_folder())
    with pytest.raises(AttributeError, match="ElaboratedAgain"):
        emit_unit("core", config)


def test_changed_source_changes_the_key(monkeypatch):
    config = get_config("tiny")
    monkeypatch.setattr(units, "source_files", lambda module: {module: "one"})
    emit_unit("core", config)
    forbid_elaboration(monkeypatch)
    monkeypatch.setattr(units, "source_files", lambda module: {module: "two"})
    with pytest.raises(AttributeError, match="ElaboratedAgain"):
        emit_unit("core", config)


def test_sources_are_the_modules_that_are_imported():
    found = source_files("dstc_hdl.core")
    assert {"dstc_hdl.core", "dstc_hdl.layouts", "dstc.config", "dstc.elements"} <= found.keys()
    assert not any("golden" in name or name.startswith("dstc_sim") for name in found)
    assert source_files("numpy") == {}
