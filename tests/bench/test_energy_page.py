"""Works and page of the energies, on numbers made up."""

import importlib
from pathlib import Path

import numpy as np
import pytest

from dstc.config import get_config
from dstc.twin.structured import condense

FOLDER = Path(__file__).parents[2] / "bench"


@pytest.fixture
def bench(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    return importlib.import_module("energy"), importlib.import_module("energy_page")


def row(design, energy, cycles, work="random, A 1, B 1"):
    parts = dict.fromkeys(("clock", "registers", "logic", "leakage"), energy / cycles / 8)
    return {"work": work, "design": design, "products": 64, "cycles": cycles, "useful": 500,
            "dense": 1000, "pj": energy, "pj_per_useful": energy / 500,
            "pj_per_dense": energy / 1000, "period_ns": 2.5, "mw": energy / cycles / 2.5,
            "pj_per_cycle": {"array": parts, "collector": parts}, "seconds": 1.0}


def test_random_works_are_what_they_say(bench):
    energy, _ = bench
    config = get_config("tiny")
    for work, density in zip(energy.random_work(config), energy.DENSITIES, strict=True):
        assert work.title == f"random, A {density}, B {density}" and len(work.operands) == 64
        a, b, c = (np.stack(each) for each in zip(*work.operands, strict=True))
        assert abs((a != 0).mean() - density) < 0.01 and abs((b != 0).mean() - density) < 0.01
        assert c.shape[1:] == (2 * config.tile_m, 2 * config.tile_n)
        assert work.structured == (density <= 0.5)
        if work.structured:
            condense(b[0])


def test_the_layer_is_cut_into_blocks(bench):
    energy, _ = bench
    config = get_config("small")
    work = energy.layer_work(config)
    a, b, c = work.operands[5]
    assert len(work.operands) == 64 and not work.structured
    assert (a.shape, b.shape, c.shape) == ((32, 1152), (1152, 32), (32, 32))
    # Rows 32 to 63 of the second digit: four blocks make the 128 channels.
    assert (a == work.operands[1][0]).all() and (b == work.operands[4][1]).all()
    assert not (b == work.operands[1][1]).all()


def test_page_and_picture(bench, tmp_path):
    _, pages = bench
    result = {"config": "small", "target": "asic45", "tools": {"yosys": "0.70"}, "verilog": {},
              "slew_ns": 0.02, "rows": [
                  row("core", 9000, 100), row("dense_twin", 6000, 120),
                  row("structured_twin", 3000, 60, "random, A 0.5, B 0.5"),
                  row("dense_twin", 5000, 120, "random, A 0.5, B 0.5")]}
    text = pages.page([result], 2, 128)
    assert "| random, A 1, B 1 | core | 100 | 50.0% | 18.00 | 9.00 | 1.50 | 400 | 36.0 |" in text
    assert "| random, A 0.5, B 0.5 | 2:4 twin | 60 | 50.0% | 6.00 | 3.00 | 0.60 |" in text
    assert "| random, A 1, B 1 | core | 25% | 25% | 25% | 25% |" in text
    pages.plot([result], tmp_path / "energy.svg")
    assert "small" in (tmp_path / "energy.svg").read_text()
