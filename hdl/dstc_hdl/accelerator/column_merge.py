"""Column merge: the records of two columns of B tiles in the order of their loads."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from dstc.isa import WARP_BITS

from ..select import lowest
from .layouts import masks_layout
from .read_channel import command_layout

__all__ = ["ColumnMerge"]


class ColumnMerge(wiring.Component):
    """Column merge.

    k-tile by k-tile, first the record of the first column, then that of the second.

    Timing: one command per cycle, combinationally; a group without any takes a cycle.

    Members
    -------
    i : ``In(stream.Signature(masks_layout()))``
        Which k-tiles have a record in either column; taken with its last command.
    b0, b1 : ``In(stream.Signature(command_layout()))``
        Records of the columns.
    o : ``Out(stream.Signature(command_layout()))``
    """

    def __init__(self):
        commands = stream.Signature(command_layout())
        super().__init__({"i": In(stream.Signature(masks_layout())), "b0": In(commands),
                          "b1": In(commands), "o": Out(commands)})

    def elaborate(self, platform):
        m = Module()
        gone0, gone1 = Signal(WARP_BITS), Signal(WARP_BITS)
        left0, left1, here = Signal(WARP_BITS), Signal(WARP_BITS), Signal(WARP_BITS)
        after0, after1, first, step = Signal(WARP_BITS), Signal(WARP_BITS), Signal(), Signal()
        m.d.comb += [
            left0.eq(self.i.p.b0 & ~gone0),
            left1.eq(self.i.p.b1 & ~gone1),
            here.eq(lowest(m, "lowest_left", left0 | left1)),
            first.eq((left0 & here).any()),
            after0.eq(Mux(first, left0 & ~here, left0)),
            after1.eq(Mux(first, left1, left1 & ~here)),
            self.o.payload.eq(Mux(first, self.b0.payload, self.b1.payload)),
            self.o.valid.eq(self.i.valid & here.any() & Mux(first, self.b0.valid, self.b1.valid)),
            step.eq(self.o.valid & self.o.ready),
            self.b0.ready.eq(step & first),
            self.b1.ready.eq(step & ~first),
            self.i.ready.eq(~here.any() | (step & ~(after0 | after1).any())),
        ]
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [gone0.eq(0), gone1.eq(0)]
        with m.Elif(step):
            m.d.sync += [gone0.eq(self.i.p.b0 & ~after0), gone1.eq(self.i.p.b1 & ~after1)]
        return m
