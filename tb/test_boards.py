"""Every board through its serial line; ``make fpga-bench`` asks for those of many minutes."""

import os

import pytest

from dstc_hdl.emit import Emitted, lint

from .lib.build import verilog
from .lib.run import Case, bench_config, run_case

BENCH = {"ulx3s-12f": "core_board", "ulx3s-85f": "board"}
ASKED = ("ulx3s-85f",)


@pytest.mark.parametrize("name", BENCH)
def test_board(name, request):
    if name in ASKED and not os.environ.get("DSTC_FPGA"):
        pytest.skip("make fpga-bench runs it")
    option = request.config.getoption
    failure = run_case(Case("board", BENCH[name], name, "verilator", "unknown"),
                       option("--bench-seed"), option("--bench-waves"))
    if failure:
        pytest.fail(failure, pytrace=False)


def test_lint():
    """Verilator finds nothing in the text of a board."""
    assert lint(Emitted.read(verilog("board", bench_config("ulx3s-12f")), "dstc_board")) == []
