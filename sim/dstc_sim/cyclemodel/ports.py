"""Streams, operand loaders, C load and drain, cycle by cycle.

The rules are those of the docstrings of ``dstc_hdl.operand_buffer`` and ``dstc_hdl.tile_port``;
the streams wait as in every simulator (:class:`dstc_sim.runs.Stall`).
"""

import numpy as np

from .jit import compiled
from .machine import QUEUE_MASK

__all__ = ["drain", "drive", "load_c", "loader", "take_beat"]

IDLE, BITMAPS, COUNT, VALUES = range(4)

# splitmix64
STEP, FIRST, SECOND = (np.uint64(n) for n in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9,
                                              0x94D049BB133111EB))
S30, S27, S31, S32 = (np.uint64(n) for n in (30, 27, 31, 32))


@compiled
def _mixed(state):
    z = (state ^ (state >> S30)) * FIRST
    z = (z ^ (z >> S27)) * SECOND
    return (z ^ (z >> S31)) >> S32


@compiled
def drive(s):
    """Offer the next beats; returns whether the result stream is ready."""
    for n in range(4):
        source = s.sources[n]
        if source.valid or source.next == source.total:
            continue
        if source.threshold:
            source.random += STEP
            if _mixed(source.random) < source.threshold:
                continue
        source.valid = 1
    if s.d_threshold:
        s.d_random += STEP
        return _mixed(s.d_random) >= s.d_threshold
    return True


@compiled
def take_beat(s, source):
    """Take what a stream offers; whether it offered anything."""
    if not source.valid:
        return False
    source.valid = 0
    source.next += 1
    s.moved = 1
    return True


@compiled
def loader(s, c, side, once, order):
    """One cycle of the loader of a side."""
    unit = s.loaders[side]
    done = False
    if unit.state == BITMAPS:
        if take_beat(s, s.sources[1 + side]):
            unit.left -= 1
            if unit.left == 0:
                unit.state, unit.left = COUNT, c.count_cycles
    elif unit.state == COUNT:
        unit.left -= 1
        if unit.left == 0:
            unit.left = once[unit.tile].beats
            unit.state = VALUES
            done = unit.left == 0
    elif unit.state == VALUES and take_beat(s, s.sources[1 + side]):
        unit.left -= 1
        done = unit.left == 0
    if done or unit.state == IDLE:
        started = unit.slot
        unit.state = IDLE
        _start_load(s, c, side, unit, order)
        if done:
            s.ended.loads[side, started] += 1


@compiled
def _start_load(s, c, side, unit, order):
    """Take the next load if its slot is free."""
    queue = s.load_queues[side]
    operation = queue.at[queue.head]
    if queue.count == 0 or operation.seen > s.now:
        return
    if s.ended.reads[side, operation.which] != operation.after:
        return
    unit.slot = operation.which
    unit.tile = order[unit.record] if unit.record < len(order) else 0
    unit.record += 1
    unit.slot_tile[unit.slot] = unit.tile
    unit.left = c.bitmap_beats[side]
    unit.state = BITMAPS
    queue.head = queue.head + 1 & QUEUE_MASK
    queue.count -= 1


@compiled
def _at_turn(s, queue):
    """Whether an exclusive use of a context waits, and whether its turn has come."""
    operation = queue.at[queue.head]
    waits = queue.count != 0 and operation.seen <= s.now
    acc = operation.which
    return waits, waits and (s.ended.computes[acc] == operation.after
                             and s.ended.turns[acc] == operation.turns)


@compiled
def _end_turn(s, queue):
    acc = queue.at[queue.head].which
    queue.head = queue.head + 1 & QUEUE_MASK
    queue.count -= 1
    return acc


@compiled
def load_c(s, c):
    """One cycle of the C load; returns whether one waits or works, and the context of one that
    ends, or -1."""
    waits, active = _at_turn(s, s.c_queue)
    ended = -1
    if active and take_beat(s, s.sources[3]):
        s.c_beat += 1
        if s.c_beat == c.c_beats:
            s.c_beat = 0
            ended = _end_turn(s, s.c_queue)
    return waits, ended


@compiled
def drain(s, c, taken, drained):
    """One cycle of the drain and its output register; returns as :func:`load_c`."""
    waits, active = _at_turn(s, s.drain_queue)
    ended = -1
    if s.d_valid and taken:
        s.d_beats += 1
        s.moved = 1
    free = s.d_valid == 0 or taken
    if s.read_all:
        if taken:
            s.read_all = 0
            s.d_valid = 0
            drained[s.d_beats // c.c_beats - 1] = s.now
            ended = _end_turn(s, s.drain_queue)
    elif free:
        s.d_valid = 1 if active else 0
        if active:
            s.d_beat += 1
            if s.d_beat == c.c_beats:
                s.d_beat, s.read_all = 0, 1
    return waits, ended
