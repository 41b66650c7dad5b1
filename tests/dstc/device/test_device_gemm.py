"""Products through the driver on the reference device, every bit of them."""

import numpy as np
import pytest
from device_bench import device_of, random_product
from hypothesis import given, settings
from hypothesis import strategies as st

from dstc import golden
from dstc.formats import encode


@settings(max_examples=60, deadline=None)
@given(shape=st.tuples(st.integers(1, 40), st.integers(1, 40), st.integers(1, 60)),
       cores=st.integers(1, 4), mode=st.sampled_from(["sparse", "dense"]), with_c=st.booleans(),
       densities=st.tuples(st.floats(0, 1), st.floats(0, 1)), seed=st.integers(0, 1 << 30))
def test_products_are_golden(shape, cores, mode, with_c, densities, seed):
    device, bus = device_of(cores=cores, interrupt=bool(seed % 2))
    a, b, c = random_product(np.random.default_rng(seed), shape, bus.config, *densities)
    start = c if with_c else None
    run = device.gemm(a, b, start, mode=mode)
    assert run.result.tobytes() == golden.matmul(a, b, start).tobytes()


@pytest.mark.parametrize("name", ["paper", "paper-int8", "paper-fp8-e4m3", "small", "paper-bf16"])
def test_every_element(name):
    device, bus = device_of(name, 2)
    a, b, c = random_product(np.random.default_rng(4), (70, 40, 37), bus.config)
    run = device.gemm(encode(a, "A", bus.config), encode(b, "B", bus.config), c)
    assert run.result.tobytes() == golden.matmul(a, b, c).tobytes()


def test_many_k_tiles():
    """Warp bitmaps of more than one granule, with tiles in the last one alone."""
    device, bus = device_of(cores=2)
    a, b, c = random_product(np.random.default_rng(5), (9, 17, 4 * 260), bus.config, .05, .05)
    a[:, :4 * 257] = 0
    assert device.gemm(a, b, c).result.tobytes() == golden.matmul(a, b, c).tobytes()
    assert bus.tiles_read["A"] <= 2 * 3


def test_only_pairs_are_fetched():
    """Of tiles whose partner is empty not even the record is read; a pair shares its A tiles."""
    device, bus = device_of()
    a, b = np.zeros((8, 16), np.float16), np.zeros((16, 16), np.float16)
    a[0, [0, 4, 8]] = 1                     # k-tiles 0, 1 and 2
    b[[4, 12], 0] = 2                       # k-tiles 1 and 3 of the first column
    b[[4, 8], 8] = 3                        # k-tiles 1 and 2 of the second
    assert device.gemm(a, b).result[0].tolist() == [2, *[0] * 7, 6, *[0] * 7]
    assert bus.tiles_read == {"A": 2, "B": 3}
    device.gemm(a, b, mode="dense")
    assert bus.tiles_read == {"A": 4, "B": 8}


@pytest.mark.parametrize("cores, shape, parts", [
    (4, (64, 8), 4), (4, (24, 8), 3), (4, (8, 64), 4), (4, (8, 16), 1), (2, (8, 8), 1),
    (4, (16, 64), 4), (3, (8, 64), 2), (4, (40, 64), 4)])
def test_cores_that_take_part(cores, shape, parts):
    """Rows of tiles go to different cores; few rows are cut between pairs of columns."""
    device, bus = device_of(cores=cores)
    a, b, c = random_product(np.random.default_rng(6), (*shape, 8), bus.config, 1, 1)
    assert device.gemm(a, b, c).result.tobytes() == golden.matmul(a, b, c).tobytes()
    assert bus.programs_run == [parts]
