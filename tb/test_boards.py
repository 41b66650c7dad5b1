"""Every board through its serial line; ``make fpga-bench`` asks for those of many minutes."""

import os

import pytest

from .lib.run import Case, run_case

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
