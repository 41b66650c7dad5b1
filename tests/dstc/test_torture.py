"""The torture set: reproducible, what it says it is, and bounds computed by hand."""

import itertools
from pathlib import Path

import numpy as np
import pytest

from dstc.config import CONFIGS, get_config
from dstc.errors import DstcError
from dstc.formats import encode
from dstc.skiprule import ohmma_counts
from dstc.torture import (
    CASES,
    PATTERNS,
    bound_cycles,
    hazard_cycles,
    step_loads,
    torture_mask,
    worst_ratio,
)

PAGE = Path(__file__).parents[2] / "docs" / "adversaries.md"
PAPER, SMALL, TINY = (get_config(name) for name in ("paper", "small", "tiny"))


def brute_loads(a, b, config):
    """OHMMA, busiest bank and products of the banks, k-step by k-step from the definition."""
    ohmma, busiest = [], []
    total = np.zeros((config.array_rows, config.array_cols), int)
    for m, n in itertools.product(range(0, len(a), config.tile_m),
                                  range(0, b.shape[1], config.tile_n)):
        for k in range(a.shape[1]):
            rows = np.flatnonzero(a[m:m + config.tile_m, k])
            cols = np.flatnonzero(b[k, n:n + config.tile_n])
            banks = np.zeros_like(total)
            for row, col in itertools.product(rows, cols):
                banks[row % config.array_rows, col % config.array_cols] += 1
            ohmma.append(-(-len(rows) // config.array_rows) * -(-len(cols) // config.array_cols))
            busiest.append(banks.max())
            total += banks
    return ohmma, busiest, total


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("config", [PAPER, TINY], ids=["paper", "tiny"])
def test_operands(name, config):
    """The same operands again, with the non-zeros of the masks, a C without zeros."""
    case = CASES[name]
    first, second = case.operands(config), case.operands(config)
    for one, other in zip(first, second, strict=True):
        assert one.tobytes() == other.tobytes()
    a, b, c = first
    assert a.dtype == b.dtype == config.format.dtype
    for matrix, mask in zip((a, b), case.masks(config), strict=True):
        assert np.array_equal(matrix != 0, mask)
    assert c.shape == (len(a), b.shape[1]) and (c != 0).all()


@pytest.mark.parametrize("name", CASES)
def test_loads(name):
    """OHMMA as by the skip rule, products bank by bank."""
    a, b, _ = CASES[name].operands(TINY)
    loads = step_loads(a != 0, b != 0, TINY)
    ohmma, busiest, total = brute_loads(a, b, TINY)
    assert loads.ohmma.tolist() == ohmma and loads.banks.tolist() == busiest
    assert np.array_equal(loads.products, total)
    counts = ohmma_counts(encode(a, "A", TINY), encode(b, "B", TINY), TINY)
    assert (loads.ohmma.sum(), loads.products.sum()) == (counts.executed, counts.products)


@pytest.mark.parametrize("name, ohmma, busiest", [
    ("full", 8, 8), ("one bank", 1, 8), ("one bank row", 2, 8), ("one bank column", 4, 8),
    ("same accumulator", 1, 1), ("two in turn", 1, 1), ("wandering", 1, 1), ("single", 1, 1),
    ("just over", 4, 4)])
def test_steps_of_the_paper(name, ohmma, busiest):
    """Every k-step of the regular cases, counted by hand for 8 x 16 multipliers."""
    loads = step_loads(*CASES[name].masks(PAPER), PAPER)
    assert set(loads.ohmma) == {ohmma} and set(loads.banks) == {busiest}


def test_irregular_cases():
    """What the other cases are about, in the paper's shape."""
    loads = {name: step_loads(*CASES[name].masks(PAPER), PAPER) for name in CASES}
    assert loads["alternating"].ohmma.tolist() == [8, 0] * 64
    assert loads["heavy and light"].banks.tolist() == [8, 1] * 64
    assert loads["nothing"].ohmma.sum() == loads["disjoint"].ohmma.sum() == 0
    assert loads["disjoint stream"].ohmma.sum() == 0
    a, b = CASES["disjoint stream"].masks(PAPER)
    assert a.any(axis=0).sum() == b.any(axis=1).sum() == 64
    a, b = CASES["just over, scattered"].masks(PAPER)
    assert (a.sum(axis=0) % 8 == 1).all() and (b.sum(axis=1) % 16 == 1).all()
    # One period: bank (0, 0) has as many products as there are OHMMA.
    assert loads["bursts"].banks[:11].sum() == loads["bursts"].ohmma[:88].sum() == 88
    assert loads["runs"].banks.tolist() == [8] * 128
    popcounts = CASES["clustered"].masks(PAPER)[0].sum(axis=0)
    assert popcounts.var() > 6 * 32 * 0.4 * 0.6


def test_bound_by_hand():
    """A few k-steps whose bound is plain."""
    a, b = np.zeros((32, 16), bool), np.zeros((16, 32), bool)
    a[[0, 8, 16, 24], 0] = b[0, [0, 16]] = True     # eight products for one bank
    a[:, 1] = b[1] = True                           # eight OHMMA
    a[5, 2] = b[2, 7] = True                        # one product, but four cycles of hazard
    a[1, 3] = True                                  # nothing
    assert hazard_cycles(PAPER) == 4
    assert bound_cycles(a, b, PAPER) == 8 + 8 + 4
    a[:, :3] = False
    assert bound_cycles(a, b, PAPER) == 4           # a pair of tiles without a common k-step
    assert bound_cycles(a & False, b, PAPER) == 0   # not even loaded
    assert bound_cycles(np.tile(a, (3, 2)), np.tile(b, (2, 1)), PAPER) == 3 * 2 * 4


@pytest.mark.parametrize("config, ratio", [
    (PAPER, 8), (SMALL, 8), (TINY, 4), (get_config("paper-int8"), 8),
    # One accumulator per bank: only the hazard is left.
    (TINY.replace(tile_k=8, array_rows=8, array_cols=8, adder_latency=4), 5),
    # Eight rows of a bank row fill four OHMMA of two rows.
    (PAPER.replace(tile_m=16, array_rows=2, array_cols=32, adder_latency=1), 2)])
def test_worst_ratio(config, ratio):
    """By hand for each shape."""
    assert worst_ratio(config) == ratio


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_condition_of_the_bound(config):
    """Named configurations are within what the proof covers, and never slower than dense; the
    table on the page is theirs."""
    hazard, entries = hazard_cycles(config), config.collector_entries
    fill, room = 1 + max(config.bank_depth, hazard - 1), (entries - 1) * hazard
    assert fill <= room
    assert hazard <= config.dense_ohmma_per_step
    assert (f"| {config.name} | {config.row_groups} x {config.col_groups} | {config.array_rows} x "
            f"{config.array_cols} | {hazard} | {entries} | {fill} | {room} | "
            f"{worst_ratio(config):g} |") in PAGE.read_text(encoding="utf-8")


def test_unknown_pattern():
    """One sentence with the names."""
    with pytest.raises(DstcError, match=r"Pattern must be one of empty, full, .*, not 'plaid'"):
        torture_mask("plaid", (8, 8), "A", TINY, np.random.default_rng(0))
    assert {"stripes", "just over", "alternating"} <= PATTERNS.keys()
