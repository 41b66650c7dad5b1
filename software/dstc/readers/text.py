"""Masks of the Deep Learning Matrix Collection (``.smtx``) and Matrix Market (``.mtx``)."""

import gzip
import re
import warnings
from contextlib import nullcontext
from io import BufferedIOBase
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .arrays import DEFLATE_RATIO
from .sparse import expand_offsets, refuse_large, write_out

__all__ = ["read_mtx", "read_smtx"]

_SMTX_HEAD = re.compile(rb"\s*(\d{1,18})\s*,\s*(\d{1,18})\s*,\s*(\d{1,18})\s*")
_COMMENT_BYTES = 1 << 20
_ENTRY_BYTES = 256  # More than a line of two indices and a value ever needs.
_FIELDS: dict[bytes, type[np.generic]] = {
    b"real": np.float64, b"double": np.float64, b"integer": np.int64,
    b"unsigned-integer": np.int64, b"pattern": np.int64}
_SYMMETRIES = (b"general", b"symmetric", b"skew-symmetric")


def read_smtx(path: Path) -> NDArray[np.int8]:
    """The mask of an ``.smtx`` file, as 0 and 1.

    Three lines: ``rows, columns, non-zeros``; the ``rows + 1`` offsets of the rows; the column
    indices.

    Raises
    ------
    ValueError
        If the file is malformed.
    """
    lines = path.read_bytes().rstrip().split(b"\n")
    head = _SMTX_HEAD.fullmatch(lines[0])
    if not head:
        raise ValueError("the first line must be 'rows, columns, non-zeros'")
    rows, columns, entries = map(int, head.groups())
    refuse_large(rows, columns)
    if not 2 <= len(lines) <= 3:
        raise ValueError(f"there must be three lines, not {len(lines)}")
    offsets, indices = (_numbers(line, np.int64) for line in (*lines[1:], b"")[:2])
    if indices.size != entries:
        raise ValueError(f"there must be {entries} column indices, not {indices.size}")
    mask = write_out((rows, columns), expand_offsets(offsets, rows, entries), indices,
                     np.ones(entries, np.int8))
    if np.count_nonzero(mask) != entries:
        raise ValueError("column indices of a row must differ")
    return mask


def read_mtx(path: Path) -> NDArray[Any]:
    """The matrix of a Matrix Market file, gzipped or not; real, integer or pattern.

    Returns
    -------
    numpy.ndarray
        float64, or int64 for integers and patterns.

    Raises
    ------
    ValueError or what the decompressor raises
        If the file is malformed.
    """
    packed = path.name.lower().endswith(".gz")
    with open(path, "rb") as raw, gzip.open(raw) if packed else nullcontext(raw) as file:
        layout, field, symmetry, sizes = _mtx_head(file)
        rows, columns = sizes[:2]
        refuse_large(rows, columns)
        if symmetry != b"general" and rows != columns:
            raise ValueError(f"a symmetric matrix must be square, not {rows} x {columns}")
        per_entry = 1 if layout == b"array" else 2 if field == b"pattern" else 3
        entries = sizes[2] if layout == b"coordinate" else _stored(rows, columns, symmetry)
        # Each number takes a digit and a separator, of which the last may be missing.
        room = path.stat().st_size * (DEFLATE_RATIO if packed else 1)
        if 2 * entries * per_entry > room + 1:
            raise ValueError(f"a file of {path.stat().st_size} bytes must hold all of its "
                             f"{entries} entries")
        body = file.read(entries * _ENTRY_BYTES)
        if file.read(1):
            raise ValueError(f"there must be nothing after {entries} entries")
    numbers = _numbers(body, _FIELDS[field])
    if numbers.size != entries * per_entry:
        raise ValueError(f"there must be {entries * per_entry} numbers, not {numbers.size}")
    if layout == b"array":
        return _fill(numbers, rows, columns, symmetry)
    return _place(numbers.reshape(entries, per_entry), rows, columns, symmetry)


