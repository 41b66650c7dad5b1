"""The explanation of one tile: by hand, against numpy, and against the emitted Verilog."""

from collections import Counter

import numpy as np
import pytest

from dstc.config import get_config
from dstc.errors import DstcError
from dstc.workloads import random_accumulators, random_matrix
from dstc_sim.engine import RtlEngine
from dstc_sim.explain import cut_tile, cycle_table, explain_tile

TINY = get_config("tiny")


def tile(config, density_a, density_b, seed):
    """Random A, B and C of one tile."""
    rngs = np.random.default_rng(seed).spawn(3)
    return (random_matrix((config.tile_m, config.tile_k), density_a, config.element, rngs[0]),
            random_matrix((config.tile_k, config.tile_n), density_b, config.element, rngs[1]),
            random_accumulators((config.tile_m, config.tile_n), config.element, rngs[2]))


@pytest.fixture(scope="module")
def by_hand():
    """``tiny`` has 2 x 4 banks and lanes: k 0 crowds bank 0,1; k 1 and k 2 lack one side; k 3 is a
    row of five."""
    a, b = np.zeros((8, 4), np.float16), np.zeros((4, 8), np.float16)
    a[[0, 2, 5], 0], b[0, [1, 5]] = [1, -2, 0.5], [3, 4]
    a[3, 1], b[2, 0] = 7, 8
    a[1, 3], b[3, :5] = 9, [1, 2, 3, 4, 5]
    return explain_tile(a, b, config=TINY)


def test_operands_by_hand(by_hand):
    assert by_hand.a.bitmaps == [0b100101, 0b1000, 0, 0b10]
    assert by_hand.a.values == [[1, -2, 0.5], [7], [], [9]]
    assert by_hand.b.bitmaps == [0b100010, 0, 1, 0b11111]
    assert by_hand.b.values == [[3, 4], [], [8], [1, 2, 3, 4, 5]]


def test_k_steps_by_hand(by_hand):
    every = [(g, h) for h in (0, 1) for g in range(4)]
    assert [(step.a, step.b, step.groups, step.executed, step.products)
            for step in by_hand.k_steps] == [
        (3, 2, (2, 1), [(0, 0), (1, 0)], 6), (1, 0, (1, 0), [], 0), (0, 1, (0, 1), [], 0),
        (1, 5, (1, 2), [(0, 0), (0, 1)], 5)]
    for step in by_hand.k_steps:
        assert step.skipped == [group for group in every if group not in step.executed]


def test_ohmma_by_hand(by_hand):
    """Loads end in cycle 6: the A record has 1 bitmap beat, 1 cycle of counting and 2 value
    beats, B 1, 1 and 1 and begins a cycle later.  Five registers lie before the collector."""
    assert [(one.cycle, one.entry, one.k, one.rows, one.cols, one.products, one.banks)
            for one in by_hand.ohmma] == [
        (12, 0, 0, [0, 2], [1, 5], 4, [0, 4, 0, 0, 0, 0, 0, 0]),
        (13, 0, 0, [5], [1, 5], 2, [0, 0, 0, 0, 0, 2, 0, 0]),
        (14, 1, 3, [1], [0, 1, 2, 3], 4, [0, 0, 0, 0, 1, 1, 1, 1]),
        (15, 1, 3, [1], [4], 1, [0, 0, 0, 0, 1, 0, 0, 0])]


def test_dense_groups_by_hand():
    """In dense mode a group is two neighbouring rows or four neighbouring columns."""
    a, b = np.zeros((8, 4), np.float16), np.zeros((4, 8), np.float16)
    a[[0, 2, 5], 0], b[0, [1, 5, 6]] = 1, 1
    told = explain_tile(a, b, config=TINY, mode="dense")
    assert [(one.k, one.g, one.h) for one in told.ohmma] == [
        (k, g, h) for k in range(4) for h in range(2) for g in range(4)]
    rows = [[0], [2], [5], []] * 2
    cols = [[1]] * 4 + [[5, 6]] * 4
    assert [(one.rows, one.cols) for one in told.ohmma[:8]] == list(zip(rows, cols, strict=True))
    assert all(one.products == 0 for one in told.ohmma[8:])
    assert [step.skipped for step in told.k_steps] == [[]] * 4


def test_collector_by_hand(by_hand):
    """A bank takes the lowest accumulator first, and k 3 after it has been through with k 0."""
    made = {cycle.cycle: [tuple(product) for product in cycle.made]
            for cycle in by_hand.cycles if cycle.made}
    assert made == {
        13: [(0, 1, 0, 1)],
        14: [(0, 1, 2, 1), (0, 5, 5, 1)],
        15: [(0, 1, 0, 5), (0, 5, 5, 5)],
        16: [(0, 1, 2, 5), (1, 4, 1, 0), (1, 5, 1, 1), (1, 6, 1, 2), (1, 7, 1, 3)],
        17: [(1, 4, 1, 4)]}
    assert [(one.entry, one.k, one.opened, one.closed, one.retires, one.products)
            for one in by_hand.entries] == [(0, 0, 12, 13, 17, 6), (1, 3, 14, 15, 18, 5)]
    held = {cycle.cycle: cycle.held for cycle in by_hand.cycles if cycle.held}
    assert held == {13: [(0, 4)], 14: [(0, 5)], 15: [(0, 3), (1, 4)], 16: [(0, 1), (1, 5)],
                    17: [(0, 0), (1, 1)], 18: [(1, 0)]}


