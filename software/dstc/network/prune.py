"""Magnitude pruning, for what-if questions."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DstcError
from .layers import Layer
from .load import require_onnx

if TYPE_CHECKING:
    from onnx import ModelProto

__all__ = ["prune_layers", "prune_magnitude"]


def prune_magnitude(weights: NDArray[Any], share: float) -> NDArray[Any]:
    """The weights with the smallest of them zero.

    Parameters
    ----------
    weights : numpy.ndarray
    share : float
        Of weights that become or already are zero, from 0 to 1; rounded down to whole weights.
        Among equal magnitudes it is open which go.
    """
    count = int(share * weights.size)
    if not count:
        return weights
    flat = weights.reshape(-1).copy()
    flat[np.argpartition(np.abs(flat), count - 1)[:count]] = 0
    return flat.reshape(weights.shape)


def prune_layers(model: "ModelProto", layers: Sequence[Layer], share: float) -> None:
    """Prune every layer with weights to the same share of zeros, in the model itself.

    The tensors of the weights are replaced, so whoever shares them sees pruned ones, and layers
    found in the model before still hold the old ones: find them anew.

    Raises
    ------
    DstcError
        If the share is not from 0 to 1.
    """
    if not 0 <= share <= 1:
        raise DstcError(f"Share to prune must be from 0 to 1, not {share}")
    onnx, _ = require_onnx()
    pruned = {layer.weight_name: prune_magnitude(layer.weight, share)
              for layer in layers if layer.weight is not None and layer.weight_name is not None}
    graph = model.graph
    for tensor in graph.initializer:
        if tensor.name in pruned:
            tensor.CopyFrom(onnx.numpy_helper.from_array(pruned.pop(tensor.name), tensor.name))
    for node in graph.node:
        for place, name in enumerate(node.output):
            if name in pruned:
                # Computed from constants: the result takes the place of the computation.
                node.output[place] = f"{name}/unpruned"
                graph.initializer.append(onnx.numpy_helper.from_array(pruned[name], name))
