"""Beat slicer: beats of a stream of the core as beats of the bus."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from ..layouts import beat_layout

__all__ = ["BeatSlicer", "slice_layout"]


def slice_layout(acc):
    """A beat of the bus; ``last`` is the final one of a tile or record."""
    return data.StructLayout({"data": acc.data_bits, "strb": acc.data_bytes, "last": 1})


class BeatSlicer(wiring.Component):
    """Beat slicer.

    Cuts beats that are wider than the bus, lowest part first, and joins narrower ones; the final
    one of a tile or record may be filled in part, and its strobes say so.

    Timing: one beat per cycle on the narrower side, combinationally.

    Parameters
    ----------
    acc : AcceleratorConfig
    bits : int
        Width of a beat, a power of two of at least 8.

    Members
    -------
    i : ``In(stream.Signature(beat_layout(bits)))``
    o : ``Out(stream.Signature(slice_layout(acc)))``
    """

    def __init__(self, acc, bits):
        self._acc = acc
        self._bits = bits
        super().__init__({"i": In(stream.Signature(beat_layout(bits))),
                          "o": Out(stream.Signature(slice_layout(acc)))})

    def elaborate(self, platform):
        m = Module()
        if self._bits > self._acc.data_bits:
            self._cut(m, exact_log2(self._bits // self._acc.data_bits))
        else:
            self._join(m, self._acc.data_bits // self._bits)
        return m

    def _cut(self, m, bits):
        part, final = Signal(bits), Signal()
        m.d.comb += [
            final.eq(part.all()),
            self.o.valid.eq(self.i.valid),
            self.o.p.data.eq(self.i.p.data.word_select(part, self._acc.data_bits)),
            self.o.p.strb.eq(-1),
            self.o.p.last.eq(self.i.p.last & final),
            self.i.ready.eq(self.o.ready & final),
        ]
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += part.eq(part + 1)

    def _join(self, m, count):
        part, held = Signal(range(count)), Signal(self._acc.data_bits)
        joined, strobes, full = Signal.like(held), Signal(self._acc.data_bytes), Signal()
        step = self._bits // 8
        with m.Switch(part):
            for n in range(count):
                with m.Case(n):
                    m.d.comb += [joined.eq(held[:n * self._bits] | self.i.p.data << n * self._bits),
                                 strobes.eq((1 << (n + 1) * step) - 1)]
        m.d.comb += [
            full.eq((part == count - 1) | self.i.p.last),
            self.o.valid.eq(self.i.valid & full),
            self.o.p.data.eq(joined), self.o.p.strb.eq(strobes), self.o.p.last.eq(self.i.p.last),
            self.i.ready.eq(~full | self.o.ready),
        ]
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [held.eq(joined), part.eq(Mux(full, 0, part + 1))]