def test_operands_meet_before_their_ohmma():
    """Rows 0, 2 and 3 by columns 0 to 4: the last OHMMA, row 3 by column 4, brings only what the
    second and the third have brought, so bank 1,0 makes its product while it arrives."""
    a, b = np.zeros((8, 4), np.float16), np.zeros((4, 8), np.float16)
    a[[0, 2, 3], 0], b[0, :5] = 1, 1
    told = explain_tile(a, b, config=TINY)
    assert [(one.rows, one.cols) for one in told.ohmma] == [
        ([0, 2], [0, 1, 2, 3]), ([3], [0, 1, 2, 3]), ([0, 2], [4]), ([3], [4])]
    start = told.ohmma[0].cycle
    assert [one.cycle - start for one in told.ohmma] == [0, 1, 2, 3]
    after = told.cycles[start + 1:start + 6]
    assert [len(cycle.made) for cycle in after] == [4, 8, 2, 1, 0]
    assert [(product.row, product.col) for product in after[2].made] == [(0, 4), (3, 4)]
    assert [cycle.held for cycle in after] == [[(0, left)] for left in (8, 8, 3, 1, 0)]


def test_bins_by_hand(by_hand):
    """Retired in 18, three cycles to the last sum, 16 beats of D, one to halt."""
    expected = ["idle"] * 4 + ["operand_wait"] * 8 + ["issue"] * 4 + ["drain"] * 23 + ["idle"]
    assert [cycle.bin for cycle in by_hand.cycles] == expected
    assert by_hand.bins == {"issue": 4, "conflict": 0, "operand_wait": 8, "drain": 23, "idle": 5}
    assert by_hand.products == 11


def test_conflict_by_hand():
    """Four rows and two columns of one bank: 8 products, 8 cycles for each of 16 k-steps.

    The first ten fill the collector, the eleventh comes just after the first has left; the others
    wait for one to leave every 8 cycles: 6 cycles, then 7 each.
    """
    config = get_config("paper")
    a, b = np.zeros((32, 16), np.float16), np.zeros((16, 32), np.float16)
    a[::8], b[:, ::16] = 1, 1
    told = explain_tile(a, b, config=config)
    start = told.ohmma[0].cycle
    assert [one.cycle - start for one in told.ohmma] == [*range(11), 17, 25, 33, 41, 49]
    assert (told.bins["issue"], told.bins["conflict"]) == (16, 34)
    assert [len(cycle.made) for cycle in told.cycles[start + 1:start + 129]] == [1] * 128
    assert all(len(cycle.held) == 10 for cycle in told.cycles if cycle.bin == "conflict")
    # The eleventh that came at once was k-step 10.
    waits = [line.plain.split()[2:4] for line in cycle_table(told, start + 11, start + 16)][-6:]
    assert waits == [["(k11", "waits)"]] * 6


@pytest.mark.parametrize("name, mode, densities, seed", [
    ("paper", "sparse", (.3, .5), 1), ("paper", "dense", (.4, .2), 2),
    ("paper", "sparse", (1, 1), 3), ("paper-int8", "sparse", (.1, .9), 4),
    ("small", "sparse", (.6, .6), 5), ("tiny", "sparse", (.5, .4), 6),
    ("tiny", "dense", (.5, .4), 7), ("tiny", "sparse", (0, 1), 8)])
