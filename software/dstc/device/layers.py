"""Products and convolutions as jobs in the memory of a device."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..accelerator.layout import Directory
from ..accelerator.parameters import AcceleratorConfig
from ..accelerator.program import (
    Product,
    convolution_programs,
    product_costs,
    product_programs,
)
from ..conv.chain import ChainLayer
from ..conv.epilogue import Epilogue
from ..conv.geometry import ConvGeometry
from ..conv.lowering import weight_matrix
from ..errors import DstcError
from ..formats import EncodedMatrix, encode
from ..program import MODES
from .task import TaskBuilder

__all__ = ["add_gemm", "add_layer", "is_product", "require_accumulators"]


def require_accumulators(c: NDArray[Any], shape: tuple[int, ...],
                         accelerator: AcceleratorConfig) -> None:
    """Refuse a C of another shape or type.

    Raises
    ------
    DstcError
        One sentence.
    """
    dtype = accelerator.core.format.acc_dtype
    if c.shape != shape:
        raise DstcError(f"C must be of shape {shape}, not {c.shape}")
    if c.dtype != dtype:
        raise DstcError(f"C must be of type {dtype.name}, not {c.dtype.name}")


def add_gemm(builder: TaskBuilder, a: EncodedMatrix, b: EncodedMatrix, c: NDArray[Any] | None,
             mode: str, accelerator: AcceleratorConfig) -> None:
    """The job ``d``, which makes ``A B + C``.

    Raises
    ------
    DstcError
        If operands do not fit each other, C, the mode, the configuration or the memory.
    """
    if mode not in MODES:
        raise DstcError(f"Mode must be one of {', '.join(MODES)}, not {mode!r}")
    if (a.side, b.side) != ("A", "B"):
        raise DstcError(f"Operands must be encoded as sides A and B, not {a.side} and {b.side}")
    if a.k != b.k:
        raise DstcError(f"Columns of A must be as many as the {b.k} rows of B, not {a.k}")
    shape = (a.outer, b.outer)
    if c is not None:
        require_accumulators(c, shape, accelerator)
    product = Product(shape=shape, a=builder.operand("A", a), b=builder.operand("B", b),
                      c=None if c is None else builder.accumulators("C", c),
                      result=builder.raw("d", shape).region.address, y=None)
    dense = mode == "dense"
    builder.job("d", product_programs(product, Epilogue(), accelerator=accelerator, dense=dense,
                                      costs=product_costs(a, b, dense, accelerator.core)))


def is_product(geometry: ConvGeometry) -> bool:
    """Whether the feature map is operand A as it stands: one tap, every position, no padding."""
    return geometry.taps == 1 and geometry.stride == (1, 1) and not any(geometry.pads)


def add_layer(builder: TaskBuilder, layer: ChainLayer, x: Directory, c: int | None,
              accelerator: AcceleratorConfig) -> None:
    """The job of one layer, under its name.

    Parameters
    ----------
    builder : TaskBuilder
    layer : ChainLayer
    x : Directory
        The feature map that enters.
    c : int or None
        Address of the C tiles.
    accelerator : AcceleratorConfig

    Raises
    ------
    DstcError
        If the layer fits neither itself nor the configuration nor the memory.
    """
    config, geometry, epilogue = accelerator.core, layer.geometry, layer.epilogue
    epilogue.require(geometry.outputs, config.format)
    weights = encode(np.ascontiguousarray(weight_matrix(layer.w, geometry)), "B", config)
    shape, size = (geometry.positions, geometry.outputs), geometry.out_shape[1:]
    b = builder.operand(f"weights of {layer.name}", weights)
    if epilogue.raw:
        result, y = builder.raw(layer.name, shape, size).region.address, None
    else:
        place = builder.feature_map(layer.name, shape, size)
        result, y = place.slots.address, place.directory
    product = Product(shape=shape, a=None, b=b, c=c, result=result, y=y)
    if is_product(geometry):
        programs = product_programs(replace(product, a=x), epilogue, accelerator=accelerator)
    else:
        programs = convolution_programs(product, geometry, x, weights, epilogue,
                                        accelerator=accelerator)
    builder.job(layer.name, programs)
