"""NumPy arrays and archives, dense or as ``scipy.sparse`` saves them."""

import math
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from ..errors import DstcError
from .sparse import expand_offsets, write_out

__all__ = ["DEFLATE_RATIO", "read_npy", "read_npz"]

DEFLATE_RATIO = 1032
"""No deflated stream grows by more."""

_NAMELESS = ("values must be of a type that the file names, not {}; bfloat16 and 8-bit floats have "
             "to be saved as float32")


def read_npy(path: Path) -> NDArray[Any]:
    """The array of an ``.npy`` file.

    Raises
    ------
    ValueError or what the header's parser raises
        If the file is malformed.
    """
    with open(path, "rb") as file:
        return _npy_stream(file, path.stat().st_size)


def _npy_stream(file: BinaryIO, size: int) -> NDArray[Any]:
    """One array from a stream of ``size`` bytes."""
    version = npy.read_magic(file)
    headers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    if version not in headers:
        raise ValueError(f"format version must be 1.0 or 2.0, not {version[0]}.{version[1]}")
    try:
        shape, fortran, dtype = headers[version](file)
    except ValueError as error:
        # So numpy names the 8-bit floats of ml_dtypes, and does not read it back.
        if "'<f1'" in str(error):
            raise ValueError(_NAMELESS.format("<f1")) from None
        raise
    if dtype.hasobject:
        raise ValueError("values must be numbers, not Python objects")
    if dtype.kind == "V" and dtype.names is None:
        raise ValueError(_NAMELESS.format(dtype.str))
    if any(extent < 0 for extent in shape):
        raise ValueError(f"shape must not be negative, not {shape}")
    wanted, there = math.prod(shape) * dtype.itemsize, size - file.tell()
    if wanted != there:
        raise ValueError(f"values of shape {shape} must be {wanted} bytes, not {there}")
    data = file.read(wanted)
    if len(data) != wanted:
        raise ValueError(f"values must be {wanted} bytes, not {len(data)}")
    return np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")


def read_npz(path: Path, member: str | None = None) -> NDArray[Any]:
    """One matrix of an ``.npz`` archive: the member named, the sparse matrix, or the only array.

    Raises
    ------
    DstcError
        If the archive is sound and the choice is not.
    ValueError or what the parsers of zip and ``.npy`` raise
        If the file is malformed.
    """
    with zipfile.ZipFile(path) as archive:
        infos = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}

        def array(name: str) -> NDArray[Any]:
            info = infos[name]
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise ValueError(f"array {name} must be stored or deflated")
            if info.file_size > DEFLATE_RATIO * (info.compress_size + 1):
                raise ValueError(f"array {name} must be at most {DEFLATE_RATIO} times its "
                                 f"{info.compress_size} packed bytes, not {info.file_size}")
            with archive.open(info) as file:
                return _npy_stream(file, info.file_size)  # type: ignore[arg-type]

        shown = [repr(name)[1:-1] for name in list(infos)[:8]]
        names = ", ".join(shown) + (", ..." if len(infos) > 8 else "")
        if member is not None:
            if member not in infos:
                raise DstcError(f"Array of {path} must be one of {names}, not {member}")
            return array(member)
        if {"format", "shape", "data"} <= infos.keys():
            return _scipy_sparse(array)
        if len(infos) != 1:
            raise DstcError(f"Archive {path} must hold one array, or be given as FILE.npz:NAME, "
                            f"not {len(infos)} ({names})")
        return array(next(iter(infos)))


def _scipy_sparse(array: Callable[[str], NDArray[Any]]) -> NDArray[Any]:
    """A matrix as ``scipy.sparse.save_npz`` writes it."""
    layout = array("format").item()
    layout = layout.decode("ascii", "replace") if isinstance(layout, bytes) else layout
    rows, columns = (int(extent) for extent in array("shape"))
    if layout == "coo":
        return write_out((rows, columns), array("row"), array("col"), array("data"))
    if layout not in ("csr", "csc"):
        raise ValueError(f"sparse format must be csr, csc or coo, not {layout}")
    minor = array("indices")
    major = expand_offsets(array("indptr"), rows if layout == "csr" else columns, minor.size)
    where = (major, minor) if layout == "csr" else (minor, major)
    return write_out((rows, columns), where[0], where[1], array("data"))
