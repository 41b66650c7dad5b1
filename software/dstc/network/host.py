"""What stands between the layers of a network, run by ONNX Runtime."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DstcError
from .constants import subgraphs
from .layers import Layer
from .load import require_onnx
from .runtime import number_arrays, open_session
from .text import reason

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

__all__ = ["HostSegment", "Step", "layer_reads", "network_steps", "reference_node"]

Tensors = dict[str, NDArray[Any]]


class HostSegment:
    """Neighbouring nodes that run on the host.

    Parameters
    ----------
    model : onnx.ModelProto
    nodes : sequence of onnx.NodeProto
        In an order in which they can run.
    wanted : sequence of str
        Tensors to hand over.
    """

    def __init__(self, model: "ModelProto", nodes: Sequence["NodeProto"],
                 wanted: Sequence[str]) -> None:
        self._model, self._nodes = model, list(nodes)
        self.outputs = tuple(wanted)
        made = {name for node in nodes for name in node.output}
        stored = _stored_names(model)
        read = dict.fromkeys(name for node in nodes for name in _reads(node))
        self._stored = [name for name in read if name in stored]
        self.inputs = tuple(name for name in read if name not in made and name not in stored)
        self._session: Any = None

    def run(self, tensors: Mapping[str, NDArray[Any]]) -> Tensors:
        """The segment's outputs.

        Raises
        ------
        DstcError
            If ONNX Runtime refuses the nodes or these inputs, or a tensor is no array of numbers.
        """
        feeds = {name: np.asarray(tensors[name]) for name in self.inputs}
        try:
            if self._session is None:
                self._session = self._load(feeds)
            values = self._session.run(list(self.outputs), feeds)
        except Exception as error:
            raise DstcError(f"Nodes between layers must run in ONNX Runtime: {reason(error)}"
                            ) from None
        return number_arrays(self.outputs, values)

    def _load(self, feeds: Tensors) -> Any:
        """A session; the types of its inputs are those of the first feed, the shapes are open."""
        onnx, _ = require_onnx()
        helper = onnx.helper
        stored = set(self._stored)
        graph = helper.make_graph(
            self._nodes, "segment",
            [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype),
                                           [None] * value.ndim) for name, value in feeds.items()],
            [helper.make_empty_tensor_value_info(name) for name in self.outputs],
            [tensor for tensor in self._model.graph.initializer if tensor.name in stored])
        graph.sparse_initializer.extend(
            tensor for tensor in self._model.graph.sparse_initializer
            if tensor.values.name in stored)
        segment = helper.make_model(graph, opset_imports=self._model.opset_import,
                                    ir_version=self._model.ir_version)
        return open_session(segment)


Step = HostSegment | Layer


def network_steps(model: "ModelProto", layers: Sequence[Layer]) -> list[Step]:
    """Layers, and the segments between them, in an order in which they can run.

    Parameters
    ----------
    model : onnx.ModelProto
        As :func:`dstc.network.load_model` gives it; its nodes are sorted.
    layers : sequence of Layer
        Of :func:`dstc.network.find_layers`.

    Returns
    -------
    list of HostSegment or Layer
        Together they make the outputs of the model from its inputs.
    """
    by_output = {layer.output: layer for layer in layers}
    groups: list[list[Any] | Layer] = []
    for node in model.graph.node:
        if node.output and node.output[0] in by_output:
            groups.append(by_output[node.output[0]])
        elif groups and isinstance(groups[-1], list):
            groups[-1].append(node)
        else:
            groups.append([node])
    needed = {entry.name for entry in model.graph.output}
    steps: list[Step] = []
    for group in reversed(groups):
        if isinstance(group, Layer):
            steps.append(group)
            needed.update(layer_reads(group))
            continue
        outputs = [name for node in group for name in node.output if name and name in needed]
        if outputs:
            segment = HostSegment(model, group, outputs)
            steps.append(segment)
            needed.update(segment.inputs)
    return steps[::-1]


def reference_node(model: "ModelProto", layer: Layer) -> HostSegment:
    """The layer itself in ONNX Runtime, to compare with.

    It takes all that the node reads, weights and bias too if nodes compute them.
    """
    node = next(node for node in model.graph.node if layer.output in node.output)
    return HostSegment(model, [node], [layer.output])


def layer_reads(layer: Layer) -> list[str]:
    """Tensors that a layer needs when it runs: a bias that is not constant is one of them."""
    extra = [layer.bias_name] if layer.bias_name and layer.bias is None else []
    return [*layer.tensors, *extra]


def _stored_names(model: "ModelProto") -> set[str]:
    graph = model.graph
    return {tensor.name for tensor in graph.initializer} | {
        tensor.values.name for tensor in graph.sparse_initializer}


def _reads(node: "NodeProto") -> Iterator[str]:
    """Tensors that a node needs from outside, those of the graphs inside it included."""
    yield from (name for name in node.input if name)
    for graph in subgraphs(node):
        inner = {tensor.name for tensor in (*graph.initializer, *graph.input)}
        for child in graph.node:
            yield from (name for name in _reads(child) if name not in inner)
            inner.update(child.output)
