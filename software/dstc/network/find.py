"""Finding the layers of a model, and naming what cannot be one."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import DstcError
from .constants import Constants, subgraphs
from .layers import ConvAttributes, Layer, attributes
from .text import plain

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

__all__ = ["Network", "Skipped", "find_layers"]

LAYERS = ("Conv", "Gemm", "MatMul")
# Operators of the standard sets that multiply and accumulate, and run on the host.
HOST_PRODUCTS = {
    "ConvTranspose", "DeformConv", "LSTM", "GRU", "RNN", "QLinearConv", "QLinearMatMul",
    "ConvInteger", "MatMulInteger", "Einsum", "Attention", "LinearAttention"}
STANDARD = ("", "ai.onnx", "ai.onnx.ml")
FLOATS = "efd"


@dataclass(frozen=True, kw_only=True)
class Skipped:
    """A node that does work of its own and does not run on the core.

    Attributes
    ----------
    name, op : str
    reason : str
        Completes "... runs on the host: ".
    """

    name: str
    op: str
    reason: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Network:
    """What a model consists of.

    Attributes
    ----------
    layers : tuple of Layer
        In the order of the model.
    skipped : tuple of Skipped
    """

    layers: tuple[Layer, ...]
    skipped: tuple[Skipped, ...]


class _NotALayer(Exception):
    """Why a node cannot run on the core."""


def find_layers(model: "ModelProto") -> Network:
    """The convolutions and matrix products of a model, and everything else that multiplies.

    Parameters
    ----------
    model : onnx.ModelProto
        As :func:`dstc.network.load_model` gives it.

    Raises
    ------
    DstcError
        If constant weights cannot be computed.
    """
    constants = Constants.of(model)
    found: list[tuple[str, Any]] = []
    skipped: list[Skipped] = []
    names: set[str] = set()
    for node in model.graph.node:
        name = _unique(node, names)
        try:
            if node.domain in STANDARD and node.op_type in LAYERS:
                found.append((name, _roles(node, constants)))
                found[-1][1]["node"] = node
            elif why := _host_work(node):
                raise _NotALayer(why)
        except _NotALayer as why:
            skipped.append(Skipped(name=name, op=plain(node.op_type), reason=str(why)))
        for inner in _inside(node):
            skipped.append(Skipped(
                name=plain(inner.name or inner.output[0]), op=plain(inner.op_type),
                reason=f"it stands inside {plain(node.op_type)} {name}, where no tensor can be "
                       "captured"))
    wanted = [role[key] for _, role in found for key in ("weight_name", "bias_name")
              if role[key] in constants]
    values = constants.values(model, wanted)
    layers = []
    for name, role in found:
        node = role.pop("node")
        try:
            layers.append(_layer(name, node, role, values))
        except (_NotALayer, DstcError) as why:
            skipped.append(Skipped(name=name, op=node.op_type, reason=str(why)))
    return Network(layers=tuple(layers), skipped=tuple(skipped))


def _unique(node: "NodeProto", taken: set[str]) -> str:
    base = plain(node.name or next((name for name in node.output if name), node.op_type))
    name, number = base, 2
    while name in taken:
        name, number = f"{base}#{number}", number + 1
    taken.add(name)
    return name


def _host_work(node: "NodeProto") -> str | None:
    """Why a node of another operator is worth a word."""
    if node.domain not in STANDARD:
        return f"operator of the domain {plain(node.domain)}, which the core does not know"
    if node.op_type in HOST_PRODUCTS:
        return "operator that the core does not run"
    return None


def _inside(node: "NodeProto") -> Iterator["NodeProto"]:
    """Nodes that multiply in the graphs inside a node."""
    for graph in subgraphs(node):
        for inner in graph.node:
            if inner.op_type in LAYERS or _host_work(inner):
                yield inner
            yield from _inside(inner)


def _roles(node: "NodeProto", constants: Constants) -> dict[str, Any]:
    """Which tensor is A, B, weight and bias."""
    inputs = [*node.input, "", ""][:3]
    if not all(inputs[:2]):
        raise _NotALayer("it has fewer than two operands")
    fixed = [name in constants for name in inputs[:2]]
    swapped = False
    if node.op_type == "Conv":
        if not fixed[1]:
            raise _NotALayer("its weights are computed from the input")
    else:
        swapped = fixed[0] and not fixed[1]
    if all(fixed):
        raise _NotALayer("both operands are constant")
    left, right = reversed(inputs[:2]) if swapped else inputs[:2]
    weight = right if any(fixed) else None
    if weight is not None and constants.quantised(weight):
        raise _NotALayer(f"its weights {plain(weight)} are quantised (DequantizeLinear)")
    if weight in constants.sparse:
        raise _NotALayer(f"its weights {plain(weight)} are stored as a sparse tensor")
    bias = inputs[2] or None
    if bias in constants.sparse:
        raise _NotALayer(f"its bias {plain(bias)} is stored as a sparse tensor")
    return {"a": left, "b": None if weight else right, "weight_name": weight, "bias_name": bias,
            "swapped": swapped}


def _layer(name: str, node: "NodeProto", role: dict[str, Any], values: dict[str, Any]) -> Layer:
    weight = values.get(role["weight_name"])
    if weight is not None:
        if weight.dtype.kind != "f" and weight.dtype.name != "bfloat16":
            raise _NotALayer(f"its weights are {weight.dtype}, not floats")
        if weight.size == 0:
            raise _NotALayer(f"its weights have the shape {weight.shape}")
    facts: dict[str, Any] = {}
    if node.op_type == "Conv":
        if weight is None or weight.ndim not in (3, 4):
            spatial = "no" if weight is None else weight.ndim - 2
            raise _NotALayer(f"its kernel has {spatial} dimensions, not one or two")
        facts["conv"] = ConvAttributes.of(node, weight.shape)
    elif node.op_type == "Gemm":
        given = attributes(node)
        transposed = [bool(given.get(key, 0)) for key in ("transA", "transB")]
        facts["a_transposed"], facts["b_transposed"] = (
            transposed[::-1] if role["swapped"] else transposed)
        facts["alpha"], facts["beta"] = (given.get(key, 1.0) for key in ("alpha", "beta"))
    return Layer(name=name, op=node.op_type, output=node.output[0], weight=weight,
                 bias=values.get(role["bias_name"]), **role, **facts)
