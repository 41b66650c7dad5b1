"""Span tables: one is filled while the other is walked."""

from amaranth import *
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from dstc.conv.words import WINDOWS

from .layouts import span_layout, span_write_layout

__all__ = ["SpanTables"]


class SpanTables(wiring.Component):
    """Memory of the two span tables.

    Timing: ``span`` shows what was read with the last ``read_en``, a cycle later.  A span may be
    read from the cycle after its write on.

    Parameters
    ----------
    config : Config

    Members
    -------
    write : ``In(span_write_layout(config))``
    read_en : ``In(1)``, read_table : ``In(1)``, read_index : ``In(range(window_spans))``
    span : ``Out(span_layout(config))``
    """

    def __init__(self, config):
        self._config = config
        super().__init__({
            "write": In(span_write_layout(config)),
            "read_en": In(1),
            "read_table": In(range(WINDOWS)),
            "read_index": In(range(config.window_spans)),
            "span": Out(span_layout(config)),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.memory = spans = memory.Memory(
            shape=span_layout(self._config), depth=WINDOWS * self._config.window_spans, init=[])
        write, read = spans.write_port(), spans.read_port()
        m.d.comb += [
            write.en.eq(self.write.en),
            write.addr.eq(Cat(self.write.index, self.write.table)),
            write.data.eq(self.write.span),
            read.en.eq(self.read_en),
            read.addr.eq(Cat(self.read_index, self.read_table)),
            self.span.eq(read.data),
        ]
        return m
