"""Layers as convolutions of one image: what the core computes, and how results come back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..conv import ConvGeometry
from ..errors import DstcError
from ..numerics import to_element
from .layers import Layer, gemm_operands

__all__ = ["Problem", "host_bias", "layer_problems", "layer_result", "placed"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Problem:
    """One convolution; a matrix product is that of a kernel of one tap.

    Attributes
    ----------
    geometry : ConvGeometry
    x, w : numpy.ndarray
        (C, H, W) and (M, C / groups, KH, KW), as they are in the network.
    x_element, w_element : numpy.ndarray
        The same in the element format.
    bias : numpy.ndarray or None
        float32, one for each output channel, added on the core.
    rounded : int
        Values that the element format changed.
    """

    geometry: ConvGeometry
    x: NDArray[Any]
    w: NDArray[Any]
    x_element: NDArray[Any]
    w_element: NDArray[Any]
    bias: NDArray[np.float32] | None
    rounded: int


def layer_problems(layer: Layer, tensors: Mapping[str, NDArray[Any]], element: str
                   ) -> list[Problem]:
    """The convolutions of a layer: one for each image of a batch, or for each matrix product.

    Parameters
    ----------
    layer : Layer
    tensors : mapping of numpy.ndarray
        What enters, by name.
    element : str
        A floating-point element format.

    Raises
    ------
    DstcError
        If shapes do not fit, a tensor holds no floats or nothing, or a finite value is too large
        for the element format; the sentence names the layer.
    """
    for name in layer.tensors:
        if tensors[name].dtype.kind != "f" and tensors[name].dtype.name != "bfloat16":
            raise DstcError(f"Layer {layer.name} must multiply floats, not {tensors[name].dtype}")
        if not tensors[name].size:
            raise DstcError(f"Layer {layer.name} must be given values, not the empty shape "
                            f"{tensors[name].shape}")
    if layer.conv is not None:
        assert layer.weight is not None
        x = tensors[layer.a]
        geometry = layer.geometry(x.shape)
        pairs = [(image.reshape(geometry.x_shape), layer.weight.reshape(geometry.w_shape))
                 for image in x]
    else:
        shape, a, b = gemm_operands(layer, tensors)
        try:
            geometry = ConvGeometry(channels=shape.k, height=shape.m, width=1, outputs=shape.n,
                                    kernel=1)
        except DstcError as error:
            raise DstcError(f"Layer {layer.name}: {error}") from None
        pairs = [(a[n % len(a)].T.reshape(geometry.x_shape),
                  b[n % len(b)].reshape(geometry.w_shape)) for n in range(shape.batch)]
    bias = np.asarray(layer.bias, np.float32).ravel() if _on_core(layer, geometry.outputs) \
        else None
    problems = []
    for x_image, w in pairs:
        x_element, w_element = (_rounded(side, element, layer) for side in (x_image, w))
        problems.append(Problem(
            geometry=geometry, x=x_image, w=w, x_element=x_element[0], w_element=w_element[0],
            bias=bias, rounded=x_element[1] + w_element[1]))
    return problems


def placed(layer: Layer, tensors: Mapping[str, NDArray[Any]], results: Sequence[NDArray[Any]]
           ) -> NDArray[Any]:
    """What the core computed, (M, OH, OW) for each problem, in the shape of the output tensor."""
    if layer.conv is not None:
        out = np.stack(results)
        return out if tensors[layer.a].ndim == 4 else out.reshape(*out.shape[:2], -1)
    return _as_matmul(layer, tensors, np.stack([result[:, :, 0].T for result in results]))


def layer_result(layer: Layer, tensors: Mapping[str, NDArray[Any]],
                 results: Sequence[NDArray[Any]], dtype: np.dtype[Any]) -> NDArray[Any]:
    """The layer's output tensor.

    What the epilogue of the core does not do is done here, in FP32: the factors of a ``Gemm``,
    and a bias that is not constant or not one for each column.

    Parameters
    ----------
    layer : Layer
    tensors : mapping of numpy.ndarray
        What enters, and the tensor of a bias that is not constant.
    results : sequence of numpy.ndarray
        (M, OH, OW) of each problem.
    dtype : numpy.dtype
        Of the output tensor.
    """
    out = placed(layer, tensors, results)
    scaled = out if layer.alpha == 1 else np.float32(layer.alpha) * out
    bias = host_bias(layer, tensors, out)
    return (scaled if bias is None else scaled + bias).astype(dtype)


def host_bias(layer: Layer, tensors: Mapping[str, NDArray[Any]], out: NDArray[Any]
              ) -> NDArray[np.float32] | None:
    """What is added on the host, in a shape that broadcasts over the output; None if nothing.

    A factor of zero leaves a bias out, as ONNX Runtime does, whatever the bias is.
    """
    if not layer.bias_name or layer.beta == 0:
        return None
    if _on_core(layer, out.shape[1 if layer.conv is not None else -1]):
        return None
    bias = layer.bias if layer.bias is not None else tensors[layer.bias_name]
    if layer.conv is not None:
        return bias.astype(np.float32).reshape(-1, *(1,) * (out.ndim - 2))
    return np.float32(layer.beta) * bias.astype(np.float32)


def _as_matmul(layer: Layer, tensors: Mapping[str, NDArray[Any]], products: NDArray[Any]
               ) -> NDArray[Any]:
    """batch x M x N as ``MatMul`` shapes it."""
    a = tensors[layer.a]
    b = tensors[layer.b] if layer.b is not None else layer.weight
    assert b is not None
    left, right = (b, a) if layer.swapped else (a, b)
    transposed = layer.op == "Gemm"
    if layer.swapped:
        products = products.swapaxes(-1, -2)
    if transposed:
        return products.reshape(products.shape[-2:])
    rows = () if left.ndim == 1 else (left.shape[-2],)
    columns = () if right.ndim == 1 else (right.shape[-1],)
    outer = np.broadcast_shapes(left.shape[:-2], right.shape[:-2])
    if layer.swapped and products.shape[0] == 1 and outer:
        # One product held all matrices of the stack side by side.
        products = products.reshape(*rows, -1, *columns).swapaxes(0, 1) if rows else products
    return products.reshape((*outer, *rows, *columns))


def _on_core(layer: Layer, outputs: int) -> bool:
    """Whether the core's epilogue adds the bias: a constant for each of its columns."""
    if layer.bias is None or layer.conv is not None:
        return layer.bias is not None
    return (not layer.swapped and layer.alpha == layer.beta == 1
            and layer.bias.size == outputs and layer.bias.shape[-1:] == (outputs,))


def _rounded(values: NDArray[Any], element: str, layer: Layer) -> tuple[NDArray[Any], int]:
    converted, changed = to_element(values, element)
    lost = np.isfinite(values.astype(np.float64)) & ~np.isfinite(converted.astype(np.float32))
    if lost.any():
        raise DstcError(f"Values of layer {layer.name} must fit {element}, not be as large as "
                        f"{np.abs(values[lost].astype(np.float64)).max():.6g}")
    return converted, changed