def test_every_product_once(name, mode, densities, seed):
    """Every pair of non-zeros is made once, by its bank, in k order, out of an entry that holds
    it."""
    config = get_config(name)
    a, b, c = tile(config, *densities, seed)
    told = explain_tile(a, b, c, config=config, mode=mode)
    k_of = {one.entry: one.k for one in told.entries}
    made = [(product.row, k_of[product.entry], product.col)
            for cycle in told.cycles for product in cycle.made]
    pairs = {(m, k, n) for m, k in np.argwhere(a) for n in np.flatnonzero(b[k])}
    assert len(made) == told.products == len(pairs) and set(made) == pairs
    last = {}
    for m, k, n in made:
        assert last.get((m, n), -1) < k
        last[m, n] = k

    rows = np.count_nonzero(a, axis=0)
    columns = np.count_nonzero(b, axis=1)
    for step, r, s in zip(told.k_steps, rows, columns, strict=True):
        rule = -(-r // config.array_rows) * -(-s // config.array_cols)
        assert (step.a, step.b, step.groups[0] * step.groups[1]) == (r, s, rule)
        assert len(step.executed) == (rule if mode == "sparse" else config.dense_ohmma_per_step)
        assert len(step.executed) + len(step.skipped) == config.dense_ohmma_per_step

    picks = Counter(product.entry for cycle in told.cycles for product in cycle.made)
    for entry in told.entries:
        mine = [one for one in told.ohmma if one.entry == entry.entry]
        assert picks[entry.entry] == entry.products == sum(one.products for one in mine)
        assert entry.products == sum(sum(one.banks) for one in mine)
        assert (entry.opened, entry.closed) == (mine[0].cycle, mine[-1].cycle)
    assert Counter(cycle.bin for cycle in told.cycles) == Counter(
        {bin: count for bin, count in told.bins.items() if count})


@pytest.mark.parametrize("name, mode, seed", [("paper", "sparse", 1), ("tiny", "dense", 2)])
def test_state_of_the_collector(name, mode, seed):
    """No bank makes two products in a cycle, and none that the entry does not have left."""
    config = get_config(name)
    lowest = config.tile_m * config.tile_n
    told = explain_tile(*tile(config, .5, .5, seed), config=config, mode=mode)
    for cycle in told.cycles:
        banks = [product.bank for product in cycle.made]
        assert len(set(banks)) == len(banks)
        for product in cycle.made:
            assert product.bank == (product.row % config.array_rows * config.array_cols
                                    + product.col % config.array_cols)
        left = dict(cycle.held)
        assert len(left) <= config.collector_entries
        for entry, count in Counter(product.entry for product in cycle.made).items():
            assert count <= left[entry]
            lowest = min(lowest, left[entry] - count)
        assert (cycle.ohmma is not None) == (cycle.bin == "issue")
    assert lowest == 0


@pytest.mark.parametrize("mode", ["sparse", "dense"])
@pytest.mark.parametrize("with_c", [False, True])
@pytest.mark.parametrize("shape, densities", [
    ((8, 8, 4), (.5, .6)), ((8, 8, 4), (.2, .2)), ((5, 7, 3), (1, 1)), ((8, 8, 4), (0, 1))])
def test_bins_of_the_rtl(mode, with_c, shape, densities):
    """The same single tile on the emitted Verilog: every bin, every OHMMA, every product."""
    m, n, k = shape
    a, b, c = tile(TINY, *densities, seed=m * n)
    a, b, c = a[:m, :k], b[:k, :n], c[:m, :n] if with_c else None
    told = explain_tile(a, b, c, config=TINY, mode=mode)
    result = RtlEngine(simulator="verilator").run(a, b, c, config=TINY, mode=mode)
    assert told.bins == dict(result.bins)
    assert len(told.cycles) == result.cycles
    assert len(told.ohmma) == result.ohmma["executed"]
    assert told.products == result.products


def test_pair_without_work():
    """Both tiles have values but no k in common: an empty entry passes."""
    a, b = np.zeros((8, 4), np.float16), np.zeros((4, 8), np.float16)
    a[2, 1], b[3, 4] = 1, 1
    told = explain_tile(a, b, config=TINY)
    assert told.ohmma == [] and told.products == 0
    assert [(one.k, one.products) for one in told.entries] == [(None, 0)]


def test_special_values():
    """JSON has no number for them."""
    a, b = np.full((8, 4), np.nan, np.float16), np.ones((4, 8), np.float16)
    a[0], a[1] = np.inf, -np.inf
    told = explain_tile(a, b, config=TINY)
    assert told.a.values == [["inf", "-inf"] + ["nan"] * 6] * 4


def test_cut_tile():
    rng = np.random.default_rng(9)
    a, b, c = rng.random((10, 9)), rng.random((9, 17)), rng.random((10, 17))
    part = cut_tile((a, b, c), (1, 2, 2), TINY)
    for got, expected in zip(part, (a[8:, 8:], b[8:, 16:], c[8:, 16:]), strict=True):
        np.testing.assert_array_equal(got, expected)
    assert cut_tile((a, b, None), (0, 0, 0), TINY)[2] is None


@pytest.mark.parametrize("index", [(2, 0, 0), (0, 3, 0), (0, 0, 3), (-1, 0, 0)])
def test_no_such_tile(index):
    with pytest.raises(DstcError) as caught:
        cut_tile((np.ones((10, 9)), np.ones((9, 17)), None), index, TINY)
    assert str(caught.value) == (
        "Tile must be inside 2 x 3 x 3, the tile rows, tile columns and k-tiles of the product, "
        f"not {','.join(map(str, index))}")


def test_more_than_a_tile():
    with pytest.raises(DstcError, match="Operands must fit a tile of 8 x 8 x 4, not 9 x 8 x 4"):
        explain_tile(np.ones((9, 4), np.float16), np.ones((4, 8), np.float16), config=TINY)
