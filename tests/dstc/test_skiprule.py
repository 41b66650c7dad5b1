"""Counts against a naive walk over the dense matrices."""

import numpy as np
import pytest
from interpreter import Interpreter

from dstc.config import CONFIGS
from dstc.formats import encode
from dstc.program import gemm_job
from dstc.skiprule import ohmma_counts, ohmma_per_tile


def blocks(length, tile):
    return [slice(at, at + tile) for at in range(0, length, tile)]


def naive(a, b, config):
    """OHMMA of every output tile, loaded pairs and products, by the words of the skip rule."""
    rows, cols = blocks(len(a), config.tile_m), blocks(b.shape[1], config.tile_n)
    executed = np.zeros((len(rows), len(cols)), int)
    pairs = products = 0
    for i, row in enumerate(rows):
        for j, col in enumerate(cols):
            for k in range(a.shape[1]):
                na = sum(1 for value in a[row, k] if value != 0)
                nb = sum(1 for value in b[k, col] if value != 0)
                executed[i, j] += -(-na // config.array_rows) * -(-nb // config.array_cols)
                products += na * nb
            pairs += sum(1 for t in blocks(a.shape[1], config.tile_k)
                         if np.any(a[row, t] != 0) and np.any(b[t, col] != 0))
    return executed, pairs, products


def operands(config, shape, densities, seed=0):
    rng = np.random.default_rng(seed)
    m, n, k = shape
    dtype = config.format.dtype
    return [(rng.integers(1, 9, dims) * (rng.random(dims) < density)).astype(dtype)
            for dims, density in zip(((m, k), (k, n)), densities, strict=True)]


@pytest.mark.parametrize("config", CONFIGS.values(), ids=lambda c: c.name)
@pytest.mark.parametrize("densities", [(0.5, 0.5), (0.05, 0.9), (0, 0.5), (1, 1), (0.02, 0.02)])
@pytest.mark.parametrize("shape", [(1, 1, 1), (33, 65, 17), (40, 20, 50)])
def test_counts(config, densities, shape):
    a, b = operands(config, shape, densities)
    encoded = encode(a, "A", config), encode(b, "B", config)
    counts = ohmma_counts(*encoded, config)
    executed, pairs, products = naive(a, b, config)
    assert ohmma_per_tile(*encoded, config).tolist() == executed.tolist()
    assert counts.executed == executed.sum()
    assert (counts.tile_pairs, counts.products) == (pairs, products)
    tiles = [len(blocks(extent, tile)) for extent, tile in
             zip(shape, (config.tile_m, config.tile_n, config.tile_k), strict=True)]
    assert counts.dense == np.prod(tiles) * config.tile_k * (
        config.tile_m // config.array_rows) * (config.tile_n // config.array_cols)


@pytest.mark.parametrize("mode", ["sparse", "dense"])
def test_counts_are_what_an_interpreter_executes(mode):
    config = CONFIGS["small"]
    a, b = operands(config, (20, 40, 30), (0.3, 0.6), seed=4)
    encoded = encode(a, "A", config), encode(b, "B", config)
    job = gemm_job(*encoded, config=config, mode=mode)
    core = Interpreter(config, job.words, (job.a_data, job.a_last), (job.b_data, job.b_last),
                       job.c_data).run()
    counts = ohmma_counts(*encoded, config)
    assert core.ohmma == (counts.executed if mode == "sparse" else counts.dense)
    assert core.products == counts.products


def test_paper_tile():
    """32 x 32 x 16: 128 OHMMA dense; 8 + 1 set bits need two row groups, 16 one column group."""
    config = CONFIGS["paper"]
    a, b = np.zeros((32, 16), np.float16), np.zeros((16, 32), np.float16)
    a[:9, 3], b[3, ::2], a[:, 5], b[6] = 1, 1, 1, 1
    counts = ohmma_counts(encode(a, "A", config), encode(b, "B", config), config)
    assert (counts.executed, counts.dense, counts.products, counts.tile_pairs) == (2, 128, 144, 1)


def test_large_sums_do_not_wrap():
    """Products past 32 bits, on full matrices with partial tiles at both ends."""
    config = CONFIGS["paper-int8"]
    k = 3000
    a, b = np.ones((1200, k), np.int8), np.ones((k, 1300), np.int8)
    counts = ohmma_counts(encode(a, "A", config), encode(b, "B", config), config)
    assert counts.products == 1200 * 1300 * k
    # 37 full row tiles and one of 16 rows; 40 full column tiles and one of 20 columns.
    assert counts.executed == k * (37 * 4 + 2) * (40 * 2 + 2)