def _mtx_head(file: BufferedIOBase) -> tuple[bytes, bytes, bytes, list[int]]:
    """Layout, field, symmetry, and the two or three sizes."""
    banner = file.readline(_COMMENT_BYTES).lower().split()
    if len(banner) != 5 or banner[:2] != [b"%%matrixmarket", b"matrix"]:
        raise ValueError("the first line must be '%%MatrixMarket matrix' with layout, field "
                         "and symmetry")
    layout, field, symmetry = banner[2:]
    for name, value, allowed in (("layout", layout, (b"coordinate", b"array")),
                                 ("field", field, tuple(_FIELDS)),
                                 ("symmetry", symmetry, _SYMMETRIES)):
        if value not in allowed:
            raise ValueError(f"{name} must be one of {b', '.join(allowed).decode()}, "
                             f"not {value.decode('ascii', 'replace')}")
    if (layout, field) == (b"array", b"pattern"):
        raise ValueError("a pattern must have coordinates, not an array")
    left = _COMMENT_BYTES
    while left > 0 and (line := file.readline(left)):
        left -= len(line)
        if line.strip() and not line.lstrip().startswith(b"%"):
            sizes = line.split()
            if len(sizes) != (3 if layout == b"coordinate" else 2) or not all(
                    size.isdigit() and len(size) <= 18 for size in sizes):
                raise ValueError("the line of sizes must have two integers, and a third for "
                                 "coordinates")
            return layout, field, symmetry, [int(size) for size in sizes]
    raise ValueError(f"there must be a line of sizes in the first {_COMMENT_BYTES} bytes")


def _stored(rows: int, columns: int, symmetry: bytes) -> int:
    """Values in an array file: a symmetric one has the lower triangle."""
    triangle = {b"symmetric": rows * (rows + 1) // 2, b"skew-symmetric": rows * (rows - 1) // 2}
    return triangle.get(symmetry, rows * columns)


def _fill(values: NDArray[Any], rows: int, columns: int, symmetry: bytes) -> NDArray[Any]:
    """An array file's matrix: columns one after the other."""
    if symmetry == b"general":
        return values.reshape(columns, rows).T
    matrix = np.zeros((rows, rows), values.dtype)
    skew = symmetry == b"skew-symmetric"
    across, down = np.triu_indices(rows, k=int(skew))
    matrix[across, down] = -values if skew else values
    matrix[down, across] = values
    return matrix


def _place(entries: NDArray[Any], rows: int, columns: int, symmetry: bytes) -> NDArray[Any]:
    """A coordinate file's matrix from lines of row, column and value, counted from 1."""
    places = entries[:, :2].astype(np.int64) - 1
    if (places + 1 != entries[:, :2]).any():
        raise ValueError("indices must be integers")
    row, column = places.T
    values = entries[:, 2] if entries.shape[1] == 3 else np.ones(len(entries), entries.dtype)
    if symmetry != b"general":
        off = row != column
        mirrored = -values[off] if symmetry == b"skew-symmetric" else values[off]
        row, column, values = (np.concatenate(pair) for pair in (
            (row, column[off]), (column, row[off]), (values, mirrored)))
    return write_out((rows, columns), row, column, values)


def _numbers(text: bytes, dtype: DTypeLike) -> NDArray[Any]:
    """Numbers between white space.

    Raises
    ------
    ValueError
        If anything else is there, or an integer does not fit 64 bits.
    """
    if not text.strip():
        return np.zeros(0, dtype)
    with warnings.catch_warnings():
        # Older releases of numpy warn where newer ones raise ValueError.
        warnings.simplefilter("error", DeprecationWarning)
        try:
            numbers = np.fromstring(text, dtype, sep=" ")
        except DeprecationWarning as warning:
            raise ValueError(str(warning)) from None
    if numbers.dtype.kind == "i" and np.isin(numbers, (-2**63, 2**63 - 1)).any():
        raise ValueError("integers must fit 64 bits")
    return numbers
