"""The page of the accelerator's figures: what it says of what was measured."""

import importlib.util
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[2] / "bench"
BINS = {"issue": 900, "conflict": 10, "operand_wait": 40, "drain": 30, "idle": 20}


@pytest.fixture(scope="module")
def page():
    spec = importlib.util.spec_from_file_location("system_report", BENCH / "system_report.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.page


def row(cores, cycles, bins=BINS, **changes):
    return {"kind": "square", "name": "256", "density": 1.0, "mode": "sparse", "cores": cores,
            "port_bits": 128, "latency": 32, "cycles": cycles, "bins": dict(bins),
            "read_bytes": 16000, "write_bytes": 320, "encoded_bytes": 4000,
            "port_utilization": {"read": 0.8, "write": 0.01}, "bound": 1000, "limit": "port",
            "over_bound": cycles / 1000} | changes


def result(*rows, devices=("1x128", "2x128", "4x128", "1x64")):
    return {"devices": list(devices), "trace": None, "tools": {"dstc": "1.2"},
            "config": {"name": "tiny", "slots": 2},
            "checked": [{"config": "tiny", "cores": 4, "port_bits": 128, "stall": 0.3,
                         "products": 32, "layers": 7}], "rows": list(rows)}


def test_what_it_says(page):
    text = page(result(row(1, 1250), row(2, 1000), row(1, 70, kind="CNN", name="conv",
                                                       density=[0.5, 0.25])))
    assert "Made by `make system` with dstc 1.2; configuration `tiny`: slots=2." in text
    assert "latency of 32 cycles" in text
    assert ("on one core with 128 bits (sparse mode): `operand_wait` 4.0%, `idle` 2.0%; the "
            "contract of less than 5% holds.") in text
    assert "| tiny | 4 | 128 | 0.3 | 32 | 7 | bit-exact |" in text
    assert ("| 256 | 1.00 | 1,250 | 90.0% | 1.0% | 4.0% | 3.0% | 2.0% | 16,000 | 320 | 4,000 | "
            "4.00 | 80% | 1,000 port | 1.250 |") in text
    assert "## CNN" in text and "| conv | 0.50, 0.25 | 70 |" in text
    assert "All layers: 70 cycles, 0.070 of the bound, 16,000 bytes read." in text
    # Twice the cores are a quarter faster; the layer ran on one core only.
    assert "| square 256 | 1.00 | 1.25 |" in text and "| CNN conv | 0.50, 0.25 |  |" in text


def test_a_contract_that_fails_is_said(page):
    text = page(result(row(1, 1250, BINS | {"operand_wait": 60}), devices=["1x128"]))
    assert "Made by `python bench/system.py --config tiny --devices 1x128` with" in text
    assert "does not hold" in text and "More cores" not in text
