"""The example sweep: its space, and its page on figures that are made up."""

import importlib
from pathlib import Path

import pytest

from dstc.config import CONFIGS
from dstc_sim.sweep import read_space

FOLDER = Path(__file__).parents[2] / "bench"


@pytest.fixture
def bench(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    return importlib.import_module("sweep")


def test_the_space(bench):
    """The bases are in it under their names, nothing is refused."""
    space = read_space(bench.SPACE)
    assert (len(space.configs), len(space.workloads), space.refused) == (18, 5, ())
    assert {CONFIGS["tiny"], CONFIGS["small"], CONFIGS["paper"]} <= set(space.configs)


def test_the_page(bench):
    area = {"area_um2": 1234.5, "without_operand_buffers_um2": 1000.0, "kge": 1.5,
            "fmax_mhz": 250.0, "source": "synthesis"}
    report = {
        "model": "abc", "numpy": "2", "mode": "sparse", "sample": None, "goal": "microseconds",
        "configs": [{"config": "x", "area": area, "cycles": 5000.0, "speedup": 2.5,
                     "microseconds": 20.0, "pareto": True},
                    {"config": "y", "area": None, "cycles": 4000.0, "speedup": 3.0,
                     "microseconds": None, "pareto": False}],
        "workloads": [{"name": "one"}, {"name": "two"}],
        "points": [{"config": config, "workload": workload, "cycles": cycles}
                   for config, workload, cycles in (("x", "one", 5000), ("x", "two", 5001),
                                                    ("y", "one", 4000), ("y", "two", 4001))],
        "refused": [], "failed": [], "without_area": ["y"]}
    lines = bench.page(report, picture=True).splitlines()
    assert "| x * | 1,234 | 1,000 | 250.0 | 5,000 | 2.50 | 20.0 | synthesis |" in lines
    assert "| y |  |  |  | 4,000 | 3.00 |  |  |" in lines
    assert "| y | 4,000 | 4,001 |" in lines and "![Time against area](sweep.svg)" in lines
    assert "- No area is known of 1 of 2 configurations; --area synthesise makes them." in lines
    assert not any("sweep.svg" in line for line in bench.page(report, False).splitlines())
