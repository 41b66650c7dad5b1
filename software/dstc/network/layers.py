"""The layers of a network that the core computes: convolutions and matrix products."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..conv import ConvGeometry
from ..errors import DstcError

if TYPE_CHECKING:
    from onnx import NodeProto

__all__ = ["ConvAttributes", "GemmShape", "Layer", "gemm_operands"]

SAME = ("SAME_UPPER", "SAME_LOWER")


@dataclass(frozen=True, kw_only=True)
class GemmShape:
    """``batch`` products of M x K and K x N matrices."""

    batch: int
    m: int
    k: int
    n: int

    @property
    def macs(self) -> int:
        """Multiplications of the dense products."""
        return self.batch * self.m * self.k * self.n


@dataclass(frozen=True, kw_only=True)
class ConvAttributes:
    """Attributes of a ``Conv`` node; one-dimensional ones as of height 1.

    Attributes
    ----------
    kernel, stride, dilation : tuple of two int
    pads : tuple of four int
        Top, left, bottom, right; zeros where ``auto_pad`` decides.
    auto_pad : str
    groups : int
    """

    kernel: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    pads: tuple[int, int, int, int]
    auto_pad: str
    groups: int

    @classmethod
    def of(cls, node: "NodeProto", weight_shape: tuple[int, ...]) -> "ConvAttributes":
        """Those of a node whose weights have three or four dimensions.

        Raises
        ------
        DstcError
            If an attribute does not fit the weights.
        """
        given = attributes(node)
        spatial = len(weight_shape) - 2
        kernel = list(weight_shape[2:])
        if list(given.get("kernel_shape", kernel)) != kernel:
            raise DstcError(f"its kernel_shape must be that of the weights, {kernel}, not "
                            f"{list(given['kernel_shape'])}")
        auto_pad = given.get("auto_pad", b"NOTSET").decode("ascii", "replace")
        if auto_pad not in ("NOTSET", "VALID", *SAME):
            raise DstcError(f"its auto_pad must be NOTSET, VALID, SAME_UPPER or SAME_LOWER, not "
                            f"{auto_pad!r}")
        lists = {}
        for name, default in (("strides", 1), ("dilations", 1), ("pads", 0)):
            length = 2 * spatial if name == "pads" else spatial
            values = list(given.get(name, [default] * length))
            if len(values) != length:
                raise DstcError(f"its {name} must be {length} integers, not {len(values)}")
            lists[name] = values
        if spatial == 1:
            kernel = [1, *kernel]
            lists = {"strides": [1, *lists["strides"]], "dilations": [1, *lists["dilations"]],
                     "pads": [0, lists["pads"][0], 0, lists["pads"][1]]}
        if auto_pad != "NOTSET":
            lists["pads"] = [0] * 4
        rows, columns = kernel
        return cls(kernel=(rows, columns), stride=tuple(lists["strides"]),
                   dilation=tuple(lists["dilations"]), pads=tuple(lists["pads"]),
                   auto_pad=auto_pad, groups=given.get("group", 1))


@dataclass(frozen=True, kw_only=True, eq=False)
class Layer:
    """One convolution or matrix product of a network, as the core takes it.

    A is the operand on the rows of the array: the activations, or the left one of two dynamic
    matrices.  B is on its columns: the weights, or the right one.

    Attributes
    ----------
    name : str
        Unique in the network.
    op : str
        ``Conv``, ``Gemm`` or ``MatMul``.
    output : str
        Tensor that the node makes.
    a : str
        Tensor that enters on side A.
    b : str or None
        Tensor on side B; None if that are weights.
    weight : numpy.ndarray or None
        The weights as they stand in the file.
    weight_name : str or None
        Their tensor.
    bias : numpy.ndarray or None
        Constant that is added (``beta`` of a ``Gemm`` not yet applied).
    bias_name : str or None
        Tensor that is added, constant or not.
    conv : ConvAttributes or None
    a_transposed, b_transposed : bool
        Of tensor ``a``, and of ``b`` or the weights: ``transA`` and ``transB`` of a ``Gemm``.
    swapped : bool
        The weights are the node's left operand, so the core computes the transpose of its output.
    alpha, beta : float
        Factors of a ``Gemm``.
    """

    name: str
    op: str
    output: str
    a: str
    b: str | None
    weight: NDArray[Any] | None
    weight_name: str | None
    bias: NDArray[Any] | None = None
    bias_name: str | None = None
    conv: ConvAttributes | None = None
    a_transposed: bool = False
    b_transposed: bool = False
    swapped: bool = False
    alpha: float = 1.0
    beta: float = 1.0

    @property
    def tensors(self) -> tuple[str, ...]:
        """The tensors that enter it."""
        return (self.a,) if self.b is None else (self.a, self.b)

    def geometry(self, x_shape: tuple[int, ...]) -> ConvGeometry:
        """The shape of a ``Conv`` for an input (N, C, H, W) or (N, C, L).

        Raises
        ------
        DstcError
            If the input does not fit the weights; the sentence names the layer.
        """
        if self.conv is None or self.weight is None:
            raise DstcError(f"Layer {self.name} must be a convolution, not {self.op}")
        if 0 in x_shape:
            raise DstcError(f"Layer {self.name} must be given a feature map with elements, not the "
                            f"shape {x_shape}")
        conv, shape = self.conv, as_2d(x_shape)
        try:
            return ConvGeometry.from_shapes(
                shape, as_2d(self.weight.shape), stride=conv.stride, dilation=conv.dilation,
                groups=conv.groups, pads=(_same_pads(conv, shape) if conv.auto_pad in SAME
                                          else conv.pads))
        except DstcError as error:
            raise DstcError(f"Layer {self.name}: {error}") from None


def attributes(node: "NodeProto") -> dict[str, Any]:
    """Attributes of a node by name, as Python values."""
    from onnx.helper import get_attribute_value

    return {attribute.name: get_attribute_value(attribute) for attribute in node.attribute}


def as_2d(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of a feature map or of weights, with a height of 1 where there is none."""
    return (*shape[:2], 1, *shape[2:]) if len(shape) == 3 else shape


