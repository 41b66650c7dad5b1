"""Benches on netlists of standard cells: small units; bench/gates.py runs the others and cores."""

import pytest

from dstc.errors import DstcError
from dstc_hdl.asic.library import find_library

from .lib.run import Case, run_case

CASES = (("bitmap_unit", "icarus"), ("bank_picker", "icarus"), ("ohmma_expander", "verilator"))


@pytest.fixture(scope="module", autouse=True)
def cells():
    try:
        return find_library("asic45")
    except DstcError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("unit, simulator", CASES)
def test_netlist(unit, simulator, request):
    option = request.config.getoption
    failure = run_case(Case(unit, unit, "tiny", simulator, "gates"), option("--bench-seed"),
                       option("--bench-waves"))
    if failure:
        pytest.fail(failure, pytrace=False)
