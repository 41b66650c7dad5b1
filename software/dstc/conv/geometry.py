"""The shape of a convolution, as ONNX ``Conv`` has it."""

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import DstcError

__all__ = ["ConvGeometry", "Extents"]

LIMIT = 1 << 24
"""No extent, step or pad is larger."""

Extents = int | Sequence[int]
"""One number for several directions, or one for each."""


@dataclass(frozen=True, init=False)
class ConvGeometry:
    """The shape of a two-dimensional convolution of one image.

    A batch is the same convolution of one image after the other.

    Parameters
    ----------
    channels, height, width : int
        Of the feature map that enters; ``channels`` counts those of all groups.
    outputs : int
        Channels of the feature map that leaves, of all groups.
    kernel, stride, dilation : int or two int
        Vertical and horizontal; one number stands for both.
    pads : int, two int or four int
        Zeros around the feature map: on all edges; above and below, left and right; or top,
        left, bottom and right, the order of ONNX.
    groups : int
        Output channel n of M sees the input channels of group ``n // (M / groups)`` alone.

    Attributes
    ----------
    channels, height, width, outputs, groups : int
    kernel, stride, dilation : tuple of two int
    pads : tuple of four int

    Raises
    ------
    DstcError
        If a number is none or out of range, groups do not divide the channels, or the kernel
        does not fit the padded feature map; one sentence.
    """

    channels: int
    height: int
    width: int
    outputs: int
    kernel: tuple[int, int]
    stride: tuple[int, int]
    pads: tuple[int, int, int, int]
    dilation: tuple[int, int]
    groups: int

    def __init__(self, *, channels: int, height: int, width: int, outputs: int, kernel: Extents,
                 stride: Extents = 1, pads: Extents = 0, dilation: Extents = 1, groups: int = 1
                 ) -> None:
        numbers = {"channels": channels, "height": height, "width": width, "outputs": outputs,
                   "groups": groups}
        pairs = {"kernel": kernel, "stride": stride, "dilation": dilation}
        for name, value in numbers.items():
            object.__setattr__(self, name, _tuple(name, value, (1,), 1)[0])
        for name, extents in pairs.items():
            object.__setattr__(self, name, _tuple(name, extents, (1, 2), 1))
        edges = _tuple("pads", pads, (1, 2, 4), 0)
        object.__setattr__(self, "pads", edges * (4 // len(edges)))
        for name in ("channels", "outputs"):
            if getattr(self, name) % self.groups:
                raise DstcError(f"Convolution {name} must be a multiple of groups={self.groups}, "
                                f"not {getattr(self, name)}")
        room = self.padded_size
        extent = tuple(d * (k - 1) + 1 for k, d in zip(self.kernel, self.dilation, strict=True))
        if extent[0] > room[0] or extent[1] > room[1]:
            raise DstcError("Convolution kernel must fit the padded feature map of "
                            f"{room[0]} x {room[1]}, not cover {extent[0]} x {extent[1]}")

    @classmethod
    def from_shapes(cls, x: Sequence[int], w: Sequence[int], *, stride: Extents = 1,
                    pads: Extents = 0, dilation: Extents = 1, groups: int = 1) -> "ConvGeometry":
        """The geometry of a feature map and weights of these shapes.

        Parameters
        ----------
        x : sequence of int
            (C, H, W), or (N, C, H, W) with a batch, which the geometry leaves out.
        w : sequence of int
            (M, C / groups, KH, KW).
        stride, pads, dilation, groups
            As the class takes them.

        Raises
        ------
        DstcError
            As the class, and if a shape has another number of dimensions or the channels of the
            weights are not those of a group.
        """
        if len(x) not in (3, 4):
            raise DstcError("Feature map must have the dimensions (C, H, W) or (N, C, H, W), "
                            f"not the shape {tuple(x)}")
        if len(w) != 4:
            raise DstcError("Convolution weights must have the dimensions (M, C / groups, KH, KW), "
                            f"not the shape {tuple(w)}")
        channels, height, width = x[-3:]
        geometry = cls(channels=channels, height=height, width=width, outputs=w[0],
                       kernel=tuple(w[2:]), stride=stride, pads=pads, dilation=dilation,
                       groups=groups)
        if w[1] != geometry.group_channels:
            raise DstcError(f"Convolution weights must have {geometry.group_channels} channels, "
                            f"as a group of the feature map has, not {w[1]}")
        return geometry

    @property
    def padded_size(self) -> tuple[int, int]:
        """Height and width of the feature map with its zeros around."""
        top, left, bottom, right = self.pads
        return self.height + top + bottom, self.width + left + right

    @property
    def out_height(self) -> int:
        """OH."""
        return self._steps(0)

    @property
    def out_width(self) -> int:
        """OW."""
        return self._steps(1)

    def _steps(self, axis: int) -> int:
        covered = self.dilation[axis] * (self.kernel[axis] - 1) + 1
        return (self.padded_size[axis] - covered) // self.stride[axis] + 1

    @property
    def positions(self) -> int:
        """Output positions OH * OW: rows of the lowered feature map."""
        return self.out_height * self.out_width

    @property
    def taps(self) -> int:
        """Places of the kernel, KH * KW."""
        return self.kernel[0] * self.kernel[1]

    @property
    def k(self) -> int:
        """Columns of the lowered feature map: taps of the channels of all groups."""
        return self.channels * self.taps

    @property
    def group_channels(self) -> int:
        """Input channels of one group."""
        return self.channels // self.groups

    @property
    def group_outputs(self) -> int:
        """Output channels of one group."""
        return self.outputs // self.groups

    @property
    def x_shape(self) -> tuple[int, int, int]:
        """(C, H, W)."""
        return self.channels, self.height, self.width

    @property
    def w_shape(self) -> tuple[int, int, int, int]:
        """(M, C / groups, KH, KW)."""
        return self.outputs, self.group_channels, *self.kernel

    @property
    def out_shape(self) -> tuple[int, int, int]:
        """(M, OH, OW)."""
        return self.outputs, self.out_height, self.out_width

    @property
    def macs(self) -> int:
        """Multiplications of a dense convolution, padding included, other groups left out."""
        return self.positions * self.outputs * self.group_channels * self.taps


def _tuple(name: str, value: Any, lengths: tuple[int, ...], low: int) -> tuple[Any, ...]:
    """A number, or several, as a tuple; a single one is repeated where there may be two."""
    several = value if isinstance(value, Sequence) and len(lengths) > 1 else (value,)
    try:
        numbers = tuple(operator.index(number) for number in several)
    except TypeError:
        numbers = ()
    if len(numbers) not in lengths or not all(low <= number <= LIMIT for number in numbers):
        count = {1: "an integer", 2: "one or two integers", 3: "one, two or four integers"}
        raise DstcError(f"Convolution {name} must be {count[len(lengths)]} from {low} to {LIMIT}, "
                        f"not {value!r}")
    return numbers * 2 if len(numbers) == 1 and 2 in lengths else numbers
