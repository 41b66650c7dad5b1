"""Models of other machines: against plain loops, bounds, and published averages."""

from itertools import product

import numpy as np
import pytest

from dstc.config import get_config
from dstc.errors import DstcError
from dstc.formats import encode
from dstc.models import MODELS, MULTIPLIERS, Cost, Operands, compare, independent_mask
from dstc.skiprule import ohmma_counts

SHAPES = ((16, 16, 16), (40, 33, 50), (1, 70, 20), (65, 3, 7))


def masks(shape, density_a, density_b, seed=0):
    """A pair of random masks."""
    rng = np.random.default_rng(seed)
    m, n, k = shape
    return independent_mask((m, k), density_a, rng), independent_mask((k, n), density_b, rng)


def ceil(value, step):
    """Whole steps."""
    return -(-int(value) // step)


def outer_16(a, b):
    """One output tile and k at a time."""
    return sum(ceil(a[i:i + 16, k].sum(), 8) * ceil(b[k, j:j + 16].sum(), 16)
               for i in range(0, len(a), 16) for j in range(0, b.shape[1], 16)
               for k in range(a.shape[1]))


def rm_stc(a, b):
    """Every row of A walks over its non-zeros of the k-tile in pairs."""
    total = 0
    for i, j, k in product(range(0, len(a), 16), range(0, b.shape[1], 16),
                           range(0, a.shape[1], 16)):
        rows = [list(np.flatnonzero(row)) for row in a[i:i + 16, k:k + 16]]
        lasts = [ceil(row.sum(), 4) for row in b[k:k + 16, j:j + 16]]
        while any(rows):
            total += max(lasts[place] for row in rows for place in row[:2])
            rows = [row[2:] for row in rows]
    return total


def sigma(a, b):
    """Either tile stays, the other streams past row by row, or column by column."""
    total = 0
    for i, j, k in product(range(0, len(a), 16), range(0, b.shape[1], 16),
                           range(0, a.shape[1], 16)):
        left, right = a[i:i + 16, k:k + 16], b[k:k + 16, j:j + 16]
        total += min(ceil(left.sum(), 128) * right.shape[1], ceil(right.sum(), 128) * len(left))
    return total


def dense(a, b, depth=4):
    """Blocks of 8 x 4."""
    return ceil(len(a), 8) * ceil(b.shape[1], 4) * ceil(a.shape[1], depth)


LOOPS = {"outer-16": outer_16, "rm-stc": rm_stc, "sigma": sigma, "dense": dense,
         "2:4": lambda a, b: dense(a, b, 8), "vector-wise": lambda a, b: dense(a, b, 16)}


@pytest.mark.parametrize("name", LOOPS)
@pytest.mark.parametrize("shape", SHAPES)
def test_against_loops(name, shape):
    """The same cycles as a loop over tiles."""
    for seed, densities in enumerate(((0.3, 0.4), (0.9, 0.1), (0.05, 1.0), (0.0, 0.5))):
        a, b = masks(shape, *densities, seed)
        cost = MODELS[name].cost(a, b)
        assert cost == Cost(LOOPS[name](a, b), int((a.astype(int) @ b.astype(int)).sum()), 128)


def test_dual_side_is_the_skip_rule():
    """The core's model counts the OHMMA that the encoded operands have."""
    config = get_config("paper")
    a, b = masks((70, 40, 90), 0.4, 0.3)
    encoded = [encode(mask.astype(np.float16), side, config)
               for mask, side in ((a, "A"), (b, "B"))]
    assert MODELS["dual-side"].cost(a, b).cycles == ohmma_counts(*encoded, config).executed


def test_equal_multipliers():
    """Nobody has more, and a dense product of whole tiles fills them all."""
    for name, cost in compare(*masks((64, 64, 64), 1.0, 1.0)).items():
        assert cost.multipliers == MULTIPLIERS == 128
        if not MODELS[name].bound:
            assert cost == Cost(2048, 64**3, 128)
            assert cost.utilization == 1.0


@pytest.mark.parametrize("shape", SHAPES)
def test_uni_stc_bounds(shape):
    """At least the products over the multipliers and the tasks over the generators; at most one
    cycle for each task and each 128 products."""
    for seed, densities in enumerate(((0.3, 0.4), (0.9, 0.1), (0.1, 0.1), (1.0, 1.0))):
        a, b = masks(shape, *densities, seed)
        least = most = 0
        for i, j, k in product(range(0, len(a), 16), range(0, b.shape[1], 16),
                               range(0, a.shape[1], 16)):
            tasks = [int((a[i + y:min(i + y + 4, i + 16), k + z:min(k + z + 4, k + 16)].astype(int)
                          @ b[k + z:min(k + z + 4, k + 16), j + x:min(j + x + 4, j + 16)]).sum())
                     for y, x, z in product(range(0, 16, 4), repeat=3)
                     if i + y < len(a) and j + x < b.shape[1] and k + z < a.shape[1]]
            there = sum(task > 0 for task in tasks)
            least += max(ceil(sum(tasks), 128), ceil(there, 8))
            most += there + ceil(sum(tasks), 128)
        assert least <= MODELS["uni-stc"].cost(a, b).cycles <= most


def test_empty_costs_nothing():
    """A product without effectual MACs, where zeros are skipped at all."""
    costs = compare(*masks((40, 40, 40), 0.0, 1.0))
    for name in ("sigma", "outer-16", "rm-stc", "uni-stc", "dual-side"):
        assert costs[name].cycles == 0
        assert costs[name].utilization == 0


def test_swapped():
    """The transposed product has as many effectual MACs."""
    operands = Operands.from_masks(*masks((40, 33, 50), 0.4, 0.2))
    assert operands.swapped.shape == (33, 40, 50)
    assert operands.swapped.products == operands.products
    assert MODELS["sigma"].cost(operands.swapped) == MODELS["sigma"].cost(operands)


def test_wrong_shapes():
    """One sentence."""
    with pytest.raises(DstcError, match="must be matrices of M x K and K x N"):
        Operands.from_masks(np.ones((3, 4), bool), np.ones((5, 6), bool))


PUBLISHED = {"outer-16": 1.89, "rm-stc": 1.39, "sigma": 1.73}
"""How many times the utilisation of Uni-STC is theirs, on average: section VI-C of its paper."""


def test_published_averages():
    """Figure 16 of Uni-STC: A with no, 50 % and 80 % zeros, B with 10 to 90 %, independent."""
    rng = np.random.default_rng(16)
    used = dict.fromkeys((*PUBLISHED, "uni-stc"), 0.0)
    for density_a, zeros in product((1.0, 0.5, 0.2), range(10, 100, 10)):
        a = independent_mask((192, 192), density_a, rng)
        b = independent_mask((192, 192), 1 - zeros / 100, rng)
        for name, cost in compare(a, b, used).items():
            used[name] += cost.utilization
    for name, ratio in PUBLISHED.items():
        assert used["uni-stc"] / used[name] == pytest.approx(ratio, rel=0.05)
