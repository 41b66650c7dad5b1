"""The benches on netlists of standard cells: small units in the suite, the rest by make gates."""

import os

import pytest

from dstc.errors import DstcError
from dstc_hdl.asic.library import find_library

from .lib.run import Case, run_case

ALWAYS = (("bitmap_unit", "tiny"), ("bank_picker", "tiny"))
# Minutes to hours; "make gates" asks for them.
ASKED = (*((unit, "tiny") for unit in (
    "multiplier", "adder", "dispatcher", "operand_buffer_a", "operand_buffer_b", "step_walker",
    "ohmma_expander", "operand_crossbar", "operand_collector", "outer_product_array",
    "accumulation_buffer", "c_load", "drain", "performance_counters", "dense_twin",
    "structured_twin", "core")), ("core", "small"))
BENCH = {"multiplier": "arith", "adder": "arith", "operand_buffer_a": "operand_buffer",
         "operand_buffer_b": "operand_buffer"}
# A core of cells runs a few tens of cycles in a second, so not the tests of thousands of them.
TESTS = {"core": "products|hard_tiles"}


@pytest.fixture(scope="module", autouse=True)
def cells():
    try:
        library = find_library("asic45")
    except DstcError as error:
        pytest.skip(str(error))
    return library


@pytest.mark.parametrize("unit, config", ALWAYS + ASKED)
def test_netlist(unit, config, request):
    if (unit, config) in ASKED and not os.environ.get("DSTC_GATES"):
        pytest.skip("make gates runs it")
    option = request.config.getoption
    failure = run_case(Case(unit, BENCH.get(unit, unit), config, "icarus", "gates",
                            TESTS.get(unit)),
                       option("--bench-seed"), option("--bench-waves"))
    if failure:
        pytest.fail(failure, pytrace=False)
