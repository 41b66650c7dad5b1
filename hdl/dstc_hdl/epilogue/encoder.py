"""From the elements of a channel to pieces of a tile record."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..conv.compaction import Compactor
from ..conv.record_packer import piece_layout
from ..stream import StreamRegister
from .layouts import rows_layout

__all__ = ["ChannelEncoder"]


class ChannelEncoder(wiring.Component):
    """Leaves out zeros: S rows of a channel become bits of its bitmap and the values behind them.

    Zeros of both signs are left out.

    Timing: one token per cycle, latency 2.  ``i.ready`` depends on ``o.ready`` combinationally.

    Parameters
    ----------
    config : Config

    Members
    -------
    i : ``In(stream.Signature(rows_layout(config)))``
    o : ``Out(stream.Signature(piece_layout(config, S)))``
    busy : ``Out(1)``
        A token is held.
    """

    def __init__(self, config):
        self._config = config
        super().__init__({
            "i": In(stream.Signature(rows_layout(config))),
            "o": Out(stream.Signature(piece_layout(config, config.array_cols))),
            "busy": Out(1),
        })

    @property
    def latency(self):
        """Cycles from a token to its piece."""
        return 2

    def elaborate(self, platform):
        m = Module()
        config = self._config
        lanes = config.array_cols
        m.submodules.first = first = StreamRegister(rows_layout(config))
        m.submodules.second = second = StreamRegister(piece_layout(config, lanes))
        m.submodules.compactor = compactor = Compactor(config.element_bits, lanes)
        wiring.connect(m, wiring.flipped(self.i), first.i)
        wiring.connect(m, second.o, wiring.flipped(self.o))
        rows, piece = first.o.p, second.i.p
        for n in range(lanes):
            value = rows.values[n]
            m.d.comb += compactor.keep[n].eq(
                (value[:-1] if config.format.is_float else value).any())
        m.d.comb += [
            compactor.values.eq(rows.values),
            piece.bits.eq(Cat(Mux(rows.part == n, compactor.keep, 0)
                              for n in range(config.tile_m // lanes))),
            piece.count.eq(compactor.count),
            piece.values.eq(compactor.packed),
            piece.end.eq(rows.end),
            piece.close.eq(rows.close),
            second.i.valid.eq(first.o.valid),
            first.o.ready.eq(second.i.ready),
            self.busy.eq(first.o.valid | second.o.valid),
        ]
        return m
