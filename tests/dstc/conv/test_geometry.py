"""The shape of a convolution: derived numbers by counting, refusals by their sentences."""

import dataclasses
import itertools
import re

import numpy as np
import pytest

from dstc.conv.geometry import ConvGeometry
from dstc.errors import DstcError

PLAIN = {"channels": 4, "height": 5, "width": 6, "outputs": 8, "kernel": 3}


def counted(size, before, after, kernel, stride, dilation):
    """Places of the first tap from which the last one is still on the padded line."""
    line = range(-before, size + after)
    return sum(start + dilation * (kernel - 1) in line for start in line[::stride])


def test_sizes_by_counting():
    for size, before, after, kernel, stride, dilation in itertools.product(
            (1, 4, 7), (0, 2), (0, 1), (1, 2, 3), (1, 2, 3), (1, 2)):
        wanted = counted(size, before, after, kernel, stride, dilation)
        words = {"channels": 1, "outputs": 1, "kernel": (kernel, 1), "stride": (stride, 5),
                 "dilation": (dilation, 3), "pads": (before, 0, after, 0)}
        if not wanted:
            with pytest.raises(DstcError, match="must fit the padded feature map"):
                ConvGeometry(height=size, width=1, **words)
            continue
        geometry = ConvGeometry(height=size, width=1, **words)
        assert (geometry.out_height, geometry.out_width) == (wanted, 1)
        turned = ConvGeometry(channels=1, outputs=1, height=1, width=size, kernel=(1, kernel),
                              stride=(5, stride), dilation=(3, dilation),
                              pads=(0, before, 0, after))
        assert (turned.out_height, turned.out_width) == (1, wanted)


def test_numbers_of_a_known_layer():
    """The first layer of ResNet-50: 118 million multiplications."""
    stem = ConvGeometry.from_shapes((3, 224, 224), (64, 3, 7, 7), stride=2, pads=3)
    assert (stem.out_shape, stem.positions, stem.k) == ((64, 112, 112), 12544, 147)
    assert stem.macs == 118_013_952
    assert (stem.x_shape, stem.w_shape) == ((3, 224, 224), (64, 3, 7, 7))


def test_groups():
    depthwise = ConvGeometry(channels=32, height=14, width=14, outputs=64, kernel=3, pads=1,
                             groups=32)
    assert (depthwise.group_channels, depthwise.group_outputs) == (1, 2)
    assert (depthwise.w_shape, depthwise.k) == ((64, 1, 3, 3), 288)
    assert depthwise.macs == 14 * 14 * 64 * 9


def test_short_forms():
    short = ConvGeometry(**PLAIN, stride=2, pads=1, dilation=1)
    assert short == ConvGeometry(**{**PLAIN, "kernel": [3, 3]}, stride=(2, np.int64(2)),
                                 pads=[1, 1], dilation=(1, 1), groups=1)
    assert hash(short) == hash(dataclasses.replace(short))
    assert ConvGeometry(**PLAIN, pads=(1, 2)).pads == (1, 2, 1, 2)
    assert dataclasses.replace(short, pads=(0, 1, 2, 3)).pads == (0, 1, 2, 3)
    with pytest.raises(dataclasses.FrozenInstanceError):
        short.height = 9


def test_shapes_of_a_batch():
    one = ConvGeometry.from_shapes((4, 5, 6), (8, 2, 3, 1), groups=2)
    assert one == ConvGeometry.from_shapes([7, 4, 5, 6], [8, 2, 3, 1], groups=2)


@pytest.mark.parametrize("changes, message", [
    ({"channels": 0}, "Convolution channels must be an integer from 1 to 16777216, not 0"),
    ({"height": 2.5}, "Convolution height must be an integer from 1 to 16777216, not 2.5"),
    ({"width": [6]}, "Convolution width must be an integer from 1 to 16777216, not [6]"),
    ({"outputs": 1 << 25}, "Convolution outputs must be an integer from 1 to 16777216, "
                           "not 33554432"),
    ({"kernel": "33"}, "Convolution kernel must be one or two integers from 1 to 16777216, "
                       "not '33'"),
    ({"kernel": (3, 3, 3)}, "Convolution kernel must be one or two integers from 1 to 16777216, "
                            "not (3, 3, 3)"),
    ({"stride": 0}, "Convolution stride must be one or two integers from 1 to 16777216, not 0"),
    ({"dilation": (1, -1)}, "Convolution dilation must be one or two integers from 1 to 16777216, "
                            "not (1, -1)"),
    ({"pads": (1, 2, 3)}, "Convolution pads must be one, two or four integers from 0 to 16777216, "
                          "not (1, 2, 3)"),
    ({"pads": -1}, "Convolution pads must be one, two or four integers from 0 to 16777216, not -1"),
    ({"groups": 3}, "Convolution channels must be a multiple of groups=3, not 4"),
    ({"groups": 4, "outputs": 6}, "Convolution outputs must be a multiple of groups=4, not 6"),
    ({"dilation": 3}, "Convolution kernel must fit the padded feature map of 5 x 6, "
                      "not cover 7 x 7"),
])
def test_refusals(changes, message):
    with pytest.raises(DstcError, match=f"^{re.escape(message)}$"):
        ConvGeometry(**{**PLAIN, **changes})


@pytest.mark.parametrize("x, w, message", [
    ((5, 6), (8, 4, 3, 3), "Feature map must have the dimensions (C, H, W) or (N, C, H, W), "
                           "not the shape (5, 6)"),
    ((4, 5, 6), (8, 4, 3), "Convolution weights must have the dimensions (M, C / groups, KH, KW), "
                           "not the shape (8, 4, 3)"),
    ((4, 5, 6), (8, 3, 3, 3), "Convolution weights must have 4 channels, as a group of the "
                              "feature map has, not 3"),
])
def test_refused_shapes(x, w, message):
    with pytest.raises(DstcError, match=f"^{re.escape(message)}$"):
        ConvGeometry.from_shapes(x, w)
