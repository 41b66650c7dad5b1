"""Running a network in ONNX Runtime and keeping what enters its layers."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DstcError
from .layers import Layer
from .load import require_onnx
from .runtime import number_arrays, open_session
from .text import reason

if TYPE_CHECKING:
    from onnx import ModelProto

__all__ = ["Recorder", "capture"]

MAX_HELD = 1 << 29
"""Elements that one run hands over at most, a single tensor excepted."""
UNKNOWN = MAX_HELD // 16
"""Elements assumed of a tensor whose shape is only known when it has been computed."""


class Recorder:
    """A model in ONNX Runtime whose inner tensors can be fetched.

    Parameters
    ----------
    model : onnx.ModelProto
    tensors : sequence of str
        Inner tensors to be fetched; inputs and outputs of the model may be among them.

    Raises
    ------
    DstcError
        If ONNX Runtime does not take the model.
    """

    def __init__(self, model: "ModelProto", tensors: Sequence[str]) -> None:
        onnx, runtime = require_onnx()
        there = {entry.name for entry in (*model.graph.input, *model.graph.output)}
        added = [name for name in dict.fromkeys(tensors) if name not in there]
        count, known = len(model.graph.output), list(model.graph.value_info)
        # Only outputs of the graph can be fetched.  Shapes are left to ONNX Runtime: those of one
        # run may contradict a branch that it does not take.
        model.graph.output.extend(map(onnx.helper.make_empty_tensor_value_info, added))
        model.graph.ClearField("value_info")
        try:
            self._session = open_session(model)
        except Exception as error:
            raise DstcError(f"Model must be one that ONNX Runtime {runtime.__version__} takes: "
                            f"{reason(error)}") from None
        finally:
            del model.graph.output[count:]
            model.graph.value_info.extend(known)

    def fetch(self, tensors: Sequence[str], feeds: Mapping[str, NDArray[Any]]
              ) -> dict[str, NDArray[Any]]:
        """Run the model; some of its tensors.

        Raises
        ------
        DstcError
            If it does not run with these inputs, or a tensor is no array of numbers.
        """
        wanted = [name for name in dict.fromkeys(tensors) if name not in feeds]
        try:
            values = self._session.run(wanted, dict(feeds)) if wanted else []
        except Exception as error:
            raise DstcError(f"Model must run in ONNX Runtime: {reason(error)}") from None
        return number_arrays(wanted, values) | {
            name: feeds[name] for name in tensors if name in feeds}


def capture(model: "ModelProto", layers: Sequence[Layer], feeds: Mapping[str, NDArray[Any]],
            keep: Callable[[NDArray[Any]], NDArray[Any]] = np.asarray,
            max_held: int = MAX_HELD) -> Iterator[tuple[Layer, dict[str, NDArray[Any]]]]:
    """What enters every layer when the model runs.

    One run captures them all, or as few as possible if together they would be too large; what
    ``keep`` does not need of a tensor is dropped before the next one is looked at.

    Parameters
    ----------
    model : onnx.ModelProto
        With inferred shapes, as :func:`dstc.network.fix_shapes` leaves it.
    layers : sequence of Layer
    feeds : mapping of numpy.ndarray
        The model's inputs.
    keep : callable
        Applied once to every tensor; its non-zeros, for example.
    max_held : int
        Elements that one run may hand over.

    Yields
    ------
    layer : Layer
    tensors : dict of numpy.ndarray
        What ``keep`` made of :attr:`Layer.tensors`.

    Raises
    ------
    DstcError
        As :class:`Recorder`.
    """
    names = list(dict.fromkeys(name for layer in layers for name in layer.tensors))
    recorder = Recorder(model, names)
    sizes = {name: array.size for name, array in feeds.items()} | _sizes(model)
    for group in _groups(layers, sizes, max_held):
        found = recorder.fetch([name for layer in group for name in layer.tensors], feeds)
        kept = {}
        while found:
            name, value = found.popitem()
            kept[name] = keep(value)
            del value
        for layer in group:
            yield layer, {name: kept[name] for name in layer.tensors}


def _groups(layers: Sequence[Layer], sizes: Mapping[str, int], max_held: int
            ) -> Iterator[list[Layer]]:
    """Neighbouring layers whose inputs together are small enough."""
    group: list[Layer] = []
    held: dict[str, int] = {}
    for layer in layers:
        fresh = {name: sizes.get(name, UNKNOWN) for name in layer.tensors if name not in held}
        if group and sum(held.values()) + sum(fresh.values()) > max_held:
            yield group
            group, held = [], {}
            fresh = {name: sizes.get(name, UNKNOWN) for name in layer.tensors}
        group.append(layer)
        held |= fresh
    if group:
        yield group


def _sizes(model: "ModelProto") -> dict[str, int]:
    """Elements of the tensors whose shapes are known."""
    sizes = {}
    for entry in model.graph.value_info:
        tensor = entry.type.tensor_type
        dims = [dim.dim_value for dim in tensor.shape.dim]
        if tensor.HasField("shape") and all(extent > 0 for extent in dims):
            sizes[entry.name] = math.prod(dims)
    return sizes
