"""Warp requests: asks for the warp bitmaps of instructions that are still to be walked."""

from amaranth import *
from amaranth.lib import enum, stream, wiring
from amaranth.lib.wiring import In, Out

from .layouts import CHUNK_BITS, walk_layout
from .read_channel import command_layout

__all__ = ["Side", "WarpRequests"]

CHUNK_BYTES = CHUNK_BITS // 8


class Side(enum.Enum, shape=2):
    """Whose warp bitmap."""

    A = 0
    B0 = 1
    B1 = 2


class WarpRequests(wiring.Component):
    """Warp requests.

    For every 128 k-tiles of an instruction it asks for the chunk of A, unless the program is
    lowered, of the first column of B tiles, and of the second if there is one.  A dense
    instruction needs none.

    Timing: one request per cycle; a dense instruction takes one cycle.

    Members
    -------
    i : ``In(stream.Signature(walk_layout()))``
        Taken with its last request.
    lowered : ``In(1)``
    cmd : ``Out(stream.Signature(command_layout()))``
        One item of 16 bytes each.
    """

    def __init__(self):
        super().__init__({
            "i": In(stream.Signature(walk_layout())),
            "lowered": In(1),
            "cmd": Out(stream.Signature(command_layout())),
        })

    def elaborate(self, platform):
        m = Module()
        walk = self.i.p
        started, side = Signal(), Signal(Side)      # of the request after the first
        now, row = Signal(Side), Signal.like(walk.a)
        chunk, final, side_last = Signal(9), Signal(), Signal()
        m.d.comb += [
            now.eq(Mux(started, side, Mux(self.lowered, Side.B0, Side.A))),
            side_last.eq((now == Side.B1) | ((now == Side.B0) & ~walk.pair)),
            final.eq(side_last & (chunk == (walk.ktiles - 1)[7:16])),
            self.cmd.p.address.eq(row + chunk * CHUNK_BYTES),
            self.cmd.p.items.eq(1),
            self.cmd.valid.eq(self.i.valid & ~walk.dense),
            self.i.ready.eq(walk.dense | (self.cmd.ready & final)),
        ]
        with m.Switch(now):
            for value, name in ((Side.A, "a"), (Side.B0, "b0"), (Side.B1, "b1")):
                with m.Case(value):
                    m.d.comb += row.eq(walk[name])
        with m.If(self.cmd.valid & self.cmd.ready):
            m.d.sync += started.eq(~side_last)
            with m.If(now == Side.A):
                m.d.sync += side.eq(Side.B0)
            with m.Else():
                m.d.sync += side.eq(Side.B1)
            with m.If(side_last):
                m.d.sync += chunk.eq(Mux(final, 0, chunk + 1))
        return m
