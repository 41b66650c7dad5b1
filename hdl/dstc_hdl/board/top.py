"""What is on a board: accelerator, memory in block RAM and the link to a host."""

from amaranth import *
from amaranth.lib import io, wiring
from amaranth.lib.wiring import In, Out

from ..accelerator.top import Accelerator
from .block_memory import BlockMemory
from .frames import FrameReceiver, FrameSender
from .link import HostLink
from .uart import UartReceiver, UartTransmitter

__all__ = ["BoardCore", "BoardTop"]


class BoardCore(wiring.Component):
    """Everything on a board but its pins.

    Timing: one clock domain.

    Parameters
    ----------
    acc : AcceleratorConfig
    memory : range
        Addresses of the memory, which the accelerator and the host share.
    clock : int
        Hz, told to the host.
    divisor : int
        Clock cycles of a bit on the serial line.

    Members
    -------
    rx : ``In(1)``, tx : ``Out(1)``
        The serial line, as the board sees it.
    irq : ``Out(1)``
        Interrupt of the accelerator.
    """

    def __init__(self, acc, memory, clock, divisor):
        self._acc, self._memory, self._clock, self._divisor = acc, memory, clock, divisor
        super().__init__({"rx": In(1, init=1), "tx": Out(1, init=1), "irq": Out(1)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.receiver = receiver = UartReceiver(self._divisor)
        m.submodules.transmitter = transmitter = UartTransmitter(self._divisor)
        m.submodules.frames = frames = FrameReceiver()
        m.submodules.sender = sender = FrameSender()
        m.submodules.link = link = HostLink(self._acc, self._memory, self._clock)
        m.submodules.memory = memory = BlockMemory(self._acc, self._memory)
        m.submodules.accelerator = accelerator = Accelerator(self._acc)
        wiring.connect(m, receiver.o, frames.i)
        wiring.connect(m, frames.o, link.frame)
        wiring.connect(m, link.answer, sender.i)
        wiring.connect(m, sender.o, transmitter.i)
        wiring.connect(m, link.access, memory.access)
        m.d.comb += [
            receiver.rx.eq(self.rx), self.tx.eq(transmitter.tx),
            frames.address.eq(link.address), link.value.eq(frames.value),
            link.word.eq(memory.value), link.irq.eq(accelerator.irq),
            self.irq.eq(accelerator.irq),
        ]
        self._registers(m, link.registers, accelerator)
        self._memory_bus(m, memory, accelerator)
        return m

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
        board = self._board
        m.submodules.core = core = BoardCore(board.accelerator, board.memory, board.clock,
                                             board.divisor)
        uart = platform.request("uart", 0, dir="-")
        led = platform.request("led", 0, dir="-")
        m.submodules.rx = rx = io.Buffer("i", uart.rx)
        m.submodules.tx = tx = io.Buffer("o", uart.tx)
        m.submodules.led = lamp = io.Buffer("o", led)
        m.d.comb += [core.rx.eq(rx.i), tx.o.eq(core.tx), lamp.o.eq(core.irq)]
        return m
