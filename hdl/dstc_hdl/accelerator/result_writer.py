"""Result writer: raw tiles and tile records into memory, and the directory of the records."""

from amaranth import *
from amaranth.lib import data, fifo, stream, wiring
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

HELD_TILES = 2
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
    Beats of raw tiles are taken one per cycle while there is room, which is for those of a pair.

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
        state = Signal(data.StructLayout({
            "at": ADDRESS_BITS,         # of the next beat
            "left": 7,                  # tiles or records of the order
            "slot": ADDRESS_BITS, "index": 16, "beats": 16,     # of the record
            "collected": 1, "bits_at": ADDRESS_BITS, "bits": WARP_BITS}))
        with m.FSM():
            with m.State("ORDER"):
                m.d.sync += [
                    state.at.eq(order.result), state.slot.eq(order.result),
                    state.index.eq(order.y_first), state.beats.eq(0),
                    state.left.eq(Mux(order.raw, 1 + order.pair, order.blocks0 + order.blocks1)),
                ]
                with m.If(self.order.valid):
                    m.next = "TILES"
                    with m.If(~order.raw):
                        m.next = "RECORD"
            with m.State("TILES"):
                self._pass_on(m, raw.o, state.at, raw.o.p.last & (state.left == 1))
                with m.If(raw.o.valid & raw.o.ready & raw.o.p.last):
                    m.d.sync += state.left.eq(state.left - 1)
                    with m.If(state.left == 1):
                        self._next_order(m)
            self._record(m, state, encoded)
            with m.State("END"):
                self._write(m, state.bits_at, state.bits, 4)
                m.d.comb += self.o.valid.eq(state.collected)
                with m.If(self.o.ready | ~state.collected):
                    m.next = "DONE"
            with m.State("DONE"):
                m.d.comb += self.done.eq(1)
        return m

    def _record(self, m, state, encoded):
        """States of a record: its beats, its entry, its bit."""
        order, slot = self.order.p, state.slot
        word = Signal(ADDRESS_BITS)     # where the warp word of the record is
        recording = Signal()            # beats of the next record are not to be counted for this
        m.d.comb += [
            word.eq(order.y + ((state.index >> 5) << 2)),
            encoded.i.payload.eq(self.y.payload),
            encoded.i.valid.eq(self.y.valid & recording),
            self.y.ready.eq(encoded.i.ready & recording),
        ]
        with m.State("RECORD"):
            m.d.comb += recording.eq(1)
            self._pass_on(m, encoded.o, state.at, encoded.o.p.last)
            with m.If(self.y.valid & self.y.ready):
                m.d.sync += state.beats.eq(state.beats + 1)
            with m.If(encoded.o.valid & encoded.o.ready & encoded.o.p.last):
                m.next = "ENTRY"
        with m.State("ENTRY"):
            self._write(m, order.y + warp_bytes(order.y_ktiles) + (state.index << 3),
                        ENTRY["place"].mask & slot // GRANULE
                        | state.beats << ENTRY["beats"].lsb, 8)
            with m.If(self.o.ready):
                m.next = "WARP"
        with m.State("WARP"):
            with m.If(state.collected & (state.bits_at != word)):
                self._write(m, state.bits_at, state.bits, 4)
                with m.If(self.o.ready):
                    m.d.sync += [state.collected.eq(0), state.bits.eq(0)]
            with m.Else():
                following = slot + slot_bytes(self._acc.core)
                has_values = state.beats != record_beats(self._acc.core, "A")[0]
                m.d.sync += [
                    state.collected.eq(1), state.bits_at.eq(word),
                    state.bits.bit_select(state.index[:5], 1).eq(has_values),
                    state.beats.eq(0), state.left.eq(state.left - 1),
                    state.index.eq(state.index + 1), slot.eq(following), state.at.eq(following),
                ]
                m.next = "RECORD"
                with m.If(state.left == 1):
                    self._next_order(m)

    def _hold_tile(self, m, sink):
        """Room for raw tiles: the core's context is free when it is held, not when written."""
        depth = HELD_TILES * self._acc.core.c_beats
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
