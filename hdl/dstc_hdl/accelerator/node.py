"""A node: a core with its memory side."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from dstc.accelerator.parameters import BURST_BYTES
from dstc.accelerator.records import ADDRESS_BITS, RECORD_BYTES
from dstc.isa import WORD_BITS

from ..conv.core import ConvCore
from ..stream import StreamQueue
from .axi import ReadSignature, WriteSignature, fault_layout
from .completion import Completion
from .core_fault import CoreFault
from .entry_reader import record_beats
from .fault_collector import FaultCollector
from .fork import fork
from .layouts import CHUNK_BITS, order_layout, walk_layout
from .node_counters import NodeCounters
from .planner import Planner
from .post_check import PostCheck
from .program_fetch import ProgramFetch
from .read_channel import ReadChannel
from .read_port import ReadPort
from .registers import counters_layout
from .result_writer import ResultWriter
from .tile_walk import TileWalk
from .watchdog import Watchdog
from .write_port import WritePort

__all__ = ["CHANNELS", "CoreNode"]

CHANNELS = ("program", "warp", "entries_a", "entries_b0", "entries_b1", "a", "b", "c", "gather",
            "post", "x_list")
"""Read channels; the ID of each on the bus is its index."""
PLANNED = 4
"""Orders of results that wait for each unit that takes them."""
HELD_A, HELD_B, HELD_C = 3, 4, 2
"""Records and raw tiles that a channel has room for, or ``LEAST_BYTES`` if those are more."""
LEAST_BYTES = 1024
"""What the widest bus delivers in 64 cycles, from the request to its data."""


class CoreNode(wiring.Component):
    """A core with its memory side (docs/memory.md).

    Runs a program: fetches its instructions, walks the warp bitmaps, fetches the records of tile
    pairs with work, and writes the results.  Everything runs ahead of the core, over the borders
    of instructions too, as far as queues and channels have room.

    Timing: that of the core (docs/architecture.md) and of the bus.  ``done`` comes when all
    results are acknowledged.

    Parameters
    ----------
    acc : AcceleratorConfig

    Members
    -------
    start : ``In(stream.Signature(ADDRESS_BITS))``
        Address of a program; one is taken until reset.
    busy : ``Out(1)``
        From the cycle after the start until ``done`` or a fault.
    done : ``Out(1)``
        The program has ended; for one cycle.  The counters are final.
    bus_read : ``Out(ReadSignature(acc))``
    bus_write : ``Out(WriteSignature(acc))``
    window_first, window_last : ``In(ADDRESS_BITS)``
        Lowest and highest address that may be accessed.
    timeout : ``In(32)``
        Cycles without any transfer that end a program; 0 for ever.
    stop : ``In(1)``
        Begin nothing more on the bus.
    quiet : ``Out(1)``
        Nothing is on offer or outstanding on the bus; stays with ``stop`` or after a fault.
    fault : ``Out(fault_layout())``
        The first fault since reset: code of ``dstc.accelerator.registers`` or of the core, and
        address.
    counters : ``Out(counters_layout())``
        Bins that sum to ``cycles``, OHMMA, products, beats on the bus.
    """

    def __init__(self, acc):
        self._acc = acc
        super().__init__({
            "start": In(stream.Signature(ADDRESS_BITS)),
            "busy": Out(1),
            "done": Out(1),
            "bus_read": Out(ReadSignature(acc)),
            "bus_write": Out(WriteSignature(acc)),
            "window_first": In(ADDRESS_BITS),
            "window_last": In(ADDRESS_BITS),
            "timeout": In(32),
            "stop": In(1),
            "quiet": Out(1),
            "fault": Out(fault_layout()),
            "counters": Out(counters_layout()),
        })

    @property
    def acc(self):
        return self._acc

    def elaborate(self, platform):
        m = Module()
        m.submodules.core = core = ConvCore(self._acc.core)
        channels, read_port = self._channels(m)
        m.submodules.fetch = fetch = ProgramFetch(self._acc)
        m.submodules.planner = planner = Planner(self._acc)
        m.submodules.writer = writer = ResultWriter(self._acc)
        m.submodules.write_port = write_port = WritePort(self._acc)
        m.submodules.post_check = post_check = PostCheck(self._acc.core)
        m.submodules.walk = walk = TileWalk(self._acc.core)
        self._plan(m, channels, fetch, planner, walk, (writer.order, post_check.order))
        self._walk(m, channels, core, fetch, walk)
        self._streams(m, channels, core, fetch, post_check)
        wiring.connect(m, core.d, writer.d)
        wiring.connect(m, core.y, writer.y)
        wiring.connect(m, writer.o, write_port.i)
        wiring.connect(m, write_port.bus, wiring.flipped(self.bus_write))
        for port in (read_port, write_port):
            m.d.comb += [
                port.window_first.eq(self.window_first), port.window_last.eq(self.window_last),
                port.stop.eq(self.stop | self.fault.valid),
            ]
        m.d.comb += self.quiet.eq(read_port.quiet & write_port.quiet)
        core_fault = self._core_fault(m, channels, core)
        completion = self._complete(m, channels, core, writer, write_port)
        watchdog = self._count(m, core, write_port)
        # A fault of the bus comes before what bad data lead to, and the core's before the check
        # of words that it has not read.
        self._faults(m, [read_port.fault, write_port.fault, core_fault.o, fetch.fault,
                         planner.fault, walk.fault, post_check.fault, completion.fault,
                         watchdog.fault])
        return m

    def _bursts(self):
        """Longest bursts that the channels have room for; 2 of those that are not named."""
        core = self._acc.core
        held = {"a": HELD_A * record_beats(core, "A")[1] * core.a_beat_bits,
                "b": HELD_B * record_beats(core, "B")[1] * core.b_beat_bits,
                "c": HELD_C * core.c_beats * core.c_beat_bits}
        return {name: -(-max(bits // 8, LEAST_BYTES) // BURST_BYTES)
                for name, bits in held.items()}

    def _channels(self, m):
        core, bursts = self._acc.core, self._bursts()
        widths = dict.fromkeys(CHANNELS, WORD_BITS) | {
            "program": 8 * RECORD_BYTES, "warp": CHUNK_BITS, "x_list": 32,
            "a": core.a_beat_bits, "b": core.b_beat_bits, "c": core.c_beat_bits}
        m.submodules.read_port = port = ReadPort(self._acc, len(CHANNELS))
        wiring.connect(m, port.bus, wiring.flipped(self.bus_read))
        channels = {}
        for n, name in enumerate(CHANNELS):
            channel = ReadChannel(self._acc, widths[name], bursts.get(name, 2))
            m.submodules[f"channel_{name}"] = channels[name] = channel
            wiring.connect(m, channel.burst, port.bursts[n])
            wiring.connect(m, port.data[n], channel.r)
        return channels, port

    def _plan(self, m, channels, fetch, planner, walk, takers):
        """From the start to the walk, and to those who take the orders of results."""
        channel = channels["program"]
        wiring.connect(m, wiring.flipped(self.start), fetch.start)
        wiring.connect(m, fetch.cmd, channel.cmd)
        wiring.connect(m, channel.o, fetch.i)
        wiring.connect(m, fetch.o, planner.i)
        m.d.comb += [fetch.item.eq(channel.item), planner.item.eq(channel.item),
                     planner.lowered.eq(fetch.program.lowered)]
        for name in ("post", "gather", "x_list"):
            wiring.connect(m, getattr(fetch, name), channels[name].cmd)
        queues = []
        for n, taker in enumerate(takers):
            m.submodules[f"orders_{n}"] = queue = StreamQueue(order_layout(), PLANNED)
            m.d.comb += queue.i.payload.eq(planner.o.p.order)
            wiring.connect(m, queue.o, taker)
            queues.append(queue.i)
        m.submodules.walks = walks = StreamQueue(walk_layout(), 2)
        wiring.connect(m, walks.o, walk.i)
        c = channels["c"].cmd
        m.d.comb += [
            walks.i.payload.eq(planner.o.p.walk),
            c.p.address.eq(planner.o.p.c),
            c.p.items.eq(Mux(planner.o.p.walk.pair, 2, 1) * self._acc.core.c_beats),
        ]
        fork(m, planner.o, walks.i, *queues, (c, planner.o.p.walk.load_c))

    def _walk(self, m, channels, core, fetch, walk):
        """Channels of the walk, and what it is for."""
        for name in ("warp", "entries_a", "entries_b0", "entries_b1"):
            channel, user = channels[name], getattr(walk, name)
            wiring.connect(m, user.cmd, channel.cmd)
            wiring.connect(m, channel.o, user.o)
            m.d.comb += user.item.eq(channel.item)
        wiring.connect(m, channels["x_list"].o, walk.x_list)
        for source, sink in ((walk.a, channels["a"].cmd), (walk.b, channels["b"].cmd),
                             (walk.instr, core.instr)):
            wiring.connect(m, source, sink)
        m.d.comb += walk.program.eq(fetch.program)

    def _streams(self, m, channels, core, fetch, post_check):
        """From the channels into the core."""
        lowered, a = fetch.program.lowered, channels["a"].o
        m.d.comb += [
            core.direct.eq(~lowered),
            core.a.payload.eq(a.payload), core.a.valid.eq(a.valid & ~lowered),
            core.x.payload.eq(a.payload), core.x.valid.eq(a.valid & lowered),
            a.ready.eq(Mux(lowered, core.x.ready, core.a.ready)),
        ]
        wiring.connect(m, channels["b"].o, core.b)
        for name in ("c", "gather"):
            source, sink = channels[name].o, getattr(core, name)
            m.d.comb += [sink.payload.eq(source.p.data), sink.valid.eq(source.valid),
                         source.ready.eq(sink.ready)]
        wiring.connect(m, channels["post"].o, post_check.i)
        wiring.connect(m, post_check.o, core.post)
        m.d.comb += post_check.ended.eq(fetch.commanded & channels["post"].idle)

    def _core_fault(self, m, channels, core):
        m.submodules.core_fault = unit = CoreFault()
        m.d.comb += unit.status.eq(core.status)
        for n, name in enumerate(("a", "b", "gather", "post")):
            channel = channels[name]
            # The im2col unit looks at a word and leaves it if it is illegal; the others take all.
            taken = channel.o.valid & channel.o.ready if name != "gather" else C(1)
            m.d.comb += [
                unit.taken[n].eq(taken),
                unit.address[n].eq(channel.start if name in ("a", "b") else channel.item),
            ]
        return unit

    def _complete(self, m, channels, core, writer, write_port):
        m.submodules.completion = completion = Completion(3)
        for n, name in enumerate(("a", "gather", "post")):
            channel = channels[name]
            m.d.comb += [
                completion.waiting[n].eq(channel.o.valid),
                completion.address[n].eq(channel.start if name == "a" else channel.item),
            ]
        m.d.comb += [
            completion.busy.eq(self.busy),
            completion.halted.eq(core.status.halted),
            completion.written.eq(writer.done & write_port.idle),
            completion.empty.eq(Cat(channel.idle for channel in channels.values()).all()),
        ]
        running, ended = Signal(), Signal()
        m.d.comb += [self.busy.eq(running & ~self.fault.valid),
                     ended.eq(completion.done & ~self.fault.valid)]
        m.d.sync += self.done.eq(ended)
        with m.If(self.start.valid & self.start.ready):
            m.d.sync += running.eq(1)
        with m.Elif(ended):
            m.d.sync += running.eq(0)
        return completion

    def _count(self, m, core, write_port):
        """Counters, and the watchdog; returns that."""
        m.submodules.node_counters = counters = NodeCounters()
        m.submodules.watchdog = watchdog = Watchdog()
        read, write = self.bus_read, self.bus_write
        moves = [port.valid & port.ready for port in
                 (read.ar, write.aw, write.w, core.instr, core.a, core.x, core.b, core.c,
                  core.gather, core.post, core.d, core.y)]
        m.d.comb += [
            counters.busy.eq(self.busy),
            counters.began.eq(core.instr.valid & core.instr.ready),
            counters.halted.eq(core.status.halted),
            counters.core.eq(core.counters),
            counters.read.eq(read.r.valid),
            counters.write.eq(write.w.valid & write.w.ready),
            self.counters.eq(counters.o),
            watchdog.busy.eq(self.busy),
            watchdog.moved.eq(Cat(*moves, read.r.valid, write.b.valid).any()),
            watchdog.limit.eq(self.timeout),
        ]
        return watchdog

    def _faults(self, m, faults):
        m.submodules.collector = collector = FaultCollector(len(faults))
        m.d.comb += [each.eq(fault) for each, fault in zip(collector.i, faults, strict=True)]
        m.d.comb += self.fault.eq(collector.o)
