"""Options of the benches."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("benches on the emitted Verilog")
    group.addoption("--bench-seed", type=int, default=1, help="seed of every bench (1)")
    group.addoption("--bench-waves", action="store_true", help="write waves beside each log")
