"""The history: figures are as committed, changes in either direction are told, points add up."""

import copy
import importlib
import json
from datetime import date
from functools import partial
from pathlib import Path

import pytest

from dstc.config import get_config
from dstc_hdl.arith import make_multiplier

ROOT = Path(__file__).parents[2]
COMMITTED = ROOT / "docs/results/history.json"


@pytest.fixture
def history(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "bench")
    return importlib.import_module("history")


@pytest.fixture
def units(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "bench")
    return importlib.import_module("history_units")


FIGURES = {
    "tools": {"yosys": "0.70", "amaranth": "0.5.10", "cells": "some"},
    "units": {"adder": {"gates": 1000, "flip_flops": 100, "depth": 50, "um2": 2000.0}},
    "cycles": {"tiny": {"a": 10_000, "b": 7}},
}


def changed(place, value):
    figures = copy.deepcopy(FIGURES)
    *path, last = place.split("/")
    row = figures
    for name in path:
        row = row[name]
    if value is None:
        del row[last]
    else:
        row[last] = value
    return figures


def test_figures_are_as_committed(history):
    """The check of this repository: nothing has moved since ``make history`` was last run."""
    committed, found = json.loads(COMMITTED.read_text()), history.measure()
    assert history.changes(committed, found) == []
    # Cycles were compared; units cannot be where another Yosys makes them.
    if reasons := history.not_comparable(committed, found):
        pytest.skip("; ".join(reasons))


def test_the_last_point_has_the_committed_areas():
    points = json.loads(COMMITTED.read_text())["points"]
    areas = json.loads((ROOT / "docs/results/area.json").read_text())
    for name, report in areas.items():
        figures = points[-1]["configs"][name]
        assert figures["area_um2"] == report["area_um2"]
        assert figures["fmax_mhz"] == report["fmax_mhz"]
        assert figures["over_dense_twin"] == pytest.approx(
            report["without_operand_buffers"]["area_um2"]
            / report["dense_twin"]["without_operand_buffers"]["area_um2"], abs=5e-4)
    assert [one["date"] for one in points] == sorted(one["date"] for one in points)


def test_a_changed_unit_is_seen(history, units, monkeypatch, tmp_path):
    """The measurement itself: bf16 in place of fp16 has another multiplier."""
    monkeypatch.setenv("DSTC_BUILD", str(tmp_path))
    name = "multiplier of paper"
    monkeypatch.setattr(units, "IN_CELLS", ())
    monkeypatch.setattr(units, "UNITS", {name: partial(make_multiplier, get_config("paper"))})
    before = {"tools": units.unit_tools(), "units": units.measure_units(), "cycles": {}}
    monkeypatch.setattr(units, "UNITS", {name: partial(make_multiplier, get_config("paper-bf16"))})
    after = {**before, "units": units.measure_units()}
    assert any(sentence.startswith(f"Gates of {name} must be ")
               for sentence in history.changes(before, after))


@pytest.mark.parametrize("place, value, sentence", [
    ("units/adder/gates", 1011, "Gates of adder must be 1,000 as committed, not 1,011"),
    ("units/adder/gates", 989, "Gates of adder must be 1,000 as committed, not 989"),
    ("units/adder/flip_flops", 98, "Flip flops of adder must be 100 as committed, not 98"),
    ("units/adder/depth", 51, "Depth of adder must be 50 as committed, not 51"),
    ("units/adder/um2", 2030.5, "Um2 of adder must be 2,000.0 as committed, not 2,030.5"),
    ("units/adder/gates", None, "Gates of adder must be 1,000 as committed, not missing"),
    ("units/other", {"depth": 3}, "Depth of other must be missing as committed, not 3"),
    ("cycles/tiny/a", 10_001, "Cycles of a on tiny must be 10,000 as committed, not 10,001"),
    ("cycles/tiny/a", 9_999, "Cycles of a on tiny must be 10,000 as committed, not 9,999"),
    ("cycles/tiny/c", 5, "Cycles of c on tiny must be missing as committed, not 5"),
    ("cycles/tiny/b", None, "Cycles of b on tiny must be 7 as committed, not missing"),
])
def test_a_change_is_one_sentence(history, place, value, sentence):
    assert history.changes(FIGURES, changed(place, value)) == [
        f"{sentence}; if it is meant, `make history` accepts it"]


@pytest.mark.parametrize("value", [990, 1010])
def test_the_tolerance(history, value):
    assert history.changes(FIGURES, changed("units/adder/gates", value)) == []


