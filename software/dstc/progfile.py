"""Program files: assembly text, hexadecimal text and the binary form (docs/isa.md)."""

import re
import struct
import zlib
from pathlib import Path

import numpy as np

from .errors import DstcError
from .fileio import existing_file

__all__ = ["MAGIC", "load_program", "program_bytes", "program_hex", "read_text"]

MAGIC = b"DSTCPROG"
VERSION = 1
_HEADER = struct.Struct("<8sHHIQ")
_WORD = np.dtype("<u8")
_HEX_LINE = re.compile(r"(?:0[xX])?([0-9A-Fa-f]{1,16})")
_HEX_COMMENT = re.compile(r"(//|;|#).*", re.DOTALL)


def program_bytes(words: np.ndarray, config_name: str) -> bytes:
    """The binary form of ``uint64`` words for the configuration of that name."""
    name = config_name.encode("ascii")
    body = name + bytes(-len(name) % 8) + np.asarray(words, dtype=_WORD).tobytes()
    return _HEADER.pack(MAGIC, VERSION, len(name), zlib.crc32(body), len(words)) + body


def program_hex(words: np.ndarray) -> str:
    """The hexadecimal text of ``uint64`` words."""
    return "".join(f"{int(word):016x}\n" for word in words)


def _from_binary(content: bytes, path: object) -> tuple[np.ndarray, str]:
    if len(content) < _HEADER.size:
        raise DstcError(f"Program file {path} must be at least {_HEADER.size} bytes, "
                        f"not {len(content)}")
    _, version, name_bytes, crc, count = _HEADER.unpack_from(content)
    if version != VERSION:
        raise DstcError(f"Program file {path} must be of version {VERSION}, not {version}")
    start = _HEADER.size + name_bytes + -name_bytes % 8
    if len(content) != start + count * _WORD.itemsize:
        raise DstcError(f"Program file {path} must be {start + count * _WORD.itemsize} bytes as "
                        f"its header says, not {len(content)}")
    if zlib.crc32(content[_HEADER.size:]) != crc:
        raise DstcError(f"Program file {path} must have the checksum {crc:#010x}, not "
                        f"{zlib.crc32(content[_HEADER.size:]):#010x}")
    name = content[_HEADER.size:_HEADER.size + name_bytes]
    if not name.isascii():
        raise DstcError(f"Program file {path} must name its configuration in ASCII, not {name!r}")
    return np.frombuffer(content, _WORD, offset=start).astype(np.uint64), name.decode("ascii")


def _from_hex(content: bytes, path: object) -> np.ndarray:
    words = []
    for number, row in enumerate(content.decode("utf-8", "replace").split("\n"), 1):
        text = _HEX_COMMENT.sub("", row).strip()
        match = _HEX_LINE.fullmatch(text)
        if match:
            words.append(int(match.group(1), 16))
        elif text:
            raise DstcError(f"Line {number} of program file {path} must be one word of 1 to 16 "
                            f"hexadecimal digits, not {text[:40]!r}")
    return np.array(words, dtype=np.uint64)


def read_text(path: str | Path) -> str:
    """Assembly text from a file, in UTF-8.

    Raises
    ------
    DstcError
        If there is no such file, or it is not text.
    """
    content = existing_file(path).read_bytes()
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DstcError(f"Assembly file {path} must be UTF-8 text, not byte "
                        f"{content[error.start]:#04x} at offset {error.start}") from None


def load_program(path: str | Path) -> tuple[np.ndarray, str | None]:
    """Read the binary form or hexadecimal text, told apart by the magic.

    Returns
    -------
    words : numpy.ndarray
        ``uint64[words]``; not yet checked against any configuration.
    config_name : str or None
        Name of the configuration that the program was assembled for; only the binary form
        tells.

    Raises
    ------
    DstcError
        If there is no such file, or it is truncated, corrupt or neither of the two.
    """
    content = existing_file(path).read_bytes()
    if content.startswith(MAGIC):
        return _from_binary(content, path)
    return _from_hex(content, path), None
