"""Mask traces: the non-zeros of real layers, without the values."""

import math
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..conv import ConvGeometry
from ..errors import DstcError
from ..fileio import existing_file
from ..readers.arrays import read_npz
from .load import MAX_ELEMENTS
from .text import plain, reason
from .work import ConvWork

__all__ = ["read_trace"]

MAX_LAYERS = 4096


def read_trace(path: str | Path) -> list[ConvWork]:
    """The convolutions of a trace, an ``.npz`` archive of masks packed by ``numpy.packbits``.

    Each convolution NAME has ``NAME/xbits`` (C x H*W bits), ``NAME/xshape`` (C, H, W),
    ``NAME/wshape`` (M, C, KH, KW) and ``NAME/stride_pad`` (stride and pad) or
    ``NAME/stride_pads`` (strides down and across, then pads at top, left, bottom and right), and
    ``NAME/wbits`` (M x C*KH*KW bits) unless all its weights are non-zero.  The array ``order``
    names them in their order; without it they follow each other as in the file.

    Raises
    ------
    DstcError
        If the file is absent or holds no such masks; one sentence.
    """
    file = existing_file(path)
    try:
        with zipfile.ZipFile(file) as archive:
            members = [name.removesuffix(".npy") for name in archive.namelist()]
        if "order" in members:
            layers = [str(name) for name in np.ravel(read_npz(file, "order"))]
        else:
            layers = [name.removesuffix("/xbits") for name in members if name.endswith("/xbits")]
        if not 0 < len(layers) <= MAX_LAYERS:
            raise DstcError(f"Trace {file} must hold from 1 to {MAX_LAYERS} layers (arrays "
                            f"NAME/xbits), not {len(layers)}")
        return [_layer(file, name, members) for name in layers]
    except DstcError:
        raise
    except (ValueError, OverflowError, TypeError, KeyError, SyntaxError, EOFError, MemoryError,
            RuntimeError, OSError, zipfile.BadZipFile) as error:
        raise DstcError(f"Trace {file} must be a valid NumPy archive of masks: "
                        f"{reason(error)}") from None


def _layer(file: Path, name: str, members: list[str]) -> ConvWork:
    def integers(key: str, count: int) -> list[int]:
        array = np.ravel(read_npz(file, f"{name}/{key}"))
        if array.dtype.kind not in "iu" or array.size != count or (array < 0).any():
            raise DstcError(f"Trace array {plain(name)}/{key} must be {count} integers from 0")
        return [int(value) for value in array]

    channels, height, width = integers("xshape", 3)
    wshape = integers("wshape", 4)
    if f"{name}/stride_pads" in members:
        numbers = integers("stride_pads", 6)
        stride, pads = numbers[:2], numbers[2:]
    else:
        step, pad = integers("stride_pad", 2)
        stride, pads = [step] * 2, [pad] * 4
    if not channels or not wshape[1] or channels % wshape[1]:
        raise DstcError(f"Trace layer {plain(name)} must have weights for a divisor of its "
                        f"{channels} channels, not {wshape[1]}")
    try:
        geometry = ConvGeometry.from_shapes((channels, height, width), wshape, stride=stride,
                                            pads=pads, groups=channels // wshape[1])
    except DstcError as error:
        raise DstcError(f"Trace layer {plain(name)}: {error}") from None
    x = _mask(file, f"{name}/xbits", channels, height * width)
    if math.prod(wshape) > MAX_ELEMENTS:
        raise DstcError(f"Trace layer {plain(name)} must have at most {MAX_ELEMENTS} weights, not "
                        f"{math.prod(wshape)}")
    if f"{name}/wbits" in members:
        w = _mask(file, f"{name}/wbits", wshape[0], wshape[1] * wshape[2] * wshape[3])
    else:
        w = np.ones(wshape, np.bool_)
    return ConvWork(name=plain(name), op="Conv", geometry=geometry,
                    x=x.reshape(1, channels, height, width), w=w.reshape(wshape))


def _mask(file: Path, key: str, rows: int, columns: int) -> NDArray[Any]:
    bits = read_npz(file, key)
    if bits.dtype != np.uint8 or bits.shape != (rows, -(-columns // 8)):
        raise DstcError(f"Trace array {plain(key)} must be uint8 of shape "
                        f"{(rows, -(-columns // 8))}, not {bits.dtype} of {bits.shape}")
    return np.unpackbits(bits, axis=1, count=columns).view(np.bool_)
