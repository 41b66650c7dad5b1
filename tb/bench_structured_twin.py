"""Inner-product core with a 2:4 structured B: as the dense one, at twice its rate."""

from tb.bench_dense_twin import full_speed, products, reset
from tb.lib.bench import bench_test


@bench_test
async def structured_products(bench):
    await products(bench)


@bench_test
async def structured_reset(bench):
    await reset(bench)


@bench_test
async def structured_full_speed(bench):
    await full_speed(bench)
