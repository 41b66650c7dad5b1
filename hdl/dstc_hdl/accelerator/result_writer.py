"""Result writer: raw tiles and tile records into memory, and the directory of the records."""

from amaranth import *
from amaranth.lib import fifo, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from dstc.accelerator.records import ADDRESS_BITS, ENTRY, GRANULE
from dstc.isa import WARP_BITS

from ..layouts import beat_layout
from .beat_slicer import BeatSlicer
from .entry_reader import record_beats
from .layouts import order_layout
from .planner import warp_bytes
from .write_port import write_beat_layout

__all__ = ["SLOT_ALIGN", "ResultWriter", "slot_bytes"]

SLOT_ALIGN = 64
"""Bytes that slots are multiples of."""


def slot_bytes(config):
    """Distance of the slots of tile records that the device writes."""
    return -(-record_beats(config, "A")[1] * config.a_beat_bits // 8 // SLOT_ALIGN) * SLOT_ALIGN


class ResultWriter(wiring.Component):
    """Result writer.

    Takes orders in turn.  A raw tile goes to ``result``, the second of a pair behind it.  Records
    go to slots from ``result`` on; behind each its directory entry is written.  Their bits of the
    warp bitmap are collected; the 32-bit word is written when the next record belongs to another
    word, and at the end of the program.

    Timing: one beat of the bus per cycle; besides, a cycle for each order and two for each record.
    Beats of a raw tile are taken one per cycle while there is room; a whole tile may wait.

    Parameters
    ----------
    acc : AcceleratorConfig

    Members
    -------
    order : ``In(stream.Signature(order_layout()))``
        Taken when all of its results have been handed on.
    d : ``In(stream.Signature(beat_layout(c_beat_bits)))``
        Raw tiles.
    y : ``In(stream.Signature(beat_layout(a_beat_bits)))``
        Tile records.
    o : ``Out(stream.Signature(write_beat_layout(acc)))``
    done : ``Out(1)``
        The last order of the program has been carried out.
    """

    def __init__(self, acc):
        self._acc = acc
        super().__init__({
            "order": In(stream.Signature(order_layout())),
            "d": In(stream.Signature(beat_layout(acc.core.c_beat_bits))),
            "y": In(stream.Signature(beat_layout(acc.core.a_beat_bits))),
            "o": Out(stream.Signature(write_beat_layout(acc))),
            "done": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        core, order = self._acc.core, self.order.p
        m.submodules.raw = raw = BeatSlicer(self._acc, core.c_beat_bits)
        m.submodules.encoded = encoded = BeatSlicer(self._acc, core.a_beat_bits)
        self._hold_tile(m, raw.i)
        recording = Signal()        # beats of the next record are not to be counted for this one
        m.d.comb += [
            encoded.i.payload.eq(self.y.payload),
            encoded.i.valid.eq(self.y.valid & recording),
            self.y.ready.eq(encoded.i.ready & recording),
        ]
        at, left = Signal(ADDRESS_BITS), Signal(7)
        slot, index, beats = Signal(ADDRESS_BITS), Signal(16), Signal(16)
        word = Signal(ADDRESS_BITS)             # where the warp word of the record is
        collected, bits_at, bits = Signal(), Signal(ADDRESS_BITS), Signal(WARP_BITS)
        m.d.comb += word.eq(order.y + ((index >> 5) << 2))
        with m.If(self.y.valid & self.y.ready):
            m.d.sync += beats.eq(beats + 1)
        with m.FSM():
            with m.State("ORDER"):
                m.d.sync += [
                    at.eq(order.result), slot.eq(order.result), index.eq(order.y_first),
                    beats.eq(0),
                    left.eq(Mux(order.raw, 1 + order.pair, order.blocks0 + order.blocks1)),
                ]
                with m.If(self.order.valid):
                    m.next = "TILES"
                    with m.If(~order.raw):
                        m.next = "RECORD"
            with m.State("TILES"):
                self._pass_on(m, raw.o, at, raw.o.p.last & (left == 1))
                with m.If(raw.o.valid & raw.o.ready & raw.o.p.last):
                    m.d.sync += left.eq(left - 1)
                    with m.If(left == 1):
                        self._next_order(m)
            with m.State("RECORD"):
                m.d.comb += recording.eq(1)
                self._pass_on(m, encoded.o, at, encoded.o.p.last)
                with m.If(encoded.o.valid & encoded.o.ready & encoded.o.p.last):
                    m.next = "ENTRY"
            with m.State("ENTRY"):
                entry_at = order.y + warp_bytes(order.y_ktiles) + (index << 3)
                self._write(m, entry_at, ENTRY["place"].mask & slot // GRANULE
                            | beats << ENTRY["beats"].lsb, 8)
                with m.If(self.o.ready):
                    m.next = "WARP"
            with m.State("WARP"):
                with m.If(collected & (bits_at != word)):
                    self._write(m, bits_at, bits, 4)
                    with m.If(self.o.ready):
                        m.d.sync += [collected.eq(0), bits.eq(0)]
                with m.Else():
                    has_values = beats != record_beats(core, "A")[0]
                    m.d.sync += [
                        collected.eq(1), bits_at.eq(word),
                        bits.bit_select(index[:5], 1).eq(has_values),
                        beats.eq(0), left.eq(left - 1), index.eq(index + 1),
                        slot.eq(slot + slot_bytes(core)), at.eq(slot + slot_bytes(core)),
                    ]
                    m.next = "RECORD"
                    with m.If(left == 1):
                        self._next_order(m)
            with m.State("END"):
                self._write(m, bits_at, bits, 4)
                m.d.comb += self.o.valid.eq(collected)
                with m.If(self.o.ready | ~collected):
                    m.next = "DONE"
            with m.State("DONE"):
                m.d.comb += self.done.eq(1)
        return m

    def _hold_tile(self, m, sink):
        """Room for a raw tile: the core's context is free when it is held, not when written."""
        depth = self._acc.core.c_beats
        m.submodules.held = held = fifo.SyncFIFOBuffered(width=len(Value.cast(self.d.payload)),
                                                         depth=depth)
        m.d.comb += [
            held.w_data.eq(self.d.payload), held.w_en.eq(self.d.valid),
            self.d.ready.eq(held.w_rdy),
            sink.payload.eq(held.r_data), sink.valid.eq(held.r_rdy),
            held.r_en.eq(sink.ready),
        ]

    def _next_order(self, m):
        m.d.comb += self.order.ready.eq(1)
        m.next = "ORDER"
        with m.If(self.order.p.last):
            m.next = "END"

    def _pass_on(self, m, source, at, final):
        """Beats of a run."""
        m.d.comb += [
            self.o.valid.eq(source.valid),
            self.o.p.address.eq(at),
            self.o.p.data.eq(source.p.data),
            self.o.p.strb.eq(source.p.strb),
            self.o.p.final.eq(final),
            source.ready.eq(self.o.ready),
        ]
        with m.If(source.valid & source.ready):
            m.d.sync += at.eq(at + self._acc.data_bytes)

    def _write(self, m, address, value, count):
        """A run of ``count`` bytes within one beat."""
        lanes = exact_log2(self._acc.data_bytes)
        place = Signal(ADDRESS_BITS, name=f"place_{count}")
        lane = place[exact_log2(count):lanes]
        for n in range(self._acc.data_bytes // count):
            here = lane == n if len(lane) else C(1)
            m.d.comb += self.o.p.strb[n * count:(n + 1) * count].eq(here.replicate(count))
        m.d.comb += [
            place.eq(address),
            self.o.valid.eq(1),
            self.o.p.address.eq(Cat(C(0, lanes), place[lanes:])),
            self.o.p.data.eq(Cat((value + C(0, 8 * count))[:8 * count])
                             .replicate(self._acc.data_bytes // count)),
            self.o.p.final.eq(1),
        ]
