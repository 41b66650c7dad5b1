"""Layers of networks as products."""

import numpy as np

from dstc.config import get_config
from dstc.conv import ConvGeometry
from dstc.models import MODELS, fewest_cycles, work_operands
from dstc.network import ConvWork, MatMulWork


def test_groups_and_images():
    """Two images and three groups are six products, with the effectual MACs of the layer."""
    rng = np.random.default_rng(0)
    geometry = ConvGeometry.from_shapes((6, 9, 7), (12, 2, 3, 3), stride=(2, 1), pads=(1, 1, 1, 1),
                                        groups=3)
    work = ConvWork(name="c", op="Conv", geometry=geometry, x=rng.random((2, 6, 9, 7)) < 0.5,
                    w=rng.random((12, 2, 3, 3)) < 0.4)
    products = list(work_operands(work))
    assert len(products) == 6
    counts = work.counts(get_config("paper"))
    assert sum(each.products for each in products) == counts.products
    assert all(each.shape == (5 * 7, 4, 18) for each in products)


def test_batch():
    """A matrix that a batch shares meets each of the others."""
    rng = np.random.default_rng(1)
    work = MatMulWork(name="m", op="MatMul", a=rng.random((3, 10, 20)) < 0.5,
                      b=rng.random((1, 30, 20)) < 0.5)
    products = list(work_operands(work))
    assert [each.shape for each in products] == [(10, 30, 20)] * 3


def test_the_better_way_round():
    """Three or four non-zeros of 32 columns take half a group of 16, or of 8 when on the rows."""
    rng = np.random.default_rng(2)
    operands = next(work_operands(MatMulWork(
        name="m", op="MatMul", a=np.ones((1, 64, 32), bool), b=rng.random((1, 64, 32)) < 0.1)))
    cycles, swapped = fewest_cycles(operands)
    assert set(cycles) == set(MODELS)
    assert "dual-side" in swapped
    assert cycles["dual-side"] == MODELS["dual-side"].cost(operands.swapped).cycles
