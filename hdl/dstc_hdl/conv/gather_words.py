"""Words of the im2col unit: taken in order and handed to its parts."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from dstc.conv.words import GATHER_WORDS, SPAN_FIELDS, WINDOWS
from dstc.isa import WORD_BITS

from ..bitmap_unit import popcount
from .layouts import fill_layout, gather_layout, span_write_layout, window_load_layout
from .word_decoder import WordDecoder, check_fields

__all__ = ["GatherWords"]


class GatherWords(wiring.Component):
    """Words of the im2col unit.

    Decodes and checks the words of ``dstc.conv.words.GATHER_WORDS``: ``LDX`` goes to the feature
    loader, ``GEN`` to the gather unit, and the spans behind ``SPANS`` go to their table as soon
    as that is free; until then they hold up the words behind them.

    A span is illegal if it has a place at or past ``tile_m``, a valid lane without a place, more
    places than there are rows from ``row`` on, a field out of range or a reserved bit.

    Timing: one word per cycle.  A span is written with its second data word.

    Parameters
    ----------
    config : Config

    Members
    -------
    instr : ``In(stream.Signature(64))``
    loads : ``Out(stream.Signature(window_load_layout(config)))``
    gathers : ``Out(stream.Signature(gather_layout(config)))``
    tables_full : ``In(2)``
    span : ``Out(span_write_layout(config))``
    filled : ``Out(fill_layout(window_spans))``
        That span was the last of its table.
    error : ``Out(1)``
        The word on offer is illegal; it is never taken.
    """

    def __init__(self, config):
        self._config = config
        super().__init__({
            "instr": In(stream.Signature(WORD_BITS)),
            "loads": Out(stream.Signature(window_load_layout(config))),
            "gathers": Out(stream.Signature(gather_layout(config))),
            "tables_full": In(WINDOWS),
            "span": Out(span_write_layout(config)),
            "filled": Out(fill_layout(config.window_spans)),
            "error": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.decoder = decoder = WordDecoder(self._config, GATHER_WORDS)
        table = Signal(range(WINDOWS))
        count = Signal(range(self._config.window_spans + 1))
        index = Signal(range(self._config.window_spans))
        op, spans = decoder.op, decoder.fields.SPANS
        m.d.comb += [
            decoder.word.eq(self.instr.payload),
            *(self.loads.p[name].eq(decoder.fields.LDX[name])
              for name, _ in self.loads.p.shape()),
            *(self.gathers.p[name].eq(decoder.fields.GEN[name])
              for name, _ in self.gathers.p.shape()),
            self.span.table.eq(table), self.span.index.eq(index),
            self.filled.index.eq(table), self.filled.count.eq(count),
        ]
        places_wrong, source_wrong, hold = self._span(m)
        with m.FSM(name="words"):
            with m.State("INSTRUCTION"):
                free = ~self.tables_full.bit_select(spans.table, 1)
                m.d.comb += [
                    self.loads.valid.eq(self.instr.valid & op.LDX),
                    self.gathers.valid.eq(self.instr.valid & op.GEN),
                    self.instr.ready.eq((op.LDX & self.loads.ready) | (op.SPANS & free)
                                        | (op.GEN & self.gathers.ready)),
                    self.error.eq(self.instr.valid & ~op.as_value().any()),
                ]
                with m.If(self.instr.valid & op.SPANS & free):
                    m.d.sync += [table.eq(spans.table), count.eq(spans.count), index.eq(0)]
                    m.next = "PLACES"
            with m.State("PLACES"):
                m.d.comb += [self.instr.ready.eq(~places_wrong),
                             self.error.eq(self.instr.valid & places_wrong),
                             hold.eq(self.instr.valid & ~places_wrong)]
                with m.If(hold):
                    m.next = "SOURCE"
            with m.State("SOURCE"):
                m.d.comb += [self.instr.ready.eq(~source_wrong),
                             self.error.eq(self.instr.valid & source_wrong),
                             self.span.en.eq(self.instr.valid & ~source_wrong)]
                with m.If(self.span.en):
                    m.d.sync += index.eq(index + 1)
                    m.next = "PLACES"
                    with m.If(index == count - 1):
                        m.d.comb += self.filled.en.eq(1)
                        m.next = "INSTRUCTION"
        return m

    def _span(self, m):
        """The span of two data words; gives what is wrong with the word on offer, if it is the
        first or the second, and the bit that keeps the first.
        """
        config, span = self._config, self.span.span
        places, first_wrong = self._data_word(SPAN_FIELDS[0])
        source, second_wrong = self._data_word(SPAN_FIELDS[1])
        place, valid = Signal(config.tile_m), Signal(config.tile_m)
        m.d.comb += [place.eq(places["place"]), valid.eq(places["valid"])]
        rows = popcount(m, "rows", place)
        hold = Signal()
        held = {"place": Signal.like(place, name="held_place", reset_less=True),
                "valid": Signal.like(valid, name="held_valid", reset_less=True)}
        held_rows = Signal.like(rows, name="held_rows", reset_less=True)
        with m.If(hold):
            m.d.sync += [held["place"].eq(place), held["valid"].eq(valid), held_rows.eq(rows)]

        stop = Signal(range(2 * config.tile_m))
        places_wrong, source_wrong = Signal(), Signal()
        m.d.comb += [
            stop.eq(held_rows + source["row"]),
            places_wrong.eq(first_wrong | (places["valid"] & ~places["place"]).any()
                            | (places["place"][config.tile_m:].any()
                               if config.tile_m < len(places["place"]) else 0)),
            source_wrong.eq(second_wrong | (stop > config.tile_m)),
            span.stop.eq(stop),
            *(span[name].eq({**source, **held}[name])
              for name in ("place", "valid", "lane", "slot", "row", "end")),
        ]
        return places_wrong, source_wrong, hold

    def _data_word(self, fields):
        """Fields of the word on offer, and whether one or a reserved bit is wrong."""
        values, wrong = check_fields(self._config, self.instr.payload, fields)
        reserved = (1 << WORD_BITS) - 1 & ~sum(field.mask for field in fields)
        return values, wrong | (self.instr.payload & reserved).any()
