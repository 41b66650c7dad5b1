"""The cycle model: one call runs a whole job."""

from ..runs import BINS, COUNTERS, Outcome
from .collector import collect, ready, retire
from .dispatch import dispatch
from .front import advance, multipliers_used, walk
from .jit import compiled, compiled_apart
from .log import BIN, log_event, log_ohmma
from .machine import RING_MASK
from .ports import drain, drive, load_c, loader

__all__ = ["simulate"]

ISSUE, CONFLICT, OPERAND_WAIT, DRAIN, IDLE = range(len(BINS))
OHMMA, PRODUCTS = COUNTERS.index("ohmma"), COUNTERS.index("products")
STOPPED, CYCLE_LIMIT, NO_PROGRESS = (
    int(outcome) for outcome in (Outcome.STOPPED, Outcome.CYCLE_LIMIT, Outcome.NO_PROGRESS))
# Why nothing reaches the collector, as in dstc_hdl.performance.
REASON_IDLE, REASON_OPERAND, REASON_DRAIN = range(3)


@compiled_apart
def simulate(machine, max_cycles, quiet_limit):
    """Run until the core stops; returns the :class:`dstc_sim.runs.Outcome`."""
    s, c = machine.registers[0], machine.constants[0]
    quiet = 0
    while s.now < max_cycles:
        s.moved = 0
        d_ready = drive(s)
        if s.halted or s.illegal:
            return STOPPED
        _cycle(s, c, d_ready, machine.words, machine.a.once, machine.a.order, machine.b.once,
               machine.b.order, machine.drained, machine.events)
        quiet = 0 if s.moved else quiet + 1
        s.now += 1
        if quiet == quiet_limit:
            return NO_PROGRESS
    return CYCLE_LIMIT


@compiled_apart
def _cycle(s, c, d_ready, words, a_tiles, a_order, b_tiles, b_order, drained, events):
    """One cycle.  Units that others look at act after them, so that all see the same registers."""
    running = s.started
    front = (s.busy or s.step.valid or s.records >= 0 or s.bitmap_unit >= 0 or s.crossbar >= 0
             or (s.compute_count != 0 and s.computes[s.compute_head].seen <= s.now))
    back = s.count != 0 or s.ending != 0
    dispatch(s, c, words)

    retiring = retire(s)
    collector_ready = ready(s, c, retiring)
    oldest = s.head & RING_MASK
    done, done_acc = retiring and s.ends[oldest] != 0, s.accs[oldest]
    valid = s.crossbar >= 0
    null = valid and s.tokens[s.crossbar].null
    if retiring:
        s.head += 1
        s.count -= 1
    if valid and collector_ready:
        if running and not null:
            s.counters[OHMMA] += 1
            s.counters[PRODUCTS] += multipliers_used(s, c, a_tiles, b_tiles)
        collect(s, c, a_tiles, b_tiles, events)
        log_ohmma(events, s)
    expander_ready = advance(s, collector_ready)
    walk(s, c, expander_ready, a_tiles, b_tiles)
    loader(s, c, 0, a_tiles, a_order)
    loader(s, c, 1, b_tiles, b_order)
    c_waits, c_ended = load_c(s, c)
    d_waits, d_ended = drain(s, c, d_ready, drained)
    _end(s, c, done, done_acc, c_ended, d_ended)
    _count(s, running, valid, null, collector_ready, front, back or c_waits or d_waits, events)


@compiled
def _end(s, c, done, done_acc, c_ended, d_ended):
    """What has ended in this cycle counts from the next one on."""
    if s.release:
        s.ended.reads[0, s.release_a] += 1
        s.ended.reads[1, s.release_b] += 1
        s.release = 0
    summed = s.ending >> (c.back_latency - 1) & 1
    if summed:
        s.ended.computes[s.ending_acc >> (c.back_latency - 1) & 1] += 1
    mask = (1 << c.back_latency) - 1
    s.ending = (s.ending << 1 | (1 if done else 0)) & mask
    s.ending_acc = (s.ending_acc << 1 | done_acc) & mask
    if c_ended >= 0:
        s.ended.turns[c_ended] += 1
    if d_ended >= 0:
        s.ended.turns[d_ended] += 1


@compiled
def _count(s, running, valid, null, collector_ready, front, back, events):
    """Put the cycle into its bin."""
    if s.wait_operand:
        s.reason = REASON_OPERAND
    elif s.wait_context:
        s.reason = REASON_DRAIN
    elif not front:
        s.reason = REASON_DRAIN if back else REASON_IDLE
    if not running:
        return
    if not valid:
        which = (OPERAND_WAIT if s.reason == REASON_OPERAND
                 else DRAIN if s.reason == REASON_DRAIN else IDLE)
    elif not collector_ready:
        which = CONFLICT
    else:
        which = IDLE if null else ISSUE
    s.counters[which] += 1
    log_event(events, s, BIN, s.now, which, 0, 0)
