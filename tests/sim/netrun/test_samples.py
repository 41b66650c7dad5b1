"""Inputs cut into runs, labels, and answers."""

import numpy as np
import pytest

from dstc.errors import DstcError
from dstc_sim.netrun.report import largest_difference
from dstc_sim.netrun.samples import cut, read_labels, tops


def test_cut():
    x, y, scalar = np.arange(12).reshape(6, 2), np.arange(3), np.float32(7)
    runs = cut({"x": x, "y": y, "s": np.asarray(scalar)}, {"x": 2, "y": 1})
    assert len(runs) == 3
    for n, run in enumerate(runs):
        np.testing.assert_array_equal(run["x"], [[4 * n, 4 * n + 1], [4 * n + 2, 4 * n + 3]])
        assert run["y"].tolist() == [n] and run["s"] == 7
    assert cut({}, {}) == [{}]
    assert len(cut({"s": np.asarray(scalar)}, {})) == 1


@pytest.mark.parametrize("x, y", [(6, 2), (5, 3), (0, 0), (1, 1)])
def test_uneven_inputs(x, y):
    with pytest.raises(DstcError) as caught:
        cut({"x": np.ones((x, 2)), "y": np.ones(y)}, {"x": 2, "y": 1})
    assert str(caught.value) == (
        "Inputs must hold the same whole number of runs in their first dimension (2 of x, 1 of y "
        f"each), not x [{x}, 2], y [{y}]")


def test_labels(tmp_path):
    path = tmp_path / "labels.npy"
    np.save(path, np.array([3, 1, 4, 1], np.uint8))
    assert read_labels(str(path), 4, 4).tolist() == [3, 1, 4, 1]
    assert read_labels(str(path), 4, 2).tolist() == [3, 1]
    assert read_labels(str(path), 9, 4).tolist() == [3, 1, 4, 1]


@pytest.mark.parametrize("array", [np.ones(4), np.ones((4, 1), int), np.ones(3, int)])
def test_wrong_labels(tmp_path, array):
    path = tmp_path / "labels.npy"
    np.save(path, array)
    with pytest.raises(DstcError) as caught:
        read_labels(str(path), 4, 2)
    assert str(caught.value) == ("Labels must be integers, one for each of 4 samples, not "
                                 f"{array.dtype} of shape {array.shape}")


def test_tops():
    outputs = [np.array([[1, 5, 2], [9, 0, 9]]), np.array([[-3, -2, -1], [4, 4, 8]])]
    assert tops(outputs, 2) == [1, 0, 2, 2]
    assert tops([np.array([[[1, 2], [7, 3]]])], 1) == [2]
    for wrong in (np.ones((3, 4)), np.ones((2, 1)), np.ones(2), np.float32(1)):
        assert tops([np.asarray(wrong)], 2) is None


def test_largest_difference():
    one, nan, inf = np.float32([1, 2]), np.float32([1, np.nan]), np.float32([np.inf, -np.inf])
    assert largest_difference([one, one], [one, one + np.float32([0.5, 0.25])]) == 0.5
    assert largest_difference([nan], [nan]) == largest_difference([inf], [inf]) == 0
    for pair in ((one, nan), (inf, one), (inf, -inf), (one, one[:1])):
        assert largest_difference([one, pair[0], one], [one, pair[1], one]) is None
        assert largest_difference([pair[1]], [pair[0]]) is None
    assert largest_difference([np.array([True, False])], [np.array([True, True])]) == 1
