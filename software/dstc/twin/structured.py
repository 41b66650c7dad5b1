"""2:4 structured operands: of every four neighbouring k, at most two that are not zero."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DstcError
from ..numerics import nonzero_mask
from .shape import GROUP, INDEX_BITS, KEPT

__all__ = ["condense", "pack_metadata"]


def condense(b: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.uint8]]:
    """What a structured operand stores.

    Parameters
    ----------
    b : numpy.ndarray
        K x N with K a multiple of four; of rows 4g to 4g + 3 each column has at most two elements
        that are not zero.

    Returns
    -------
    values : numpy.ndarray
        K/2 x N: rows 2g and 2g + 1 hold the kept elements of group g, k ascending.  Zeros are
        kept, those with the lowest k first, where fewer than two elements are not zero.
    places : numpy.ndarray
        ``uint8`` of the same shape: the place of each in its group, 0 to 3.

    Raises
    ------
    DstcError
        If a group of a column has more.
    """
    groups = b.reshape(-1, GROUP, b.shape[1])
    kept = nonzero_mask(groups)
    counts = kept.sum(axis=1)
    if (counts > KEPT).any():
        group, column = np.argwhere(counts > KEPT)[0]
        raise DstcError(f"Column {column} of a 2:4 structured B must have at most {KEPT} non-zeros "
                        f"in rows {GROUP * group} to {GROUP * group + GROUP - 1}, "
                        f"not {counts[group, column]}")
    order = np.argsort(~kept, axis=1, kind="stable")[:, :KEPT]
    places = np.sort(order, axis=1).astype(np.uint8)
    values = np.take_along_axis(groups, places, axis=1)
    return values.reshape(-1, b.shape[1]), places.reshape(-1, b.shape[1])


def pack_metadata(places: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Places along the last axis, two bits each, the first in the lowest bits of byte 0."""
    per_byte = 8 // INDEX_BITS
    split = places.reshape(*places.shape[:-1], -1, per_byte)
    shifts = np.arange(per_byte, dtype=np.uint8) * INDEX_BITS
    packed: NDArray[np.uint8] = np.bitwise_or.reduce(split << shifts, axis=-1)
    return packed
