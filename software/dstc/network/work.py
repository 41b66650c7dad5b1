"""The work of one layer: the non-zeros of what it multiplies."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..config import Config
from ..conv import ConvGeometry, im2col, weight_matrix
from ..errors import DstcError
from .counts import LayerCounts, add_counts, conv_counts, matmul_counts
from .layers import Layer, as_2d, gemm_operands

__all__ = ["ConvWork", "MatMulWork", "layer_work"]

Mask = NDArray[np.bool_]
MAX_PADDED = 1 << 30
"""Elements of a feature map with its padding."""
MAX_LOWERED = 1 << 35
"""Elements of a lowered feature map; only its popcounts are ever held."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ConvWork:
    """A convolution.

    Attributes
    ----------
    name, op : str
    geometry : ConvGeometry
    x : bool[images, C, H, W]
        Non-zeros of the feature maps.
    w : bool[M, C / groups, KH, KW]
        Non-zeros of the weights.
    """

    name: str
    op: str
    geometry: ConvGeometry
    x: Mask
    w: Mask

    def __post_init__(self) -> None:
        """Refuse what a file can ask for in a few bytes and no memory holds."""
        g = self.geometry
        height, width = g.padded_size
        for what, size, most in (("padded feature map", g.channels * height * width, MAX_PADDED),
                                 ("lowered feature map", g.positions * g.k, MAX_LOWERED)):
            if size > most:
                raise DstcError(f"Layer {self.name} must have a {what} of at most {most} "
                                f"elements, not {size}")

    @property
    def shape(self) -> dict[str, Any]:
        """What ``--json`` says about the shape."""
        g = self.geometry
        return {"batch": len(self.x), "m": g.positions, "n": g.outputs, "k": g.k,
                "channels": g.channels, "height": g.height, "width": g.width,
                "kernel": list(g.kernel), "stride": list(g.stride), "pads": list(g.pads),
                "dilation": list(g.dilation), "groups": g.groups}

    def counts(self, config: Config) -> LayerCounts:
        """Exact counts on a core."""
        return conv_counts(self.x, self.w, self.geometry, config)

    def products(self) -> Iterator[tuple[Mask, Mask]]:
        """The matrices A (M x K) and B (K x N) of every image."""
        b = weight_matrix(self.w, self.geometry)
        for image in self.x:
            yield im2col(image, self.geometry), b


@dataclass(frozen=True, kw_only=True, eq=False)
class MatMulWork:
    """A matrix product, or a batch of them.

    Attributes
    ----------
    name, op : str
    a : bool[batch, M, K]
        Or of a batch of 1 that all products share.
    b : bool[batch, N, K]
        The transposes of B, likewise.
    """

    name: str
    op: str
    a: Mask
    b: Mask

    @property
    def shape(self) -> dict[str, Any]:
        """What ``--json`` says about the shape."""
        return {"batch": max(len(self.a), len(self.b)), "m": self.a.shape[1],
                "n": self.b.shape[1], "k": self.a.shape[2]}

    def counts(self, config: Config) -> LayerCounts:
        """Exact counts on a core."""
        return add_counts(matmul_counts(a, b, config) for a, b in self._pairs())

    def products(self) -> Iterator[tuple[Mask, Mask]]:
        """The matrices A (M x K) and B (K x N) of every product."""
        for a, b in self._pairs():
            yield a, b.T

    def _pairs(self) -> Iterator[tuple[Mask, Mask]]:
        for n in range(max(len(self.a), len(self.b))):
            yield self.a[n % len(self.a)], self.b[n % len(self.b)]


def layer_work(layer: Layer, masks: Mapping[str, Mask]) -> ConvWork | MatMulWork:
    """The work of a layer.

    Parameters
    ----------
    layer : Layer
    masks : mapping of numpy.ndarray
        Non-zeros of :attr:`Layer.tensors`, by name.

    Raises
    ------
    DstcError
        If what enters does not fit the layer.
    """
    weight = None if layer.weight is None else layer.weight != 0
    if layer.conv is None:
        _, a, b = gemm_operands(layer, masks, weight)
        return MatMulWork(name=layer.name, op=layer.op, a=a, b=b)
    assert weight is not None
    x = masks[layer.a]
    geometry = layer.geometry(x.shape)
    return ConvWork(name=layer.name, op=layer.op, geometry=geometry,
                    x=x.reshape(as_2d(x.shape)), w=weight.reshape(geometry.w_shape))
