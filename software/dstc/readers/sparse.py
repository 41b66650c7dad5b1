"""From lists of entries, which a file may have forged, to a dense matrix."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..numerics import require_real

__all__ = ["MAX_DENSE", "expand_offsets", "refuse_large", "write_out"]

MAX_DENSE = 1 << 28
"""Elements that a sparse file may have when written out."""


def refuse_large(rows: int, columns: int) -> None:
    """Refuse a shape that a few bytes can claim and no memory can hold.

    Raises
    ------
    ValueError
        If the shape is negative or has more than :data:`MAX_DENSE` elements.
    """
    if rows < 0 or columns < 0 or rows * columns > MAX_DENSE:
        raise ValueError(f"a sparse matrix must have at most {MAX_DENSE} elements, "
                         f"not {rows} x {columns}")


def expand_offsets(offsets: NDArray[Any], extent: int, entries: int) -> NDArray[np.intp]:
    """The row (column) of each entry, from where each row (column) starts.

    Parameters
    ----------
    offsets : numpy.ndarray
        ``extent + 1`` integers from 0 to ``entries``, ascending.
    extent, entries : int
        Rows (columns) and entries of the matrix.

    Raises
    ------
    ValueError
        If the offsets are anything else.
    """
    if offsets.dtype.kind not in "iu" or offsets.shape != (extent + 1,):
        raise ValueError(f"offsets must be {extent + 1} integers, not {offsets.size}")
    starts = offsets.astype(np.int64)
    counts = starts[1:] - starts[:-1]
    if starts[0] != 0 or starts[-1] != entries or (counts < 0).any():
        raise ValueError(f"offsets must ascend from 0 to {entries}")
    return np.repeat(np.arange(extent), counts)


def write_out(shape: tuple[int, int], rows: NDArray[Any], columns: NDArray[Any],
              values: NDArray[Any]) -> NDArray[Any]:
    """A dense matrix from its entries; entries of one place are added, as scipy does.

    Raises
    ------
    ValueError
        If the matrix is too large, or the entries are not equally many or not inside it.
    """
    refuse_large(*shape)
    require_real(values)
    if not rows.shape == columns.shape == values.shape or values.ndim != 1:
        raise ValueError("rows, columns and values must be equally many, not "
                         f"{rows.size}, {columns.size} and {values.size}")
    for index, extent in ((rows, shape[0]), (columns, shape[1])):
        if index.size and not (index.dtype.kind in "iu" and index.min() >= 0
                               and index.max() < extent):
            raise ValueError(f"indices must be integers from 0 to {extent - 1}")
    matrix = np.zeros(shape, values.dtype)
    with np.errstate(all="ignore"):
        np.add.at(matrix, (rows, columns), values)
    return matrix
