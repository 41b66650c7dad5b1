"""Gather unit: takes the elements of spans out of a feature window."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from dstc.conv.words import WINDOWS

from ..select import select
from .compaction import Compactor, compact, routes
from .layouts import read_layout, row_layout, span_layout, step_layout
from .record_packer import piece_layout

__all__ = ["Gather"]


class Gather(wiring.Component):
    """Gather unit.

    Each span becomes one piece of a k-step: the elements of its valid lanes that are present in
    the window, and the bits of the rows that they stand for.

    Timing: latency 4, one span per cycle: it is read from its table, its lanes from the window,
    those are turned into lane order, then compacted.  Stages move up when there is room.

    Parameters
    ----------
    config : Config

    Members
    -------
    i : ``In(stream.Signature(step_layout(config)))``
    window_counts : ``In(ArrayLayout(range(window_tiles + 1), 2))``
        Slots that have been filled.
    span_en : ``Out(1)``
        Read the span of the token on ``i``.
    span : ``In(span_layout(config))``
        What was read with the last ``span_en``, a cycle later.
    read_en : ``Out(1)``, read : ``Out(read_layout(config))``
    row : ``In(row_layout(config))``
        What was read with the last ``read_en``, a cycle later.
    free_windows : ``Out(2)``
        This read of the window was the last.
    o : ``Out(stream.Signature(piece_layout(config, tile_m)))``
    error : ``Out(1)``
        The span that was read has a valid lane in a slot that has not been filled, or a row that
        is not behind those of the spans before it in its k-step.  It stays there: the unit stops.
    """

    def __init__(self, config):
        self._config = config
        super().__init__({
            "i": In(stream.Signature(step_layout(config))),
            "window_counts": In(data.ArrayLayout(range(config.window_tiles + 1), WINDOWS)),
            "span_en": Out(1),
            "span": In(span_layout(config)),
            "read_en": Out(1),
            "read": Out(read_layout(config)),
            "row": In(row_layout(config)),
            "free_windows": Out(WINDOWS),
            "o": Out(stream.Signature(piece_layout(config, config.tile_m))),
            "error": Out(1),
        })

    @property
    def latency(self):
        return 4

    def elaborate(self, platform):
        m = Module()
        at_span, at_row, at_lanes = Signal(), Signal(), Signal()
        span_ready, row_ready, lanes_ready = Signal(), Signal(), Signal()
        m.d.comb += [
            lanes_ready.eq(~self.o.valid | self.o.ready),
            row_ready.eq(~at_lanes | lanes_ready),
            span_ready.eq((~at_row | row_ready) & ~self.error),
            self.i.ready.eq(~at_span | span_ready),
            self.span_en.eq(self.i.valid & self.i.ready),
            self.read_en.eq(at_span & span_ready),
        ]
        with m.If(self.i.ready):
            m.d.sync += at_span.eq(self.i.valid)
        with m.If(~at_row | row_ready):
            m.d.sync += at_row.eq(self.read_en)
        with m.If(row_ready):
            m.d.sync += at_lanes.eq(at_row)
        with m.If(lanes_ready):
            m.d.sync += self.o.valid.eq(at_lanes)

        step = Signal(step_layout(self._config), reset_less=True)
        with m.If(self.span_en):
            m.d.sync += step.eq(self.i.payload)
        wrong = self._check(m, step)
        m.d.comb += [
            self.error.eq(at_span & wrong),
            self.free_windows.eq(Cat(self.read_en & step.free & (step.window == n)
                                     for n in range(WINDOWS))),
            self.read.place.window.eq(step.window), self.read.place.channel.eq(step.channel),
            self.read.place.slot.eq(self.span.slot), self.read.lane.eq(self.span.lane),
        ]
        shape = self._passed_on()
        held, turned = Signal(shape, reset_less=True), Signal(shape, reset_less=True)
        lanes = Signal(row_layout(self._config), reset_less=True)
        with m.If(self.read_en):
            m.d.sync += [*(held[name].eq(self.span[name]) for name in ("place", "row", "end")),
                         held.keep.eq(self.span.valid), held.close.eq(step.close)]
        with m.If(at_row & row_ready):
            m.d.sync += [turned.eq(held), turned.keep.eq(held.keep & self.row.present),
                         lanes.eq(self.row)]
        self._compact(m, turned, lanes, at_lanes & lanes_ready)
        return m

    def _passed_on(self):
        """What goes along with the lanes; ``keep``: those that are taken."""
        size = self._config.tile_m
        return data.StructLayout({"place": size, "keep": size, "row": range(size), "end": 1,
                                  "close": 1})

    def _check(self, m, step):
        """Whether the span that was read must not be gathered."""
        size, span = self._config.tile_m, self.span
        past = Signal(size)
        m.d.comb += past.eq(Cat(span.lane >= size - n if n else 0 for n in range(size)))
        count = select(m, "count", self.window_counts, step.window)
        unfilled, unordered = Signal(), Signal()
        next_row = Signal(range(size + 1))
        m.d.comb += [
            unfilled.eq(((span.slot >= count) & (span.valid & ~past).any())
                        | ((span.slot + 1 >= count) & (span.valid & past).any())),
            unordered.eq(span.row < next_row),
        ]
        with m.If(self.read_en):
            m.d.sync += next_row.eq(Mux(span.end | step.close, 0, span.stop))
        return unfilled | unordered

    def _compact(self, m, turned, lanes, taken):
        """The piece of a span, from its lanes."""
        size = self._config.tile_m
        piece = Signal(self.o.p.shape(), reset_less=True)
        m.submodules.values = values = Compactor(self._config.element_bits, size)
        moves, rows = routes(m, "place", turned.place)
        # Row by row from the span's first one on.
        bits = Cat(compact(m, "bit", list(turned.keep), moves))
        first = Signal(range(size), reset_less=True)
        m.d.comb += [
            values.values.eq(lanes.values), values.keep.eq(turned.keep),
            self.o.p.eq(piece), self.o.p.bits.eq(piece.bits << first),
        ]
        with m.If(taken):
            m.d.sync += [
                piece.bits.eq(bits & Cat(n < rows for n in range(size))), first.eq(turned.row),
                piece.count.eq(values.count), piece.values.eq(values.packed),
                piece.end.eq(turned.end), piece.close.eq(turned.close),
            ]
