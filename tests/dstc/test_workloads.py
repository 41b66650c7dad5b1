import re

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from dstc.elements import ELEMENTS
from dstc.errors import DstcError
from dstc.golden import matmul
from dstc.workloads import clustered_mask, random_accumulators, random_matrix


@pytest.mark.parametrize("element", ELEMENTS)
@pytest.mark.parametrize("density", [0, 0.1, 0.5, 1])
def test_density(element, density, seed=71):
    matrix = random_matrix((200, 300), density, element, np.random.default_rng(seed))
    assert matrix.dtype == ELEMENTS[element].dtype and matrix.shape == (200, 300)
    got = np.count_nonzero(matrix) / matrix.size
    # Five standard deviations of 60,000 draws; exact at both ends.
    assert abs(got - density) <= 5 * np.sqrt(density * (1 - density) / matrix.size)
    assert np.isfinite(matrix).all()


@pytest.mark.parametrize("element", ELEMENTS)
def test_seed_decides(element):
    one, same, other = (random_matrix((9, 9), .5, element, np.random.default_rng(seed))
                        for seed in (1, 1, 2))
    assert_array_equal(one, same)
    assert (one != other).any()


def test_sums_round():
    """Order of summation shows: with such values a wrong order gives other bits."""
    rng = np.random.default_rng(73)
    a, b = random_matrix((16, 64), 1, "fp16", rng), random_matrix((64, 16), 1, "fp16", rng)
    forward, backward = matmul(a, b), matmul(a[:, ::-1], b[::-1])
    assert (forward != backward).mean() > .5


@pytest.mark.parametrize("element", ELEMENTS)
def test_accumulators(element):
    c = random_accumulators((20, 30), element, np.random.default_rng(5))
    assert c.dtype == ELEMENTS[element].acc_dtype and c.shape == (20, 30)
    assert np.count_nonzero(c) > 590 and (c < 0).any() and (c > 0).any()


@pytest.mark.parametrize("density", [-0.1, 1.1, float("nan")])
def test_density_refused(density):
    sentence = f"Density must be from 0 to 1, not {density}"
    with pytest.raises(DstcError, match=f"^{re.escape(sentence)}$"):
        random_matrix((2, 2), density, "fp16", np.random.default_rng(0))


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("density", [0.1, 0.5])
def test_clusters(axis, density):
    """The mean is as asked for; popcounts of 32 neighbours along the axis vary 12 times as much
    as independent ones, those across it as independent ones do."""
    mask = clustered_mask((1600, 1600), density, axis, np.random.default_rng(73))
    assert abs(mask.mean() - density) < 0.01
    along, across = (turned.reshape(50, 32, 1600).sum(1).var() / (32 * density * (1 - density))
                     for turned in (mask if axis == 0 else mask.T, mask.T if axis == 0 else mask))
    assert along == pytest.approx(12, rel=0.05) and across == pytest.approx(1, rel=0.05)


def test_clusters_at_the_ends():
    rng = np.random.default_rng(79)
    assert clustered_mask((33, 5), 1, 0, rng).all()
    assert not clustered_mask((33, 5), 0, 0, rng).any()
    assert clustered_mask((33, 5), .5, 0, rng).shape == (33, 5)
    with pytest.raises(DstcError, match=r"^Density must be from 0 to 1, not 1\.5$"):
        clustered_mask((2, 2), 1.5, 0, rng)
