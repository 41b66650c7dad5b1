"""The operands of a convolution, from files or at random, in the formats of a configuration."""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dstc.config import Config
from dstc.conv import ConvGeometry, Epilogue, fixed_point
from dstc.errors import DstcError
from dstc.numerics import to_accumulator, to_element
from dstc.readers import read_array
from dstc.workloads import random_matrix

from .operands import MAX_RANDOM

__all__ = ["ConvOperands", "Layer", "conv_operands"]


@dataclass(frozen=True, kw_only=True)
class Layer:
    """What the options say about a convolution, still as text.

    Attributes
    ----------
    stride, pad, dilation : str
        Integers with commas between them.
    groups : int
    bias : str or None
        File of one number for each output channel.
    relu, encode : bool
    scale : float or None
        Factor of int8 results that become elements.
    """

    stride: str
    pad: str
    dilation: str
    groups: int
    bias: str | None
    relu: bool
    encode: bool
    scale: float | None


@dataclass(frozen=True, kw_only=True, eq=False)
class ConvOperands:
    """A batch of feature maps, weights, and what to do with the sums.

    Attributes
    ----------
    x : numpy.ndarray, shape (N, C, H, W)
    w : numpy.ndarray, shape (M, C / groups, KH, KW)
        Both of the element type.
    geometry : ConvGeometry
    epilogue : Epilogue
    batch : bool
        Whether X came with a dimension for the batch.
    rounded : dict of int
        For ``x``, ``w`` and ``bias``, how many values the conversion changed.
    """

    x: NDArray[Any]
    w: NDArray[Any]
    geometry: ConvGeometry
    epilogue: Epilogue
    batch: bool
    rounded: dict[str, int]


def conv_operands(files: tuple[str | None, str | None], shapes: tuple[str | None, str | None],
                  densities: tuple[float | None, float | None], default: float, seed: int,
                  layer: Layer, config: Config) -> ConvOperands:
    """X and W from files, or random ones.

    Parameters
    ----------
    files : tuple of str or None
        X and W.
    shapes : tuple of str or None
        Of random operands: ``CxHxW`` or ``NxCxHxW``, and ``MxKHxKW``.
    densities : tuple of float or None
        Of random operands, where one was asked for.
    default : float
        Density where none was.
    seed : int
    layer : Layer
    config : Config

    Raises
    ------
    DstcError
        If files and options contradict each other, nothing is asked for, a file cannot be read
        or its values converted, or the shapes do not fit.
    """
    stride, pads, dilation = (_integers(option, getattr(layer, option))
                              for option in ("stride", "pad", "dilation"))
    if files == (None, None):
        x, w = _random(shapes, densities, default, seed, layer.groups, config)
    elif None in files:
        raise DstcError("Files must be given for X and W or for neither, not only "
                        f"{files[0] or files[1]}")
    elif (*shapes, *densities) != (None,) * 4:
        raise DstcError("Options --shape, --kernel, --density-x and --density-w must be given "
                        "without files, not with them")
    else:
        x, w = (read_array(str(file)) for file in files)
    geometry = ConvGeometry.from_shapes(x.shape, w.shape, stride=stride, pads=pads,
                                        dilation=dilation, groups=layer.groups)
    x, rounded_x = to_element(x, config.element)
    w, rounded_w = to_element(w, config.element)
    epilogue, rounded_bias = _epilogue(layer, geometry, config)
    return ConvOperands(x=x.reshape(-1, *geometry.x_shape), w=w, geometry=geometry,
                        epilogue=epilogue, batch=x.ndim == 4,
                        rounded={"x": rounded_x, "w": rounded_w, "bias": rounded_bias})


def _integers(option: str, text: str) -> list[int]:
    if not re.fullmatch(r"\d{1,8}(,\d{1,8})*", text, re.ASCII):
        raise DstcError(f"Option --{option} must be integers with commas between them, "
                        f"not {text!r}")
    return [int(number) for number in text.split(",")]


def _extents(option: str, form: str, text: str, counts: tuple[int, ...]) -> list[int]:
    extents = [int(number) for number in re.findall(r"\d+", text, re.ASCII)]
    if (not re.fullmatch(r"[1-9]\d{0,7}(x[1-9]\d{0,7})*", text, re.ASCII)
            or len(extents) not in counts):
        raise DstcError(f"Option --{option} must be {form} with positive integers, not {text!r}")
    return extents


def _random(shapes: tuple[str | None, str | None], densities: tuple[float | None, float | None],
            default: float, seed: int, groups: int, config: Config
            ) -> tuple[NDArray[Any], NDArray[Any]]:
    """Random X and W; the same for the same arguments."""
    if shapes[0] is None or shapes[1] is None:
        given = [option for option, text in zip(("--shape", "--kernel"), shapes, strict=True)
                 if text is not None]
        raise DstcError("Files of X and W, or --shape and --kernel, must be given, not "
                        + (f"only {given[0]}" if given else "neither"))
    shape = _extents("shape", "CxHxW or NxCxHxW", shapes[0], (3, 4))
    outputs, *kernel = _extents("kernel", "MxKHxKW", shapes[1], (3,))
    # What does not divide is refused with the geometry.
    weights = [outputs, max(1, shape[-3] // max(1, groups)), *kernel]
    operands = []
    for extents, density, rng in zip((shape, weights), densities,
                                     np.random.default_rng(seed).spawn(2), strict=True):
        rows, columns = extents[0], int(np.prod(extents[1:], dtype=object))
        if rows * columns > MAX_RANDOM:
            raise DstcError(f"Random operands must have at most {MAX_RANDOM} elements, not a "
                            f"shape of {'x'.join(map(str, extents))}")
        operands.append(random_matrix((rows, columns), default if density is None else density,
                                      config.element, rng).reshape(extents))
    return operands[0], operands[1]


def _epilogue(layer: Layer, geometry: ConvGeometry, config: Config) -> tuple[Epilogue, int]:
    """The epilogue, and how many biases were rounded."""
    bias, rounded = None, 0
    if layer.bias is not None:
        bias, rounded = to_accumulator(read_array(layer.bias), config.format)
        if bias.shape != (geometry.outputs,):
            raise DstcError(f"Bias must have {geometry.outputs} values, one for each output "
                            f"channel, not the shape {bias.shape}")
    if config.format.is_float or not layer.encode:
        if layer.scale is not None:
            raise DstcError("Option --scale must be given with --encode and elements of int8, "
                            "not without")
        return Epilogue(bias=bias, relu=layer.relu, raw=not layer.encode), rounded
    if layer.scale is None:
        raise DstcError("Option --scale must be given with --encode and elements of int8, "
                        "not left out")
    multiplier, shift = (np.repeat(part, geometry.outputs) for part in fixed_point(layer.scale))
    return Epilogue(bias=bias, relu=layer.relu, raw=False, multiplier=multiplier,
                    shift=shift), rounded
