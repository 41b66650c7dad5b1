"""Operand buffer: tiles of one side, loaded from a stream while others are read."""

from amaranth import *
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from .bitmap_unit import fetch_layout, popcount
from .layouts import (
    TICKET_BITS,
    address_bits,
    beat_layout,
    group_count_bits,
    lanes,
    load_op_layout,
    positions,
    record_layout,
    tile_values,
)
from .select import select

__all__ = ["OperandBuffer"]

# Bitmaps counted per cycle while a tile loads; a quarter of a tile keeps loading ahead of the
# fastest sparse tiles and costs four popcounts.
COUNTED = 4


class OperandBuffer(wiring.Component):
    """Operand buffer.

    Holds ``config.slots`` tiles of one side.  A load takes a tile record from the stream: the
    bitmaps of all k-steps, then the packed values (docs/format.md).  While it loads, the buffer
    counts the bitmaps, so that each k-step is stored with the offset of its values, and its
    number of groups is known to the sequencer without a read.

    Timing: a record of b bitmap beats and v value beats holds the loader for
    ``b + tile_k / 4 + v`` cycles when neither the stream nor the slot makes it wait; a load that
    waits is taken in the last of them.  Records and values have a latency of 1 and hold until the
    next enabled read.

    Parameters
    ----------
    config : Config
    side : str
        ``"A"`` or ``"B"``.

    Members
    -------
    i : ``In(stream.Signature({data, last}))``
        Operand beats.
    load : ``In(stream.Signature(load_op_layout(config)))``
        Loads to do, in order.
    release : ``In(1)``, release_slot : ``In(range(slots))``
        One read of the slot has ended.
    loads : ``Out(ArrayLayout(TICKET_BITS, slots))``
        Loads done of each slot, modulo 2**TICKET_BITS.
    reads : ``Out(ArrayLayout(TICKET_BITS, slots))``
        Reads ended of each slot.
    groups : ``Out(ArrayLayout(ArrayLayout(group_count_bits, tile_k), slots))``
        Groups of each k-step: popcount over lanes, rounded up; 0 is an empty k-step.  An unloaded
        slot reads as an empty tile.
    record_en : ``In(1)``, record_slot, record_k : ``In``
    record : ``Out(record_layout(config, side))``
    fetch_en : ``In(1)``, fetch_slot : ``In(range(slots))``, fetch : ``In(fetch_layout)``
    banks : ``Out(ArrayLayout(element_bits, 2 * L))``
    error : ``Out(1)``
        ``last`` came too early or too late; the record cannot be trusted.
    """

    def __init__(self, config, side):
        self._config = config
        self._side = side
        beat = config.a_beat_bits if side == "A" else config.b_beat_bits
        self._beat = beat
        self._span = positions(config, side)
        self._banks = 2 * lanes(config, side)
        self._rows = tile_values(config, side) // self._banks
        self._bitmap_beats = -(-config.tile_k * self._span // beat)
        counts = data.ArrayLayout(TICKET_BITS, config.slots)
        super().__init__({
            "i": In(stream.Signature(beat_layout(beat))),
            "load": In(stream.Signature(load_op_layout(config))),
            "release": In(1),
            "release_slot": In(range(config.slots)),
            "loads": Out(counts),
            "reads": Out(counts),
            "groups": Out(data.ArrayLayout(
                data.ArrayLayout(group_count_bits(config, side), config.tile_k), config.slots)),
            "record_en": In(1),
            "record_slot": In(range(config.slots)),
            "record_k": In(range(config.tile_k)),
            "record": Out(record_layout(config, side)),
            "fetch_en": In(1),
            "fetch_slot": In(range(config.slots)),
            "fetch": In(fetch_layout(config, side)),
            "banks": Out(data.ArrayLayout(config.element_bits, self._banks)),
            "error": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        slot = Signal(range(self._config.slots))
        bitmaps = Signal(self._bitmap_beats * self._beat)
        part = Signal(range(self._config.tile_k // COUNTED))
        offset = Signal(range(tile_values(self._config, self._side) + 1))
        row = Signal(range(self._rows))
        counting, storing, done = Signal(), Signal(), Signal()

        with m.If(self.release):
            m.d.sync += self.reads[self.release_slot].eq(self.reads[self.release_slot] + 1)
        with m.If(done):
            m.d.sync += self.loads[slot].eq(self.loads[slot] + 1)
        total = self._count(m, slot, bitmaps, part, offset, counting)
        self._values(m, slot, row, storing)
        self._loader(m, slot=slot, bitmaps=bitmaps, part=part, offset=offset, total=total, row=row,
                     counting=counting, storing=storing, done=done)
        return m

    def _loader(self, m, *, slot, bitmaps, part, offset, total, row, counting, storing, done):
        """Take a load, its bitmap beats, count them, take its value beats."""
        beats_left = Signal(range(self._bitmap_beats))
        ended, empty = Signal(), Signal()
        per_row = exact_log2(self._banks)
        # Whether the total is 0, without waiting for the sum.
        m.d.comb += empty.eq((offset == 0) & ~bitmaps[:COUNTED * self._span].any())
        with m.FSM(name="loader"):
            with m.State("IDLE"):
                self._take_load(m, slot, beats_left, part, offset, row)
            with m.State("BITMAPS"):
                m.d.comb += self.i.ready.eq(1)
                with m.If(self.i.valid):
                    m.d.sync += [
                        bitmaps.eq(Cat(bitmaps, self.i.p.data) >> self._beat),
                        beats_left.eq(beats_left - 1),
                        ended.eq(self.i.p.last),
                    ]
                    with m.If(beats_left == 0):
                        m.next = "COUNT"
                    with m.Elif(self.i.p.last):
                        m.d.comb += self.error.eq(1)
            with m.State("COUNT"):
                m.d.comb += counting.eq(1)
                m.d.sync += [part.eq(part + 1), offset.eq(total)]
                with m.If(part == self._config.tile_k // COUNTED - 1):
                    m.d.comb += self.error.eq(ended != empty)
                    with m.If(empty):
                        m.d.comb += done.eq(1)
                        self._take_load(m, slot, beats_left, part, offset, row)
                    with m.Else():
                        m.next = "VALUES"
            with m.State("VALUES"):
                final = ((offset - 1) >> per_row) == row
                m.d.comb += [self.i.ready.eq(1), storing.eq(self.i.valid)]
                with m.If(self.i.valid):
                    m.d.comb += self.error.eq(self.i.p.last != final)
                    m.d.sync += row.eq(row + 1)
                    with m.If(final):
                        m.d.comb += done.eq(1)
                        self._take_load(m, slot, beats_left, part, offset, row)

    def _take_load(self, m, slot, beats_left, part, offset, row):
        """Start the next load if its slot is free; otherwise wait for one."""
        free = self.reads[self.load.p.slot] == self.load.p.reads
        m.d.comb += self.load.ready.eq(free)
        with m.If(self.load.valid & free):
            m.d.sync += [
                slot.eq(self.load.p.slot),
                beats_left.eq(self._bitmap_beats - 1),
                part.eq(0), offset.eq(0), row.eq(0),
            ]
            m.next = "BITMAPS"
        with m.Else():
            m.next = "IDLE"

    def _count(self, m, slot, bitmaps, part, offset, counting):
        """Records of the next bitmaps; returns the offset after them."""
        config, side = self._config, self._side
        parts = config.tile_k // COUNTED
        layout = record_layout(config, side)
        depth = config.slots << address_bits(parts)
        m.submodules.records = records = memory.Memory(
            shape=data.ArrayLayout(layout, COUNTED), depth=depth, init=[])
        write, read = records.write_port(), records.read_port(domain="comb")
        part_bits = Const(0, address_bits(parts)) if parts == 1 else part
        m.d.comb += [write.addr.eq(Cat(part_bits, slot)), write.en.eq(counting)]
        counts, total = [], Signal.like(offset, name="total")
        for n in range(COUNTED):
            # Counted from the low end: the bitmaps shift down as they are stored.
            bitmap = bitmaps[n * self._span:(n + 1) * self._span]
            count = popcount(m, f"count_{n}", bitmap)
            m.d.comb += [write.data[n].bitmap.eq(bitmap),
                         write.data[n].offset.eq(offset + sum(counts))]
            counts.append(count)
            group = (count + (lanes(config, side) - 1)) >> exact_log2(lanes(config, side))
            for k in range(n, config.tile_k, COUNTED):
                with m.If(counting & (part == k // COUNTED)):
                    m.d.sync += self.groups[slot][k].eq(group)
        m.d.comb += total.eq(offset + sum(counts))
        with m.If(counting):
            m.d.sync += bitmaps.eq(bitmaps >> (COUNTED * self._span))

        # The memory has no reset, the group counts have: they tell which records are real.  One of
        # the COUNTED records is chosen ahead of the register: the bitmap unit has no time for it.
        high, low = self.record_k[2:], self.record_k[:2]
        real = select(m, "groups_of_slot", self.groups, self.record_slot)[self.record_k].any()
        found = select(m, "found", read.data, low)
        record = Signal(layout, reset_less=True)
        m.d.comb += [
            read.addr.eq(Cat(Const(0, address_bits(parts)) if parts == 1 else high,
                             self.record_slot)),
            self.record.eq(record),
        ]
        with m.If(self.record_en):
            m.d.sync += [record.offset.eq(found.offset),
                         record.bitmap.eq(found.bitmap & real.replicate(self._span))]
        return total

    def _values(self, m, slot, row, storing):
        """The banks of the value memory; one beat is one row."""
        config = self._config
        row_bits = address_bits(self._rows)
        values = self.i.p.data
        for n in range(self._banks):
            bank = memory.Memory(shape=config.element_bits, depth=config.slots << row_bits, init=[])
            m.submodules[f"bank_{n}"] = bank
            write, read = bank.write_port(), bank.read_port()
            pad = Const(0, 1) if self._rows == 1 else row
            fetch = Const(0, 1) if self._rows == 1 else self.fetch[n]
            m.d.comb += [
                write.en.eq(storing),
                write.addr.eq(Cat(pad, slot)),
                write.data.eq(values.word_select(n, config.element_bits)),
                read.en.eq(self.fetch_en),
                read.addr.eq(Cat(fetch, self.fetch_slot)),
                self.banks[n].eq(read.data),
            ]
