"""A node without a core: its program names a block of memory to be copied."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from dstc.accelerator.records import ADDRESS_BITS
from dstc_hdl.accelerator.axi import ReadSignature, WriteSignature, fault_layout
from dstc_hdl.accelerator.read_channel import ReadChannel
from dstc_hdl.accelerator.read_port import ReadPort
from dstc_hdl.accelerator.registers import counters_layout
from dstc_hdl.accelerator.write_port import WritePort

__all__ = ["CopyNode", "copy_program"]

HEADER_BITS = 512
BAD_PROGRAM = 17


def copy_program(source, target, beats):
    """The header: ``beats`` of the bus from ``source`` to ``target``; with 0 beats it is bad."""
    words = [source, target, beats, 0, 0, 0, 0, 0]
    return b"".join(word.to_bytes(8, "little") for word in words)


class CopyNode(wiring.Component):
    """Members as of the node of a core; ``counters.cycles`` counts, ``read_beats`` is ``beats``."""

    def __init__(self, acc):
        self._acc = acc
        super().__init__({
            "start": In(stream.Signature(ADDRESS_BITS)), "busy": Out(1), "done": Out(1),
            "bus_read": Out(ReadSignature(acc)), "bus_write": Out(WriteSignature(acc)),
            "window_first": In(ADDRESS_BITS), "window_last": In(ADDRESS_BITS), "timeout": In(32),
            "stop": In(1), "quiet": Out(1), "fault": Out(fault_layout()),
            "counters": Out(counters_layout()),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.header = header = ReadChannel(self._acc, HEADER_BITS, 1)
        m.submodules.block = block = ReadChannel(self._acc, self._acc.data_bits, 2)
        m.submodules.reads = reads = ReadPort(self._acc, 2)
        m.submodules.writes = writes = WritePort(self._acc)
        for n, channel in enumerate((header, block)):
            wiring.connect(m, channel.burst, reads.bursts[n])
            wiring.connect(m, reads.data[n], channel.r)
        wiring.connect(m, reads.bus, wiring.flipped(self.bus_read))
        wiring.connect(m, writes.bus, wiring.flipped(self.bus_write))
        for port in (reads, writes):
            m.d.comb += [port.window_first.eq(self.window_first),
                         port.window_last.eq(self.window_last), port.stop.eq(self.stop)]
        source, target, beats = (header.o.p.data.word_select(n, 64)[:48] for n in range(3))
        at, here, bad, cycles = Signal(48), Signal(48), Signal(), Signal(64)
        m.d.comb += [
            self.quiet.eq(reads.quiet & writes.quiet),
            header.cmd.p.address.eq(here), header.cmd.p.items.eq(1),
            block.cmd.p.address.eq(source), block.cmd.p.items.eq(beats),
            writes.i.p.address.eq(at), writes.i.p.data.eq(block.o.p.data),
            writes.i.p.strb.eq(C(-1, self._acc.data_bytes)), writes.i.p.final.eq(block.o.p.last),
            self.counters.cycles.eq(cycles),
        ]
        self._fault(m, bad, here, writes.fault, reads.fault)
        with m.If(self.busy):
            m.d.sync += cycles.eq(cycles + 1)
        with m.FSM() as fsm:
            m.d.comb += self.busy.eq(~fsm.ongoing("IDLE"))
            with m.State("IDLE"):
                m.d.comb += self.start.ready.eq(1)
                m.d.sync += here.eq(self.start.payload)
                with m.If(self.start.valid):
                    m.next = "ASK"
            with m.State("ASK"):
                m.d.comb += header.cmd.valid.eq(1)
                with m.If(header.cmd.ready):
                    m.next = "HEADER"
            with m.State("HEADER"):
                m.d.comb += [block.cmd.valid.eq(header.o.valid & (beats != 0)),
                             header.o.ready.eq(block.cmd.valid & block.cmd.ready)]
                m.d.sync += [at.eq(target), bad.eq(header.o.valid & (beats == 0)),
                             self.counters.read_beats.eq(beats)]
                with m.If(header.o.ready):
                    m.next = "COPY"
            with m.State("COPY"):
                m.d.comb += [writes.i.valid.eq(block.o.valid),
                             block.o.ready.eq(writes.i.ready)]
                with m.If(writes.i.valid & writes.i.ready):
                    m.d.sync += at.eq(at + self._acc.data_bytes)
                    with m.If(block.o.p.last):
                        m.next = "WAIT"
            with m.State("WAIT"), m.If(writes.idle):
                m.d.comb += self.done.eq(1)
                m.next = "IDLE"
        return m

    def _fault(self, m, bad, here, write_fault, read_fault):
        with m.If(bad):
            m.d.comb += [self.fault.valid.eq(1), self.fault.code.eq(BAD_PROGRAM),
                         self.fault.address.eq(here)]
        with m.Else():
            m.d.comb += self.fault.eq(Mux(write_fault.valid, write_fault, read_fault))
