"""Warp walker: which k-tiles of an instruction have work."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from dstc.accelerator.records import ADDRESS_BITS
from dstc.accelerator.registers import DeviceErrorCode
from dstc.isa import WARP_BITS

from ..layouts import beat_layout
from .axi import fault_layout
from .layouts import CHUNK_BITS, group_layout, walk_layout
from .planner import warp_bytes

__all__ = ["WarpWalker"]

ENTRY_BYTES = 8
SIDES = ("a", "b0", "b1")


class WarpWalker(wiring.Component):
    """Warp walker.

    Goes through the k-tiles of an instruction in groups of 32 and tells which of them have an A
    tile and a B tile, by the warp bitmaps.  A tiles of a lowered program count as not empty; with
    ``dense`` every tile does and no bitmap is read.

    Timing: a group per cycle; besides, a cycle for each instruction and one for each chunk.

    Members
    -------
    i : ``In(stream.Signature(walk_layout()))``
        Taken with its last group.
    lowered : ``In(1)``
    chunk : ``In(stream.Signature(beat_layout(128)))``, chunk_at : ``In(ADDRESS_BITS)``
        Chunks of warp bitmaps, as :class:`WarpRequests` asks for them, and the address of the one
        on offer.
    o : ``Out(stream.Signature(group_layout()))``
    fault : ``Out(fault_layout())``
        ``DIRECTORY``: a chunk has a bit at or past the last k-tile; stays, and nothing more is
        taken.
    """

    def __init__(self):
        super().__init__({
            "i": In(stream.Signature(walk_layout())),
            "lowered": In(1),
            "chunk": In(stream.Signature(beat_layout(CHUNK_BITS))),
            "chunk_at": In(ADDRESS_BITS),
            "o": Out(stream.Signature(group_layout())),
            "fault": Out(fault_layout()),
        })

    def elaborate(self, platform):
        m = Module()
        walk = self.i.p
        chunks = {side: Signal(CHUNK_BITS, name=f"chunk_{side}") for side in SIDES}
        at = {side: Signal(ADDRESS_BITS, name=f"at_{side}") for side in SIDES}
        left, part, begin = Signal(16), Signal(range(CHUNK_BITS // WARP_BITS)), Signal()
        end = Signal()
        m.d.comb += end.eq(left <= WARP_BITS)
        self._groups(m, chunks, at, left, begin, end)
        with m.FSM():
            with m.State("TAKE"):
                m.d.sync += [
                    *(at[side].eq(walk[side] + warp_bytes(walk.ktiles)) for side in SIDES),
                    left.eq(walk.ktiles), part.eq(0), begin.eq(1),
                ]
                with m.If(self.i.valid):
                    self._next_chunk(m)
            self._load(m, "A", chunks["a"], left, "B0")
            self._load(m, "B0", chunks["b0"], left, "B1")
            self._load(m, "B1", chunks["b1"], left, "GROUPS")
            with m.State("GROUPS"):
                m.d.comb += [self.o.valid.eq(1), self.i.ready.eq(self.o.ready & end)]
                with m.If(self.o.ready):
                    m.d.sync += [
                        *(at[side].eq(at[side] + ENTRY_BYTES * WARP_BITS) for side in SIDES),
                        *(each.eq(each >> WARP_BITS) for each in chunks.values()),
                        left.eq(left - WARP_BITS), part.eq(part + 1), begin.eq(0),
                    ]
                    with m.If(end):
                        m.next = "TAKE"
                    with m.Elif(part == CHUNK_BITS // WARP_BITS - 1):
                        self._next_chunk(m)
        return m

    def _next_chunk(self, m):
        with m.If(self.i.p.dense):
            m.next = "GROUPS"
        with m.Elif(self.lowered):
            m.next = "B0"
        with m.Else():
            m.next = "A"

    def _load(self, m, state, chunk, left, after):
        """Take a chunk, which must be 0 past the last k-tile."""
        with m.State(state):
            used = Signal(CHUNK_BITS, name=f"used_{state}")
            wrong = Signal(name=f"wrong_{state}")
            m.d.comb += [
                used.eq(Mux(left < CHUNK_BITS, (1 << left[:7]) - 1, -1)),
                wrong.eq((self.chunk.p.data & ~used).any()),
                self.fault.valid.eq(self.chunk.valid & wrong),
                self.fault.code.eq(DeviceErrorCode.DIRECTORY),
                self.fault.address.eq(self.chunk_at),
                self.chunk.ready.eq(~wrong),
            ]
            with m.If(self.chunk.valid & ~wrong):
                m.d.sync += chunk.eq(self.chunk.p.data)
                with m.If(C(state == "B0") & ~self.i.p.pair):
                    m.next = "GROUPS"
                with m.Else():
                    m.next = after

    def _groups(self, m, chunks, at, left, begin, end):
        """The group at the low end of the chunks."""
        walk, group = self.i.p, self.o.p
        every, a = Signal(WARP_BITS), Signal(WARP_BITS)
        columns = {}
        m.d.comb += [
            every.eq(Mux(end, (1 << left[:6]) - 1, -1)),
            a.eq(Mux(self.lowered | walk.dense, every, chunks["a"])),
        ]
        for side, there in (("b0", C(1)), ("b1", walk.pair)):
            columns[side] = Signal(WARP_BITS, name=f"work_{side}")
            bits = Mux(walk.dense, every, chunks[side][:WARP_BITS])
            m.d.comb += columns[side].eq(Mux(there, a & bits, 0))
        m.d.comb += [
            group.a.mask.eq(columns["b0"] | columns["b1"]),
            group.masks.begin.eq(begin),
            group.masks.end.eq(end),
            *(group[side].at.eq(at[side]) for side in SIDES),
            *(group.masks[name].eq(walk[name]) for name in ("pair", "dense", "load_c", "last")),
        ]
        for side, work in columns.items():
            m.d.comb += [group[side].mask.eq(work), group.masks[side].eq(work)]
