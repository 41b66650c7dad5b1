"""Price beside gain: parts, ratios and pages, on a report with round numbers."""

import importlib
import json
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "bench"


@pytest.fixture
def price(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    return importlib.import_module("price")


@pytest.fixture
def area_bench(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    return importlib.import_module("area")


def design(units, fmax):
    total = sum(units.values())
    buffers = units["buffer_a"] + units["buffer_b"]
    return {
        "area_um2": total, "kge": total / 800, "fmax_mhz": fmax, "units": units, "cells": 1000,
        "buffers": 3, "critical_path": {"delay": 1000 / fmax, "start": "x/y", "end": "z"},
        "without_operand_buffers": {"area_um2": total - buffers, "kge": (total - buffers) / 800},
        "memories": [{"unit": "buffer_a", "name": "bank", "count": 4, "width": 16, "depth": 64,
                      "reads": 1, "writes": 1, "registered": True, "flops_um2": 20.0,
                      "latches_um2": 12.0, "macro_um2": 5.0, "macro_ns": 0.5, "macro_pj": 0.1,
                      "why_no_macro": None}],
        "as_macros": {"area_um2": total - 60}, "as_macros_and_latches": {"area_um2": total - 70}}


@pytest.fixture
def report():
    core = design({"buffer_a": 200.0, "buffer_b": 200.0, "array": 100.0, "accumulator": 500.0,
                   "collector": 300.0, "crossbar": 50.0, "between_units": 50.0}, 400.0)
    twin = {"buffer_a": 100.0, "buffer_b": 100.0, "dot": 300.0, "accumulators": 300.0}
    return {"config": "small", "target": "asic45", **core, "dense_twin": design(twin, 500.0),
            "structured_twin": design({**twin, "dot": 500.0}, 500.0),
            "tools": {"yosys": "0.70"}, "method": "a method"}


def test_parts_sum_to_the_whole(price, report):
    for each in (report, report["dense_twin"], report["structured_twin"]):
        assert sum(price.parts_of(each).values()) == each["area_um2"]
    assert price.parts_of(report)["multipliers, adders, accumulators"] == 600
    assert price.parts_of(report["dense_twin"])["multipliers, adders, accumulators"] == 600


def test_a_unit_without_a_part_is_noticed(price, report):
    report["units"]["novelty"] = 1.0
    with pytest.raises(SystemExit, match="which novelty do not"):
        price.parts_of(report)


def test_gains(price, report):
    """Core 1400, 1000 without buffers, 400 MHz; twin 800, 600, 500 MHz: by hand."""
    row = {"work": "x", "cycles": 250, "dense_cycles": 1000}
    found = price.gain(row, report, report["dense_twin"], 1)
    assert found == pytest.approx({
        "speedup": 4, "per_area": 4 / 1.75, "per_area_without": 4 * 0.6, "own_clock": 3.2,
        "own_clock_per_area_without": 3.2 * 0.6})
    assert price.gain(row, report, report["structured_twin"], 2)["speedup"] == 2


def test_energy_stands_where_both_have_done_the_work(price, monkeypatch, tmp_path):
    monkeypatch.setattr(price, "RESULTS", tmp_path)
    assert price.energies("small") == {}
    rows = [{"work": "x", "design": "core", "pj_per_useful": 6.0},
            {"work": "x", "design": "dense_twin", "pj_per_useful": 8.0}]
    (tmp_path / "energy.json").write_text(json.dumps([
        {"config": "paper", "rows": []}, {"config": "small", "rows": rows}]))
    known = price.energies("small")
    assert price.energies("paper") == {}
    assert price.energy({"work": "x"}, "dense_twin", known) == 0.75
    assert price.energy({"work": "x"}, "structured_twin", known) is None
    assert price.energy({"work": "y"}, "dense_twin", known) is None


def test_without_clocks_there_are_no_own_ones(price, report):
    report["fmax_mhz"] = None
    found = price.gain({"work": "x", "cycles": 1, "dense_cycles": 2}, report,
                       report["dense_twin"], 1)
    assert found["own_clock"] is None and found["speedup"] == 2


def test_the_page_of_areas(area_bench, report):
    text = area_bench.page([report], "make area")
    assert "| area, um2 | 1,400 | 800 | 1,000 | 1.75 |" in text
    assert "1.67 times the dense twin; the aim of at most 2.0 holds" in text
    assert ("| core, buffer a: bank | 4 | 64 x 16 | 1 registered, 1 | 20 | 12 | 5 (0.50 ns) |"
            in text)
    assert "| collector | 300 |  |  | 21.4% |" in text
    assert "Longest paths: core, `x/y` to `z`;" in text


def test_the_page_without_clocks_and_macros(area_bench, report):
    for each in (report, report["dense_twin"], report["structured_twin"]):
        each |= {"fmax_mhz": None, "critical_path": None, "as_macros": None,
                 "as_macros_and_latches": None}
        each["memories"][0] |= {"macro_um2": None, "why_no_macro": "CACTI is not built"}
    text = area_bench.page([report], "make area")
    assert "| fmax, MHz |  |  |  |  |" in text and "Longest paths" not in text
    assert "| memories as macros, um2 |  |  |  |  |" in text and "CACTI is not built |" in text


def test_the_page_of_prices(price, report, monkeypatch, tmp_path):
    monkeypatch.setattr(price, "area_report", lambda *arguments: report)
    monkeypatch.setattr(price, "DENSITIES", ((1, 1), (.25, .25)))
    monkeypatch.setattr(price, "TILES", 1)
    result = price.measure("small", "asic45")
    dense, sparse = result["rows"][:2]
    # A core that never beats its own multipliers, and one in sixteen pairs of operands.
    assert dense["dense_cycles"] <= dense["cycles"] < 1.1 * dense["dense_cycles"]
    assert 3 < sparse["dense_cycles"] / sparse["cycles"] < 16
    text = price.page([result])
    assert "| operand collector | 300 | 0 | 0 | +300 | +37.5% |" in text
    assert f"| random, A 1, B 1 | {dense['cycles']:,} | " in text
    price.plot([result], tmp_path / "price.svg")
    # A bar for every part of three designs.
    assert (tmp_path / "price.svg").read_text().count("<path") > 3 * len(price.PARTS)
