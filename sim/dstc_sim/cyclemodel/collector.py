"""The operand collector, entry by entry instead of cycle by cycle.

A bank's walk through an entry depends only on when the OHMMA of the entry arrived and on what the
bank did before, never on what comes later.  So when an entry closes, every bank's products in it
can be dated at once, and the cycle in which the entry will retire is known.  Only arrivals are
simulated in cycles.  The rules are those of the docstrings of ``dstc_hdl.collector`` and
``dstc_hdl.bank_picker``.
"""

import numpy as np

from .jit import compiled
from .log import CLOSE, PICK, log_event
from .machine import RING

__all__ = ["collect", "products_of", "ready", "retire"]

LAST = RING - 1

# The place of a single bit of 32, by its value modulo 37, which is different for each.
BIT_PLACES = np.zeros(37, np.int64)
for _place in range(32):
    BIT_PLACES[(1 << _place) % 37] = _place


@compiled
def retire(s):
    """Whether the oldest entry leaves in this cycle."""
    slot = s.head & LAST
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
    slot = s.newest & LAST
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
    bitmap = tile.bitmaps[k] >> (group << shift)
    count = 0
    for n in range(lanes):
        count += bitmap >> n & 1
    return count


@compiled
def _arrivals(s, tile, token, group, arrivals, shift, stride, side):
    """For every lane, its values as single bits of the accumulator index, and when they can
    first be used; of one group only if the entry is a single OHMMA."""
    lanes = 1 << shift
    for lane in range(lanes):
        side.counts[lane] = side.masks[lane] = side.lead[lane] = 0
        for n in range(s.arrived + 1):
            side.seen[lane, n] = 0
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
        side.bits[lane, count] = bit = 1 << (n >> shift) * stride
        time = s.arrivals[arrivals[which]] + 1
        side.times[lane, count] = time
        side.lead[lane] = max(side.lead[lane], time - count)
        side.seen[lane, arrivals[which] + 1] |= bit
        side.masks[lane] |= bit
        side.counts[lane] = count + 1
    side.used = 0
    for lane in range(lanes):
        side.lanes[side.used] = lane
        side.used += side.counts[lane] > 0
        for n in range(s.arrived):
            side.seen[lane, n + 1] |= side.seen[lane, n]


@compiled
def _close(s, c, token, slot, a_tiles, b_tiles, events):
    """Date every product of the entry, and with them the cycle in which it retires."""
    retires = max(s.retires[(s.newest - 1) & LAST] + 1, s.now + 1)
    if not token.null:
        rows, cols = s.sides[0], s.sides[1]
        _arrivals(s, a_tiles[token.a_tile], token, token.g, s.row_arrivals, c.row_shift, 1,
                  rows)
        _arrivals(s, b_tiles[token.b_tile], token, token.h, s.col_arrivals, c.col_shift,
                  c.row_groups, cols)
        for i in range(rows.used):
            p = rows.lanes[i]
            for j in range(cols.used):
                q = cols.lanes[j]
                bank = s.banks[p * c.cols + q]
                start = _arrive(s, bank, max(rows.times[p, 0], cols.times[q, 0]))
                latest = _pick(s, c, bank.recent[token.acc], start, rows, p, cols, q, events)
                bank.entry, bank.leaves = s.newest, max(latest, s.now + 1)
                retires = max(retires, latest + 1)
    s.retires[slot] = retires
    log_event(events, s, CLOSE, s.now, s.newest, retires, 0)


