"""Every bench on the simulators and configurations that it is for."""

from pathlib import Path

import pytest

from .lib.run import Case, run_case
from .lib.units import UNITS

# Units with a bench of their own name; those without it share one.
BENCH = {"multiplier": "arith", "adder": "arith", "operand_buffer_a": "operand_buffer",
         "operand_buffer_b": "operand_buffer", "read_channel_narrow": "read_channel",
         "read_channel_wide": "read_channel", "dense_twin_fused": "dense_twin",
         "structured_twin_fused": "structured_twin"}
# Four-state with the shipped text and with X in every register, two-state with random registers.
USUAL = (("tiny", "icarus", "initial"), ("tiny", "icarus", "unknown"),
         ("small", "verilator", "unknown"))
FLOATS = ("bf16", "fp8_e4m3", "fp8_e5m2")
# Units whose behaviour differs with the elements.
ALSO = {
    "multiplier": (("paper-int8", "icarus", "initial"), ("paper-int8", "verilator", "unknown"),
                   *((f"tiny-{name}", "icarus", "initial") for name in FLOATS),
                   *((f"tiny-{name}", "verilator", "unknown") for name in FLOATS)),
    "outer_product_array": tuple((f"tiny-{name}", "icarus", "initial") for name in FLOATS),
    "c_load": (("paper-int8", "icarus", "initial"),),
    "adder": (("paper-int8", "icarus", "initial"), ("paper-int8", "verilator", "unknown")),
    "epilogue": (("tiny-int8", "icarus", "unknown"),),
}
CORE = (*USUAL, ("tiny", "verilator", "unknown"), ("paper", "verilator", "unknown"),
        ("paper-int8", "verilator", "unknown"),
        *((f"tiny-{name}", "icarus", "initial") for name in FLOATS),
        *((f"tiny-{name}", "verilator", "unknown") for name in FLOATS))
TWIN = (("tiny", "icarus", "unknown"), ("tiny-int8", "icarus", "initial"))
# Units that do not run on the usual three.
INSTEAD = {
    "core": CORE,
    # Verilator for volume, Icarus for unknown values; two cores with the narrow port, one with the
    # wide.
    "accelerator": (("tiny-x2-64", "verilator", "unknown"), ("tiny-x1-128", "icarus", "unknown")),
    "board": (),                # test_boards.py
    "axi_copier": (("tiny", "icarus", "unknown"),),
    "read_channel_narrow": (("tiny-x1-128", "icarus", "unknown"),),
    "read_channel_wide": (("tiny-x1-64", "icarus", "unknown"),),
    "read_port": (("tiny-x1-128", "icarus", "unknown"),),
    "write_port": (("tiny-x1-128", "icarus", "unknown"),),
    "dense_twin": (*TWIN, ("small", "verilator", "unknown")),
    "structured_twin": TWIN,
    **dict.fromkeys(("dense_twin_fused", "structured_twin_fused"), TWIN[:1]),
}
CASES = [Case(unit, BENCH.get(unit, unit), *where)
         for unit in reversed(UNITS)        # the largest first: they take longest
         for where in INSTEAD.get(unit, (*USUAL, *ALSO.get(unit, ())))
         if (Path(__file__).parent / f"bench_{BENCH.get(unit, unit)}.py").is_file()]


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_bench(case, request):
    option = request.config.getoption
    failure = run_case(case, option("--bench-seed"), option("--bench-waves"))
    if failure:
        pytest.fail(failure, pytrace=False)
