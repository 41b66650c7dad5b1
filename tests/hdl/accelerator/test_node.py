"""Products from memory to memory on one node."""

import numpy as np
import pytest
from axi_memory import accelerator
from node_bench import NodeBench
from node_image import Image, Product

from dstc.conv.epilogue import Epilogue, apply
from dstc.golden import matmul
from dstc.workloads import random_accumulators, random_matrix

STEADY = {"p": (1, 1, 1, 1, 1), "latency": (0, 0)}
SLOW = {"p": (.5, .5, .5, .5, .5), "latency": (0, 20)}


def run_product(shape, densities, *, bus=128, c=True, seed=0, p=STEADY["p"], latency=(0, 0),
                size=1 << 16, **options):
    """Run a product and compare every bit; returns the counters and the bench."""
    acc = accelerator(bus)
    rng = np.random.default_rng(seed)
    image = Image(acc, size, seed=seed)
    m, n, k = shape
    a = random_matrix((m, k), densities[0], acc.core.element, rng)
    b = random_matrix((k, n), densities[1], acc.core.element, rng)
    start = random_accumulators((m, n), acc.core.element, rng) if c else None
    product = Product(image, a, b, start, **options)
    bench = NodeBench(image, seed, p, latency)
    counters = bench.execute(product.program())
    sums = matmul(a, b, start)
    if product.raw:
        result, wanted = product.raw_result(), sums
    else:
        result, wanted = product.map_result(), apply(
            sums, Epilogue(relu=options.get("relu", False), raw=False), acc.core.format)
    assert result.tobytes() == wanted.tobytes()
    return counters, bench


@pytest.mark.parametrize("bus, memory, pair, raw", [
    (64, STEADY, False, False),
    (64, SLOW, True, True),
    (128, STEADY, True, False),
    (128, SLOW, False, True),
])
def test_products(bus, memory, pair, raw):
    """Several rows and columns, an odd number of columns, partial tiles on all three sides."""
    run_product((12, 21, 10), (.4, .3), bus=bus, pair=pair, raw=raw, relu=not raw, **memory)
