"""No stream exceeds the bound of docs/adversaries.md, whatever it looks like and how it stalls."""

import numpy as np
import pytest
from hypothesis import given, settings, target
from hypothesis import strategies as st

from dstc.config import get_config
from dstc.formats import encode
from dstc.program import gemm_job
from dstc.torture import bound_cycles, step_loads, worst_ratio
from dstc_sim.cyclemodel import ModelCore
from dstc_sim.runs import Stall

CONFIGS = {name: get_config(name) for name in ("paper", "small", "tiny", "paper-int8")}
# The smallest collector that the proof covers, with the longest adder.
CONFIGS["tight"] = CONFIGS["tiny"].replace(name="tight", adder_latency=4, collector_entries=3)


def bitmaps(span, lanes):
    """Anything, all or part of a lane, a single bit, full, or nothing."""
    everything = (1 << span) - 1
    lane = sum(1 << n for n in range(0, span, lanes))
    return st.one_of(
        st.integers(0, everything),
        st.integers(0, lanes - 1).map(lambda p: lane << p),
        st.tuples(st.integers(0, lanes - 1), st.integers(0, everything)).map(
            lambda at: lane << at[0] & at[1]),
        st.integers(0, span - 1).map(lambda n: 1 << n),
        st.sampled_from([0, everything]))


@st.composite
def operands(draw, config):
    """Masks of one or two tiles each way: a few k-steps, repeated."""
    tiles = draw(st.integers(1, 12))
    sides = []
    for span, lanes in ((config.tile_m, config.array_rows), (config.tile_n, config.array_cols)):
        outer = []
        for _ in range(draw(st.integers(1, 2))):
            steps = draw(st.lists(bitmaps(span, lanes), min_size=1, max_size=8))
            times = draw(st.sampled_from([1, 1, 5, config.collector_entries + 1]))
            codes = [code for code in steps for _ in range(times)]
            outer.append([[codes[k % len(codes)] >> n & 1 for k in range(tiles * config.tile_k)]
                          for n in range(span)])
        sides.append(np.concatenate(outer).astype(bool))
    return sides[0], sides[1].T.copy()


def run(a, b, config, stall):
    one = np.ones((), config.format.dtype)
    job = gemm_job(encode(a * one, "A", config), encode(b * one, "B", config), config=config)
    return ModelCore().run(job, stall=stall).counters


@pytest.mark.parametrize("name", CONFIGS)
def test_bound(name):
    """Issue and conflict stay below the sum of the k-steps' bounds."""
    config = CONFIGS[name]

    @settings(max_examples=150, deadline=None)
    @given(operands(config), st.sampled_from([0, 0, 0, .1, .5]), st.integers(0, 99))
    def holds(masks, waits, seed):
        counters = run(*masks, config, Stall.everywhere(waits, seed))
        busy, bound = counters["issue"] + counters["conflict"], bound_cycles(*masks, config)
        assert busy <= bound
        loads = step_loads(*masks, config)
        ohmma = int(loads.ohmma.sum())
        assert counters["ohmma"] == ohmma
        if ohmma:
            target(busy / bound, label="part of the bound")
            target(busy / ohmma, label="slowdown")
        if (loads.ohmma > 0).all():
            assert busy <= worst_ratio(config) * ohmma

    holds()


@pytest.mark.parametrize("name", CONFIGS)
def test_bound_is_reached(name):
    """A stripe on one bank takes max(UV, h) cycles per k-step in the long run."""
    config = CONFIGS[name]

    def busy(tiles):
        depth = tiles * config.tile_k
        a = np.repeat((np.arange(config.tile_m) % config.array_rows == 1)[:, None], depth, axis=1)
        b = np.repeat((np.arange(config.tile_n) % config.array_cols == 1)[None], depth, axis=0)
        counters = run(a, b, config, None)
        return counters["issue"] + counters["conflict"], bound_cycles(a, b, config)

    (short, short_bound), (long, long_bound) = busy(8), busy(16)
    assert long - short == long_bound - short_bound
