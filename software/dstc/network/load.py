"""ONNX files of strangers: read with limits, checked, and refused in one sentence."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import DstcError
from ..fileio import existing_file
from .text import plain, reason

if TYPE_CHECKING:
    from onnx import ModelProto

__all__ = ["MAX_BYTES", "MAX_ELEMENTS", "load_model", "require_onnx"]

MAX_BYTES = (1 << 31) - (1 << 20)
"""Of a model with its external data: protobuf writes no message of 2 GiB."""
MAX_ELEMENTS = 1 << 29
"""Of any tensor."""
OPSETS = 7
"""The first operator set; ONNX Runtime promises nothing about older ones."""
FIRST_IR = 3
MAX_NODES = 1 << 20
MAX_NESTING = 100


def require_onnx() -> Any:
    """The modules ``onnx`` and ``onnxruntime``.

    Raises
    ------
    DstcError
        If they are not installed.
    """
    try:
        import onnx
        import onnx.checker
        import onnx.inliner
        import onnx.shape_inference
        import onnxruntime
    except ImportError as error:
        raise DstcError("Packages onnx and onnxruntime must be installed to read networks "
                        f"(pip install 'dstc[onnx]'), not missing ({error.name})") from None
    return onnx, onnxruntime


def load_model(path: str | Path) -> "ModelProto":
    """Read a model.

    Nothing in the file is trusted: sizes are compared with the bytes that are there before
    memory is taken, external data must be regular files inside the model's folder, and no code
    of the model's runs (custom operators are refused when it is executed).

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    onnx.ModelProto
        Checked by ``onnx.checker``, with external data inside, local functions written out,
        and outputs of open type and shape.

    Raises
    ------
    DstcError
        If there is no such file, or it is no valid model or one that is not supported; one
        sentence.
    """
    onnx, _ = require_onnx()
    file = existing_file(path)
    size = file.stat().st_size
    if not 0 < size <= MAX_BYTES:
        raise DstcError(f"Model {path} must have from 1 to {MAX_BYTES} bytes, not {size}")
    model = onnx.ModelProto()
    try:
        model.ParseFromString(file.read_bytes())
    except Exception:
        # Whatever the parser raises: its classes differ between its implementations.
        raise DstcError(f"Model {path} must be a whole ONNX file, not corrupt or truncated"
                        ) from None
    if not model.graph.node:
        raise DstcError(f"Model {path} must be an ONNX graph with nodes, not without any")
    _check_text(model, path)
    _check_versions(onnx, model, path)
    model.ClearField("training_info")
    _load_external(onnx, model, file)
    for tensor in _tensors(model):
        _check_tensor(onnx, tensor)
    _check_functions(model)
    for output in model.graph.output:
        _complete(onnx, output)
    try:
        onnx.checker.check_model(model)
        if model.functions:
            model = onnx.inliner.inline_local_functions(model)
    except Exception as error:
        raise DstcError(f"Model {path} must be valid ONNX: {reason(error)}") from None
    for output in model.graph.output:
        # What they are follows from the graph; with other input shapes it changes.
        output.CopyFrom(onnx.helper.make_empty_tensor_value_info(output.name))
    return model


def _names(model: Any) -> Iterator[str | bytes]:
    """Names and domains of everything that has some."""
    for owner in (model.graph, *_graphs_of(model.graph.node),
                  *(part for function in model.functions
                    for part in (function, *_graphs_of(function.node)))):
        yield owner.name
        for node in getattr(owner, "node", ()):
            yield from (node.name, node.op_type, node.domain, *node.input, *node.output)
        for entries in ("initializer", "input", "output", "value_info"):
            for entry in getattr(owner, entries, ()):
                # Those of a function are names.
                yield entry if isinstance(entry, str | bytes) else entry.name
                if hasattr(entry, "type"):
                    yield from (dim.dim_param for dim in entry.type.tensor_type.shape.dim)
    yield from (entry.domain for entry in model.opset_import)


def _check_text(model: Any, path: str | Path) -> None:
    """What is not UTF-8, protobuf hands over as bytes."""
    for name in _names(model):
        if isinstance(name, bytes):
            raise DstcError(f"Model {path} must have names in UTF-8, not {name!r}")


def _check_versions(onnx: Any, model: Any, path: str | Path) -> None:
    if not FIRST_IR <= model.ir_version <= onnx.IR_VERSION:
        raise DstcError(f"Model {path} must be of an IR version from {FIRST_IR} to "
                        f"{onnx.IR_VERSION}, not {model.ir_version}")
    opsets = [entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")]
    newest = onnx.defs.onnx_opset_version()
    if len(opsets) != 1 or not OPSETS <= opsets[0] <= newest:
        raise DstcError(f"Model {path} must use one ONNX operator set from {OPSETS} to {newest}, "
                        f"not {', '.join(map(str, opsets)) or 'none'}")


def _graphs_of(nodes: Any) -> Iterator[Any]:
    """Attributes of nodes, and of the nodes of graphs inside them."""
    for node in nodes:
        for attribute in node.attribute:
            yield attribute
            for graph in (*attribute.graphs, *([attribute.g] if attribute.HasField("g") else ())):
                yield graph
                yield from _graphs_of(graph.node)


def _tensors(model: Any) -> Iterator[Any]:
    """Every tensor in the file."""
    owners = [model.graph, *_graphs_of(model.graph.node)]
    for function in model.functions:
        owners += [*function.attribute_proto, *_graphs_of(function.node)]
    for owner in owners:
        if hasattr(owner, "initializer"):
            yield from owner.initializer
            sparse = owner.sparse_initializer
        else:
            yield from (*owner.tensors, *([owner.t] if owner.HasField("t") else ()))
            sparse = (*owner.sparse_tensors,
                      *([owner.sparse_tensor] if owner.HasField("sparse_tensor") else ()))
        for tensor in sparse:
            yield from (tensor.values, tensor.indices)


def _check_tensor(onnx: Any, tensor: Any) -> None:
    """Its extents say what its bytes hold."""
    name = f"Tensor {plain(tensor.name) or '(nameless)'}"
    count = math.prod(tensor.dims)
    if any(extent < 0 for extent in tensor.dims) or count > MAX_ELEMENTS:
        raise DstcError(f"{name} must have at most {MAX_ELEMENTS} elements, not the shape "
                        f"{_shape(tensor.dims)}")
    if tensor.HasField("raw_data"):
        try:
            bits = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize * 8
        except KeyError:
            raise DstcError(f"{name} must be of a type that ONNX defines, not number "
                            f"{tensor.data_type}") from None
        kind = onnx.TensorProto.DataType.Name(tensor.data_type)
        bits = next((narrow for ending, narrow in (("INT4", 4), ("FLOAT4E2M1", 4), ("INT2", 2))
                     if kind.endswith(ending)), bits)
        if kind != "STRING" and len(tensor.raw_data) != -(-count * bits // 8):
            raise DstcError(f"{name} must hold the {-(-count * bits // 8)} bytes of its shape "
                            f"{_shape(tensor.dims)}, not {len(tensor.raw_data)}")


def _shape(dims: Any) -> str:
    return plain("x".join(map(str, dims)) or "scalar")


def _load_external(onnx: Any, model: Any, file: Path) -> None:
    """Bring data of other files into the model."""
    folder = file.resolve().parent
    total = file.stat().st_size
    for tensor in _tensors(model):
        if tensor.data_location != onnx.TensorProto.EXTERNAL:
            continue
        entries = {entry.key: entry.value for entry in tensor.external_data}
        name, location = plain(tensor.name), entries.get("location", "")
        target = (folder / location).resolve()
        if not location or Path(location).is_absolute() or not target.is_relative_to(folder):
            raise DstcError(f"External data of tensor {name} must be a file in the folder of the "
                            f"model, not {plain(location)!r}")
        if not target.is_file():
            raise DstcError(f"External data of tensor {name} must be in the file "
                            f"{plain(location)} beside the model, not missing")
        there = target.stat().st_size
        try:
            offset = int(entries.get("offset", 0))
            length = int(entries.get("length", there - offset))
        except ValueError:
            offset = length = -1
        if offset < 0 or length < 0 or offset + length > there:
            raise DstcError(f"External data of tensor {name} must lie inside the {there} bytes of "
                            f"{plain(location)}, not end after them")
        total += length
        if total > MAX_BYTES:
            raise DstcError(f"Model with its external data must have at most {MAX_BYTES} bytes, "
                            "not more")
        with open(target, "rb") as data:
            data.seek(offset)
            tensor.raw_data = data.read(length)
        tensor.ClearField("external_data")
        tensor.data_location = onnx.TensorProto.DEFAULT


def _check_functions(model: Any) -> None:
    """Local functions call each other without end or in numbers that explode in no valid model."""
    functions = {(function.domain, function.name): function for function in model.functions}
    sizes: dict[tuple[str, str], int] = {}

    def size(nodes: Any, depth: int) -> int:
        if depth > MAX_NESTING:
            raise DstcError(f"Functions of a model must be nested at most {MAX_NESTING} deep, "
                            "not deeper")
        total = 0
        for node in nodes:
            key = (node.domain, node.op_type)
            if key in functions and key not in sizes:
                sizes[key] = size(functions[key].node, depth + 1)
            total += sizes.get(key, 1)
            for attribute in node.attribute:
                for graph in (*attribute.graphs,
                              *([attribute.g] if attribute.HasField("g") else ())):
                    total += size(graph.node, depth + 1)
        if total > MAX_NODES:
            raise DstcError(f"Model must have at most {MAX_NODES} nodes, functions written out, "
                            "not more")
        return total

    size(model.graph.node, 0)


def _complete(onnx: Any, output: Any) -> None:
    """The checker asks for a type and a shape of outputs, which many files leave out."""
    if not output.HasField("type"):
        output.type.tensor_type.elem_type = onnx.TensorProto.FLOAT
    if output.type.HasField("tensor_type") and not output.type.tensor_type.HasField("shape"):
        output.type.tensor_type.shape.SetInParent()
