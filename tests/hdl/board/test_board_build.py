"""Boards by name, what a build says, and what it refuses."""

import pytest

from dstc.errors import DstcError
from dstc_hdl.board import build as build_module
from dstc_hdl.board.boards import BOARDS, get_board
from dstc_hdl.board.build import BuildError, build, read_report

# As nextpnr 0.11 writes it, shortened.
REPORT = {
    "critical_paths": [
        {"from": "<async>", "to": "posedge $glbnet$clk", "path": [
            {"delay": 9.0, "from": {"cell": "rx"}, "to": {"cell": "sync"}}]},
        {"from": "posedge $glbnet$clk", "to": "posedge $glbnet$clk", "path": [
            {"delay": 0.5, "from": {"cell": "begin"}, "to": {"cell": "begin"}},
            {"delay": 7.0, "from": {"cell": "begin"}, "to": {"cell": "end"}}]}],
    "fmax": {"$glbnet$clk": {"achieved": 31.5, "constraint": 25.0}},
    "utilization": {"TRELLIS_FF": {"available": 83640, "used": 100},
                    "PCSCLKDIV": {"available": 2, "used": 0}},
}


def test_report(tmp_path):
    report = read_report(REPORT, tmp_path / "top.bit", {"yosys": 1.5})
    assert (report.fmax, report.clock) == (31.5, 25.0)
    assert report.longest_path == ("begin", "end")
    assert report.utilization == {"TRELLIS_FF": {"used": 100, "available": 83640}}
    report.require_timing()


def test_timing_is_required(tmp_path):
    slow = {**REPORT, "fmax": {"clk": {"achieved": 24.99, "constraint": 25.0}}}
    with pytest.raises(BuildError, match=r"must reach 25\.00 MHz, not 24\.99 MHz"):
        read_report(slow, tmp_path, {}).require_timing()


def test_one_clock(tmp_path):
    both = {**REPORT, "fmax": {**REPORT["fmax"], "other": REPORT["fmax"]["$glbnet$clk"]}}
    with pytest.raises(BuildError, match="one clock, not 2"):
        read_report(both, tmp_path, {})


def test_no_tools(tmp_path, monkeypatch):
    monkeypatch.setattr(build_module, "TOOLS", ("no-such-tool",))
    with pytest.raises(BuildError, match=r"find no-such-tool, .*\[fpga\]"):
        build(get_board("ulx3s-12f"), tmp_path)


def test_boards():
    """A bit is a whole number of clock cycles, and memory begins where it may."""
    for name, board in BOARDS.items():
        assert name == board.name
        assert board.clock == board.divisor * board.baud
        assert board.memory.start % (1 << 18) == 0
    with pytest.raises(DstcError, match=r"one of ulx3s-85f, ulx3s-12f, not 'arty'"):
        get_board("arty")
