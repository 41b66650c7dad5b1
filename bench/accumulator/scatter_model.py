"""Cycles of the scatter from products to accumulators, for two places of the collector.

Both models are given a front end that offers one OHMMA per cycle, so what they count beyond the
OHMMA is what the accumulator costs: bank conflicts and sums in flight.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["MAPPINGS", "Banks", "Steps", "operand_side", "product_side"]

FAR = -1000     # before every hazard distance


@dataclass(frozen=True)
class Steps:
    """The k-steps of a stream of tiles, in program order; those without work may be in it.

    ``rows`` and ``cols`` are ``bool`` of steps x positions, ``context`` is 0 or 1 per step, the
    accumulation context that the step's tile uses.  ``lanes`` is R, S of the OHMMA.
    """

    rows: NDArray[np.bool_]
    cols: NDArray[np.bool_]
    context: NDArray[np.int64]
    lanes: tuple[int, int]

    @property
    def ohmma(self) -> int:
        """The skip rule."""
        a, b = (-(-side.sum(axis=1) // lanes)
                for side, lanes in zip((self.rows, self.cols), self.lanes, strict=True))
        return int((a * b).sum())


MAPPINGS = {
    "modulo": "rows m mod R, columns n mod S",
    "block": "neighbouring rows, neighbouring columns",
    "skew": "row groups rotated against each other: rows (m + m div R) mod R, columns n mod S",
    "cross": "row groups rotated by column group: (m + n div S) mod R, n mod S",
}


@dataclass(frozen=True)
class Banks:
    """Owner of every accumulator: a bank and a place in it, both of tile_m x tile_n."""

    bank: NDArray[np.int64]
    place: NDArray[np.int64]
    count: int
    depth: int

    @classmethod
    def of(cls, mapping: str, tile: tuple[int, int], shape: tuple[int, int]) -> "Banks":
        """``shape`` banks for a tile, by a key of :data:`MAPPINGS`."""
        m, n = np.indices(tile)
        rows, cols = shape
        groups = tile[0] // rows, tile[1] // cols
        p, q = m % rows, n % cols
        if mapping == "block":
            p, q = m // groups[0], n // groups[1]
        elif mapping == "skew":
            p = (m + m // rows) % rows
        elif mapping == "cross":
            p = (m + n // cols) % rows
        elif mapping != "modulo":
            raise ValueError(f"Mapping must be one of {', '.join(MAPPINGS)}, not {mapping!r}")
        bank = p * cols + q
        # Places of a bank in the order of column group, then row group.
        place = np.zeros(tile, np.int64)
        order = np.lexsort((m.ravel(), n.ravel(), bank.ravel()))
        depth = groups[0] * groups[1]
        place.ravel()[order] = np.tile(np.arange(depth), rows * cols)
        return cls(bank, place, rows * cols, depth)


@njit(cache=True, nogil=True)
def _positions(mask):
    """Positions of the set elements and how many there are."""
    found = np.empty(mask.size, np.int64)
    count = 0
    for n in range(mask.size):
        if mask[n]:
            found[count] = n
            count += 1
    return found, count


@njit(cache=True, nogil=True)
def _open_place(mask, last, base, now, hazard):
    """The lowest set bit of ``mask`` whose accumulator is not in flight, or -1."""
    place = 0
    while mask:
        if mask & 1 and now - last[base + place] >= hazard:
            return place
        mask >>= 1
        place += 1
    return -1


@njit(cache=True, nogil=True)
def _deliver(left, entry, rows, first_row, last_row, cols, first_col, last_col, bank, place):
    """Mark the products of rows x columns, by rank, as present in an entry."""
    for i in range(first_row, last_row):
        for j in range(first_col, last_col):
            m, n = rows[i], cols[j]
            left[entry, bank[m, n]] |= 1 << place[m, n]


@njit(cache=True, nogil=True)
def _operand_side(step_rows, step_cols, context, lanes_a, lanes_b, bank, place, banks, depth,
                  entries, hazard):
    left = np.zeros((entries, banks), np.int64)
    closed = np.zeros(entries, np.bool_)
    owner = np.zeros(entries, np.int64)             # accumulation context of an entry
    current = np.zeros(banks, np.int64)
    last = np.full(2 * banks * depth, FAR, np.int64)
    head, newest, count = 0, entries - 1, 0
    step, g, h, now, issued, finished_issue = 0, 0, 0, 0, 0, 0
    rows, a = _positions(step_rows[0])
    cols, b = _positions(step_cols[0])
    while True:
        if step == len(context) and count == 0:
            return issued, finished_issue, now
        retire = count > 0 and closed[head] and not left[head].any()
        first = g == 0 and h == 0
        taken = step < len(context) and (not first or count < entries or retire)
        head_next = (head + 1) % entries
        # Banks see the state before this cycle's OHMMA and before the retirement.
        for n in range(banks):
            here = current[n]
            if left[here, n]:
                base = (owner[here] * banks + n) * depth
                chosen = _open_place(left[here, n], last, base, now, hazard)
                if chosen >= 0:
                    left[here, n] &= ~(1 << chosen)
                    last[base + chosen] = now
            moved = False
            if closed[here] and left[here, n] == 0:
                for e in range(1, entries):
                    ahead = (here + e) % entries
                    if left[ahead, n]:
                        current[n] = ahead
                        moved = True
                        break
            if retire and not moved and here == head:
                current[n] = head_next
        if retire:
            head = head_next
            count -= 1
        if taken:
            if first:
                newest = (newest + 1) % entries
                count += 1
                owner[newest] = context[step]
            # Rows arrive with the first column group and stay.
            first_row, last_row = (g * lanes_a, min(a, (g + 1) * lanes_a)) if h == 0 else (0, a)
            _deliver(left, newest, rows, first_row, last_row, cols, h * lanes_b,
                     min(b, (h + 1) * lanes_b), bank, place)
            g += 1
            if g * lanes_a >= a:
                g, h = 0, h + 1
            closed[newest] = h * lanes_b >= b
            issued += 1
            finished_issue = now + 1
            if closed[newest]:
                g, h, step = 0, 0, step + 1
                if step < len(context):
                    rows, a = _positions(step_rows[step])
                    cols, b = _positions(step_cols[step])
        now += 1


@njit(cache=True, nogil=True)
def _product_side(step_rows, step_cols, context, lanes_a, lanes_b, bank, place, banks, depth,
                  entries, hazard):
    left = np.zeros((entries, banks), np.int64)
    owner = np.zeros(entries, np.int64)
    total = np.zeros(entries, np.int64)             # products of an entry that are left
    age = np.arange(entries)                        # entries that are held, oldest first
    last = np.full(2 * banks * depth, FAR, np.int64)
    count, now, issued, finished_issue = 0, 0, 0, 0
    step, g, h = 0, 0, 0
    rows, a = _positions(step_rows[0])
    cols, b = _positions(step_cols[0])
    while True:
        if step == len(context) and count == 0:
            return issued, finished_issue, now
        for n in range(banks):
            for e in range(count):
                entry = age[e]
                if left[entry, n]:
                    base = (owner[entry] * banks + n) * depth
                    chosen = _open_place(left[entry, n], last, base, now, hazard)
                    if chosen >= 0:
                        left[entry, n] &= ~(1 << chosen)
                        last[base + chosen] = now
                        total[entry] -= 1
                    break                           # products of an accumulator stay in k order
        for e in range(count - 1, -1, -1):          # finished entries go behind the others
            entry = age[e]
            if total[entry] == 0:
                age[e:entries - 1] = age[e + 1:].copy()
                age[entries - 1] = entry
                count -= 1
        if step < len(context) and count < entries:
            entry = age[count]
            last_row, last_col = min(a, (g + 1) * lanes_a), min(b, (h + 1) * lanes_b)
            _deliver(left, entry, rows, g * lanes_a, last_row, cols, h * lanes_b, last_col,
                     bank, place)
            total[entry] = (last_row - g * lanes_a) * (last_col - h * lanes_b)
            owner[entry] = context[step]
            count += 1
            issued += 1
            finished_issue = now + 1
            g += 1
            if g * lanes_a >= a:
                g, h = 0, h + 1
            if h * lanes_b >= b:
                g, h, step = 0, 0, step + 1
                if step < len(context):
                    rows, a = _positions(step_rows[step])
                    cols, b = _positions(step_cols[step])
        now += 1


def operand_side(steps: Steps, banks: Banks, entries: int, hazard: int) -> tuple[int, int, int]:
    """The collector in front of the multipliers, one multiplier per bank.

    An entry holds the operands of one k-step.  Every bank walks through the entries in order, one
    product per cycle, lowest place first; an entry retires, in order, in the cycle after its last
    product.  One entry means that a k-step waits until the one before it is done.

    Parameters
    ----------
    steps : Steps
    banks : Banks
    entries : int
    hazard : int
        Cycles between two products for one accumulator, at least 1.

    Returns
    -------
    ohmma, issue, cycles : int
        OHMMA taken, cycles until the last of them is taken, cycles until the last entry retires.
    """
    return _count(_operand_side, steps, banks, entries, hazard)


def product_side(steps: Steps, banks: Banks, entries: int, hazard: int) -> tuple[int, int, int]:
    """The collector behind the multipliers: products are routed to banks.

    An entry holds the products of one OHMMA.  Every bank takes one product per cycle from the
    oldest entry that has one for it; an entry is free, in any order, at the end of the cycle
    that takes its last product, and the next OHMMA enters at that clock edge.  The router may
    take any product of any entry, so this is the least that such an organisation can need.  One
    entry is a machine without a collector.

    Parameters and returned values as for :func:`operand_side`.
    """
    return _count(_product_side, steps, banks, entries, hazard)


def _count(side: Callable[..., tuple[int, int, int]], steps: Steps, banks: Banks, entries: int,
           hazard: int) -> tuple[int, int, int]:
    """Run a model on the k-steps that have work; the others cost nothing."""
    work = steps.rows.any(axis=1) & steps.cols.any(axis=1)
    if not work.any():
        return 0, 0, 0
    return side(steps.rows[work], steps.cols[work], steps.context[work], *steps.lanes, banks.bank,
                banks.place, banks.count, banks.depth, entries, hazard)