@compiled
def _arrive(s, bank, visible):
    """First cycle in which a bank can take a product of the newest entry, which shows one from
    cycle ``visible`` on.

    A bank leaves its entry when it is through with it, in the cycle after it sees a product in a
    later one; or when its entry retires, to the one behind, which may have nothing for it.
    """
    current = bank.entry
    leaves = max(bank.leaves, visible)
    if s.newest - current < RING and s.retires[current & LAST] >= leaves:
        return leaves + 1
    entry = max(current + 1, s.newest - RING // 2)
    while entry < s.newest and s.retires[entry & LAST] < visible:
        entry += 1
    arrived = s.retires[(entry - 1) & LAST] + 1
    return max(visible, arrived) + (0 if entry == s.newest else 1)


@compiled
def _pick(s, c, recent, start, rows, p, cols, q, events):
    """Date the products of a bank in an entry; returns the cycle of the last one."""
    gap = start - recent.cycle
    if (len(events) == 0 and _in_turn(start, rows, p, cols, q)
            and (gap >= c.hazard or _clear(recent, c.hazard - gap, rows, p, cols, q))):
        return _pick_all(c, recent, start, gap, rows, p, cols, q)
    return _pick_each(s, c, recent, start, rows, p, cols, q, events)


@compiled
def _in_turn(start, rows, p, cols, q):
    """Whether every product is there when its turn comes, one per cycle from ``start`` on."""
    if rows.lead[p] > start:
        return False
    for v in range(cols.counts[q]):
        if cols.times[q, v] > start + v * rows.counts[p]:
            return False
    return True


@compiled
def _clear(recent, reach, rows, p, cols, q):
    """Whether none of the first ``reach`` products meets its accumulator's sum in flight."""
    u = v = 0
    for n in range(reach, 0, -1):
        bit = rows.bits[p, u] * cols.bits[q, v]
        for m in range(n):
            if recent.bits[m] & bit:
                return False
        u += 1
        if u == rows.counts[p]:
            u, v = 0, v + 1
            if v == cols.counts[q]:
                return True
    return True


@compiled
def _pick_all(c, recent, start, gap, rows, p, cols, q):
    """No product has to wait: one after the other."""
    count = rows.counts[p] * cols.counts[q]
    # The bits of recent products move back by the cycles that have passed.
    shift = count + gap - 1
    if shift >= c.hazard - 1:
        recent.bits[1] = recent.bits[2] = recent.bits[3] = 0
    else:
        for n in range(c.hazard - 2, shift - 1, -1):
            recent.bits[n] = recent.bits[n - shift]
        for n in range(1, shift):
            recent.bits[n] = 0
    recent.cycle = start + count - 1
    u, v = rows.counts[p] - 1, cols.counts[q] - 1
    recent.bits[0] = rows.bits[p, u] * cols.bits[q, v]
    for n in range(1, min(count, c.hazard - 1)):
        u -= 1
        if u < 0:
            u, v = rows.counts[p] - 1, v - 1
        recent.bits[n] = rows.bits[p, u] * cols.bits[q, v]
    return recent.cycle


@compiled
def _pick_each(s, c, recent, cycle, rows, p, cols, q, events):
    """Each cycle the lowest product that is there and whose accumulator has no sum in flight."""
    left = rows.masks[p] * cols.masks[q]
    # Accumulators of the products one, two, three and four cycles ago, as far as they count.
    ago = np.int64(cycle - recent.cycle - 1)
    one, two, three, four = (_bits(recent, c, -ago), _bits(recent, c, 1 - ago),
                             _bits(recent, c, 2 - ago), _bits(recent, c, 3 - ago))
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
            log_event(events, s, PICK, cycle, s.newest, p * c.cols + q, _index(pick))
        four, three, two, one = three & keep_four, two & keep_three, one & keep_two, pick
        cycle += 1
    recent.cycle = cycle - 1
    recent.bits[0], recent.bits[1], recent.bits[2], recent.bits[3] = one, two, three, four
    return cycle - 1


@compiled
def _bits(recent, c, n):
    """Accumulators of the products ``n`` cycles before the latest; none after it."""
    return recent.bits[n] if 0 <= n < c.hazard - 1 else 0


@compiled
def _index(bit):
    index = 0
    while bit >> index & 1 == 0:
        index += 1
    return index
