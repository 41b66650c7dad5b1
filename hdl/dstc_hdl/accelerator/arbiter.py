"""Arbiters: several masters behind one AXI4 bus."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..select import select_one_hot
from ..stream import StreamQueue, StreamRegister
from .axi import CHANNEL_BITS, ReadSignature, WriteSignature, address_layout, write_layout
from .round_robin import RoundRobin

__all__ = ["SEQUENCER_CHANNEL", "ReadArbiter", "WriteArbiter"]

SEQUENCER_CHANNEL = 15
"""Channel bits of the job sequencer's reads, which no core uses."""


ORDER = 4
"""Bursts whose data the write arbiter has not passed on."""


def numbered(m, acc, streams):
    """The bursts of all ports, as bits, with their IDs on the bus."""
    bursts = []
    for n, each in enumerate(streams):
        burst = Signal(address_layout(acc), name=f"burst_{n}")
        m.d.comb += burst.eq(each.payload)
        if n < acc.cores:
            m.d.comb += burst.id[CHANNEL_BITS:].eq(n)
        else:
            m.d.comb += burst.id.eq(SEQUENCER_CHANNEL)
        bursts.append(Value.cast(burst))
    return bursts


class ReadArbiter(wiring.Component):
    """Read arbiter.

    Passes the bursts of its ports on, one by one in turn, and gives data back by their ID.  A
    port with number p < ``acc.cores`` has the IDs with core bits p; its own core bits are
    ignored.  Port ``acc.cores``, the job sequencer, has ID ``{0, SEQUENCER_CHANNEL}``.

    Timing: one burst per cycle, a cycle later; data without delay.

    Parameters
    ----------
    acc : AcceleratorConfig
    ports : int
        1 to ``acc.cores + 1``.

    Members
    -------
    ports : ``In(ReadSignature(acc)).array(ports)``
        What comes back has the ID that was asked with, core bits 0; of the job sequencer any.
    bus : ``Out(ReadSignature(acc))``

    Raises
    ------
    ValueError
        If ``ports`` is not an integer from 1 to ``acc.cores + 1``.
    """

    def __init__(self, acc, ports):
        if not isinstance(ports, int) or not 1 <= ports <= acc.cores + 1:
            raise ValueError("Read arbiter ports must be an integer from 1 to "
                             f"{acc.cores + 1}, not {ports!r}")
        self._acc = acc
        self._ports = ports
        super().__init__({
            "ports": In(ReadSignature(acc)).array(ports),
            "bus": Out(ReadSignature(acc)),
        })

    def elaborate(self, platform):
        m = Module()
        acc, r = self._acc, self.bus.r
        m.submodules.choice = choice = RoundRobin(len(self.ports))
        m.submodules.ar = ar = StreamRegister(address_layout(acc))
        wiring.connect(m, wiring.flipped(self.bus.ar), ar.o)
        bursts = numbered(m, acc, [port.ar for port in self.ports])
        sequencer, core = Signal(), r.p.id[CHANNEL_BITS:]
        m.d.comb += [
            choice.requests.eq(Cat(port.ar.valid for port in self.ports)),
            choice.taken.eq(ar.i.valid & ar.i.ready),
            ar.i.valid.eq(choice.requests.any()),
            Value.cast(ar.i.payload).eq(select_one_hot(m, "burst", bursts, choice.grant)),
            r.ready.eq(1),
            sequencer.eq(r.p.id[:CHANNEL_BITS] == SEQUENCER_CHANNEL),
        ]
        for n, port in enumerate(self.ports):
            mine = ~sequencer & (core == n) if n < acc.cores else sequencer
            m.d.comb += [
                port.ar.ready.eq(choice.grant[n] & ar.i.ready),
                port.r.payload.eq(r.payload),
                port.r.p.id[CHANNEL_BITS:].eq(0),
                port.r.valid.eq(r.valid & mine),
            ]
        return m


class WriteArbiter(wiring.Component):
    """Write arbiter.

    Passes the bursts of its ports on, one by one in turn, their data in the same order, and
    responses back by their ID.  Port p has ID ``{p, 0}``.

    Timing: one burst and one beat per cycle; a burst one cycle later, its first beat two cycles
    after the burst was taken, or later while data of other bursts come first; responses without
    delay.  A port must offer the data of a burst without waiting for the burst to be taken, and
    without a pause: while it pauses, it holds up all others.

    Parameters
    ----------
    acc : AcceleratorConfig
    ports : int
        1 to ``acc.cores``.

    Members
    -------
    ports : ``In(WriteSignature(acc)).array(ports)``
    bus : ``Out(WriteSignature(acc))``

    Raises
    ------
    ValueError
        If ``ports`` is not an integer from 1 to ``acc.cores``.
    """

    def __init__(self, acc, ports):
        if not isinstance(ports, int) or not 1 <= ports <= acc.cores:
            raise ValueError(f"Write arbiter ports must be an integer from 1 to {acc.cores}, "
                             f"not {ports!r}")
        self._acc = acc
        self._ports = ports
        super().__init__({
            "ports": In(WriteSignature(acc)).array(ports),
            "bus": Out(WriteSignature(acc)),
        })

    def elaborate(self, platform):
        m = Module()
        acc, b = self._acc, self.bus.b
        m.submodules.choice = choice = RoundRobin(len(self.ports))
        m.submodules.aw = aw = StreamRegister(address_layout(acc))
        m.submodules.w = w = StreamRegister(write_layout(acc))
        m.submodules.order = order = StreamQueue(len(self.ports), ORDER)    # grants
        wiring.connect(m, wiring.flipped(self.bus.aw), aw.o)
        wiring.connect(m, wiring.flipped(self.bus.w), w.o)
        bursts = numbered(m, acc, [port.aw for port in self.ports])
        beats = [Value.cast(port.w.payload) for port in self.ports]
        turn = Signal(len(self.ports))      # whose data come next
        m.d.comb += [
            choice.requests.eq(Cat(port.aw.valid for port in self.ports)),
            choice.taken.eq(choice.requests.any() & aw.i.ready & order.i.ready),
            aw.i.valid.eq(choice.taken),
            order.i.valid.eq(choice.taken),
            order.i.payload.eq(choice.grant),
            Value.cast(aw.i.payload).eq(select_one_hot(m, "burst", bursts, choice.grant)),
            turn.eq(order.o.payload & order.o.valid.replicate(len(turn))),
            w.i.valid.eq((turn & Cat(port.w.valid for port in self.ports)).any()),
            Value.cast(w.i.payload).eq(select_one_hot(m, "beat", beats, turn)),
            order.o.ready.eq(w.i.valid & w.i.ready & w.i.p.last),
            b.ready.eq(1),
        ]
        for n, port in enumerate(self.ports):
            m.d.comb += [
                port.aw.ready.eq(choice.grant[n] & choice.taken),
                port.w.ready.eq(turn[n] & w.i.ready),
                port.b.p.resp.eq(b.p.resp),
                port.b.valid.eq(b.valid & (b.p.id[CHANNEL_BITS:] == n)),
            ]
        return m
