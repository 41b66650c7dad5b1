"""The operand collector, entry by entry instead of cycle by cycle.

A bank's walk through an entry depends only on when the OHMMA of the entry arrived and on what the
bank did before, never on what comes later.  So when an entry closes, every bank's products in it
can be dated at once, and the cycle in which the entry will retire is known.  Only arrivals are
simulated in cycles.  The rules are those of the docstrings of ``dstc_hdl.collector`` and
``dstc_hdl.bank_picker``.
"""

import numpy as np

from .bits import lowest_place, ones
from .jit import compiled
from .log import CLOSE, PICK, log_event
from .machine import MAX_GROUPS, RING, RING_MASK

__all__ = ["collect", "products_of", "ready", "retire"]

# The place of a single bit of 32, by its value modulo 37, which is different for each.
BIT_PLACES = np.zeros(37, np.int64)
for _place in range(32):
    BIT_PLACES[(1 << _place) % 37] = _place

# Row and column of the first four products of a bank, by its number of rows.
ROW_OF = np.array([[n % max(rows, 1) for n in range(4)] for rows in range(MAX_GROUPS + 1)])
COL_OF = np.array([[n // max(rows, 1) for n in range(4)] for rows in range(MAX_GROUPS + 1)])


@compiled
def retire(s):
    """Whether the oldest entry leaves in this cycle."""
    slot = s.head & RING_MASK
    return s.count > 0 and s.closed[slot] != 0 and s.retires[slot] == s.now


@compiled
def ready(s, c, retiring):
    """Whether the OHMMA at the input is taken: only a new entry may have to wait for room."""
    return s.crossbar < 0 or s.tokens[s.crossbar].first == 0 or s.count != c.entries or retiring


@compiled
def collect(s, c, a_tiles, b_tiles, events):
    """Take the OHMMA at the input into the newest entry or into a new one."""
    token = s.tokens[s.crossbar]
    if token.first:
        s.newest += 1
        s.count += 1
        s.arrived = 0
    slot = s.newest & RING_MASK
    s.closed[slot], s.ends[slot], s.accs[slot] = token.last, token.op_last, token.acc
    if token.h == 0 or token.single:
        s.row_arrivals[token.g] = s.arrived
    if token.g == 0 or token.single:
        s.col_arrivals[token.h] = s.arrived
    s.arrivals[s.arrived] = s.now
    s.arrived += 1
    if token.last:
        _close(s, c, token, slot, a_tiles, b_tiles, events)


@compiled
def products_of(tile, k, group, dense, shift):
    """Values that one side brings to an OHMMA."""
    lanes = 1 << shift
    if not dense:
        return min(max(tile.counts[k] - (group << shift), 0), lanes)
    return ones(tile.bitmaps[k] >> (group << shift), lanes)


@compiled
def _arrivals(s, tile, token, group, arrivals, shift, stride, side):
    """For every lane, its values as single bits of the accumulator index, and the OHMMA that
    bring them; of one group only if the entry is a single OHMMA."""
    lanes = 1 << shift
    for lane in range(lanes):
        side.counts[lane] = 0
    bitmap = tile.bitmaps[token.k]
    rank = 0
    while bitmap:
        lowest = bitmap & -bitmap
        bitmap ^= lowest
        n = BIT_PLACES[lowest % 37]
        which = n >> shift if token.dense else rank >> shift
        rank += 1
        if token.single and which != group:
            continue
        lane = n & (lanes - 1)
        count = side.counts[lane]
        side.bits[lane, count] = 1 << (n >> shift) * stride
        side.brings[lane, count] = arrivals[which]
        side.counts[lane] = count + 1
    side.used = 0
    for lane in range(lanes):
        if side.counts[lane]:
            side.lanes[side.used] = lane
            side.used += 1
            _sum_up(s, side, lane, side.counts[lane])


@compiled
def _sum_up(s, side, lane, count):
    """What follows from the values of a lane and the OHMMA that bring them."""
    lead = mask = 0
    for n in range(count):
        time = s.arrivals[side.brings[lane, n]] + 1
        side.times[lane, n] = time
        lead = max(lead, time - n)
        mask |= side.bits[lane, n]
    side.lead[lane], side.masks[lane] = lead, mask
    for n in range(count, 4):
        side.bits[lane, n] = 0
    for n in range(4):
        side.back[lane, n] = side.bits[lane, count - 1 - n] if n < count else 0
    seen = there = 0
    for n in range(s.arrived + 1):
        while there < count and side.brings[lane, there] < n:
            seen |= side.bits[lane, there]
            there += 1
        side.seen[lane, n] = seen


@compiled
def _close(s, c, token, slot, a_tiles, b_tiles, events):
    """Date every product of the entry, and with them the cycle in which it retires."""
    retires = max(s.retires[(s.newest - 1) & RING_MASK] + 1, s.now + 1)
    if not token.null:
        rows, cols = s.sides[0], s.sides[1]
        _arrivals(s, a_tiles[token.a_tile], token, token.g, s.row_arrivals, c.row_shift, 1,
                  rows)
        _arrivals(s, b_tiles[token.b_tile], token, token.h, s.col_arrivals, c.col_shift,
                  c.row_groups, cols)
        _stand(s)
        for j in range(cols.used):
            _due(c, cols, cols.lanes[j])
        for i in range(rows.used):
            p = rows.lanes[i]
            for j in range(cols.used):
                q = cols.lanes[j]
                bank = s.banks[p * c.cols + q]
                start = _arrive(s, bank, max(rows.brings[p, 0], cols.brings[q, 0]))
                latest = _pick(s, c, bank.recent[token.acc], start, rows, p, cols, q, events)
                bank.entry, bank.leaves = s.newest, max(latest, s.now + 1)
                retires = max(retires, latest + 1)
    s.retires[slot] = retires
    log_event(events, s, CLOSE, s.now, s.newest, retires, 0)


@compiled
def _due(c, cols, q):
    """For every number of rows, the cycle from which on the columns of a lane are there in turn."""
    for rows in range(1, c.row_groups + 1):
        due = cols.times[q, 0]
        for v in range(1, cols.counts[q]):
            due = max(due, cols.times[q, v] - v * rows)
        cols.due[q, rows] = due


@compiled
def _stand(s):
    """For every OHMMA of the entry, the first entry that has not retired when it shows."""
    entry = max(s.newest - RING // 2, 0)
    for n in range(s.arrived):
        while entry < s.newest and s.retires[entry & RING_MASK] <= s.arrivals[n]:
            entry += 1
        s.standing[n] = entry


@compiled
def _arrive(s, bank, first):
    """First cycle in which a bank can take a product of the newest entry, which shows one with
    its OHMMA ``first``.

    A bank leaves its entry when it is through with it, in the cycle after it sees a product in a
    later one; or when its entry retires, to the one behind, which may have nothing for it.
    """
    visible = s.arrivals[first] + 1
    current = bank.entry
    leaves = max(bank.leaves, visible)
    if s.newest - current < RING and s.retires[current & RING_MASK] >= leaves:
        return leaves + 1
    entry = max(current + 1, s.standing[first])
    arrived = s.retires[(entry - 1) & RING_MASK] + 1
    return max(visible, arrived) + (0 if entry == s.newest else 1)


@compiled
def _pick(s, c, recent, start, rows, p, cols, q, events):
    """Date the products of a bank in an entry; returns the cycle of the last one."""
    # Whether every product is there when its turn comes, one per cycle from `start` on.
    in_turn = max(rows.lead[p], cols.due[q, rows.counts[p]]) <= start
    one, two, three, four = _before(recent, start)
    if (in_turn and len(events) == 0
            and _clear(c, one, two, three, four, rows, p, cols, q)):
        return _pick_all(c, recent, start, one, two, three, rows, p, cols, q)
    return _pick_each(s, c, recent, start, one, two, three, four, rows, p, cols, q, events)


@compiled
def _before(recent, start):
    """The accumulators of the products one, two, three and four cycles before ``start``.

    Here and below there is no branch where the processor would guess wrong about every time.
    """
    gap = start - recent.cycle
    by_one, by_two, by_three, by_four = -(gap == 1), -(gap == 2), -(gap == 3), -(gap == 4)
    return (by_one & recent.one, (by_one & recent.two) | (by_two & recent.one),
            (by_one & recent.three) | (by_two & recent.two) | (by_three & recent.one),
            (by_one & recent.four) | (by_two & recent.three) | (by_three & recent.two)
            | (by_four & recent.one))


@compiled
def _clear(c, one, two, three, four, rows, p, cols, q):
    """Whether no product meets its accumulator's sum in flight: the first one may meet those of
    the last ``hazard - 1`` cycles, each later one those of a cycle less."""
    height = rows.counts[p]
    first = rows.bits[p, 0] * cols.bits[q, 0]
    second = rows.bits[p, ROW_OF[height, 1]] * cols.bits[q, COL_OF[height, 1]]
    third = rows.bits[p, ROW_OF[height, 2]] * cols.bits[q, COL_OF[height, 2]]
    fourth = rows.bits[p, ROW_OF[height, 3]] * cols.bits[q, COL_OF[height, 3]]
    two_on, three_on, four_on = -(c.hazard > 2), -(c.hazard > 3), -(c.hazard > 4)
    meets = first & (one | (two_on & two) | (three_on & three) | (four_on & four))
    meets |= second & ((two_on & one) | (three_on & two) | (four_on & three))
    meets |= third & ((three_on & one) | (four_on & two))
    return meets | (fourth & four_on & one) == 0


@compiled
def _pick_all(c, recent, start, one, two, three, rows, p, cols, q):
    """No product has to wait: one after the other."""
    height, width = rows.counts[p], cols.counts[q]
    count = height * width
    last = rows.bits[p, height - 1] * cols.bits[q, width - 1]
    # The products before the last; where the entry has none, those of the entries before.
    second = rows.back[p, ROW_OF[height, 1]] * cols.back[q, COL_OF[height, 1]]
    third = rows.back[p, ROW_OF[height, 2]] * cols.back[q, COL_OF[height, 2]]
    fourth = rows.back[p, ROW_OF[height, 3]] * cols.back[q, COL_OF[height, 3]]
    is_one, is_two, is_three = -(count == 1), -(count == 2), -(count == 3)
    second |= is_one & one
    third |= (is_one & two) | (is_two & one)
    fourth |= (is_one & three) | (is_two & two) | (is_three & one)
    _remember(c, recent, start + count - 1, last, second, third, fourth)
    return recent.cycle


@compiled
def _remember(c, recent, cycle, one, two, three, four):
    """The accumulators of the products at ``cycle`` and before it, as far as they count."""
    recent.cycle, recent.one = cycle, one
    recent.two = two if c.hazard > 2 else 0
    recent.three = three if c.hazard > 3 else 0
    recent.four = four if c.hazard > 4 else 0


@compiled
def _pick_each(s, c, recent, cycle, one, two, three, four, rows, p, cols, q, events):
    """Each cycle the lowest product that is there and whose accumulator has no sum in flight."""
    left = rows.masks[p] * cols.masks[q]
    keep_two, keep_three, keep_four = -(c.hazard > 2), -(c.hazard > 3), -(c.hazard > 4)
    while left:
        # OHMMA that are there: as many as cycles since the first, fewer if they had gaps.
        seen = min(cycle - s.arrivals[0], s.arrived)
        while s.arrivals[seen - 1] >= cycle:
            seen -= 1
        free = left & rows.seen[p, seen] * cols.seen[q, seen] & ~(one | two | three | four)
        pick = free & -free
        left ^= pick
        if pick and len(events):
            log_event(events, s, PICK, cycle, s.newest, p * c.cols + q, lowest_place(pick))
        four, three, two, one = three & keep_four, two & keep_three, one & keep_two, pick
        cycle += 1
    _remember(c, recent, cycle - 1, one, two, three, four)
    return recent.cycle
