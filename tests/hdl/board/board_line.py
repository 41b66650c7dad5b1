"""A link with memory and registers in pysim, and the host's end of the line."""

from amaranth import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from unit_bench import Bench

from dstc.accelerator.parameters import AcceleratorConfig
from dstc.config import get_config
from dstc_hdl.accelerator.registers import RegisterFile
from dstc_hdl.board.block_memory import BlockMemory
from dstc_hdl.board.frames import FrameReceiver, FrameSender
from dstc_hdl.board.link import HostLink

__all__ = ["CLOCK", "MEMORY", "Line", "LinkedBoard"]

MEMORY = range(0x8000_0000, 0x8000_1000)
CLOCK = 12_345_678


class LinkedBoard(wiring.Component):
    """Bytes in, bytes out: link, memory and registers, no accelerator, no UART."""

    def __init__(self):
        self.acc = AcceleratorConfig(core=get_config("tiny"), data_bits=64, address_bits=32)
        super().__init__({"i": In(stream.Signature(8)), "o": Out(stream.Signature(8)),
                          "irq": In(1)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.frames = frames = FrameReceiver()
        m.submodules.sender = sender = FrameSender()
        m.submodules.link = link = HostLink(self.acc, MEMORY, CLOCK)
        m.submodules.memory = memory = BlockMemory(self.acc, MEMORY)
        m.submodules.registers = registers = RegisterFile(self.acc)
        wiring.connect(m, wiring.flipped(self.i), frames.i)
        wiring.connect(m, frames.o, link.frame)
        wiring.connect(m, link.answer, sender.i)
        wiring.connect(m, sender.o, wiring.flipped(self.o))
        wiring.connect(m, link.access, memory.access)
        wiring.connect(m, link.registers, registers.bus)
        m.d.comb += [frames.address.eq(link.address), link.value.eq(frames.value),
                     link.word.eq(memory.value), link.irq.eq(self.irq)]
        return m


class Line:
    """The host's end: a ``dstc.device.serial_bus.ByteStream`` that runs the simulation.

    Parameters
    ----------
    seed : int
    p : float
        Probability that a byte of an answer is taken.
    period : int
        Cycles from byte to byte on the way to the board; a UART takes at least 40.
    quiet : int
        Cycles without a byte after which a read gives up.

    Attributes
    ----------
    sent : int
        Bytes that were written.
    harm : callable
        Gets number and value of a byte on its way to the board; gives the bytes that arrive.
    """

    def __init__(self, seed=0, p=1.0, period=2, quiet=200):
        self.bench = Bench(LinkedBoard(), seed)
        self.i, self.o = self.bench.drive("i", (), 0), self.bench.take("o", p)

        def drive(ctx, cycle):
            self.i.p = cycle % period == 0
            if self.irq != ctx.get(self.bench.dut.irq):
                ctx.set(self.bench.dut.irq, self.irq)

        self.bench.before(drive)
        self.irq, self.sent, self._seen, self._quiet = 0, 0, 0, quiet
        self.harm = lambda number, byte: [byte]

    def write(self, data):
        for byte in data:
            self.i.queue.extend(self.harm(self.sent, byte))
            self.sent += 1

    def read(self, size):
        self.bench.run(lambda: self.i.idle, 200_000)
        end = self.bench.cycle + self._quiet
        self.bench.run(lambda: len(self.o.tokens) > self._seen or self.bench.cycle == end,
                       self._quiet + 1)
        data = bytes(self.o.tokens[self._seen:self._seen + size])
        self._seen += len(data)
        return data
