"""A board behind a serial line as a bus for the driver."""

import time
from typing import Any, Protocol

from ..errors import DstcError
from .serial_protocol import (
    ADDRESS_BYTES,
    BAUD,
    INTERRUPT,
    MAX_BODY,
    PROTOCOL_VERSION,
    Command,
    FrameReader,
    Hello,
    Status,
    frame,
)

__all__ = ["ByteStream", "LinkError", "SerialBus"]

TRIES = 6
ANSWER_TIME = 0.25
"""Seconds without a byte after which an answer counts as lost."""


class LinkError(DstcError):
    """The line, or what is behind it, does not answer as it should."""


class ByteStream(Protocol):
    """A line in both directions, such as a serial port."""

    def read(self, size: int, /) -> bytes:
        """What has come, at least one byte and at most ``size``; nothing if there was none for
        as long as an answer may take."""

    def write(self, data: bytes, /) -> Any:
        """Send all of it."""


class SerialBus:
    """``dstc.device.Bus`` over a serial line (docs/fpga.md).

    Every request waits for its answer.  A request whose answer is damaged or does not come is
    sent again; all of them may be carried out twice without harm.

    Parameters
    ----------
    stream : ByteStream
        The line.

    Attributes
    ----------
    hello : Hello
        What the board says of itself; ``hello.memory`` is the driver's to use.
    repeats : int
        Requests that had to be sent again so far.

    Raises
    ------
    LinkError
        If nobody answers, or speaks another version of the protocol.

    Examples
    --------
    >>> from dstc.device import Device, SerialBus
    >>> bus = SerialBus.open("/dev/ttyUSB0")
    >>> device = Device(bus, memory=bus.hello.memory)
    """

    def __init__(self, stream: ByteStream):
        self._stream = stream
        self._reader = FrameReader()
        self._tag = 0
        self._interrupt = False
        self.repeats = 0
        self.hello = Hello.unpack(self._request(Command.HELLO, 0))
        if self.hello.version != PROTOCOL_VERSION:
            raise LinkError(f"Board must speak version {PROTOCOL_VERSION} of the protocol, "
                            f"not {self.hello.version}")

    @classmethod
    def open(cls, port: str, baud: int = BAUD) -> "SerialBus":
        """A bus over a serial port of this machine.

        Raises
        ------
        LinkError
            If there is no such port or no pyserial (extra ``serial``), or as the class.
        """
        try:
            import serial
        except ImportError as error:
            raise LinkError("A serial port must be opened with pyserial, which is not installed "
                            "(pip install 'pyserial>=3.5,<4')") from error
        try:
            return cls(_Port(serial.Serial(port, baud, timeout=ANSWER_TIME)))
        except serial.SerialException as error:
            raise LinkError(f"Serial port {port} must be there and free: {error}") from error

    def read32(self, offset: int) -> int:
        """As :meth:`Bus.read32`; a :class:`LinkError` if there is no such register."""
        return int.from_bytes(self._request(Command.READ_REGISTER, offset), "little")

    def write32(self, offset: int, value: int) -> None:
        """As :meth:`Bus.write32`; a :class:`LinkError` if it cannot be written."""
        self._request(Command.WRITE_REGISTER, offset, value.to_bytes(4, "little"))

    def read_memory(self, address: int, size: int) -> bytes:
        """As :meth:`Bus.read_memory`; a :class:`LinkError` outside of the memory."""
        parts = []
        for at in range(0, size, MAX_BODY):
            wanted = min(MAX_BODY, size - at)
            part = self._request(Command.READ_MEMORY, address + at, wanted.to_bytes(2, "little"))
            if len(part) != wanted:
                raise LinkError(f"Answer of the board must have {wanted} bytes, not {len(part)}")
            parts.append(part)
        return b"".join(parts)

    def write_memory(self, address: int, data: bytes) -> None:
        """As :meth:`Bus.write_memory`; a :class:`LinkError` outside of the memory."""
        view = bytes(data)
        for at in range(0, len(view), MAX_BODY):
            self._request(Command.WRITE_MEMORY, address + at, view[at:at + MAX_BODY])

    def wait_interrupt(self, timeout: float | None) -> bool:
        """As :meth:`Bus.wait_interrupt`: the board is asked again and again."""
        stop = None if timeout is None else time.monotonic() + timeout
        while True:
            self._request(Command.HELLO, 0)
            if self._interrupt or (stop is not None and time.monotonic() >= stop):
                return self._interrupt

    def _request(self, command: Command, address: int, body: bytes = b"") -> bytes:
        """Send a request until it is answered; the body of the answer."""
        status: int | None = None
        for _ in range(TRIES):
            self._tag = (self._tag + 1) % 256
            self._stream.write(frame(bytes([self._tag, command])
                                     + address.to_bytes(ADDRESS_BYTES, "little") + body))
            answer = self._answer()
            if answer is not None:
                status = answer[1] & ~INTERRUPT
                self._interrupt = bool(answer[1] & INTERRUPT)
                if status == Status.OK:
                    return answer[2:]
                if status != Status.CHECKSUM:
                    break
            self.repeats += 1
        what = f"{command.name} at {address:#x}"
        if status is None:
            raise LinkError(f"Board must answer {what}, and has not in {TRIES} tries")
        meaning = Status(status).name if status in list(Status) else status
        raise LinkError(f"Board must carry out {what}, not answer {meaning}")

    def _answer(self) -> bytes | None:
        """The answer with the tag of the request, or None if it is lost."""
        while data := self._stream.read(2 * MAX_BODY):
            for content in self._reader.feed(data):
                if len(content) >= 2 and content[0] == self._tag:
                    return content
        return None


class _Port:
    """A port of pyserial, whose own ``read`` waits for all bytes."""

    def __init__(self, port: Any):
        self._port = port

    def read(self, size: int) -> bytes:
        return bytes(self._port.read(max(1, min(size, self._port.in_waiting))))

    def write(self, data: bytes) -> None:
        self._port.write(data)
