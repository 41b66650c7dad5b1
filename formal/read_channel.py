"""ReadChannel: every burst it asks for has room, and stays within its block of memory.

The queue of commands and what becomes of the beats are cut out: commands of any address and any
number of items come at any time, and room becomes free whenever something is held.
"""

from amaranth import Signal

from dstc.accelerator.parameters import BURST_BYTES

from .binding import Design
from .harness import Harness

__all__ = ["read_channel"]


def read_channel(component, acc):
    """A channel before a memory that answers what was asked for, at any time.

    ``room``: a beat that comes finds room, however long nothing is taken.  ``block``: a burst is
    of whole beats and ends before the next multiple of ``BURST_BYTES``.  ``kept``: a burst on
    offer stays on offer, unchanged, until it is taken.

    Assumed: the memory sends no beat that was not asked for; a command has an item, which the
    channel itself sees to at its port.

    Parameters
    ----------
    component : ReadChannel
    acc : AcceleratorConfig

    Returns
    -------
    Harness
    """
    harness = Harness()
    m, depth, burst = harness.m, component.depth, component.burst
    design = Design(component)
    m.submodules.dut = design.fragment
    command, giver = design.cut("waiting").o, design.cut("giver").i
    beats, cutter = design.part("beats").component, design.part("cutter")
    harness.free(command.valid, command.payload, giver.ready, burst.ready, component.r.valid,
                 component.r.payload)
    harness.assume(command.p.items != 0)
    due = Signal(range(depth + 1), name="ghost_due")        # beats asked for that have not come
    taken = Signal(range(acc.burst_beats + 1), name="ghost_taken")
    offered, was = Signal(name="ghost_offered"), Signal.like(burst.payload, name="ghost_was")
    with m.If(burst.valid & burst.ready):
        m.d.comb += taken.eq(burst.p.len + 1)
    m.d.sync += [due.eq(due + taken - component.r.valid), was.eq(burst.payload),
                 offered.eq(burst.valid & ~burst.ready)]
    harness.assume(~component.r.valid | (due != 0))
    harness.claim("room", ~component.r.valid | beats.w_rdy)
    end = Signal(range(2 * BURST_BYTES), name="ghost_end")
    m.d.comb += end.eq(burst.p.address[:8] + (burst.p.len + 1) * acc.data_bytes)
    harness.claim("block", ~burst.valid | (
        (end <= BURST_BYTES) & (burst.p.len < acc.burst_beats)
        & (burst.p.address % acc.data_bytes == 0)))
    harness.claim("kept", ~offered | (burst.valid & (burst.payload.as_value() == was.as_value())))

    def places():
        """What is due, held or free are all places; only a lone beat is behind an empty exit."""
        inner = design.part("beats").signal("inner_level")
        yield cutter.signal("free") + due + beats.level == depth
        yield (inner <= 1) | beats.r_rdy
        yield inner < depth
        yield ~cutter.signal("active") | (cutter.signal("left") != 0)

    def offer():
        """What was on offer is what the cutter would offer again."""
        yield ~offered | cutter.signal("active")

    harness.tie(places, offer)
    return harness
