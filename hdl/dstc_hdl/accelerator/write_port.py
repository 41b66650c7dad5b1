"""Write port: writes runs of beats through an AXI4 write bus."""

from amaranth import *
from amaranth.lib import data, fifo, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from dstc.accelerator.records import ADDRESS_BITS
from dstc.accelerator.registers import DeviceErrorCode

from ..stream import StreamQueue, StreamRegister
from .axi import (
    WriteSignature,
    address_layout,
    burst_layout,
    fault_layout,
    within,
    write_layout,
)

__all__ = ["BURSTS", "OUTSTANDING", "WriteCutter", "WritePort", "write_beat_layout"]

BURSTS = 2
"""Longest bursts that the port has room for."""
OUTSTANDING = 16
"""Bursts that are asked for and not yet answered."""


def write_beat_layout(acc):
    """A beat to write.  The next one is for the next address, unless ``final`` is set."""
    return data.StructLayout({"address": ADDRESS_BITS, "data": acc.data_bits,
                              "strb": acc.data_bytes, "final": 1})


class WriteCutter(wiring.Component):
    """Cuts runs of beats into bursts and holds both.

    Timing: one beat per cycle.  A burst is on offer in the cycle after its last beat was taken,
    its beats two cycles after they were.

    Parameters
    ----------
    acc : AcceleratorConfig

    Members
    -------
    i : ``In(stream.Signature(write_beat_layout(acc)))``
    burst : ``Out(stream.Signature(burst_layout()))``
        Bursts all of whose beats are held.
    beat : ``Out(stream.Signature(write_layout(acc)))``
        Beats of these and the following bursts.
    empty : ``Out(1)``
        No beat is held.
    """

    def __init__(self, acc):
        self._acc = acc
        super().__init__({
            "i": In(stream.Signature(write_beat_layout(acc))),
            "burst": Out(stream.Signature(burst_layout())),
            "beat": Out(stream.Signature(write_layout(acc))),
            "empty": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        beat_bits, longest = exact_log2(self._acc.data_bytes), self._acc.burst_beats
        layout, depth = write_layout(self._acc), BURSTS * longest
        m.submodules.beats = beats = fifo.SyncFIFOBuffered(width=layout.size, depth=depth)
        # Runs of a single beat, which are rare, fill this queue before the other.
        m.submodules.bursts = bursts = StreamQueue(burst_layout(), 2 * BURSTS)
        wiring.connect(m, wiring.flipped(self.burst), bursts.o)
        beat, number = Signal(layout), Signal(range(longest))
        at = Signal(range(longest))         # of the beat within its block of BURST_BYTES
        first = Signal.like(at)
        m.d.comb += [
            at.eq(self.i.p.address[beat_bits:]),
            first.eq(at - number),
            beat.data.eq(self.i.p.data),
            beat.strb.eq(self.i.p.strb),
            beat.last.eq(self.i.p.final | at.all()),
            beats.w_data.eq(beat),
            beats.w_en.eq(self.i.valid & self.i.ready),
            bursts.i.p.address.eq(Cat(C(0, beat_bits), first,
                                      self.i.p.address[beat_bits + len(at):])),
            bursts.i.p.len.eq(number),
            bursts.i.valid.eq(self.i.valid & beats.w_rdy & beat.last),
            self.i.ready.eq(beats.w_rdy & (bursts.i.ready | ~beat.last)),
            Value.cast(self.beat.payload).eq(beats.r_data),
            self.beat.valid.eq(beats.r_rdy),
            beats.r_en.eq(self.beat.ready),
            self.empty.eq(beats.level == 0),
        ]
        with m.If(beats.w_en):
            m.d.sync += number.eq(Mux(beat.last, 0, number + 1))
        return m


class WritePort(wiring.Component):
    """Write port.

    Cuts runs of beats into bursts, each of which ends with the run or at a multiple of
    ``BURST_BYTES``.  A burst is asked for when all of its beats are held, so it never waits for
    data.  ``id`` is 0 and ignored.

    The first violation of the window and the first response other than OKAY or EXOKAY become
    ``fault``; a burst that violates the window is not asked for.  With ``fault`` or ``stop``
    nothing more is asked for; bursts that are on offer already, their data and responses are
    still exchanged.

    Timing: one beat per cycle.  A burst is on ``bus.aw`` two cycles after its last beat was
    taken, and its first beat on ``bus.w`` in the same cycle; ``bus.w`` does not wait for
    ``bus.aw`` to be taken.  ``fault`` is registered.

    Parameters
    ----------
    acc : AcceleratorConfig

    Members
    -------
    i : ``In(stream.Signature(write_beat_layout(acc)))``
        ``address`` is a multiple of the bus's bytes, that of the beat before plus as many within
        a run.
    bus : ``Out(WriteSignature(acc))``
    window_first, window_last : ``In(ADDRESS_BITS)``
        Lowest and highest address that may be accessed; whole beats are.
    stop : ``In(1)``
        Ask for nothing more.
    quiet : ``Out(1)``
        Nothing is on offer or outstanding on the bus.  Comes some time after ``stop`` or
        ``fault``, and then stays.
    fault : ``Out(fault_layout())``
        The first fault since reset: ``ADDRESS`` or ``WRITE``, with the address of the burst.
    idle : ``Out(1)``
        No beat is held and ``quiet``: everything that was taken is written and acknowledged.
    """

    def __init__(self, acc):
        self._acc = acc
        super().__init__({
            "i": In(stream.Signature(write_beat_layout(acc))),
            "bus": Out(WriteSignature(acc)),
            "window_first": In(ADDRESS_BITS),
            "window_last": In(ADDRESS_BITS),
            "stop": In(1),
            "quiet": Out(1),
            "fault": Out(fault_layout()),
            "idle": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.cutter = cutter = WriteCutter(self._acc)
        m.submodules.aw = aw = StreamRegister(address_layout(self._acc))
        m.submodules.asked = asked = StreamQueue(ADDRESS_BITS, OUTSTANDING)
        wiring.connect(m, wiring.flipped(self.i), cutter.i)
        wiring.connect(m, wiring.flipped(self.bus.aw), aw.o)
        burst, b, w = cutter.burst, self.bus.b, self.bus.w
        may_ask, allowed, asks, sent, bad = Signal(), Signal(), Signal(), Signal(), Signal()
        sending = Signal(range(OUTSTANDING + 1))    # bursts asked for, not all of their data sent
        m.d.comb += [
            may_ask.eq(burst.valid & ~self.stop & ~self.fault.valid),
            allowed.eq(within(self._acc, burst.p, self.window_first, self.window_last)),
            asks.eq(may_ask & allowed & aw.i.ready & asked.i.ready),
            aw.i.valid.eq(asks),
            aw.i.p.address.eq(burst.p.address),
            aw.i.p.len.eq(burst.p.len),
            asked.i.valid.eq(asks),
            asked.i.payload.eq(burst.p.address),
            burst.ready.eq(asks),
            w.payload.eq(cutter.beat.payload),
            w.valid.eq(cutter.beat.valid & (sending != 0)),
            cutter.beat.ready.eq(w.ready & (sending != 0)),
            sent.eq(w.valid & w.ready & w.p.last),
            b.ready.eq(1),
            asked.o.ready.eq(b.valid),
            bad.eq(b.valid & b.p.resp[1]),
            self.quiet.eq(asked.empty),
            self.idle.eq(cutter.empty & asked.empty),
        ]
        m.d.sync += sending.eq(sending + asks - sent)
        with m.If(~self.fault.valid & bad):
            m.d.sync += [self.fault.valid.eq(1), self.fault.code.eq(DeviceErrorCode.WRITE),
                         self.fault.address.eq(asked.o.payload)]
        with m.Elif(may_ask & ~allowed):
            m.d.sync += [self.fault.valid.eq(1), self.fault.code.eq(DeviceErrorCode.ADDRESS),
                         self.fault.address.eq(burst.p.address)]
        return m
