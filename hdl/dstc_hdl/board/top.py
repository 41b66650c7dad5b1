"""What is on a board: accelerator or bare core, memory in block RAM, and the link to a host."""

from amaranth import *
from amaranth.lib import io, stream, wiring
from amaranth.lib.wiring import In, Out

from ..accelerator.registers import LiteSignature
from ..accelerator.top import Accelerator
from ..core import Core
from .block_memory import BlockMemory, access_layout
from .feeder import Feeder
from .frames import FrameReceiver, FrameSender
from .link import HostLink
from .uart import UartReceiver, UartTransmitter

__all__ = ["BoardCore", "BoardTop", "HostPort"]


class HostPort(wiring.Component):
    """Serial line, frames and link.

    Parameters
    ----------
    board : Board

    Members
    -------
    rx : ``In(1)``, tx : ``Out(1)``
    registers, access, word, irq
        As of ``HostLink``.
    """

    def __init__(self, board):
        self._board = board
        acc, memory = board.accelerator, board.memory
        super().__init__({
            "rx": In(1, init=1), "tx": Out(1, init=1),
            "registers": Out(LiteSignature()),
            "access": Out(stream.Signature(access_layout(acc, len(memory)))),
            "word": In(acc.data_bits), "irq": In(1),
        })

    def elaborate(self, platform):
        m = Module()
        board = self._board
        m.submodules.receiver = receiver = UartReceiver(board.divisor)
        m.submodules.transmitter = transmitter = UartTransmitter(board.divisor)
        m.submodules.frames = frames = FrameReceiver()
        m.submodules.sender = sender = FrameSender()
        m.submodules.link = link = HostLink(board.accelerator, board.memory, board.clock)
        for source, sink in ((receiver.o, frames.i), (frames.o, link.frame),
                             (link.answer, sender.i), (sender.o, transmitter.i),
                             (link.access, wiring.flipped(self.access)),
                             (link.registers, wiring.flipped(self.registers))):
            wiring.connect(m, source, sink)
        m.d.comb += [
            receiver.rx.eq(self.rx), self.tx.eq(transmitter.tx),
            frames.address.eq(link.address), link.value.eq(frames.value),
            link.word.eq(self.word), link.irq.eq(self.irq),
        ]
        return m


class BoardCore(wiring.Component):
    """Everything on a board but its pins.

    Timing: one clock domain.

    Parameters
    ----------
    board : Board

    Members
    -------
    rx : ``In(1)``, tx : ``Out(1)``
        The serial line, as the board sees it.
    irq : ``Out(1)``
        Interrupt of the accelerator, or of the feeder of a bare core.
    """

    def __init__(self, board):
        self._board = board
        super().__init__({"rx": In(1, init=1), "tx": Out(1, init=1), "irq": Out(1)})

    def elaborate(self, platform):
        m = Module()
        board = self._board
        m.submodules.host = host = HostPort(board)
        m.submodules.memory = memory = BlockMemory(board.accelerator, board.memory)
        m.d.comb += [host.rx.eq(self.rx), self.tx.eq(host.tx), host.word.eq(memory.value),
                     host.irq.eq(self.irq)]
        if board.bare:
            self._fed_core(m, host, memory)
        else:
            m.submodules.accelerator = accelerator = Accelerator(board.accelerator)
            wiring.connect(m, host.access, memory.access)
            m.d.comb += self.irq.eq(accelerator.irq)
            self._registers(m, host.registers, accelerator)
            self._memory_bus(m, memory, accelerator)
        return m

    def _fed_core(self, m, host, memory):
        """A core whose streams a feeder carries; the link goes first at the memory."""
        board = self._board
        m.submodules.feeder = feeder = Feeder(board.accelerator, board.memory)
        m.submodules.core = ResetInserter(feeder.reset)(core := Core(board.accelerator.core))
        wiring.connect(m, host.registers, feeder.registers)
        for name in ("instr", "a", "b", "c", "d"):
            wiring.connect(m, getattr(feeder, name), getattr(core, name))
        m.d.comb += [
            core.resume.eq(feeder.resume), feeder.status.eq(core.status),
            feeder.counters.eq(core.counters), feeder.value.eq(memory.value),
            self.irq.eq(feeder.irq),
            memory.access.valid.eq(host.access.valid | feeder.access.valid),
            memory.access.payload.eq(Mux(host.access.valid, host.access.payload,
                                         feeder.access.payload)),
            host.access.ready.eq(memory.access.ready),
            feeder.access.ready.eq(memory.access.ready & ~host.access.valid),
        ]

    def _registers(self, m, bus, accelerator):
        for name in ("aw", "ar"):
            m.d.comb += getattr(accelerator, f"s_axi_{name}addr").eq(getattr(bus, name).payload)
            _sends(m, getattr(bus, name), accelerator, f"s_axi_{name}", {})
        _sends(m, bus.w, accelerator, "s_axi_w", {"data": "data", "strb": "strb"})
        m.d.comb += bus.b.payload.eq(accelerator.s_axi_bresp)
        _takes(m, bus.b, accelerator, "s_axi_b", {})
        _takes(m, bus.r, accelerator, "s_axi_r", {"data": "data", "resp": "resp"})

    def _memory_bus(self, m, memory, accelerator):
        address = {"id": "id", "address": "addr", "len": "len"}
        _takes(m, memory.reads.ar, accelerator, "m_axi_ar", address)
        _takes(m, memory.writes.aw, accelerator, "m_axi_aw", address)
        _takes(m, memory.writes.w, accelerator, "m_axi_w",
               {"data": "data", "strb": "strb", "last": "last"})
        _sends(m, memory.writes.b, accelerator, "m_axi_b", {"id": "id", "resp": "resp"})
        _sends(m, memory.reads.r, accelerator, "m_axi_r",
               {"id": "id", "data": "data", "resp": "resp", "last": "last"})


def _sends(m, stream, flat, prefix, fields):
    """A stream into flat ports of another component."""
    m.d.comb += [getattr(flat, prefix + port).eq(stream.p[name]) for name, port in fields.items()]
    m.d.comb += [getattr(flat, f"{prefix}valid").eq(stream.valid),
                 stream.ready.eq(getattr(flat, f"{prefix}ready"))]


def _takes(m, stream, flat, prefix, fields):
    """A stream out of flat ports of another component."""
    m.d.comb += [stream.p[name].eq(getattr(flat, prefix + port)) for name, port in fields.items()]
    m.d.comb += [stream.valid.eq(getattr(flat, f"{prefix}valid")),
                 getattr(flat, f"{prefix}ready").eq(stream.ready)]


class BoardTop(Elaboratable):
    """A board core with the pins of a board of ``amaranth_boards``.

    The default clock of the platform; resource ``uart`` 0, and ``led`` 0 for the interrupt.

    Parameters
    ----------
    board : Board
    """

    def __init__(self, board):
        self._board = board

    def elaborate(self, platform):
        m = Module()
        m.submodules.core = core = BoardCore(self._board)
        uart = platform.request("uart", 0, dir="-")
        led = platform.request("led", 0, dir="-")
        m.submodules.rx = rx = io.Buffer("i", uart.rx)
        m.submodules.tx = tx = io.Buffer("o", uart.tx)
        m.submodules.led = lamp = io.Buffer("o", led)
        m.d.comb += [core.rx.eq(rx.i), tx.o.eq(core.tx), lamp.o.eq(core.irq)]
        return m