def test_other_tools_are_not_compared(history):
    found = changed("tools/yosys", "0.71")
    found["units"]["adder"]["gates"] = 5
    found["cycles"]["tiny"]["b"] = 8
    assert history.not_comparable(FIGURES, found) == [
        "Units must be synthesised by yosys 0.70 to be compared, not 0.71; make history would "
        "bring them up to date"]
    assert history.changes(FIGURES, found) == [
        "Cycles of b on tiny must be 7 as committed, not 8; if it is meant, `make history` "
        "accepts it"]


@pytest.mark.parametrize("cells", [None, "others"])
def test_without_these_cells_there_are_no_um2(history, cells):
    found = changed("tools/cells", cells)
    found["units"]["adder"]["um2"] = 1.0
    assert history.not_comparable(FIGURES, found) == history.changes(FIGURES, found) == []


def report(verilog):
    def design(area):
        return {"area_um2": 2 * area, "without_operand_buffers": {"area_um2": area}, "kge": 3.5,
                "fmax_mhz": area * 2}

    return {**design(30.0), "dense_twin": design(20.0), "verilog": verilog,
            "tools": {"opensta": "2"}}


def test_points_are_kept_and_added(history):
    new = history.point({"tiny": report("core tiny")}, FIGURES, date(2030, 2, 3), "smaller")
    assert new == {
        "date": "2030-02-03", "what": "smaller", "tools": {**FIGURES["tools"], "opensta": "2"},
        "configs": {"tiny": {"area_um2": 60.0, "kge": 3.5, "fmax_mhz": 60.0,
                             "without_operand_buffers_um2": 30.0, "over_dense_twin": 1.5,
                             "dense_twin_fmax_mhz": 40.0, "cycles": {"a": 10_000, "b": 7}}}}
    later = {**new, "date": "2030-02-04", "what": ""}
    assert history.extend([], new) == [new]
    assert history.extend([new], later) == [new]
    other = {**later, "configs": {}}
    assert history.extend([new], other) == [new, other]


def test_areas_of_other_hardware_make_no_point(history, monkeypatch, tmp_path, capsys):
    """Figures are accepted all the same."""
    monkeypatch.setattr(history, "emit_unit", lambda unit, config: (
        type("Emitted", (), {"sha256": f"{unit} {config.name}"}), None))
    assert history.stale({"tiny": report("core tiny"), "small": report("core tiny"),
                          "paper": {"target": "asic45"}}) == ["small", "paper"]
    found = changed("cycles/tiny/b", 8)
    monkeypatch.setattr(history, "measure", lambda: found)
    monkeypatch.setattr(history, "page", lambda history: "page")
    file = tmp_path / "history.json"
    file.write_text(json.dumps({**FIGURES, "points": []}))
    words = ["history", "--results", str(tmp_path)]

    def run(*more):
        monkeypatch.setattr("sys.argv", [*words, *more])
        return history.main(), capsys.readouterr().out

    code, out = run()
    assert code == 1 and out == ("Cycles of b on tiny must be 7 as committed, not 8; if it is "
                                 "meant, `make history` accepts it\n")
    (tmp_path / "area.json").write_text(json.dumps({"tiny": report("old")}))
    code, out = run("--write")
    assert code == 0 and out.endswith("history: no point, for the areas of tiny are those of other "
                                      "hardware; make area makes them\n")
    assert json.loads(file.read_text()) == {**found, "points": []}
    (tmp_path / "area.json").write_text(json.dumps({"tiny": report("core tiny")}))
    assert run("--write", "--what", "new") == (0, "history: every figure is as committed\n")
    assert [one["what"] for one in json.loads(file.read_text())["points"]] == ["new"]
    assert (tmp_path / "history.md").read_text() == "page"
    assert run() == (0, "history: every figure is as committed\n")


def test_the_page_shows_the_course(history):
    old, new = ({"date": f"2030-01-0{n}", "what": f"step {n}", "tools": {},
                 "configs": {"tiny": {"area_um2": 1000.0 * n, "fmax_mhz": None,
                                      **({"cycles": {"64x64x256 1x1": 7 * n}} if n > 1 else {})},
                             "paper": {"cycles": {"64x64x256 1x1": 12_345}}}} for n in (1, 2))
    text = history.page({**FIGURES, "points": [old, new]})
    lines = text.splitlines()
    assert "| 2030-01-01 | 1,000 |  |  |  |  |  | step 1 |" in lines
    assert "| 2030-01-02 | 2,000 |  |  |  |  |  | step 2 |" in lines
    assert "| 2030-01-02 | 14 |" in lines and "| 2030-01-01 | 12,345 |" in lines
    assert "| adder | 1,000 | 100 | 50 | 2,000.0 |" in lines
    assert text.index("## tiny") < text.index("## paper") < text.index("## Small units")
