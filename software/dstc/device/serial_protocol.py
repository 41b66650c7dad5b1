"""The protocol of a serial line to a board (docs/fpga.md): frames, commands, answers.

The hardware is made from the same constants (``dstc_hdl.board``).
"""

import enum
import struct
import zlib
from dataclasses import dataclass

from ..errors import DstcError

__all__ = ["ADDRESS_BYTES", "BAUD", "CHECK_BYTES", "ESCAPE", "FLAG", "FLIP", "HEADER_BYTES",
           "HELLO", "INTERRUPT", "MAX_BODY", "PROTOCOL_VERSION", "Command", "FrameReader", "Hello",
           "Status", "frame"]

FLAG, ESCAPE, FLIP = 0x7E, 0x7D, 0x20
"""Framing of RFC 1662: ``FLAG`` begins and ends a frame; both are sent inside of it as ``ESCAPE``
and the byte with ``FLIP`` inverted."""
CHECK_BYTES = 4
"""CRC-32 of RFC 1662 (that of Ethernet) over everything before it, lowest byte first."""
ADDRESS_BYTES = 4
HEADER_BYTES = 2 + ADDRESS_BYTES
"""Of a request: tag, command, address.  An answer has tag and status."""
MAX_BODY = 1024
"""Bytes of memory that a request may carry or ask for."""
INTERRUPT = 0x80
"""Bit of the status byte: level of the interrupt line."""
PROTOCOL_VERSION = 1
BAUD = 1_000_000


class Command(enum.IntEnum):
    """What a request asks for; numbers go lowest byte first."""

    HELLO = 0
    READ_REGISTER = 1
    WRITE_REGISTER = 2
    READ_MEMORY = 3
    WRITE_MEMORY = 4


class Status(enum.IntEnum):
    """How it went; without ``OK`` nothing was done and the answer has no body."""

    OK = 0
    CHECKSUM = 1
    COMMAND = 2
    LENGTH = 3
    ADDRESS = 4
    REGISTER = 5


HELLO = struct.Struct("<BIII")
"""Body of the answer to ``HELLO``: version of the protocol, first address and size of the memory,
clock in Hz."""


@dataclass(frozen=True)
class Hello:
    """What a board says of itself.

    Attributes
    ----------
    version : int
    memory : range
        Addresses of its memory.
    clock : int
        Hz.
    """

    version: int
    memory: range
    clock: int

    @classmethod
    def unpack(cls, body: bytes) -> "Hello":
        """Read the body of an answer.

        Raises
        ------
        DstcError
            If it has another length.
        """
        if len(body) != HELLO.size:
            raise DstcError(f"Answer of the board must have {HELLO.size} bytes, not {len(body)}")
        version, first, size, clock = HELLO.unpack(body)
        return cls(version, range(first, first + size), clock)

    def pack(self) -> bytes:
        """The inverse of :meth:`unpack`."""
        return HELLO.pack(self.version, self.memory.start, len(self.memory), self.clock)


def frame(content: bytes) -> bytes:
    """The bytes on the line: flags, escapes and checksum added."""
    checked = content + zlib.crc32(content).to_bytes(CHECK_BYTES, "little")
    # The escape byte first: the other one adds some.
    escaped = checked.replace(bytes([ESCAPE]), bytes([ESCAPE, ESCAPE ^ FLIP]))
    escaped = escaped.replace(bytes([FLAG]), bytes([ESCAPE, FLAG ^ FLIP]))
    return bytes([FLAG]) + escaped + bytes([FLAG])


class FrameReader:
    """Finds frames in what comes from a line, in pieces of any size."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Contents of the frames that are complete now and whose checksum is right.

        What is before the first flag, or has a wrong checksum, is dropped.
        """
        *parts, self._rest = (self._rest + data).split(bytes([FLAG]))
        contents = (_unescape(part) for part in parts if part)
        return [content[:-CHECK_BYTES] for content in contents
                if len(content) > CHECK_BYTES
                and zlib.crc32(content[:-CHECK_BYTES]).to_bytes(CHECK_BYTES, "little")
                == content[-CHECK_BYTES:]]


def _unescape(part: bytes) -> bytes:
    first, *others = part.split(bytes([ESCAPE]))
    return first + b"".join(bytes([other[0] ^ FLIP]) + other[1:] for other in others if other)
