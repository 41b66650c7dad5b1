"""The bench of accumulator hazards, on cores of every adder latency and both kinds of number."""

import pytest

from dstc.config import CONFIGS, get_config

from .lib.run import Case, run_case

VARIANTS = {
    (element, latency): get_config("tiny").replace(
        name=f"tiny-{element}-adder{latency}", element=element, adder_latency=latency)
    for element in ("fp16", "int8") for latency in (1, 2, 3, 4)
}
CASES = [
    *(Case("core", "hazards", config.name, "icarus", "initial") for config in VARIANTS.values()),
    Case("core", "hazards", VARIANTS["fp16", 4].name, "verilator", "unknown"),
]


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_hazards(case, request, monkeypatch):
    for config in VARIANTS.values():
        monkeypatch.setitem(CONFIGS, config.name, config)
    option = request.config.getoption
    failure = run_case(case, option("--bench-seed"), option("--bench-waves"))
    if failure:
        pytest.fail(failure, pytrace=False)
