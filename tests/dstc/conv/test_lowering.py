"""Lowered feature maps and weight matrices, against loops over their definitions."""

import re

import ml_dtypes
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from dstc.conv import ConvGeometry, im2col, weight_matrix
from dstc.conv import lowering as module
from dstc.errors import DstcError

GEOMETRIES = [
    ConvGeometry(channels=1, height=1, width=1, outputs=1, kernel=1),
    ConvGeometry(channels=3, height=5, width=4, outputs=2, kernel=3, pads=1),
    ConvGeometry(channels=2, height=7, width=7, outputs=4, kernel=3, stride=2, pads=1, groups=2),
    ConvGeometry(channels=2, height=6, width=9, outputs=3, kernel=1, stride=2),
    ConvGeometry(channels=4, height=6, width=5, outputs=8, kernel=2, stride=3, pads=2, groups=4),
    ConvGeometry(channels=2, height=5, width=8, outputs=2, kernel=(5, 2), stride=(1, 4),
                 pads=(0, 3, 2, 1), dilation=(1, 3)),
    # Taps that lie outside the feature map at every position.
    ConvGeometry(channels=1, height=2, width=1, outputs=1, kernel=(1, 3), pads=(9, 4, 0, 7),
                 stride=(4, 3), dilation=(1, 5)),
    ConvGeometry(channels=6, height=4, width=4, outputs=6, kernel=(3, 2), pads=(1, 0, 1, 1),
                 dilation=2, groups=3),
]


def positions(geometry):
    """Row and column of the padded feature map where the first tap stands, position by position."""
    rows = range(-geometry.pads[0], geometry.height + geometry.pads[2]
                 - geometry.dilation[0] * (geometry.kernel[0] - 1), geometry.stride[0])
    columns = range(-geometry.pads[1], geometry.width + geometry.pads[3]
                    - geometry.dilation[1] * (geometry.kernel[1] - 1), geometry.stride[1])
    return [(row, column) for row in rows for column in columns]


def by_loops(x, geometry):
    rows = []
    for row, column in positions(geometry):
        taps = []
        for channel in x:
            for i in range(geometry.kernel[0]):
                for j in range(geometry.kernel[1]):
                    at = row + i * geometry.dilation[0], column + j * geometry.dilation[1]
                    inside = 0 <= at[0] < geometry.height and 0 <= at[1] < geometry.width
                    taps.append(channel[at] if inside else x.dtype.type(0))
        rows.append(taps)
    return np.array(rows, x.dtype)


@pytest.mark.parametrize("dtype", [np.float16, np.int8, np.bool_, np.float64,
                                   ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn])
@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
def test_im2col_by_loops(geometry, dtype):
    x = np.random.default_rng(geometry.k).integers(1, 100, geometry.x_shape).astype(dtype)
    lowered = im2col(x, geometry)
    assert lowered.dtype == dtype and lowered.shape == (geometry.positions, geometry.k)
    assert_array_equal(lowered, by_loops(x, geometry))


def test_im2col_of_a_batch():
    geometry = ConvGeometry(channels=2, height=5, width=6, outputs=1, kernel=3, stride=2, pads=1)
    x = np.random.default_rng(3).integers(1, 100, (3, 4, 2, 5, 6))
    lowered = im2col(x, geometry)
    assert lowered.shape == (3, 4, 9, 18)
    for one, single in zip(lowered.reshape(-1, 9, 18), x.reshape(-1, 2, 5, 6), strict=True):
        assert_array_equal(one, by_loops(single, geometry))


def test_im2col_copies():
    geometry = ConvGeometry(channels=1, height=3, width=3, outputs=1, kernel=1)
    x = np.ones((1, 3, 3))
    im2col(x, geometry)[:] = 7
    assert (x == 1).all()


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
def test_weight_matrix_by_loops(geometry):
    w = np.random.default_rng(5).integers(1, 100, geometry.w_shape)
    expected = np.zeros((geometry.k, geometry.outputs), w.dtype)
    kh, kw = geometry.kernel
    share = geometry.outputs // geometry.groups
    for (n, c, i, j), weight in np.ndenumerate(w):
        channel = n // share * (geometry.channels // geometry.groups) + c
        expected[(channel * kh + i) * kw + j, n] = weight
    assert_array_equal(weight_matrix(w, geometry), expected)


def test_refusals(monkeypatch):
    geometry = ConvGeometry(channels=2, height=3, width=4, outputs=4, kernel=3, pads=1, groups=2)
    x, w = np.ones((2, 3, 4)), np.ones((4, 1, 3, 3))
    monkeypatch.setattr(module, "MAX_ELEMENTS", 18 * 4 - 1)
    for call, message in [
            (lambda: im2col(np.ones((3, 3, 4)), geometry),
             "Feature map must have the shape (2, 3, 4), not (3, 3, 4)"),
            (lambda: im2col(np.ones(3), geometry),
             "Feature map must have the shape (2, 3, 4), not (3,)"),
            (lambda: weight_matrix(w[:3], geometry),
             "Convolution weights must have the shape (4, 1, 3, 3), not (3, 1, 3, 3)"),
            (lambda: im2col(x, geometry),
             "Lowered feature map must have at most 71 elements, not 216"),
            (lambda: weight_matrix(w, geometry),
             "Weight matrix must have at most 71 elements, not 72")]:
        with pytest.raises(DstcError, match=f"^{re.escape(message)}$"):
            call()
