"""Ten thousand tile products on the emitted Verilog, every output compared in every bit."""

import itertools

import numpy as np
import pytest

from dstc.config import CONFIGS
from dstc.formats import encode
from dstc.golden import matmul
from dstc.program import gemm_job
from dstc.skiprule import ohmma_counts
from dstc.torture import PATTERNS, torture_mask
from dstc.workloads import random_accumulators, random_matrix
from dstc_hdl.emit import emit_unit
from dstc_sim.runs import STREAMS, Stall
from dstc_sim.verilator import CoreModel

PAIRS = list(itertools.product(PATTERNS, PATTERNS))
SPECIALS = np.array([0x7C00, 0xFC00, 0x7E01, 0x0001, 0x8001, 0x7BFF, 0xFBFF, 0x03FF, 0x0400],
                    np.uint16).view(np.float16)
SPECIAL_SUMS = np.array([0x80000000, 0x7F800000, 0xFF800000, 0xFFC12345, 0x00000001, 0x7F7FFFFF],
                        np.uint32).view(np.float32)
# Shapes in tiles: rows, columns, k-tiles; partial tiles come from cutting a little off.
SHAPE = {"tiny": (3, 3, 6), "small": (2, 3, 6)}


def operands(config, pattern_a, pattern_b, seed):
    """A, B and a C that is never zero everywhere, with special values in a third of the cases."""
    rng = np.random.default_rng(seed)
    rows, cols, deep = SHAPE[config.name]
    m, n, k = (tiles * size - rng.integers(3) for tiles, size in
               ((rows, config.tile_m), (cols, config.tile_n), (deep, config.tile_k)))
    a, b = random_matrix((m, k), 1, "fp16", rng), random_matrix((k, n), 1, "fp16", rng)
    c = random_accumulators((m, n), "fp16", rng)
    if seed % 3 == 0:
        for array, values in ((a, SPECIALS), (b, SPECIALS), (c, SPECIAL_SUMS)):
            where = rng.random(array.shape) < 0.02
            array[where] = rng.choice(values, where.sum())
    a[~torture_mask(pattern_a, a.shape, "A", config, rng)] = 0
    b[~torture_mask(pattern_b, b.shape, "B", config, rng)] = 0
    return a, b, c, rng


@pytest.mark.parametrize("name", SHAPE)
def test_patterns(name):
    """Every pair of patterns, every other one with stalls: bits, OHMMA and products."""
    config = CONFIGS[name]
    emitted, _ = emit_unit("core", config)
    tiles = 0
    with CoreModel(emitted, config) as core:
        for seed, (pattern_a, pattern_b) in enumerate(PAIRS):
            a, b, c, rng = operands(config, pattern_a, pattern_b, seed)
            encoded = encode(a, "A", config), encode(b, "B", config)
            job = gemm_job(*encoded, c, config=config)
            stall = Stall(seed=seed, **{stream: float(rng.choice([0, 0.2, 0.7]))
                                        for stream in STREAMS}) if seed % 2 else None
            told = f"{name}, A {pattern_a}, B {pattern_b}, seed {seed}, {stall}"
            run = core.run(job, stall=stall)
            assert run.status.halted, f"{told}: {run.status}"
            out = job.assemble(run.d_data)
            wanted = matmul(a, b, c)
            wrong = np.flatnonzero(out.view(np.uint32) != wanted.view(np.uint32))
            assert not len(wrong), f"{told}: {len(wrong)} of {wanted.size} outputs differ"
            counts = ohmma_counts(*encoded, config)
            assert run.counters["issue"] == counts.executed, told
            assert run.counters["products"] == counts.products, told
            tiles += int(np.prod(SHAPE[name]))
    assert tiles == len(PAIRS) * int(np.prod(SHAPE[name]))


def test_enough_tiles():
    """Together more than ten thousand tile products."""
    assert len(PAIRS) * sum(int(np.prod(shape)) for shape in SHAPE.values()) > 10_000
