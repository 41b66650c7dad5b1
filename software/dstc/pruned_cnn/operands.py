"""The operands of one layer: weights times lowered feature map, plus bias."""

from dataclasses import dataclass

import numpy as np

from ..conv import im2col, weight_matrix
from ..elements import Element
from ..errors import DstcError
from .network import Network

__all__ = ["Lowered", "lower"]


@dataclass(frozen=True, kw_only=True)
class Lowered:
    """The operands of one layer: ``D = a @ b + c``.

    Attributes
    ----------
    a : ndarray, shape (M, K)
        Weights; M output channels, K = input channels x taps.
    b : ndarray, shape (K, N)
        Lowered activations; N output positions.
    c : ndarray, shape (M, N)
        Bias of each output channel, repeated over the positions, in the accumulator's format.
    scale : ndarray, shape (M, 1)
        Value of one unit of D: 1 for floating point, the product of both quantisation steps
        for integers.
    output_shape : tuple of int
        (M, OH, OW).
    """

    a: np.ndarray
    b: np.ndarray
    c: np.ndarray
    scale: np.ndarray
    output_shape: tuple[int, int, int]

    def feature_map(self, d: np.ndarray) -> np.ndarray:
        """The layer's FP32 output, shape (M, OH, OW), from the product D of shape (M, N)."""
        return (d * self.scale).astype(np.float32).reshape(self.output_shape)


def lower(network: Network, name: str, x: np.ndarray, element: Element) -> Lowered:
    """Lower one layer with the feature map that enters it.

    For ``int8`` the weights are quantised symmetrically per output channel and the activations
    per tensor (largest magnitude = 127), to the nearest integer, ties to even.

    Parameters
    ----------
    network : Network
        Where the weights and the bias come from.
    name : str
        A layer of :data:`dstc.pruned_cnn.LAYERS`.
    x : ndarray, shape (C, H, W)
        What enters the layer, as :meth:`Network.capture` gives it.
    element : Element
        Format of the operands.

    Raises
    ------
    DstcError
        If there is no such layer or the feature map does not fit it.
    """
    layer = network.layer(name)
    if x.ndim != 3 or x.shape[0] != layer.inputs:
        raise DstcError(f"Feature map of {name} must have shape ({layer.inputs}, H, W), "
                        f"not {x.shape}")
    geometry, bias = layer.geometry(*x.shape[1:]), network.biases[name]
    a = weight_matrix(network.weights[name].astype(np.float64), geometry).T
    b = im2col(x.astype(np.float64), geometry).T
    scale = np.ones((layer.outputs, 1))
    if not element.is_float:
        step_a, step_b = _step(a, axis=1), _step(b, axis=None)
        a, b, scale = np.rint(a / step_a), np.rint(b / step_b), step_a * step_b
    c = bias[:, np.newaxis] / scale
    if not element.is_float:
        c = np.rint(c)
    return Lowered(
        a=a.astype(element.dtype), b=b.astype(element.dtype),
        c=np.repeat(c.astype(element.acc_dtype), b.shape[1], axis=1), scale=scale,
        output_shape=geometry.out_shape)


def _step(values: np.ndarray, axis: int | None) -> np.ndarray:
    """Quantisation step that maps the largest magnitude to 127; 1 where all is zero."""
    peak = np.abs(values).max(axis=axis, keepdims=True)
    return np.where(peak > 0, peak / 127, 1.0)
