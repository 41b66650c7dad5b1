"""Span walker: the spans of each GEN, one per cycle."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from dstc.conv.words import WINDOWS

from ..select import select
from .layouts import gather_layout, step_layout

__all__ = ["SpanWalker"]


class SpanWalker(wiring.Component):
    """Span walker.

    Takes GENs and, as soon as both its window and its table are full, names the spans of the GEN
    in front: from index ``first`` on, and after the last of the table the first one again for
    the next channel.

    Timing: a GEN of n spans is in front for n cycles if nothing makes it wait.  It gets there in
    the cycle after it was taken, which may be that of the last span before.  What it frees shows
    when its last span is taken: then the table has been read, the window not yet.

    Parameters
    ----------
    config : Config

    Members
    -------
    i : ``In(stream.Signature(gather_layout(config)))``
    windows_full, tables_full : ``In(2)``
    table_counts : ``In(ArrayLayout(range(window_spans + 1), 2))``
    left_windows, free_tables : ``Out(2)``
        No GEN behind is for what is in the window; nothing will read the table any more.
    o : ``Out(stream.Signature(step_layout(config)))``
    error : ``Out(1)``
        The GEN in front starts behind the last span of its table, or goes on behind the last
        channel.  It stays there: the walker stops.
    """

    def __init__(self, config):
        self._config = config
        super().__init__({
            "i": In(stream.Signature(gather_layout(config))),
            "windows_full": In(WINDOWS),
            "tables_full": In(WINDOWS),
            "table_counts": In(data.ArrayLayout(range(config.window_spans + 1), WINDOWS)),
            "left_windows": Out(WINDOWS),
            "free_tables": Out(WINDOWS),
            "o": Out(stream.Signature(step_layout(config))),
            "error": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        gen = Signal(gather_layout(self._config), reset_less=True)
        active, ready, final, wrap, wrong = Signal(), Signal(), Signal(), Signal(), Signal()
        sent, done = Signal(), Signal()
        count = select(m, "count", self.table_counts, gen.table)
        m.d.comb += [
            ready.eq(active & self.windows_full.bit_select(gen.window, 1)
                     & self.tables_full.bit_select(gen.table, 1)),
            final.eq(gen.spans == 1),
            wrap.eq(gen.first == count - 1),
            wrong.eq((gen.first >= count)
                     | (wrap & ~final & (gen.channel == self._config.tile_k - 1))),
            self.error.eq(ready & wrong),
            self.o.valid.eq(ready & ~wrong),
            self.o.p.window.eq(gen.window), self.o.p.channel.eq(gen.channel),
            self.o.p.table.eq(gen.table), self.o.p.index.eq(gen.first),
            self.o.p.close.eq(gen.close & final), self.o.p.free.eq(gen.free_window & final),
            sent.eq(self.o.valid & self.o.ready),
            done.eq(sent & final),
            self.i.ready.eq(~active | done),
            self.left_windows.eq(Cat(done & gen.free_window & (gen.window == n)
                                     for n in range(WINDOWS))),
            self.free_tables.eq(Cat(done & gen.free_table & (gen.table == n)
                                    for n in range(WINDOWS))),
        ]
        # What is left of the GEN in front: its fields count on.
        with m.If(sent):
            m.d.sync += [gen.spans.eq(gen.spans - 1), gen.first.eq(gen.first + 1)]
            with m.If(wrap):
                m.d.sync += [gen.first.eq(0), gen.channel.eq(gen.channel + 1)]
        with m.If(self.i.ready):
            m.d.sync += active.eq(self.i.valid)
            with m.If(self.i.valid):
                m.d.sync += gen.eq(self.i.payload)
        return m
