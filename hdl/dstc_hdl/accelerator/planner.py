"""Planner: checks the instructions of a program and works out their addresses."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from dstc.accelerator.records import ADDRESS_BITS, RECORD_BYTES, TILES
from dstc.accelerator.registers import DeviceErrorCode

from ..layouts import beat_layout
from ..stream import StreamRegister
from .axi import fault_layout
from .layouts import plan_layout
from .records import record_fields, record_wrong

__all__ = ["Planner", "warp_bytes"]


def warp_bytes(ktiles):
    """Bytes of the warp part of a directory row: 16 for each 128 k-tiles begun."""
    return ((ktiles + 127) >> 7) << 4


class Planner(wiring.Component):
    """Planner.

    Checks every instruction: opcode, reserved bits, ranges and alignment; that raw results name no
    records; that records are as many as a result tile can have and lie within their directory row;
    that only a pair has a second result tile, and a lowered program no directory of A tiles.

    Timing: one instruction per cycle, latency 1.

    Parameters
    ----------
    acc : AcceleratorConfig

    Members
    -------
    i : ``In(stream.Signature(beat_layout(512)))``, item : ``In(ADDRESS_BITS)``
        Instructions, and the address of the one on ``i``; ``last`` with the last one.
    lowered : ``In(1)``
    o : ``Out(stream.Signature(plan_layout()))``
    fault : ``Out(fault_layout())``
        ``INSTRUCTION``, with its address; stays, and nothing more is taken.
    """

    def __init__(self, acc):
        self._acc = acc
        super().__init__({
            "i": In(stream.Signature(beat_layout(8 * RECORD_BYTES))),
            "item": In(ADDRESS_BITS),
            "lowered": In(1),
            "o": Out(stream.Signature(plan_layout())),
            "fault": Out(fault_layout()),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.out = out = StreamRegister(plan_layout())
        wiring.connect(m, out.o, wiring.flipped(self.o))
        fields = record_fields(TILES, self.i.p.data)
        wrong = Signal()
        m.d.comb += [
            wrong.eq(record_wrong(TILES, self.i.p.data) | self._contradicts(fields)),
            self.fault.valid.eq(self.i.valid & wrong),
            self.fault.code.eq(DeviceErrorCode.INSTRUCTION),
            self.fault.address.eq(self.item),
            out.i.valid.eq(self.i.valid & ~wrong),
            self.i.ready.eq(out.i.ready & ~wrong),
        ]
        walk, order, ktiles = out.i.p.walk, out.i.p.order, fields["ktiles"]
        stride = Signal(21)
        m.d.comb += [
            stride.eq(warp_bytes(ktiles) + (((ktiles + 1) >> 1) << 4)),
            walk.a.eq(fields["a"]),
            walk.b0.eq(fields["b"]),
            walk.b1.eq(fields["b"] + stride),
            out.i.p.c.eq(fields["c"]),
        ]
        m.d.comb += [walk[name].eq(fields[name]) for name in ("pair", "dense", "load_c", "ktiles")]
        m.d.comb += [order[name].eq(fields[name]) for name in
                     ("pair", "raw", "result", "y", "y_ktiles", "y_first", "blocks0", "blocks1")]
        m.d.comb += [part.last.eq(self.i.p.last) for part in (walk, order)]
        return m

    def _contradicts(self, fields):
        """Whether fields that are right by themselves do not go together."""
        most = self._acc.core.channel_blocks
        blocks0, blocks1, pair = fields["blocks0"], fields["blocks1"], fields["pair"]
        end = fields["y_first"] + blocks0 + blocks1
        return Cat(
            self.lowered & fields["a"].any(),
            fields["raw"] & (blocks0.any() | blocks1.any() | fields["y"].any()),
            ~fields["raw"] & ((blocks0 == 0) | (blocks0 > most) | (blocks1 > most)
                              | (pair != blocks1.any()) | (end > fields["y_ktiles"])),
        ).any()
