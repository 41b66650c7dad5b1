"""Programs from memory to memory on one node."""

import numpy as np
import pytest
from axi_memory import accelerator
from node_bench import NodeBench
from node_image import Convolution, Image, Product

from dstc.conv import ConvGeometry, Epilogue, convolution
from dstc.conv.epilogue import apply
from dstc.conv.featuremap import map_matrix
from dstc.golden import matmul
from dstc.workloads import random_accumulators, random_matrix

STEADY = {"p": (1, 1, 1, 1, 1), "latency": (0, 0)}
SLOW = {"p": (.5, .5, .5, .5, .5), "latency": (0, 20)}


def random_product(image, shape, densities, seed, *, c=True, **options):
    """A product in memory, and what it must give."""
    rng, core = np.random.default_rng(seed), image.config
    m, n, k = shape
    a = random_matrix((m, k), densities[0], core.element, rng)
    b = random_matrix((k, n), densities[1], core.element, rng)
    start = random_accumulators((m, n), core.element, rng) if c else None
    product = Product(image, a, b, start, **options)
    sums = matmul(a, b, start)
    if product.raw:
        return product, sums
    return product, apply(sums, Epilogue(relu=options.get("relu", False), raw=False), core.format)


def run_product(shape, densities, *, bus=128, seed=0, p=STEADY["p"], latency=(0, 0), **options):
    """Run a product and compare every bit; returns the counters and the bench."""
    image = Image(accelerator(bus), seed=seed)
    product, wanted = random_product(image, shape, densities, seed, **options)
    bench = NodeBench(image, seed, p, latency)
    counters = bench.execute(product.program())
    assert product.result_array.tobytes() == wanted.tobytes()
    return counters, bench


@pytest.mark.parametrize("bus, memory, columns, raw", [
    (64, SLOW, 2, True),
    (128, STEADY, 1, False),
])
def test_products(bus, memory, columns, raw):
    """Several rows and columns, an odd number of columns, partial tiles on all three sides."""
    run_product((12, 21, 10), (.4, .3), bus=bus, columns=columns, raw=raw, relu=not raw, **memory)


@pytest.mark.parametrize("shape, densities, options", [
    ((8, 16, 532), (.02, .04), {"columns": 2}),             # more k-tiles than a chunk has
    ((8, 16, 9), (0, .5), {}),                              # nothing to do but C
    ((8, 24, 9), (.3, .3), {"columns": 2, "dense": True}),  # empty tiles as well
])
def test_walks(shape, densities, options):
    counters, _ = run_product(shape, densities, **options)
    if options.get("dense"):
        k_tiles, columns = 3, 3
        assert counters["ohmma"] == 32 * k_tiles * columns
    elif not densities[0]:
        assert counters["ohmma"] == 0


@pytest.mark.parametrize("bus, memory, columns, raw", [
    (64, SLOW, 1, True),
])
def test_convolutions(bus, memory, columns, raw):
    rng = np.random.default_rng(3)
    geometry = ConvGeometry(channels=6, height=4, width=5, outputs=11, kernel=(2, 2),
                            stride=(2, 1), pads=(1, 0, 1, 1))
    image = Image(accelerator(bus), seed=3)
    core = image.config
    x = random_matrix((6, 20), .5, core.element, rng).reshape(6, 4, 5)
    w = random_matrix((11, 24), .4, core.element, rng).reshape(11, 6, 2, 2)
    epilogue = Epilogue(bias=rng.standard_normal(11).astype(np.float32), relu=True, raw=raw)
    c = random_accumulators((11, geometry.positions), core.element, rng).reshape(
        11, geometry.out_height, geometry.out_width) if raw else None
    job = Convolution(image, x, w, geometry, epilogue, c, columns=columns)
    bench = NodeBench(image, 3, **memory)
    bench.execute(job.program())
    wanted = map_matrix(convolution(x, w, geometry, epilogue, c=c, element=core.format))
    assert job.result_array.tobytes() == wanted.tobytes()
