"""The host's end of a serial line in cocotb: bits at the pins, a byte stream for the driver."""

from collections import deque
from typing import Any

import cocotb
from cocotb.task import bridge, resume
from cocotb.triggers import Event, FallingEdge, First, Timer

from .bench import PERIOD

__all__ = ["DIVISOR", "SerialLine"]

DIVISOR = 4
"""Clock cycles of a bit: the fastest line that the UART takes, for the sake of simulated time."""
SILENCE = 6000
"""Cycles without a byte after which an answer counts as lost: more than it takes to carry out the
longest request."""


class SerialLine:
    """Drives ``rx`` and listens to ``tx``; a ``dstc.device.ByteStream`` for code that runs in
    :meth:`call`.

    Parameters
    ----------
    bench : Bench

    Attributes
    ----------
    sent, received : int
        Bytes.
    """

    def __init__(self, bench: Any):
        self._dut = bench.dut
        self._bytes: deque[int] = deque()
        self._more = Event()
        self.sent = self.received = 0
        self.read, self.write = resume(self._read), resume(self.send)
        self._dut.rx.value = 1
        cocotb.start_soon(self._listen())

    async def call(self, function: Any, *arguments: Any, **options: Any) -> Any:
        """Run something that uses the line as a stream."""
        return await bridge(function)(*arguments, **options)

    async def send(self, data: bytes) -> None:
        """Bytes one behind the other, and half a bit of rest."""
        for byte in data:
            bits = byte << 1 | 0x200
            # One assignment for each run of equal bits.
            at = 0
            while at < 10:
                level = bits >> at & 1
                length = 1
                while at + length < 10 and bits >> at + length & 1 == level:
                    length += 1
                self._dut.rx.value = level
                await Timer(length * DIVISOR * PERIOD, "ns")
                at += length
        self.sent += len(data)

    async def _listen(self) -> None:
        tx, bit = self._dut.tx, DIVISOR * PERIOD
        while True:
            await FallingEdge(tx)
            await Timer(bit // 2, "ns")
            assert int(tx.value) == 0, "a start bit must last"
            byte = 0
            for n in range(8):
                await Timer(bit, "ns")
                byte |= int(tx.value) << n
            await Timer(bit, "ns")
            assert int(tx.value) == 1, "a stop bit must be 1"
            self._bytes.append(byte)
            self.received += 1
            self._more.set()

    async def _read(self, size: int) -> bytes:
        if not self._bytes:
            self._more.clear()
            await First(self._more.wait(), Timer(SILENCE * PERIOD, "ns"))
        return bytes(self._bytes.popleft() for _ in range(min(size, len(self._bytes))))
