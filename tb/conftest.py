"""Options of the benches."""

import os

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("benches on the emitted Verilog")
    group.addoption("--bench-seed", type=int, default=1, help="seed of every bench (1)")
    group.addoption("--bench-runs", type=int, default=1,
                    help="random runs of a bench of the accelerator, times the usual number (1)")
    group.addoption("--bench-waves", action="store_true", help="write waves beside each log")


def pytest_configure(config: pytest.Config) -> None:
    # The simulator's process gets it from here.
    os.environ["DSTC_TB_RUNS"] = str(config.getoption("--bench-runs"))
