"""Dense inner-product core: products against the golden models, and every cycle at work."""

import numpy as np

from dstc.golden import matmul
from dstc.twin import twin_job
from dstc.twin.fused import fused_matmul
from tb.bench_core import operand, random_c
from tb.lib.bench import bench_test
from tb.lib.twin_bench import TwinBench, structure


def random_job(bench, shape, *, with_c):
    """A product and the result that the golden model of the core's numerics gives it."""
    core = bench.component
    a = operand(bench, (shape[0], shape[2]), bench.rng.choice((0.3, 0.8, 1)))
    b = operand(bench, (shape[2], shape[1]), bench.rng.choice((0.3, 0.8, 1)))
    structured = core.twin.structured
    if structured:
        b = structure(b, np.random.default_rng(bench.rng.getrandbits(64)))
    c = random_c(bench, shape[:2]) if with_c else None
    want = (matmul(a, b, c) if core.numerics == "exact"
            else fused_matmul(a, b, c, structured=structured))
    return twin_job(a, b, c, config=bench.config, structured=structured), want


def check(got, want):
    wrong = np.argwhere(got.view(np.uint32) != want.view(np.uint32))
    assert not len(wrong), (f"{len(wrong)} sums differ, first {wrong[0]}: {got[tuple(wrong[0])]} "
                            f"for {want[tuple(wrong[0])]}")


async def products(bench):
    """Several products of several tiles in a row, all streams stalling."""
    core, config = TwinBench(bench), bench.config
    await bench.start()
    for n in range(3 if bench.four_state else 8):
        core.stalls(bench.random_stall if n else bench.stall)
        shape = (bench.rng.randint(1, 2 * config.tile_m), bench.rng.randint(1, config.tile_n + 1),
                 bench.rng.randint(1, 3 * config.tile_k))
        job, want = random_job(bench, shape, with_c=bench.rng.random() < 0.8)
        check(await core.run(job), want)


async def reset(bench):
    """A reset at any time leaves nothing behind."""
    core, config = TwinBench(bench), bench.config
    await bench.start()
    shape = (config.tile_m, config.tile_n + 1, 2 * config.tile_k + 1)
    for _ in range(3):
        core.stalls(bench.random_stall)
        core.put(random_job(bench, shape, with_c=True)[0])
        await bench.tick(bench.rng.randint(config.c_beats, 4 * config.dense_ohmma_per_tile))
        await bench.reset()
    core.stalls(bench.stall)
    job, want = random_job(bench, shape, with_c=True)
    check(await core.run(job), want)


async def full_speed(bench):
    """Every multiplier in every cycle from the first block to the last, results besides."""
    core, config = TwinBench(bench), bench.config
    await bench.start()
    depth = 4 * bench.component.twin.tile_k
    job, want = random_job(bench, (2 * config.tile_m, config.tile_n, depth), with_c=True)
    check(await core.run(job), want)
    assert core.issues[-1] - core.issues[0] == 8 * config.dense_ohmma_per_tile - 1
    latency = bench.component.latency
    assert core.sink.taken[-1] == core.issues[-1] + latency + config.c_beats


@bench_test
async def dense_products(bench):
    await products(bench)


@bench_test
async def dense_reset(bench):
    await reset(bench)


@bench_test
async def dense_full_speed(bench):
    await full_speed(bench)
