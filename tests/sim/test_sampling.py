"""Estimated cycles: how often the interval holds the true number, and what is refused."""

import functools
import json

import numpy as np
import pytest

from dstc.config import CONFIGS
from dstc.errors import DstcError
from dstc.formats import encode
from dstc.program import gemm_job
from dstc.workloads import random_matrix
from dstc_sim.cli import main
from dstc_sim.cyclemodel import ModelCore, sampling
from dstc_sim.cyclemodel.sampling import estimate_cycles

TINY = CONFIGS["tiny"]
DRAWS = 150


def operands(shape, densities, clustered, seed=0):
    """Encoded operands; clustered: every row and column has a density of its own."""
    rng = np.random.default_rng(seed)
    m, n, k = shape
    a, b = (random_matrix(side, density, "fp16", rng)
            for side, density in (((m, k), densities[0]), ((k, n), densities[1])))
    if clustered:
        a[rng.random(a.shape) > rng.random((m, 1))] = 0
        b[rng.random(b.shape) > rng.random((1, n))] = 0
    return encode(a, "A", TINY), encode(b, "B", TINY)


@pytest.mark.parametrize("shape, densities, clustered", [
    ((120, 128, 64), (.5, .5), False),
    ((120, 128, 64), (.5, .9), True),
    ((320, 80, 8), (.1, .1), False),        # bound by drains, not by OHMMA
    ((808, 8, 32), (.4, .4), True),         # one column of output tiles
], ids=["independent", "clustered", "drains", "column"])
def test_interval_covers(monkeypatch, shape, densities, clustered):
    a, b = operands(shape, densities, clustered)
    truth = ModelCore().run(gemm_job(a, b, config=TINY)).cycles
    # The same block costs the same in every draw.
    measure = sampling._measure
    monkeypatch.setattr(sampling, "_measure", functools.cache(
        lambda *args: measure(a, b, *args[2:])))
    monkeypatch.setattr(type(a), "__hash__", object.__hash__)
    estimates = [estimate_cycles(a, b, config=TINY, tiles=40, seed=seed) for seed in range(DRAWS)]
    held = np.mean([one.low <= truth <= one.high for one in estimates])
    # Three standard deviations below 95 % of so many draws.
    assert held >= .95 - 3 * (.95 * .05 / DRAWS) ** .5
    assert np.mean([one.cycles for one in estimates]) == pytest.approx(truth, rel=.01)
    assert np.mean([(one.high - one.low) / truth for one in estimates]) < .15
    assert {one.sampled for one in estimates} <= set(range(36, 41))


def test_small_products_are_exact():
    a, b = operands((40, 40, 20), (.5, .5), False)
    truth = ModelCore().run(gemm_job(a, b, config=TINY)).cycles
    estimate = estimate_cycles(a, b, config=TINY, tiles=24)
    assert (estimate.low, estimate.cycles, estimate.high) == (truth,) * 3
    assert estimate.sampled == estimate.tiles == 25


def test_dense_mode():
    a, b = operands((96, 128, 32), (.2, .3), False)
    truth = ModelCore().run(gemm_job(a, b, config=TINY, mode="dense")).cycles
    estimate = estimate_cycles(a, b, config=TINY, tiles=24, mode="dense")
    assert estimate.cycles == pytest.approx(truth, rel=.005)


def test_command(capsys):
    assert main(["gemm", "--shape", "160x160x32", "--config", "tiny", "--engine", "model",
                 "--sample", "24", "--seed", "4", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["bit_exact"] is None and report["bins"] is None
    assert report["estimate"]["low"] < report["cycles"] < report["estimate"]["high"]
    assert main(["gemm", "--shape", "160x160x32", "--config", "tiny", "--engine", "model",
                 "--seed", "4", "--json"]) == 0
    whole = json.loads(capsys.readouterr().out)
    assert report["ohmma"] == whole["ohmma"]
    assert report["multiplier_utilization"] == pytest.approx(whole["multiplier_utilization"])
    assert report["cycles"] == pytest.approx(whole["cycles"], rel=.03)


@pytest.mark.parametrize("options, message", [
    (["--engine", "rtl", "--sample", "24"],
     "Option --sample must be given with --engine model, not rtl"),
    (["--engine", "model", "--sample", "24", "--random-c"],
     "Option --sample must be given without --random-c, not with it"),
    (["--engine", "model", "--sample", "9"],
     "Sample must have at least 24 output tiles, not 9"),
])
def test_refused_options(capsys, options, message):
    assert main(["gemm", "--shape", "8x8x8", "--config", "tiny", *options]) == 2
    assert capsys.readouterr().err.strip().endswith(message)


def test_refused_confidence():
    a, b = operands((8, 8, 8), (.5, .5), False)
    with pytest.raises(DstcError, match=r"^Confidence must be above 0 and below 1, not 1$"):
        estimate_cycles(a, b, config=TINY, tiles=24, confidence=1)
