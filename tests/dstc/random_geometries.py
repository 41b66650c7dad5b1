"""Random convolutions, small ones of every kind."""

import numpy as np

from dstc.conv import ConvGeometry

__all__ = ["fill", "random_geometry"]

KERNELS = [1, 2, 3, 3, 3, 4, 5, 7]


def _pick(rng, choices, weights):
    return int(rng.choice(choices, p=np.array(weights) / sum(weights)))


def random_geometry(rng, side=17, channels=8):
    """Kernels of 1 to 7, strides and dilations of 1 to 3, any pads, with and without groups.

    Parameters
    ----------
    rng : numpy.random.Generator
    side : int
        Largest height and width.
    channels : int
        Most channels of a group, in and out.
    """
    while True:
        kernel = rng.choice(KERNELS, 2).tolist()
        if rng.random() < .5:
            kernel[1] = kernel[0]
        dilation = [_pick(rng, [1, 2, 3], [4, 1, 1]) for _ in range(2)]
        height, width = rng.integers(1, side, 2, endpoint=True).tolist()
        pads = [int(rng.integers(0, kernel[edge % 2] + 1)) if rng.random() < .6 else 0
                for edge in range(4)]
        room = height + pads[0] + pads[2], width + pads[1] + pads[3]
        if all(d * (k - 1) < r for d, k, r in zip(dilation, kernel, room, strict=True)):
            break
    groups = _pick(rng, [1, 2, 3, 6], [6, 2, 1, 1])
    depthwise = groups > 1 and rng.random() < .5
    inside = 1 if depthwise else int(rng.integers(1, channels, endpoint=True))
    return ConvGeometry(
        channels=groups * inside, height=height, width=width,
        outputs=groups * int(rng.integers(1, channels, endpoint=True)), kernel=kernel,
        stride=[_pick(rng, [1, 2, 3], [2, 2, 1]) for _ in range(2)], pads=pads,
        dilation=dilation, groups=groups)


def fill(shape, density, low, high, rng):
    """Whole numbers from low to high, zero but for a share of the places."""
    values = rng.integers(low, high, shape, endpoint=True)
    values[rng.random(shape) >= density] = 0
    return values
