"""What in a model does not depend on its inputs: weights, and what is computed from them alone."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DstcError
from .load import require_onnx
from .runtime import open_session
from .text import plain, reason

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

__all__ = ["Constants", "subgraphs"]

# Different at every run, whatever they are given.
_RANDOM = {"RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Multinomial",
           "Bernoulli", "Dropout"}
_QUANTISED = "DequantizeLinear"


def subgraphs(node: "NodeProto") -> list[Any]:
    """The graphs inside a node: branches and loop bodies."""
    return [graph for attribute in node.attribute
            for graph in (*attribute.graphs,
                          *([attribute.g] if attribute.HasField("g") else ()))]


@dataclass(frozen=True, kw_only=True, eq=False)
class Constants:
    """The constant tensors of a model's outer graph.

    Attributes
    ----------
    stored : dict
        Those of the file, by name.
    derived : dict
        Those that nodes compute, each with its node.
    sparse : set of str
        Those stored as sparse tensors.
    """

    stored: dict[str, Any]
    derived: dict[str, "NodeProto"]
    sparse: set[str]

    @classmethod
    def of(cls, model: "ModelProto") -> "Constants":
        """Find them; nodes come after what they need."""
        graph = model.graph
        stored = {tensor.name: tensor for tensor in graph.initializer}
        sparse = {tensor.values.name for tensor in graph.sparse_initializer}
        derived: dict[str, Any] = {}
        for node in graph.node:
            inputs = [name for name in node.input if name]
            if (node.op_type not in _RANDOM and not subgraphs(node)
                    and (inputs or node.op_type == "Constant")
                    and all(name in stored or name in derived or name in sparse
                            for name in inputs)):
                derived.update((name, node) for name in node.output if name)
        return cls(stored=stored, derived=derived, sparse=sparse)

    def __contains__(self, name: str) -> bool:
        return name in self.stored or name in self.derived or name in self.sparse

    def quantised(self, name: str) -> bool:
        """Whether a tensor is made from integers and a scale."""
        return any(node.op_type == _QUANTISED for node in self._nodes([name]))

    def values(self, model: "ModelProto", names: Iterable[str]) -> dict[str, NDArray[Any]]:
        """The values of constant tensors that are not sparse.

        Raises
        ------
        DstcError
            If the model computes one of them in a way that does not work.
        """
        onnx, _ = require_onnx()
        names = list(dict.fromkeys(names))
        found = {}
        for name in names:
            if name in self.stored:
                found[name] = _array(onnx, self.stored[name], name)
        computed = [name for name in names if name in self.derived]
        if computed:
            nodes = self._nodes(computed)
            needed = {name for node in nodes for name in node.input}
            graph = onnx.helper.make_graph(
                nodes, "constants", [],
                [onnx.helper.make_empty_tensor_value_info(name) for name in computed],
                [tensor for name, tensor in self.stored.items() if name in needed])
            graph.sparse_initializer.extend(
                tensor for tensor in model.graph.sparse_initializer
                if tensor.values.name in needed)
            part = onnx.helper.make_model(graph, opset_imports=model.opset_import,
                                          ir_version=model.ir_version)
            try:
                results = open_session(part).run(None, {})
                found.update(zip(computed, results, strict=True))
            except Exception as error:
                raise DstcError("Model must compute its weights without errors: "
                                f"{reason(error)}") from None
        return found

    def _nodes(self, names: Iterable[str]) -> list["NodeProto"]:
        """The nodes that compute these tensors, in the model's order."""
        wanted: dict[int, Any] = {}
        todo = list(names)
        while todo:
            node = self.derived.get(todo.pop())
            if node is not None and id(node) not in wanted:
                wanted[id(node)] = node
                todo += node.input
        order = {id(node): place for place, node in enumerate(self.derived.values())}
        return sorted(wanted.values(), key=lambda node: order[id(node)])


def _array(onnx: Any, tensor: Any, name: str) -> NDArray[Any]:
    try:
        return np.asarray(onnx.numpy_helper.to_array(tensor))
    except Exception as error:
        raise DstcError(f"Tensor {plain(name)} must hold the values of its shape: "
                        f"{reason(error)}") from None
