"""The dispatcher, cycle by cycle, by the docstring of ``dstc_hdl.dispatcher``."""

import numpy as np

from dstc.isa import INSTRUCTIONS, OPCODE_BITS, WARP_BITS, spec_of
from dstc_hdl.core import QUEUE

from .jit import compiled
from .machine import QUEUE_MASK
from .ports import take_beat

__all__ = ["dispatch"]

HALT, BARRIER, LDA, LDB, LDC, STC, SPWMMA, WMMA, TILE, BOHMMA, POPC, OHMMA = (
    spec_of(name).opcode for name in ("HALT", "BARRIER", "LDA", "LDB", "LDC", "STC", "SPWMMA",
                                      "WMMA", "TILE", "BOHMMA", "POPC", "OHMMA"))
FIELDS = tuple(sorted({field.name for spec in INSTRUCTIONS for field in spec.fields}))
A, B, ACC, DENSE, G, H, K, KTILES, PRED, SLOT = (
    FIELDS.index(name) for name in ("a", "b", "acc", "dense", "g", "h", "k", "ktiles", "pred",
                                    "slot"))
RUN, WARP, PAIR_A, PAIR_B, PAIR_COMPUTE = range(5)

# Position and mask of every field of every opcode; a field that an instruction lacks reads as 0.
PLACES = np.zeros((1 << OPCODE_BITS, len(FIELDS), 2), np.int64)
for _spec in INSTRUCTIONS:
    for _part in _spec.fields:
        PLACES[_spec.opcode, FIELDS.index(_part.name)] = _part.lsb, (1 << _part.width) - 1


@compiled
def _field(word, field):
    return word >> PLACES[word & 255, field, 0] & PLACES[word & 255, field, 1]


@compiled
def _send(s, queue, which, after, turns):
    """Put an operation into a queue; whether there was room."""
    if queue.count == QUEUE:
        return False
    operation = queue.at[queue.head + queue.count & QUEUE_MASK]
    operation.seen, operation.which = s.now + 1, which
    operation.after, operation.turns = after, turns
    queue.count += 1
    return True


@compiled
def _load(s, side, slot):
    if not _send(s, s.load_queues[side], slot, s.sent.reads[side, slot], 0):
        return False
    s.sent.loads[side, slot] += 1
    return True


@compiled
def _exclusive(s, queue, acc):
    if not _send(s, queue, acc, s.sent.computes[acc], s.sent.turns[acc]):
        return False
    s.sent.turns[acc] += 1
    return True


@compiled
def _compute(s, a_slot, b_slot, acc, tile, dense):
    """A compute instruction into its queue; whether there was room.  Micro-operations set the
    other fields of the new entry themselves."""
    if s.compute_count == QUEUE:
        return False
    op = s.computes[s.compute_head + s.compute_count & QUEUE_MASK]
    op.seen = s.now + 1
    op.tile, op.dense, op.select, op.predicate, op.predicated = tile, dense, 0, 0, 0
    op.a_slot, op.b_slot, op.acc, op.k, op.g, op.h = a_slot, b_slot, acc, 0, 0, 0
    op.a_loads, op.b_loads = s.sent.loads[0, a_slot], s.sent.loads[1, b_slot]
    op.turns = s.sent.turns[acc]
    s.compute_count += 1
    return True


@compiled
def _count_compute(s, a_slot, b_slot, acc):
    s.sent.reads[0, a_slot] += 1
    s.sent.reads[1, b_slot] += 1
    s.sent.computes[acc] += 1


@compiled
def _quiet(s, c):
    """Whether everything sent has ended."""
    for acc in range(2):
        if s.sent.computes[acc] != s.ended.computes[acc] or \
                s.sent.turns[acc] != s.ended.turns[acc]:
            return False
    for side in range(2):
        for slot in range(c.slots):
            if s.sent.loads[side, slot] != s.ended.loads[side, slot] or \
                    s.sent.reads[side, slot] != s.ended.reads[side, slot]:
                return False
    return True


@compiled
def dispatch(s, c, words):
    """One cycle of the dispatcher."""
    source = s.sources[0]
    if s.state == PAIR_A:
        if _load(s, 0, s.tile_slot):
            s.state = PAIR_B
    elif s.state == PAIR_B:
        if _load(s, 1, s.tile_slot):
            s.state = PAIR_COMPUTE
    elif s.state == PAIR_COMPUTE:
        _pair_compute(s, c)
    elif source.valid:
        word = words[source.next]
        taken = (_warp_word(s, word) if s.state == WARP
                 else _instruction(s, c, word))
        if taken:
            take_beat(s, source)
            s.started = 1


@compiled
def _warp_word(s, word):
    """State WARP: the pairs of a data word."""
    used = min(s.tile_left, WARP_BITS)
    s.tile_left -= used
    s.pairs = word >> WARP_BITS & word & ((1 << used) - 1)
    if s.pairs:
        s.state = PAIR_A
    elif s.tile_left == 0:
        s.state = RUN
    return True


@compiled
def _pair_compute(s, c):
    slot = s.tile_slot
    if not _compute(s, slot, slot, s.tile_acc, 1, s.tile_dense):
        return
    _count_compute(s, slot, slot, s.tile_acc)
    s.tile_slot = 0 if slot == c.slots - 1 else slot + 1
    s.pairs &= s.pairs - 1
    s.state = PAIR_A if s.pairs else WARP if s.tile_left else RUN


@compiled
def _instruction(s, c, word):
    """State RUN: offer the instruction to its unit; whether it was taken."""
    op, acc = word & 255, _field(word, ACC)
    if op in (LDA, LDB):
        return _load(s, 0 if op == LDA else 1, _field(word, SLOT))
    if op == LDC:
        return _exclusive(s, s.c_queue, acc)
    if op == STC:
        return _exclusive(s, s.drain_queue, acc)
    if op in (SPWMMA, WMMA):
        a_slot, b_slot = _field(word, A), _field(word, B)
        if not _compute(s, a_slot, b_slot, acc, 1, 1 if op == WMMA else 0):
            return False
        _count_compute(s, a_slot, b_slot, acc)
        return True
    if op in (BOHMMA, POPC, OHMMA):
        return _micro(s, word, op, acc)
    if op == TILE:
        s.tile_acc, s.tile_dense = acc, _field(word, DENSE)
        s.tile_left, s.tile_slot = _field(word, KTILES), 0
        s.state = WARP
        return True
    if op in (HALT, BARRIER):
        quiet = _quiet(s, c)
        if quiet and op == HALT:
            s.halted = 1
        return quiet
    s.illegal = 1
    return False


@compiled
def _micro(s, word, op, acc):
    """The micro-operations; an OHMMA works on the k-step that BOHMMA selected last."""
    a_slot, b_slot, k = s.micro_a, s.micro_b, s.micro_k
    if op != OHMMA:
        a_slot, b_slot = _field(word, A), _field(word, B)
        k = _field(word, K)
    new = s.compute_head + s.compute_count & QUEUE_MASK
    if not _compute(s, a_slot, b_slot, acc, 0, 0):
        return False
    s.computes[new].k = k
    if op == POPC:
        s.computes[new].predicate = 1
        return True
    if op == BOHMMA:
        s.computes[new].select = 1
        s.micro_a, s.micro_b, s.micro_k = a_slot, b_slot, k
    else:
        s.computes[new].g, s.computes[new].h = _field(word, G), _field(word, H)
        s.computes[new].predicated = _field(word, PRED)
    _count_compute(s, a_slot, b_slot, acc)
    return True
