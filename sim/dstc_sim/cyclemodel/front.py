"""k-step walker and the stages in front of the collector, cycle by cycle.

The rules are those of the docstrings of ``dstc_hdl.sequencer`` and ``dstc_hdl.stream``.
"""

from .bits import lowest_place
from .collector import products_of
from .jit import compiled
from .machine import QUEUE_MASK

__all__ = ["advance", "multipliers_used", "walk"]


@compiled
def walk(s, c, expander_ready, a_tiles, b_tiles):
    """One cycle of the k-step walker: its step goes to the expander, the next instruction comes."""
    fired = s.busy != 0 and expander_ready
    ended = False
    if fired:
        rest = s.left & (s.left - 1)
        ended = rest == 0
        _emit(s, c, 1 if ended else 0, a_tiles, b_tiles)
        s.left = rest
        if ended:
            s.busy = 0
    elif expander_ready:
        s.step.valid = 0

    s.wait_operand = s.wait_context = 0
    new = s.computes[s.compute_head]
    if s.compute_count == 0 or new.seen > s.now:
        return
    if not (s.busy == 0 and (not ended or not new.predicate)):
        return
    loads = s.ended.loads
    if not new.predicate:
        if loads[0, new.a_slot] != new.a_loads or loads[1, new.b_slot] != new.b_loads:
            s.wait_operand = 1
            return
        if s.ended.turns[new.acc] != new.turns:
            s.wait_context = 1
            return
    _take(s, c, new, a_tiles, b_tiles)
    s.compute_head = s.compute_head + 1 & QUEUE_MASK
    s.compute_count -= 1


@compiled
def _take(s, c, new, a_tiles, b_tiles):
    if new.predicate:
        s.predicate_row, s.predicate_col = s.selected_row, s.selected_col
        return
    op = s.op
    op.tile, op.dense, op.select, op.predicated = new.tile, new.dense, new.select, new.predicated
    op.a_slot, op.b_slot, op.acc, op.k, op.g, op.h = (new.a_slot, new.b_slot, new.acc, new.k,
                                                      new.g, new.h)
    s.op_a_tile = s.loaders[0].slot_tile[new.a_slot]
    s.op_b_tile = s.loaders[1].slot_tile[new.b_slot]
    s.busy = 1
    if not new.tile:
        s.left = 1 << new.k
    elif new.dense:
        s.left = (1 << c.tile_k) - 1
    else:
        s.left = a_tiles[s.op_a_tile].work & b_tiles[s.op_b_tile].work


@compiled
def _emit(s, c, op_last, a_tiles, b_tiles):
    """The k-step on offer goes into the expander."""
    op, step = s.op, s.step
    k = lowest_place(s.left) if s.left else 0
    rows, cols = a_tiles[s.op_a_tile].groups[k], b_tiles[s.op_b_tile].groups[k]
    step.valid, step.k, step.acc, step.dense, step.op_last = 1, k, op.acc, op.dense, op_last
    step.a_tile, step.b_tile, step.a_slot, step.b_slot = (s.op_a_tile, s.op_b_tile, op.a_slot,
                                                          op.b_slot)
    step.row_groups, step.col_groups = rows, cols
    if op.dense:
        step.row_groups, step.col_groups = c.row_groups, c.col_groups
    if op.tile:
        step.single, step.g, step.h = 0, 0, 0
        step.null = 1 if s.left == 0 else 0
    else:
        step.single, step.g, step.h = 1, op.g, op.h
        off = op.predicated and not (op.g < s.predicate_row and op.h < s.predicate_col)
        step.null = 1 if op.select or off else 0
    if op.select:
        s.selected_row, s.selected_col = rows, cols


@compiled
def advance(s, collector_ready):
    """One cycle of the stages from the expander to the crossbar, which move as one and squeeze
    their bubbles out; returns whether the expander takes a k-step."""
    crossbar_ready = s.crossbar < 0 or collector_ready
    unit_ready = s.bitmap_unit < 0 or crossbar_ready
    records_ready = s.records < 0 or unit_ready
    if crossbar_ready:
        s.crossbar = s.bitmap_unit
    if unit_ready:
        s.bitmap_unit = s.records
        if s.records >= 0 and s.tokens[s.records].op_last:
            # The values are being read, so the slots may be loaded anew.
            s.release = 1
            s.release_a, s.release_b = s.tokens[s.records].a_slot, s.tokens[s.records].b_slot
    if not records_ready:
        return s.step.valid == 0
    if s.step.valid == 0:
        s.records = -1
        return True
    return _expand(s)


@compiled
def _expand(s):
    """The next OHMMA of the k-step goes on; returns whether it was the last."""
    step = s.step
    s.records = s.next_token
    s.next_token = s.next_token + 1 & 3
    row_last = step.g + 1 == step.row_groups
    last = step.single or step.null or (row_last and step.h + 1 == step.col_groups)
    token = s.tokens[s.records]
    token.a_tile, token.b_tile, token.k = step.a_tile, step.b_tile, step.k
    token.a_slot, token.b_slot, token.acc = step.a_slot, step.b_slot, step.acc
    token.g, token.h, token.single = step.g, step.h, step.single
    token.dense, token.null = step.dense, step.null
    token.first = 1 if step.single or (step.g == 0 and step.h == 0) else 0
    token.last = 1 if last else 0
    token.op_last = 1 if last and step.op_last else 0
    if row_last:
        step.g = 0
        step.h += 1
    else:
        step.g += 1
    return last


@compiled
def multipliers_used(s, c, a_tiles, b_tiles):
    """Products of the OHMMA in front of the collector."""
    token = s.tokens[s.crossbar]
    return (products_of(a_tiles[token.a_tile], token.k, token.g, token.dense, c.row_shift)
            * products_of(b_tiles[token.b_tile], token.k, token.h, token.dense, c.col_shift))
