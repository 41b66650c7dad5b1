"""Read port: the read channels of a core behind one AXI4 read bus."""

from amaranth import *
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from dstc.accelerator.records import ADDRESS_BITS
from dstc.accelerator.registers import DeviceErrorCode

from ..select import encode_one_hot, select, select_one_hot
from ..stream import StreamRegister
from .axi import (
    CHANNEL_BITS,
    ReadSignature,
    address_layout,
    burst_layout,
    fault_layout,
    within,
)
from .round_robin import RoundRobin

__all__ = ["OUTSTANDING", "BurstTracker", "ReadPort"]

OUTSTANDING = 16
"""Bursts of one channel that are asked for and not yet complete."""


class BurstTracker(wiring.Component):
    """Knows which address every beat that comes back is for.

    Timing: ``at`` follows ``channel`` combinationally; ``free`` is registered.

    Parameters
    ----------
    acc : AcceleratorConfig
    channels : int

    Members
    -------
    asked : ``In(channels)``
        A burst of this channel, the one with its bit set, will be asked for; only while ``free``.
    address : ``In(ADDRESS_BITS)``
        Of that burst.
    free : ``Out(channels)``
        Channels that may ask for another burst.
    came : ``In(1)``, channel : ``In(CHANNEL_BITS)``, last : ``In(1)``
        A beat of the oldest burst of the channel comes, the last one of it.
    at : ``Out(ADDRESS_BITS)``
        Address of that beat.
    """

    def __init__(self, acc, channels):
        self._acc = acc
        self._channels = channels
        super().__init__({
            "asked": In(channels),
            "address": In(ADDRESS_BITS),
            "free": Out(channels),
            "came": In(1),
            "channel": In(CHANNEL_BITS),
            "last": In(1),
            "at": Out(ADDRESS_BITS),
        })

    def elaborate(self, platform):
        m = Module()
        beat_bits, longest = exact_log2(self._acc.data_bytes), self._acc.burst_beats
        place_bits = exact_log2(OUTSTANDING)
        m.submodules.starts = starts = memory.Memory(
            shape=ADDRESS_BITS - beat_bits, depth=self._channels * OUTSTANDING, init=[])
        write, read = starts.write_port(), starts.read_port(domain="comb")
        heads, tails, beats = ([Signal(shape, name=f"{name}_{n}") for n in range(self._channels)]
                               for name, shape in (("head", place_bits + 1),
                                                   ("tail", place_bits + 1),
                                                   ("beat", range(longest))))
        for n, (head, tail, beat) in enumerate(zip(heads, tails, beats, strict=True)):
            mine = Signal(name=f"mine_{n}")
            m.d.comb += [
                mine.eq(self.came & (self.channel == n)),
                self.free[n].eq((tail ^ head) != OUTSTANDING),
            ]
            m.d.sync += tail.eq(tail + self.asked[n])
            with m.If(mine):
                m.d.sync += beat.eq(Mux(self.last, 0, beat + 1))
                m.d.sync += head.eq(head + self.last)
        asked = encode_one_hot(self.asked, CHANNEL_BITS)
        start, beat = read.data, select(m, "beat", beats, self.channel)
        m.d.comb += [
            write.en.eq(self.asked.any()),
            write.addr.eq(Cat(select(m, "tail", tails, asked)[:place_bits], asked)),
            write.data.eq(self.address[beat_bits:]),
            read.addr.eq(Cat(select(m, "head", heads, self.channel)[:place_bits], self.channel)),
            # A burst crosses no multiple of its longest length, so nothing is carried.
            self.at.eq(Cat(C(0, beat_bits), (start[:len(beat)] + beat)[:len(beat)],
                           start[len(beat):])),
        ]
        return m


