"""Implicit im2col in software from three kinds of feature map: dense, CSR and bitmap.

All three make, for every channel, tap and row of the output, the values that a row of the output
meets, as the outer product wants them; stride 1, padding 1, 3 x 3 taps.  The dense one copies them
with their zeros.  The bitmap one shifts and masks a row's bitmap, counts the bits before it and
copies a run of values.  The CSR one asks for every output position whether its column is among
those of the row, which is what the offset arrays allow in that order.
"""

from collections.abc import Callable
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np

from dstc.errors import DstcError

__all__ = ["DENSITIES", "measure"]

DENSITIES = (1.0, 0.5, 0.25, 0.1)
CHANNELS, SIZE, TAPS = 64, 56, 3
REPEATS = 5


def _dense(x: Any, out: Any) -> int:
    channels, height, width = x.shape
    written = 0
    for c in range(channels):
        for i in range(3):
            for j in range(3):
                for row in range(height):
                    source = row + i - 1
                    for column in range(width):
                        at = column + j - 1
                        if 0 <= source < height and 0 <= at < width:
                            out[column] = x[c, source, at]
                        else:
                            out[column] = 0
                    written += width
    return written


def _csr(starts: Any, columns: Any, values: Any, shape: Any, out: Any) -> int:
    channels, height, width = shape
    written = 0
    for c in range(channels):
        for i in range(3):
            for j in range(3):
                for row in range(height):
                    source = row + i - 1
                    if source < 0 or source >= height:
                        continue
                    first, last = starts[c * height + source], starts[c * height + source + 1]
                    count = 0
                    for column in range(width):
                        wanted = column + j - 1
                        low, high = first, last
                        while low < high:
                            middle = (low + high) // 2
                            if columns[middle] < wanted:
                                low = middle + 1
                            else:
                                high = middle
                        if low < last and columns[low] == wanted:
                            out[count] = values[low]
                            count += 1
                    written += count
    return written


def _popcount(word: Any) -> Any:
    word = word - ((word >> np.uint64(1)) & np.uint64(0x5555555555555555))
    word = ((word & np.uint64(0x3333333333333333))
            + ((word >> np.uint64(2)) & np.uint64(0x3333333333333333)))
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((word * np.uint64(0x0101010101010101)) >> np.uint64(56))


def _bitmap(bitmaps: Any, starts: Any, values: Any, shape: Any, out: Any, count_bits: Any) -> int:
    channels, height, width = shape
    whole = (np.uint64(1) << np.uint64(width)) - np.uint64(1)
    written = 0
    for c in range(channels):
        for i in range(3):
            for j in range(3):
                for row in range(height):
                    source = row + i - 1
                    if source < 0 or source >= height:
                        continue
                    place = c * height + source
                    bits = bitmaps[place]
                    # The window begins one column early, at the same, or one late.
                    skipped = bits & np.uint64(1) if j == 2 else np.uint64(0)
                    taken = (bits >> np.uint64(1) if j == 2
                             else bits & (whole >> np.uint64(1)) if j == 0 else bits)
                    first = starts[place] + np.int64(skipped)
                    count = count_bits(taken)
                    for k in range(count):
                        out[k] = values[first + k]
                    written += count
    return written


def measure(advance: Callable[[int], None] = lambda done: None) -> list[dict[str, float]]:
    """Seconds of each kind over those of the dense one, at several densities of a feature map of
    64 x 56 x 56; the best of five runs on one core.

    Raises
    ------
    DstcError
        If numba is missing, or two kinds find unequal numbers of values.
    """
    try:
        import numba
    except ImportError as error:
        raise DstcError("Figure im2col must have the package numba, which is not installed; "
                        "pip install 'dstc[model]' brings it") from error
    dense, csr, bitmap, count_bits = (numba.njit(each)
                                      for each in (_dense, _csr, _bitmap, _popcount))
    rng = np.random.default_rng(0)
    shape = (CHANNELS, SIZE, SIZE)
    out = np.empty(SIZE, np.float32)
    found = []
    for density in DENSITIES:
        x = rng.standard_normal(shape, np.float32)
        x[rng.random(shape) >= density] = 0
        rows = (x != 0).reshape(-1, SIZE)
        starts = np.append(0, np.cumsum(rows.sum(1))).astype(np.int64)
        columns = np.nonzero(rows)[1].astype(np.int64)
        values = x[x != 0]
        bitmaps = (rows.astype(np.uint64) << np.arange(SIZE, dtype=np.uint64)).sum(
            1, dtype=np.uint64)
        seconds = {
            "dense": _best(partial(dense, x, out)),
            "csr": _best(partial(csr, starts, columns, values, shape, out)),
            "bitmap": _best(partial(bitmap, bitmaps, starts, values, shape, out, count_bits))}
        counts = csr(starts, columns, values, shape, out), bitmap(
            bitmaps, starts, values, shape, out, count_bits)
        if counts[0] != counts[1]:
            raise DstcError(f"Kinds of im2col must find as many values, not {counts}")
        found.append({"density": density, "dense_seconds": seconds["dense"],
                      "csr": seconds["csr"] / seconds["dense"],
                      "bitmap": seconds["bitmap"] / seconds["dense"]})
        advance(1)
    return found


def _best(function: Callable[[], int]) -> float:
    function()
    times = []
    for _ in range(REPEATS):
        began = perf_counter()
        function()
        times.append(perf_counter() - began)
    return min(times)
