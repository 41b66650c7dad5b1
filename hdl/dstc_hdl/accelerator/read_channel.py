"""Read channel: fetches runs of items from memory and gives them one by one."""

from amaranth import *
from amaranth.lib import data, fifo, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from dstc.accelerator.records import ADDRESS_BITS

from ..layouts import beat_layout
from ..select import select
from ..stream import StreamQueue
from .axi import burst_layout

__all__ = ["COMMANDS", "WAITING", "BurstCutter", "ItemGiver", "ReadChannel", "command_layout"]

COMMANDS = 16
"""Commands that a channel holds."""
WAITING = 4
"""Commands of these that wait to be cut into bursts."""


def command_layout():
    """A run of ``items`` that lie one after the other from ``address`` on."""
    return data.StructLayout({"address": ADDRESS_BITS, "items": 32})


def run_layout():
    """A command whose data are due; ``final`` is the number of its last item."""
    return data.StructLayout({"address": ADDRESS_BITS, "final": 32})


class BurstCutter(wiring.Component):
    """Cuts commands of at least one item into bursts, as room for their data becomes free.

    Timing: the first burst of a command is on offer in the cycle after the command was taken,
    further ones without a pause; the next command is taken with the last burst.

    Parameters
    ----------
    acc : AcceleratorConfig
    item_bits : int
    depth : int
        Beats that there is room for, at least those of the longest burst.

    Members
    -------
    cmd : ``In(stream.Signature(command_layout()))``
    burst : ``Out(stream.Signature(burst_layout()))``
    freed : ``In(1)``
        Room for another beat has become free.
    """

    def __init__(self, acc, item_bits, depth):
        self._acc = acc
        self._item_bits = item_bits
        self._depth = depth
        super().__init__({
            "cmd": In(stream.Signature(command_layout())),
            "burst": Out(stream.Signature(burst_layout())),
            "freed": In(1),
        })

    def _beats(self):
        """Beats of the bus that the items of ``cmd`` touch."""
        items, bus_bits = self.cmd.p.items, self._acc.data_bits
        if self._item_bits >= bus_bits:
            return items << exact_log2(self._item_bits // bus_bits)
        lane = self.cmd.p.address[exact_log2(self._item_bits // 8):exact_log2(bus_bits // 8)]
        return (items + lane + ((1 << len(lane)) - 1)) >> len(lane)

    def elaborate(self, platform):
        m = Module()
        beat_bits, longest = exact_log2(self._acc.data_bytes), self._acc.burst_beats
        active, take, final, fits = Signal(), Signal(), Signal(), Signal()
        at = Signal(ADDRESS_BITS - beat_bits)       # number of the next beat in memory
        beats = Signal.like(self._beats())
        left = Signal.like(beats)
        room, count = Signal(range(longest + 1)), Signal(range(longest + 1))
        free = Signal(range(self._depth + 1), init=self._depth)
        m.d.comb += [
            beats.eq(self._beats()),
            room.eq(longest - at[:exact_log2(longest)]),
            final.eq(left <= room),
            count.eq(Mux(final, left, room)),
            fits.eq(count <= free),
            self.burst.valid.eq(active & fits),
            self.burst.p.address.eq(at << beat_bits),
            self.burst.p.len.eq(count - 1),
            take.eq(self.burst.valid & self.burst.ready),
            self.cmd.ready.eq(~active | (take & final)),
        ]
        m.d.sync += free.eq(free + self.freed - Mux(take, count, 0))
        with m.If(take):
            m.d.sync += [at.eq(at + count), left.eq(left - count)]
        with m.If(self.cmd.ready):
            m.d.sync += active.eq(self.cmd.valid)
            with m.If(self.cmd.valid):
                m.d.sync += [at.eq(self.cmd.p.address[beat_bits:]), left.eq(beats)]
        return m


class ItemGiver(wiring.Component):
    """Makes items of beats: one of the lanes of a beat, a beat, or several beats.

    Timing: without delay; an item of several beats comes with the last of them.

    Parameters
    ----------
    acc : AcceleratorConfig
    item_bits : int

    Members
    -------
    cmd : ``In(stream.Signature({address, final}))``
        The commands of the beats; ``final`` is the number of the last item.  Taken with it.
    i : ``In(stream.Signature(acc.data_bits))``
    o : ``Out(stream.Signature(beat_layout(item_bits)))``
    start, item : ``Out(ADDRESS_BITS)``
        As of :class:`ReadChannel`.
    """

    def __init__(self, acc, item_bits):
        self._acc = acc
        self._item_bits = item_bits
        super().__init__({
            "cmd": In(stream.Signature(run_layout())),
            "i": In(stream.Signature(acc.data_bits)),
            "o": Out(stream.Signature(beat_layout(item_bits))),
            "start": Out(ADDRESS_BITS),
            "item": Out(ADDRESS_BITS),
        })

    def _join(self, m):
        """An item of at least one beat."""
        size, bus_bits = self._item_bits // self._acc.data_bits, self._acc.data_bits
        parts, part = Signal((size - 1) * bus_bits), Signal(range(size))
        complete = Signal()
        m.d.comb += [
            complete.eq(part == size - 1),
            self.o.p.data.eq(Cat(parts, self.i.payload)),
            self.o.valid.eq(self.i.valid & complete),
            self.i.ready.eq(self.o.ready | ~complete),
        ]
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += part.eq(Mux(complete, 0, part + 1))
            if size > 1:
                with m.Switch(part):
                    for n in range(size - 1):
                        with m.Case(n):
                            m.d.sync += parts[n * bus_bits:(n + 1) * bus_bits].eq(self.i.payload)

    def _split(self, m, address):
        """An item that is a lane of a beat; the beat is taken with its last one."""
        bits = self._item_bits
        lane = address[exact_log2(bits // 8):exact_log2(self._acc.data_bytes)]
        lanes = [self.i.payload[n * bits:(n + 1) * bits] for n in range(1 << len(lane))]
        m.d.comb += [
            self.o.p.data.eq(select(m, "lane", lanes, lane)),
            self.o.valid.eq(self.i.valid),
            self.i.ready.eq(self.o.ready & (self.o.p.last | lane.all())),
        ]

    def elaborate(self, platform):
        m = Module()
        number, take = Signal(32), Signal()
        address = Signal(ADDRESS_BITS)
        start_taken, item_taken = Signal(ADDRESS_BITS), Signal(ADDRESS_BITS)
        m.d.comb += [
            address.eq(self.cmd.p.address + (number << exact_log2(self._item_bits // 8))),
            self.o.p.last.eq(number == self.cmd.p.final),
            self.start.eq(Mux(self.o.valid, self.cmd.p.address, start_taken)),
            self.item.eq(Mux(self.o.valid, address, item_taken)),
            take.eq(self.o.valid & self.o.ready),
            self.cmd.ready.eq(take & self.o.p.last),
        ]
        if self._item_bits < self._acc.data_bits:
            self._split(m, address)
        else:
            self._join(m)
        with m.If(take):
            m.d.sync += [
                number.eq(Mux(self.o.p.last, 0, number + 1)),
                start_taken.eq(self.start),
                item_taken.eq(self.item),
            ]
        return m


class ReadChannel(wiring.Component):
    """Read channel.

    Turns commands into bursts, collects their data in a memory and gives the items in the order
    of the commands.  A burst is on offer only when the memory has room for all of its data, and
    crosses no multiple of ``BURST_BYTES``.  A command of 0 items gives nothing.

    Timing: one beat of the bus per cycle; items that are narrower than the bus leave one per
    cycle.  The first burst is on offer two cycles after its command was taken, further ones, of
    this and the following commands, without a pause.  An item is on offer two cycles after its
    last beat came.

    Parameters
    ----------
    acc : AcceleratorConfig
    item_bits : int
        Width of an item, a power of two from 32 to 512.
    bursts : int
        Longest bursts that the memory has room for, at least 1.

    Members
    -------
    cmd : ``In(stream.Signature(command_layout()))``
        ``address`` is a multiple of the item's bytes or, if those are fewer, the bus's.  Up to
        ``COMMANDS`` commands are held, up to ``WAITING + 1`` of them not all asked for.
    burst : ``Out(stream.Signature(burst_layout()))``
    r : ``In(stream.Signature(acc.data_bits))``
        Data of the bursts that were taken, in their order; ``ready`` is always 1.
    o : ``Out(stream.Signature(beat_layout(item_bits)))``
        ``last`` is set with the final item of a command.
    start : ``Out(ADDRESS_BITS)``
        Address of the command of the item on ``o``; while none is, of the one taken last.
    item : ``Out(ADDRESS_BITS)``
        Address of that item.
    idle : ``Out(1)``
        No command is held: nothing is outstanding, and every item was taken.

    Raises
    ------
    ValueError
        If ``item_bits`` or ``bursts`` is none of these.
    """

    def __init__(self, acc, item_bits, bursts):
        if item_bits not in (32, 64, 128, 256, 512):
            raise ValueError("Read channel item_bits must be a power of two from 32 to 512, "
                             f"not {item_bits!r}")
        if not isinstance(bursts, int) or bursts < 1:
            raise ValueError("Read channel bursts must be an integer of at least 1, "
                             f"not {bursts!r}")
        self._acc = acc
        self._item_bits = item_bits
        self._depth = bursts * acc.burst_beats
        super().__init__({
            "cmd": In(stream.Signature(command_layout())),
            "burst": Out(stream.Signature(burst_layout())),
            "r": In(stream.Signature(acc.data_bits)),
            "o": Out(stream.Signature(beat_layout(item_bits))),
            "start": Out(ADDRESS_BITS),
            "item": Out(ADDRESS_BITS),
            "idle": Out(1),
        })

    @property
    def depth(self):
        """Beats that the memory has room for."""
        return self._depth

    def elaborate(self, platform):
        m = Module()
        acc = self._acc
        m.submodules.waiting = waiting = StreamQueue(command_layout(), WAITING)
        m.submodules.due = due = StreamQueue(run_layout(), COMMANDS)
        m.submodules.cutter = cutter = BurstCutter(acc, self._item_bits, self._depth)
        m.submodules.beats = beats = fifo.SyncFIFOBuffered(width=acc.data_bits, depth=self._depth)
        m.submodules.giver = giver = ItemGiver(acc, self._item_bits)
        wiring.connect(m, waiting.o, cutter.cmd)
        wiring.connect(m, wiring.flipped(self.burst), cutter.burst)
        wiring.connect(m, due.o, giver.cmd)
        wiring.connect(m, wiring.flipped(self.o), giver.o)
        # A command enters both queues at once, and leaves ``due`` last.
        take = Signal()
        m.d.comb += [
            self.cmd.ready.eq(waiting.i.ready & due.i.ready),
            take.eq(self.cmd.valid & self.cmd.ready & self.cmd.p.items.any()),
            waiting.i.valid.eq(take),
            waiting.i.payload.eq(self.cmd.payload),
            due.i.valid.eq(take),
            due.i.p.address.eq(self.cmd.p.address),
            due.i.p.final.eq(self.cmd.p.items - 1),
            self.idle.eq(due.empty),
            beats.w_data.eq(self.r.payload),
            beats.w_en.eq(self.r.valid),
            self.r.ready.eq(1),
            giver.i.payload.eq(beats.r_data),
            giver.i.valid.eq(beats.r_rdy),
            beats.r_en.eq(giver.i.ready),
            cutter.freed.eq(beats.r_rdy & beats.r_en),
            self.start.eq(giver.start),
            self.item.eq(giver.item),
        ]
        return m
