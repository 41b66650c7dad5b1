# amaranth: UnusedElaboratable=no
"""Inner-product cores: products against the golden model, cycles, refusals."""

import re

import numpy as np
import pytest
from twin_bench import random_c, random_operand, run, structure
from unit_bench import CONFIGS

from dstc.errors import DstcError
from dstc.golden import matmul
from dstc.twin.fused import fused_matmul
from dstc_hdl.twin import DenseCore, StructuredCore

TINY = CONFIGS["tiny"]
SHAPES = {
    **{name: CONFIGS[name] for name in ("tiny", "int8")},
    "odd": CONFIGS["odd"].replace(tile_n=8),
    # One row and one column of dot products; sums of four cycles.
    "narrow": TINY.replace(name="narrow", array_cols=2, adder_latency=4),
    # As many blocks as sums have cycles, and one more.
    "tight": CONFIGS["flat"].replace(name="tight", element="int8", adder_latency=3),
    **{name: TINY.replace(name=name, element=name) for name in ("bf16", "fp8_e4m3", "fp8_e5m2")},
}


def check(config, shape, *, structured=False, numerics="exact", wild=False, with_c=True, seed=0,
          **stalls):
    rng = np.random.default_rng(seed)
    m, n, k = shape
    a = random_operand(config, rng, (m, k), wild=wild)
    b = random_operand(config, rng, (k, n), wild=wild)
    if structured:
        b = structure(b, rng)
    c = random_c(config, rng, (m, n), wild=wild) if with_c else None
    done = run(config, a, b, c, structured=structured, numerics=numerics, seed=seed, **stalls)
    want = matmul(a, b, c) if numerics == "exact" else fused_matmul(a, b, c, structured=structured)
    np.testing.assert_array_equal(done.result.view(np.uint32), want.view(np.uint32))
    assert len(done.issues) == done.job.cycles
    return done


@pytest.mark.parametrize("name, structured", [
    *((name, False) for name in SHAPES if name != "odd"),
    *((name, True) for name in ("tiny", "odd", "narrow"))])
def test_products(name, structured):
    """Partial tiles on every side, more than one of some configurations; C not zero."""
    config = SHAPES[name]
    m, k = config.tile_m - 1, config.tile_k * (2 if structured else 1) - 3
    if name in ("tiny", "tight"):
        m, k = config.tile_m + 3, config.tile_k * (4 if structured else 2) + 1
    check(config, (m, config.tile_n - 1, k), structured=structured)


@pytest.mark.parametrize("element, structured", [("fp16", True), ("bf16", False)])
def test_fused(element, structured):
    """One rounding for each dot product."""
    check(TINY.replace(element=element), (8, 8, 13), structured=structured, numerics="fused",
          wild=True, seed=6, p=.8, p_d=.8)
    done = check(TINY, (8, 8, 8), structured=structured, numerics="fused")
    assert done.latency == 1 + 1 + 4 + 1
    assert done.d[-1] == done.issues[-1] + done.latency + TINY.c_beats


@pytest.mark.parametrize("structured", [False, True], ids=["dense", "structured"])
@pytest.mark.parametrize("p, p_d", [(.3, 1), (1, .2)])
def test_stalls(structured, p, p_d):
    """Results do not depend on the timing of any stream."""
    check(TINY, (9, 7, 9), structured=structured, seed=1, p=p, p_d=p_d)
    check(TINY, (7, 15, 3), structured=structured, with_c=False, seed=2, p=p, p_d=p_d)


@pytest.mark.parametrize("element, structured", [("fp16", False), ("fp8_e5m2", True)])
def test_every_pattern(element, structured):
    """Infinities, NaN, subnormal numbers and both zeros on all sides; a zero adds nothing."""
    check(TINY.replace(element=element), (8, 8, 13), structured=structured, wild=True, seed=3)


def test_a_zero_adds_nothing():
    """-0 in C stays, next to pairs of infinity and zero and of zeros of either sign."""
    a = np.array([[0, -0.0, np.inf, 0, 2]], np.float16).repeat(8, axis=0)
    b = np.array([[np.inf], [np.nan], [-0.0], [-0.0], [0]], np.float16).repeat(8, axis=1)
    c = np.full((8, 8), -0.0, np.float32)
    done = run(TINY, a, b, c)
    assert (done.result.view(np.uint32) == 0x80000000).all()


def operands(config, tiles, k_tiles, structured):
    rng = np.random.default_rng(5)
    k = k_tiles * config.tile_k * (2 if structured else 1)
    a = random_operand(config, rng, (config.tile_m * tiles, k), density=1)
    b = random_operand(config, rng, (k, config.tile_n), density=1)
    return a, structure(b, rng) if structured else b, random_c(config, rng, (len(a), b.shape[1]))


@pytest.mark.parametrize("structured", [False, True], ids=["dense", "structured"])
@pytest.mark.parametrize("tiles, k_tiles, with_c", [(4, 1, False), (3, 2, True), (1, 3, True)])
def test_cycles(tiles, k_tiles, with_c, structured):
    """All multipliers in every cycle from the first block to the last, then the last drain."""
    config = TINY
    a, b, c = operands(config, tiles, k_tiles, structured)
    done = run(config, a, b, c if with_c else None, structured=structured)
    span = tiles * k_tiles * config.dense_ohmma_per_tile
    first = done.issues[0]
    assert done.issues == list(range(first, first + span))
    macs = span * config.multipliers
    assert macs == np.prod((*a.shape, b.shape[1])) // (2 if structured else 1)
    # Before the first block its operands: a tile of A takes twice as many beats as one of B.
    loads = config.tile_m * a.shape[1] // k_tiles // (2 * config.array_rows)
    assert first == max(loads, config.c_beats if with_c else 0)
    # After the last one its sums and the drain.
    assert done.d[-1] == done.issues[-1] + done.latency + config.c_beats


def test_latency():
    """A multiplication, four sums and the bank, behind the operands."""
    assert DenseCore(TINY).latency == 1 + 1 + 4 * TINY.adder_latency + 1
    assert StructuredCore(TINY).latency == DenseCore(TINY).latency
    int8 = CONFIGS["int8"]
    assert DenseCore(int8).latency == 1 + 2 + int8.adder_latency + 1


def test_short_jobs_with_c():
    """A context drains, then loads; with one k-tile that takes longer than the job beside it."""
    a, b, c = operands(TINY, 6, 1, False)
    done = run(TINY, a, b, c)
    starts = done.issues[::TINY.dense_ohmma_per_tile]
    # Two contexts: job n + 2 begins when job n is computed, drained and C has come.
    round_trip = TINY.dense_ohmma_per_tile + done.latency + 2 * TINY.c_beats
    assert [later - start for start, later in zip(starts[1:], starts[3:], strict=False)] == [
        round_trip] * 3


@pytest.mark.parametrize("core", [DenseCore, StructuredCore])
def test_refusals(core):
    with pytest.raises(DstcError, match=r"^Numerics must be one of exact, fused, not 'fast'$"):
        core(TINY, "fast")
    # Four blocks of 4 x 4 make a tile of 8 x 8.
    flat = CONFIGS["flat"]
    message = ("Inner-product core with dot products of 4 cycles needs a tile of at least 5 "
               "blocks, not 4")
    with pytest.raises(DstcError, match=f"^{re.escape(message)}$"):
        core(flat)
    assert core(flat.replace(element="int8")).config.element == "int8"
