"""What a model is fed with: shapes, files, and a sample for those who have none."""

import math
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DstcError
from ..fileio import existing_file
from ..readers.arrays import read_npy, read_npz
from .load import MAX_ELEMENTS, require_onnx
from .text import plain, reason

if TYPE_CHECKING:
    from onnx import ModelProto

__all__ = ["Input", "graph_inputs", "parse_input_shapes", "read_inputs",
           "resolve_shapes", "sample_inputs"]

# Cells of the coarse grids that a sample image is made of, across its shorter side.
GRIDS = (4, 8, 16, 32)


@dataclass(frozen=True, kw_only=True)
class Input:
    """An input of a model.

    Attributes
    ----------
    name : str
    dtype : numpy.dtype
    shape : tuple of int or str
        A dimension that the model leaves open is its name, or ``?``.
    """

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int | str, ...]

    @property
    def fixed(self) -> bool:
        """Whether every dimension is a number."""
        return all(isinstance(extent, int) for extent in self.shape)

    def shown(self) -> str:
        """The shape for a message."""
        return f"[{', '.join(map(str, self.shape))}]"


def graph_inputs(model: "ModelProto") -> list[Input]:
    """Inputs that have to be fed; those with a value of their own are left out.

    Raises
    ------
    DstcError
        If one is no tensor of real numbers.
    """
    onnx, _ = require_onnx()
    constants = {tensor.name for tensor in model.graph.initializer}
    found = []
    for entry in model.graph.input:
        if entry.name in constants:
            continue
        tensor, name = entry.type.tensor_type, plain(entry.name)
        if not entry.type.HasField("tensor_type"):
            raise DstcError(f"Input {name} must be a tensor, not {entry.type.WhichOneof('value')}")
        try:
            dtype = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type))
        except KeyError:
            dtype = np.dtype(object)
        if dtype.kind not in "biuf":
            kinds = onnx.TensorProto.DataType
            kind = (kinds.Name(tensor.elem_type) if tensor.elem_type in kinds.values()
                    else tensor.elem_type)
            raise DstcError(f"Input {name} must hold booleans, integers or floats of 16 to 64 "
                            f"bits, not {kind}")
        if not tensor.HasField("shape"):
            raise DstcError(f"Input {name} must have a number of dimensions, not none given")
        found.append(Input(name=entry.name, dtype=dtype, shape=tuple(
            extent.dim_value if extent.dim_value > 0 else plain(extent.dim_param) or "?"
            for extent in tensor.shape.dim)))
    return found


def parse_input_shapes(texts: Sequence[str], inputs: Sequence[Input]) -> dict[str, tuple[int, ...]]:
    """Shapes from ``NAME=1x3x224x224``, or ``1x3x224x224`` for the only input.

    Raises
    ------
    DstcError
        If a text is anything else, or names no input.
    """
    names = [entry.name for entry in inputs]
    shapes = {}
    for text in texts:
        name, equals, shape = text.rpartition("=")
        if not equals and len(names) == 1:
            name = names[0]
        if name not in names:
            raise DstcError("Input shape must be NAME=1x3x224x224 with the name of an input "
                            f"({', '.join(map(plain, names))}), not {text!r}")
        if not re.fullmatch(r"[1-9]\d{0,8}(x[1-9]\d{0,8})*", shape, re.ASCII):
            raise DstcError(f"Shape of input {plain(name)} must be positive integers with x "
                            f"between them, not {shape!r}")
        shapes[name] = tuple(map(int, shape.split("x")))
    return shapes


def resolve_shapes(inputs: Sequence[Input], given: Mapping[str, tuple[int, ...]]
                   ) -> dict[str, tuple[int, ...]]:
    """The shape of every input: the one given, or the model's own.

    Raises
    ------
    DstcError
        If one is left open, has another number of dimensions, or is too large.
    """
    shapes = {}
    for entry in inputs:
        name = plain(entry.name)
        shape = given.get(entry.name)
        if shape is None:
            if not entry.fixed:
                ones = "x".join(str(extent) if isinstance(extent, int) else "1"
                                for extent in entry.shape)
                raise DstcError(
                    f"Input {name} must have a fixed shape, not {entry.shown()}: give it with "
                    f"--input, or with --input-shape {name}={ones} and the right numbers")
            shape = tuple(int(extent) for extent in entry.shape)
        elif len(shape) != len(entry.shape):
            raise DstcError(f"Input {name} must have {len(entry.shape)} dimensions "
                            f"{entry.shown()}, not the shape {'x'.join(map(str, shape))}")
        if min(shape, default=1) < 1 or math.prod(shape) > MAX_ELEMENTS:
            raise DstcError(f"Input {name} must have from 1 to {MAX_ELEMENTS} elements, not the "
                            f"shape {'x'.join(map(str, shape))}")
        shapes[entry.name] = shape
    return shapes


