"""The profile's lower bound of the cycles beside the cycle model, whatever limits a layer."""

import numpy as np
import pytest

from dstc.config import get_config
from dstc.formats import encode
from dstc.network import MatMulWork, limit
from dstc.program import gemm_job
from dstc_sim.cyclemodel import ModelCore
from dstc_sim.network import Source, profile_works


def work(m, n, k, density_a, density_b):
    rng = np.random.default_rng((m, n, k))
    return MatMulWork(name="m", op="MatMul", a=rng.random((1, m, k)) < density_a,
                      b=rng.random((1, n, k)) < density_b)


@pytest.mark.parametrize("config", ["paper", "small"])
@pytest.mark.parametrize("shape, densities, limits", [
    ((128, 128, 512), (1, 1), {"effectual MACs"}),
    ((128, 128, 512), (.5, .5), {"fragments of A", "fragments of B"}),
    ((128, 128, 512), (1, .02), {"loads of A"}),
    ((128, 128, 512), (.02, 1), {"loads of B"}),
    ((256, 256, 16), (.2, .2), {"drains"}),
    ((128, 8, 512), (1, .3), {"few columns", "fragments of B"}),
])
def test_bound(config, shape, densities, limits):
    target = get_config(config)
    layer = work(*shape, *densities)
    counts = layer.counts(target)
    if config == "paper":
        assert limit(counts, target) in limits
    ((a, b),) = layer.products()
    dtype = target.format.dtype
    run = ModelCore().run(gemm_job(encode(a.astype(dtype), "A", target),
                                   encode(b.astype(dtype), "B", target), config=target))
    assert run.counters["ohmma"] == counts.dual
    assert counts.cycles <= run.cycles <= 1.08 * counts.cycles


def test_sampled_profile():
    """An estimate from some of the tiles holds what all of them take."""
    target = get_config("tiny")
    layer = work(120, 112, 40, .4, .4)
    report = profile_works([layer, layer], target, Source(file="x", kind="trace"), sample=24,
                           seed=2)
    ((a, b),) = layer.products()
    run = ModelCore().run(gemm_job(encode(a.astype(np.float16), "A", target),
                                   encode(b.astype(np.float16), "B", target), config=target))
    estimate = report["layers"][0]["estimate"]
    assert estimate["sampled"] == 24 and estimate["tiles"] == 15 * 14
    assert estimate["low"] <= run.cycles <= estimate["high"]
    assert report["totals"]["estimate"]["cycles"] == 2 * estimate["cycles"]
