"""Tile walk: which records the core needs for its output tiles, and what it does with them."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from dstc.accelerator.records import ADDRESS_BITS
from dstc.isa import WORD_BITS

from ..layouts import beat_layout
from ..stream import StreamQueue
from .axi import fault_layout
from .column_merge import ColumnMerge
from .entry_reader import EntryReader
from .fork import fork
from .layouts import CHUNK_BITS, masks_layout, run_layout, walk_layout
from .pair_issuer import PairIssuer
from .program_fetch import program_layout
from .read_channel import command_layout
from .warp_requests import WarpRequests
from .warp_walker import WarpWalker

__all__ = ["ChannelUser", "TileWalk"]

SIDES = ("a", "b0", "b1")
WAITING = 4
"""Instructions, and groups of k-tiles, that wait in front of each unit."""


class ChannelUser(wiring.Signature):
    """The other side of a :class:`ReadChannel`: commands ``cmd``, items ``o`` and the address
    ``item`` of the one on offer.
    """

    def __init__(self, item_bits):
        super().__init__({
            "cmd": Out(stream.Signature(command_layout())),
            "o": In(stream.Signature(beat_layout(item_bits))),
            "item": In(ADDRESS_BITS),
        })

    def __eq__(self, other):
        return type(other) is type(self) and other.members == self.members


class TileWalk(wiring.Component):
    """Tile walk.

    Walks the warp bitmaps of each instruction (:class:`WarpRequests`, :class:`WarpWalker`), looks
    up the records of tile pairs with work (:class:`EntryReader`, :class:`ColumnMerge`) and writes
    the core's program (:class:`PairIssuer`).  The parts run ahead of each other, over the borders
    of instructions too.  In a lowered program the records of side A are those of the list.

    Timing: that of the parts; the queues between them have a latency of 1.

    Parameters
    ----------
    config : Config

    Members
    -------
    i : ``In(stream.Signature(walk_layout()))``
    program : ``In(program_layout())``
    warp, entries_a, entries_b0, entries_b1 : ``Out(ChannelUser)``
    x_list : ``In(stream.Signature(beat_layout(32)))``
    a, b : ``Out(stream.Signature(command_layout()))``
        Records, in the order in which the core takes them.
    instr : ``Out(stream.Signature(64))``
        The core's program.
    fault : ``Out(fault_layout())``
        ``DIRECTORY``; stays.
    """

    def __init__(self, config):
        self._config = config
        commands = stream.Signature(command_layout())
        super().__init__({
            "i": In(stream.Signature(walk_layout())),
            "program": In(program_layout()),
            "warp": Out(ChannelUser(CHUNK_BITS)),
            **{f"entries_{side}": Out(ChannelUser(WORD_BITS)) for side in SIDES},
            "x_list": In(stream.Signature(beat_layout(32))),
            "a": Out(commands),
            "b": Out(commands),
            "instr": Out(stream.Signature(WORD_BITS)),
            "fault": Out(fault_layout()),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.walker = walker = WarpWalker()
        self._bitmaps(m, walker)
        readers = {}
        for side in SIDES:
            m.submodules[f"reader_{side}"] = reader = EntryReader(self._config, side[0].upper())
            readers[side], user = reader, getattr(self, f"entries_{side}")
            wiring.connect(m, reader.cmd, wiring.flipped(user.cmd))
            wiring.connect(m, wiring.flipped(user.o), reader.entry)
            m.d.comb += reader.item.eq(user.item)
        groups = self._groups(m, walker)
        self._list(m, groups["a"], readers["a"])
        for side in SIDES[1:]:
            wiring.connect(m, groups[side], readers[side].i)
        m.submodules.merge = merge = ColumnMerge()
        m.submodules.issuer = issuer = PairIssuer(self._config)
        for source, sink in ((groups["merge"], merge.i), (groups["issue"], issuer.i),
                             (readers["b0"].o, merge.b0), (readers["b1"].o, merge.b1),
                             (merge.o, wiring.flipped(self.b)),
                             (readers["a"].o, wiring.flipped(self.a)),
                             (issuer.o, wiring.flipped(self.instr))):
            wiring.connect(m, source, sink)
        for unit in (walker, *readers.values()):
            with m.If(unit.fault.valid):
                m.d.comb += self.fault.eq(unit.fault)
        return m

    def _bitmaps(self, m, walker):
        """Ask for warp bitmaps ahead of the walk."""
        m.submodules.requests = requests = WarpRequests()
        sinks = []
        for name, unit in (("requested", requests), ("walked", walker)):
            m.submodules[name] = queue = StreamQueue(walk_layout(), WAITING)
            m.d.comb += queue.i.payload.eq(self.i.payload)
            wiring.connect(m, queue.o, unit.i)
            sinks.append(queue.i)
        fork(m, self.i, *sinks)
        wiring.connect(m, requests.cmd, wiring.flipped(self.warp.cmd))
        wiring.connect(m, wiring.flipped(self.warp.o), walker.chunk)
        m.d.comb += [walker.chunk_at.eq(self.warp.item),
                     requests.lowered.eq(self.program.lowered),
                     walker.lowered.eq(self.program.lowered)]

    def _groups(self, m, walker):
        """Groups of k-tiles to everyone who needs them."""
        queues = {}
        for name in (*SIDES, "merge", "issue"):
            layout = run_layout() if name in SIDES else masks_layout()
            m.submodules[f"group_{name}"] = queues[name] = StreamQueue(layout, WAITING)
            m.d.comb += queues[name].i.payload.eq(
                walker.o.p[name] if name in SIDES else walker.o.p.masks)
        fork(m, walker.o, *((queue.i, ~self.program.lowered if name == "a" else C(1))
                            for name, queue in queues.items()))
        return {name: queue.o for name, queue in queues.items()}

    def _list(self, m, walked, reader):
        """Entries of side A: those of the walk, or one by one those of the list."""
        listed, lowered = self.x_list, self.program.lowered
        m.d.comb += [
            reader.i.valid.eq(Mux(lowered, listed.valid, walked.valid)),
            reader.i.p.mask.eq(Mux(lowered, 1, walked.p.mask)),
            reader.i.p.at.eq(Mux(lowered, self.program.x_directory + (listed.p.data << 3),
                                 walked.p.at)),
            listed.ready.eq(reader.i.ready & lowered),
            walked.ready.eq(reader.i.ready & ~lowered),
        ]