def read_inputs(path: str | Path, inputs: Sequence[Input]) -> dict[str, NDArray[Any]]:
    """Values from ``.npy`` (a model of one input) or ``.npz`` (an array for each, by name).

    Raises
    ------
    DstcError
        If the file is absent, malformed, or does not hold such arrays.
    """
    file = existing_file(path)
    ending = file.suffix.lower()
    if ending not in (".npy", ".npz"):
        raise DstcError(f"Input file must end in .npy or .npz, not {file}")
    if ending == ".npy" and len(inputs) != 1:
        raise DstcError(f"Input file must be .npz with the arrays "
                        f"{', '.join(plain(entry.name) for entry in inputs)}, not {file}")
    feeds = {}
    for entry in inputs:
        try:
            array = read_npy(file) if ending == ".npy" else read_npz(file, entry.name)
        except DstcError:
            raise
        except (ValueError, OverflowError, TypeError, KeyError, SyntaxError, EOFError,
                MemoryError, RuntimeError, OSError, zipfile.BadZipFile) as error:
            raise DstcError(f"File {file} must be a valid NumPy file: {reason(error)}") from None
        if array.dtype.kind not in "biuf" or not np.can_cast(array.dtype, entry.dtype,
                                                             "same_kind"):
            raise DstcError(f"Input {plain(entry.name)} must be of type {entry.dtype}, not "
                            f"{array.dtype}")
        if any(isinstance(want, int) and want != have for want, have in
               zip(entry.shape, array.shape, strict=False)):
            raise DstcError(f"Input {plain(entry.name)} must have the shape {entry.shown()}, not "
                            f"{list(array.shape)}")
        feeds[entry.name] = np.ascontiguousarray(array.astype(entry.dtype))
    return feeds


def sample_inputs(model: "ModelProto", inputs: Sequence[Input],
                  shapes: Mapping[str, tuple[int, ...]], seed: int) -> dict[str, NDArray[Any]]:
    """Made-up inputs for a model whose user has none at hand.

    Floats are normal noise of mean 0 and variance 1; with more than two dimensions it is smooth
    over all but the first two, a sum of coarse random grids, because what follows from smooth
    inputs has its zeros in clusters, as with photographs.  Integers are drawn below the length of
    the smallest table that they index directly, and are 1 where they index none.  Booleans are
    true.

    Parameters
    ----------
    model : onnx.ModelProto
    inputs : sequence of Input
    shapes : mapping of tuple of int
    seed : int
    """
    rng = np.random.default_rng(seed)
    feeds: dict[str, NDArray[Any]] = {}
    for entry in inputs:
        shape = shapes[entry.name]
        if entry.dtype.kind == "f":
            feeds[entry.name] = _noise(shape, rng).astype(entry.dtype)
        elif entry.dtype.kind == "b" or (length := _table_length(model, entry.name)) is None:
            feeds[entry.name] = np.ones(shape, entry.dtype)
        else:
            feeds[entry.name] = rng.integers(0, length, shape).astype(entry.dtype)
    return feeds


def _noise(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float32]:
    if len(shape) <= 2:
        return rng.standard_normal(shape, np.float32)
    noise = np.zeros(shape, np.float32)
    for cells in GRIDS:
        grid = rng.standard_normal((*shape[:2], *(min(cells, extent) for extent in shape[2:])),
                                   np.float32)
        for axis, extent in enumerate(shape[2:], start=2):
            grid = _stretch(grid, axis, extent)
        noise += grid / np.float32(len(GRIDS) ** 0.5)
    noise -= noise.mean()
    return noise / max(float(noise.std()), 1e-6)


def _stretch(grid: NDArray[np.float32], axis: int, extent: int) -> NDArray[np.float32]:
    """Linear interpolation along one axis."""
    places = np.linspace(0, grid.shape[axis] - 1, extent, dtype=np.float32)
    low = np.minimum(places.astype(int), max(grid.shape[axis] - 2, 0))
    high = np.minimum(low + 1, grid.shape[axis] - 1)
    weight = (places - low).reshape(-1, *(1,) * (grid.ndim - 1 - axis))
    return grid.take(low, axis) * (1 - weight) + grid.take(high, axis) * weight


def _table_length(model: "ModelProto", name: str) -> int | None:
    tables = {tensor.name: tensor.dims for tensor in model.graph.initializer}
    lengths = [tables[node.input[0]][0] for node in model.graph.node
               if node.op_type == "Gather" and len(node.input) == 2 and node.input[1] == name
               and tables.get(node.input[0])]
    return min(lengths, default=None)
