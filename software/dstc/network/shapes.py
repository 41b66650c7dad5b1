"""The shapes of the tensors inside a model."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..errors import DstcError
from .load import MAX_ELEMENTS, require_onnx
from .text import plain, reason

if TYPE_CHECKING:
    from onnx import ModelProto

__all__ = ["fix_shapes"]

MAX_SHAPE = 1024
"""Elements of a constant that may say something about shapes."""


def fix_shapes(model: "ModelProto", shapes: Mapping[str, tuple[int, ...]]) -> "ModelProto":
    """The model for inputs of these shapes: it takes them, and knows the shapes inside.

    Dimensions that the model leaves open stay open, and those that it states otherwise are
    opened, because branches that these inputs never enter may not fit them.

    Parameters
    ----------
    model : onnx.ModelProto
        Changed in place: its inputs, and ``value_info`` with the inferred shapes.
    shapes : mapping of tuple of int

    Returns
    -------
    onnx.ModelProto
        The same model.

    Raises
    ------
    DstcError
        If the shapes contradict the model, or a tensor inside is too large to be computed.
    """
    onnx, _ = require_onnx()
    for entry in model.graph.input:
        for dim, extent in zip(entry.type.tensor_type.shape.dim, shapes.get(entry.name, ()),
                               strict=False):
            if dim.dim_value != extent:
                dim.Clear()
    model.graph.ClearField("value_info")
    sketch = _without_weights(onnx, model)
    for entry in sketch.graph.input:
        for dim, extent in zip(entry.type.tensor_type.shape.dim, shapes.get(entry.name, ()),
                               strict=False):
            dim.dim_value = extent
    try:
        sketch = onnx.shape_inference.infer_shapes(sketch, data_prop=True)
    except Exception as error:
        raise DstcError(f"Model must have shapes that fit each other: {reason(error)}") from None
    found = [*sketch.graph.value_info, *sketch.graph.output]
    for entry in found:
        dims = [dim.dim_value for dim in entry.type.tensor_type.shape.dim]
        if math.prod(max(extent, 1) for extent in dims) > MAX_ELEMENTS:
            shape = ", ".join(str(extent or "?") for extent in dims)
            raise DstcError(f"Tensor {plain(entry.name)} must have at most {MAX_ELEMENTS} "
                            f"elements, not the shape [{shape}]")
    model.graph.value_info.extend(found)
    return model


def _without_weights(onnx: Any, model: "ModelProto") -> "ModelProto":
    """The model with its large constants as inputs, which are all the same to its shapes."""
    sketch = onnx.ModelProto(ir_version=model.ir_version, opset_import=model.opset_import)
    graph = model.graph
    large = [tensor for tensor in graph.initializer if math.prod(tensor.dims) > MAX_SHAPE]
    names = {entry.name for entry in graph.input}
    sketch.graph.CopyFrom(onnx.GraphProto(
        name=graph.name, node=graph.node, output=graph.output,
        sparse_initializer=graph.sparse_initializer, input=[*graph.input, *(
            onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims))
            for tensor in large if tensor.name not in names)],
        initializer=[tensor for tensor in graph.initializer
                     if math.prod(tensor.dims) <= MAX_SHAPE]))
    return sketch