class ReadPort(wiring.Component):
    """Read port.

    Asks for the bursts of all channels in turn and hands the data out by their ID, whatever the
    order in which the IDs come back.  ``id`` is the channel; its core bits are 0 and ignored.

    The first violation of the window and the first response other than OKAY or EXOKAY become
    ``fault``; a burst that violates the window is not asked for.  With ``fault`` or ``stop``
    nothing more is asked for; what is on offer stays so until it is taken, and what is
    outstanding is still handed out, the data of a bad response too.

    Timing: one burst per cycle.  A burst is on ``bus.ar`` two cycles after it was taken from
    its channel; data are handed out in the cycle in which they come; ``fault`` is registered.

    Parameters
    ----------
    acc : AcceleratorConfig
    channels : int
        1 to 16.

    Members
    -------
    bursts : ``In(stream.Signature(burst_layout())).array(channels)``
    data : ``Out(stream.Signature(acc.data_bits)).array(channels)``
        ``ready`` must be 1.
    bus : ``Out(ReadSignature(acc))``
    window_first, window_last : ``In(ADDRESS_BITS)``
        Lowest and highest address that may be accessed; whole beats are.
    stop : ``In(1)``
        Ask for nothing more.
    quiet : ``Out(1)``
        Nothing is on offer or outstanding on the bus.  Comes some time after ``stop`` or
        ``fault`` whatever the channels do, and then stays.
    fault : ``Out(fault_layout())``
        The first fault since reset: ``ADDRESS`` with the address of the burst, or ``READ`` with
        that of the beat.

    Raises
    ------
    ValueError
        If ``channels`` is not an integer from 1 to 16.
    """

    def __init__(self, acc, channels):
        if not isinstance(channels, int) or not 1 <= channels <= 1 << CHANNEL_BITS:
            raise ValueError("Read port channels must be an integer from 1 to "
                             f"{1 << CHANNEL_BITS}, not {channels!r}")
        self._acc = acc
        self._channels = channels
        super().__init__({
            "bursts": In(stream.Signature(burst_layout())).array(channels),
            "data": Out(stream.Signature(acc.data_bits)).array(channels),
            "bus": Out(ReadSignature(acc)),
            "window_first": In(ADDRESS_BITS),
            "window_last": In(ADDRESS_BITS),
            "stop": In(1),
            "quiet": Out(1),
            "fault": Out(fault_layout()),
        })

    def _choose(self, m, tracker):
        """The next burst, with its channel, as a stream."""
        layout = data.StructLayout({"channel": CHANNEL_BITS, "burst": burst_layout()})
        m.submodules.choice = choice = RoundRobin(self._channels)
        m.submodules.chosen = chosen = StreamRegister(layout)
        burst = select_one_hot(m, "burst", [Value.cast(each.payload) for each in self.bursts],
                               choice.grant)
        m.d.comb += [
            choice.requests.eq(Cat(each.valid for each in self.bursts) & tracker.free),
            choice.taken.eq(chosen.i.valid & chosen.i.ready),
            chosen.i.valid.eq(choice.requests.any()),
            chosen.i.p.channel.eq(choice.index),
            Value.cast(chosen.i.p.burst).eq(burst),
            tracker.asked.eq(choice.grant & chosen.i.ready.replicate(self._channels)),
            tracker.address.eq(chosen.i.p.burst.address),
        ]
        m.d.comb += [each.ready.eq(asked) for each, asked in zip(self.bursts, tracker.asked,
                                                                strict=True)]
        return chosen.o

    def elaborate(self, platform):
        m = Module()
        m.submodules.tracker = tracker = BurstTracker(self._acc, self._channels)
        m.submodules.ar = ar = StreamRegister(address_layout(self._acc))
        wiring.connect(m, wiring.flipped(self.bus.ar), ar.o)
        chosen, r = self._choose(m, tracker), self.bus.r
        may_ask, allowed, asks, ends, bad = (Signal(), Signal(), Signal(), Signal(), Signal())
        outstanding = Signal(range(self._channels * OUTSTANDING + 1))
        m.d.comb += [
            may_ask.eq(chosen.valid & ~self.stop & ~self.fault.valid),
            allowed.eq(within(self._acc, chosen.p.burst, self.window_first, self.window_last)),
            ar.i.valid.eq(may_ask & allowed),
            ar.i.p.id.eq(chosen.p.channel),
            ar.i.p.address.eq(chosen.p.burst.address),
            ar.i.p.len.eq(chosen.p.burst.len),
            asks.eq(ar.i.valid & ar.i.ready),
            chosen.ready.eq(asks),
            tracker.came.eq(r.valid),
            tracker.channel.eq(r.p.id[:CHANNEL_BITS]),
            tracker.last.eq(r.p.last),
            ends.eq(r.valid & r.p.last),
            bad.eq(r.valid & r.p.resp[1]),
            r.ready.eq(1),
            self.quiet.eq(outstanding == 0),
        ]
        m.d.sync += outstanding.eq(outstanding + asks - ends)
        for n, each in enumerate(self.data):
            m.d.comb += [each.valid.eq(r.valid & (tracker.channel == n)),
                         each.payload.eq(r.p.data)]
        with m.If(~self.fault.valid & bad):
            m.d.sync += [self.fault.valid.eq(1), self.fault.code.eq(DeviceErrorCode.READ),
                         self.fault.address.eq(tracker.at)]
        with m.Elif(may_ask & ~allowed):
            m.d.sync += [self.fault.valid.eq(1), self.fault.code.eq(DeviceErrorCode.ADDRESS),
                         self.fault.address.eq(chosen.p.burst.address)]
        return m