def _same_pads(conv: ConvAttributes, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Pads that give ``ceil(size / stride)`` outputs; an odd one is at the end (UPPER) or not."""
    before, after = [], []
    for axis in range(2):
        size, stride = shape[2 + axis], conv.stride[axis]
        cover = (conv.kernel[axis] - 1) * conv.dilation[axis] + 1
        both = max((-(-size // stride) - 1) * stride + cover - size, 0)
        before.append(both // 2 if conv.auto_pad == "SAME_UPPER" else -(-both // 2))
        after.append(both - before[-1])
    return (*before, *after)


def gemm_operands(layer: Layer, tensors: Mapping[str, NDArray[Any]],
                  weight: NDArray[Any] | None = None
                  ) -> tuple[GemmShape, NDArray[Any], NDArray[Any]]:
    """The matrices of a ``Gemm`` or ``MatMul``: values, or masks of them.

    Parameters
    ----------
    layer : Layer
    tensors : mapping of numpy.ndarray
        What enters, by name.
    weight : numpy.ndarray, optional
        Instead of the layer's weights: their mask, for example.

    Returns
    -------
    shape : GemmShape
        A stack of matrices times one matrix is a single product of all their rows.
    a : numpy.ndarray
        batch x M x K, or 1 x M x K if all products share it.
    b_transposed : numpy.ndarray
        batch x N x K, or 1 x N x K.

    Raises
    ------
    DstcError
        If the shapes do not fit each other; the sentence names the layer.
    """
    a = tensors[layer.a]
    b = tensors[layer.b] if layer.b is not None else layer.weight if weight is None else weight
    assert b is not None
    # Vectors become matrices of one row or column; a node's right operand stands on the left
    # after its transposition.
    a = a[None, :] if a.ndim == 1 else a.swapaxes(-1, -2) if layer.swapped ^ layer.a_transposed \
        else a
    b = b[None, :] if b.ndim == 1 else b if layer.swapped ^ layer.b_transposed else \
        b.swapaxes(-1, -2)
    outer = np.broadcast_shapes(a.shape[:-2], b.shape[:-2]) if _fit(a, b) else None
    if outer is None:
        raise DstcError(f"Layer {layer.name} must multiply matrices that fit, not the shapes "
                        f"{tensors[layer.a].shape} and {b.shape}")
    if b.shape[:-2] == (1,) * (b.ndim - 2):
        a, b = a.reshape(1, -1, a.shape[-1]), b.reshape(1, *b.shape[-2:])
    else:
        a, b = (np.broadcast_to(side, (*outer, *side.shape[-2:])).reshape(-1, *side.shape[-2:])
                for side in (a, b))
    batch = max(len(a), len(b))
    return GemmShape(batch=batch, m=a.shape[1], k=a.shape[2], n=b.shape[1]), a, b


def _fit(a: NDArray[Any], b: NDArray[Any]) -> bool:
    if a.shape[-1] != b.shape[-1] or 0 in a.shape or 0 in b.shape:
        return False
    try:
        np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    except ValueError:
        return False
    return True
