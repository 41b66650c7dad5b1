"""An asynchronous serial line: bytes in and out, 8 data bits, no parity, one stop bit."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out

__all__ = ["UartReceiver", "UartTransmitter", "check_divisor"]

BITS = 8
LEAST = 4
"""Clock cycles of the shortest bit: the middle of a bit is then found within a quarter of it."""


def check_divisor(divisor):
    """Refuse a bit that is too short.

    Raises
    ------
    ValueError
        If ``divisor`` is not an integer of at least 4.
    """
    if not isinstance(divisor, int) or divisor < LEAST:
        raise ValueError(f"UART divisor must be an integer of at least {LEAST}, not {divisor!r}")


class UartReceiver(wiring.Component):
    """Bytes of a serial line.

    A start bit must still be there in its middle, or it was noise.  A byte whose stop bit is 0 is
    dropped, and nothing is received until the line is idle again.  Nobody can stall a serial
    line: a byte that is not taken before the next one is there is lost.

    Timing: a byte is offered in the middle of its stop bit, two cycles later by the synchroniser.

    Parameters
    ----------
    divisor : int
        Clock cycles of a bit, at least 4.

    Members
    -------
    rx : ``In(1)``
        The line, asynchronous; 1 while idle.
    o : ``Out(stream.Signature(8))``

    Raises
    ------
    ValueError
        If the divisor is too small.
    """

    def __init__(self, divisor):
        check_divisor(divisor)
        self._divisor = divisor
        super().__init__({"rx": In(1, init=1), "o": Out(stream.Signature(BITS))})

    def elaborate(self, platform):
        m = Module()
        rx, timer, count = Signal(init=1), Signal(range(self._divisor)), Signal(range(BITS))
        shift, tick = Signal(BITS), Signal()
        m.submodules.synchronizer = FFSynchronizer(self.rx, rx, init=1)
        m.d.comb += tick.eq(timer == 0)
        m.d.sync += timer.eq(Mux(tick, self._divisor - 1, timer - 1))
        with m.If(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        with m.FSM():
            with m.State("IDLE"):
                m.d.sync += timer.eq(self._divisor // 2 - 1)
                with m.If(~rx):
                    m.next = "START"
            with m.State("START"), m.If(tick):
                m.next = "IDLE"
                with m.If(~rx):
                    m.next = "DATA"
            with m.State("DATA"), m.If(tick):
                m.d.sync += [shift.eq(Cat(shift[1:], rx)), count.eq(count + 1)]
                with m.If(count == BITS - 1):
                    m.next = "STOP"
            with m.State("STOP"), m.If(tick):
                m.next = "BREAK"
                with m.If(rx):
                    m.d.sync += [self.o.payload.eq(shift), self.o.valid.eq(1)]
                    m.next = "IDLE"
            with m.State("BREAK"), m.If(rx):
                m.next = "IDLE"
        return m


class UartTransmitter(wiring.Component):
    """Bytes onto a serial line.

    Timing: a byte takes ten bits of ``divisor`` cycles, back to back while ``i`` has bytes.

    Parameters
    ----------
    divisor : int
        Clock cycles of a bit, at least 4.

    Members
    -------
    i : ``In(stream.Signature(8))``
    tx : ``Out(1)``
        The line, from a register; 1 while idle.

    Raises
    ------
    ValueError
        If the divisor is too small.
    """

    def __init__(self, divisor):
        check_divisor(divisor)
        self._divisor = divisor
        super().__init__({"i": In(stream.Signature(BITS)), "tx": Out(1, init=1)})

    def elaborate(self, platform):
        m = Module()
        timer, left = Signal(range(self._divisor)), Signal(range(BITS + 3))
        shift, last = Signal(BITS + 1), Signal()
        m.d.comb += [last.eq((timer == 0) & (left <= 1)), self.i.ready.eq(last)]
        with m.If(timer != 0):
            m.d.sync += timer.eq(timer - 1)
        with m.Elif(left > 1):
            m.d.sync += [Cat(self.tx, shift).eq(Cat(shift, 1)), left.eq(left - 1),
                         timer.eq(self._divisor - 1)]
        with m.Elif(self.i.valid):
            m.d.sync += [self.tx.eq(0), shift.eq(Cat(self.i.payload, 1)), left.eq(BITS + 2),
                         timer.eq(self._divisor - 1)]
        with m.Else():
            m.d.sync += left.eq(0)
        return m
