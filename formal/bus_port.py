"""ReadPort and WritePort: what they ask of the bus, and when they are quiet."""

from amaranth import Cat, Const, Signal

from dstc.accelerator.parameters import BURST_BYTES
from dstc.accelerator.records import ADDRESS_BITS
from dstc_hdl.accelerator.axi import burst_layout

from .binding import Design
from .harness import Harness

__all__ = ["read_port", "write_port"]


class BusPort(Harness):
    """What both ports claim.

    ``window``: a burst on offer accesses nothing outside of the window, which is any one and the
    same all the time.  ``block``: it ends before the next multiple of ``BURST_BYTES``.  ``kept``:
    it stays on offer, unchanged, until it is taken.  ``quiet``: is 1 while nothing is on offer
    or outstanding, and only then.  ``stopped``: with ``stop`` or after a fault no other burst
    comes on offer.
    """

    def __init__(self, component, acc, offer):
        super().__init__()
        self.component, self.acc, self.offer = component, acc, offer
        self.design = Design(component)
        self.m.submodules.dut = self.design.fragment
        self.free(offer.ready, component.stop)
        first, last = (self.constant(name, 1 << ADDRESS_BITS) for name in ("first", "last"))
        self.m.d.comb += [component.window_first.eq(first), component.window_last.eq(last)]
        size = (offer.p.len + 1) * acc.data_bytes
        self.claim("window", ~offer.valid | ((offer.p.address >= first)
                                             & (offer.p.address + size <= last + 1)))
        self.claim("block", ~offer.valid | self.in_block(offer.p))
        self.claim("kept", self.keeps(offer))
        halted = Signal(name="ghost_halted")
        self.m.d.sync += halted.eq(component.stop | component.fault.valid)
        self.claim("stopped", ~offer.valid | ~halted | self.was_offered)

    def in_block(self, burst):
        """A burst of whole beats within a block."""
        end = burst.address[:8] + (burst.len + 1) * self.acc.data_bytes
        return (end <= BURST_BYTES) & (burst.len < self.acc.burst_beats) & (
            burst.address % self.acc.data_bytes == 0)

    def keeps(self, stream):
        """Stays on offer; notes in ``was_offered`` that it was, and not taken."""
        offered = Signal(name=f"offered_{len(self._claims)}")
        was = Signal(len(stream.payload.as_value()), name=f"was_{len(self._claims)}")
        self.m.d.sync += [offered.eq(stream.valid & ~stream.ready), was.eq(stream.payload)]
        self.was_offered = offered
        return ~offered | (stream.valid & (stream.payload.as_value() == was))


def read_port(component, acc, channels):
    """A read port under channels whose bursts stay in their block, before any memory.

    Assumed: the memory answers what was asked for.

    Parameters
    ----------
    component : ReadPort
    acc : AcceleratorConfig
    channels : int

    Returns
    -------
    Harness
    """
    harness = BusPort(component, acc, component.bus.ar)
    m, ar, r = harness.m, component.bus.ar, component.bus.r
    harness.free(r.valid, r.payload)
    waiting = [Signal(6, name=f"ghost_waiting_{n}") for n in range(channels)]
    ends = Signal(channels, name="ghost_ends")
    for n, burst in enumerate(component.bursts):
        harness.free(burst.valid, burst.payload)
        harness.assume(harness.in_block(burst.p))
        m.d.comb += ends[n].eq(r.valid & r.p.last & (r.p.id[:4] == n))
        harness.assume(~ends[n] | (waiting[n] != 0))
        m.d.sync += waiting[n].eq(waiting[n] + (ar.valid & ar.ready & (ar.p.id == n)) - ends[n])
    harness.assume(~r.valid | (r.p.id[:4] < channels))
    harness.claim("quiet", component.quiet == ~(ar.valid | Cat(waiting).any()))

    def counts():
        """Places of the tracker are those of bursts that are chosen, on offer or outstanding."""
        design = harness.design
        chosen, tracker = design.part("chosen").component.o, design.part("tracker")
        yield ~chosen.valid | (harness.in_block(chosen.p.burst) & (chosen.p.channel < channels))
        yield ~ar.valid | (ar.p.id < channels)
        total = Const(0)
        for n, each in enumerate(waiting):
            used = Signal(5, name=f"used_{n}")
            asked = each + (ar.valid & (ar.p.id == n))
            m.d.comb += used.eq(tracker.signal(f"tail_{n}") - tracker.signal(f"head_{n}"))
            yield used == asked + (chosen.valid & (chosen.p.channel == n))
            yield used <= 16
            total = total + asked
        yield design.signal("outstanding") == total

    harness.tie(counts)
    return harness


def write_port(component, acc):
    """A write port under any runs, before any memory.

    Besides the claims of both ports, ``data``: a beat on offer stays on offer, unchanged, until
    it is taken, and is of a burst that is on offer or taken.

    Assumed: within a run every address follows the one before; the memory answers a burst after
    it took the burst and all of its beats.

    Parameters
    ----------
    component : WritePort
    acc : AcceleratorConfig

    Returns
    -------
    Harness
    """
    harness = BusPort(component, acc, component.bus.aw)
    m, i, aw = harness.m, component.i, component.bus.aw
    w, b, bits = component.bus.w, component.bus.b, (acc.data_bytes - 1).bit_length()
    harness.free(i.valid, i.payload, w.ready, b.valid, b.payload)
    is_open, follows = Signal(name="ghost_open"), Signal(ADDRESS_BITS, name="ghost_follows")
    harness.assume(i.p.address[:bits] == 0)
    harness.assume(~i.valid | ~is_open | (i.p.address == follows))
    with m.If(i.valid & i.ready):
        m.d.sync += [is_open.eq(~i.p.final), follows.eq(i.p.address + acc.data_bytes)]
    # Bursts without an answer: those that were taken, and those of which all beats were.
    asked, sent = Signal(6, name="ghost_asked"), Signal(6, name="ghost_sent")
    harness.assume(~b.valid | ((asked != 0) & (sent != 0)))
    m.d.sync += [asked.eq(asked + (aw.valid & aw.ready) - b.valid),
                 sent.eq(sent + (w.valid & w.ready & w.p.last) - b.valid)]
    harness.claim("quiet", component.quiet == ~(aw.valid | (asked != 0)))
    harness.claim("data", harness.keeps(w), ~w.valid | (sent < asked + aw.valid))

    def counts():
        """Bursts are in the queue of addresses until their answer."""
        design = harness.design
        level = design.part("asked", "queue").component.level
        yield level == asked + aw.valid
        yield level == sent + design.signal("sending")
        yield level <= 16

    def cuts():
        """What is held of a burst lies before the next beat, in its block."""
        cutter = harness.design.part("cutter")
        number, at = cutter.signal("number"), follows[bits:8]
        yield (number == 0) | (is_open & (number <= at))
        yield follows[:bits] == 0
        queue = cutter.part("bursts", "queue")
        for n in range(queue.component.depth):
            yield harness.in_block(burst_layout()(queue.word("storage", n)))

    harness.tie(counts, cuts)
    return harness
