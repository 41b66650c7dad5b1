"""The container: one encoded matrix in one little-endian file (docs/format.md)."""

import struct
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from ..elements import ELEMENTS
from ..errors import DstcError
from ..fileio import atomic_write, existing_file
from .encoded import EncodedMatrix
from .layout import BITMAP, OFFSET, array_lengths, tiles_along

__all__ = ["MAGIC", "VERSION", "load", "save"]

MAGIC = b"\x89DSTC\r\n\x1a"
"""Not text: a transfer that touches line ends or the eighth bit destroys it."""
VERSION = 1
SECTIONS = ("offsets", "warp", "bitmaps", "values")

# Magic, version, side, tile_outer, tile_k, three zero bytes, element, rows, columns.
_FIXED = struct.Struct("<8sHcBB3x8sQQ")
# Length in bytes, CRC-32, four zero bytes.
_SECTION = struct.Struct("<QI4x")
# Four zero bytes, CRC-32 of everything before.
_END = struct.Struct("<4xI")
_HEADER_BYTES = _FIXED.size + len(SECTIONS) * _SECTION.size + _END.size


class _Header(NamedTuple):
    side: str
    shape: tuple[int, int]
    tile_outer: int
    tile_k: int
    element: str
    lengths: dict[str, int]
    checksums: dict[str, int]

    def pack(self) -> bytes:
        head = _FIXED.pack(MAGIC, VERSION, self.side.encode("latin-1"), self.tile_outer,
                           self.tile_k, self.element.encode("latin-1"), *self.shape)
        head += b"".join(_SECTION.pack(self.lengths[name], self.checksums[name])
                         for name in SECTIONS)
        return head + _END.pack(crc32(head + bytes(4)))

    @property
    def description(self) -> dict[str, Any]:
        return {"side": self.side, "shape": self.shape, "tile_outer": self.tile_outer,
                "tile_k": self.tile_k, "element": self.element}


def save(path: str | Path, encoded: EncodedMatrix) -> None:
    """Write an encoded matrix; the file appears when it is complete.

    Raises
    ------
    DstcError
        If the file cannot be made.
    """
    sections = {name: np.ascontiguousarray(getattr(encoded, name)).reshape(-1).view(np.uint8).data
                for name in SECTIONS}
    header = _Header(encoded.side, encoded.shape, encoded.tile_outer, encoded.tile_k,
                     encoded.element,
                     {name: section.nbytes for name, section in sections.items()},
                     {name: crc32(section) for name, section in sections.items()})
    with atomic_write(path) as file:
        file.write(header.pack())
        for section in sections.values():
            file.write(section)


def load(path: str | Path) -> EncodedMatrix:
    """Read an encoded matrix.

    Lengths are compared with the size of the file before anything is allocated, checksums
    before anything is interpreted, and the parts with each other before anything is returned.

    Raises
    ------
    DstcError
        If the file is not a container, of another version, truncated, corrupt or inconsistent.
    """
    path = existing_file(path)
    with open(path, "rb") as file:
        header = _read_header(file, path)
        try:
            return _read_matrix(file, header, path)
        except DstcError as error:
            raise DstcError(f"{error} (in {path})") from None


def _read_header(file: BinaryIO, path: Path) -> _Header:
    head = file.read(_HEADER_BYTES)
    if not head or head[:len(MAGIC)] != MAGIC[:len(head)]:
        raise DstcError(f"File {path} must be a dstc container, not something else")
    if len(head) < _HEADER_BYTES:
        raise DstcError(f"Header of {path} must be {_HEADER_BYTES} bytes long, not {len(head)}")
    _, version, side, tile_outer, tile_k, element, rows, columns = _FIXED.unpack_from(head)
    if version != VERSION:
        raise DstcError(f"File {path} must be of container version {VERSION}, not {version}")
    stored = _END.unpack_from(head, _HEADER_BYTES - _END.size)[0]
    actual = crc32(head[:-4])
    if actual != stored:
        raise DstcError(f"Header of {path} must have checksum {stored:08x}, not {actual:08x}")
    lengths, checksums = zip(*_SECTION.iter_unpack(head[_FIXED.size:-_END.size]), strict=True)
    header = _Header(side.decode("latin-1"), (rows, columns), tile_outer, tile_k,
                     element.rstrip(b"\0").decode("latin-1"),
                     dict(zip(SECTIONS, lengths, strict=True)),
                     dict(zip(SECTIONS, checksums, strict=True)))
    if header.pack() != head:
        raise DstcError(f"Unused header bytes of {path} must be zero, not set")
    return header


def _read_matrix(file: BinaryIO, header: _Header, path: Path) -> EncodedMatrix:
    counts = array_lengths(**header.description)
    dtypes: dict[str, np.dtype[Any]] = {"offsets": OFFSET, "warp": BITMAP, "bitmaps": BITMAP,
                                        "values": ELEMENTS[header.element].dtype}
    for name, count in counts.items():
        wanted, length = count * dtypes[name].itemsize, header.lengths[name]
        if length != wanted:
            raise DstcError(f"Section {name} must be {wanted} bytes long, not {length}")
    itemsize = dtypes["values"].itemsize
    if header.lengths["values"] % itemsize:
        raise DstcError(f"Section values must be a multiple of {itemsize} bytes long, "
                        f"not {header.lengths['values']}")
    size, wanted = path.stat().st_size, _HEADER_BYTES + sum(header.lengths.values())
    if size != wanted:
        raise DstcError(f"File must be {wanted} bytes long, not {size}")
    arrays = {name: _read_section(file, name, header, dtypes[name]) for name in SECTIONS}
    outer = header.shape[0 if header.side == "A" else 1]
    outer_tiles = tiles_along(outer, header.tile_outer)
    return EncodedMatrix(**header.description, offsets=arrays["offsets"],
                         warp=arrays["warp"].reshape(outer_tiles, -1),
                         bitmaps=arrays["bitmaps"].reshape(outer_tiles, -1, header.tile_k),
                         values=arrays["values"])


def _read_section(file: BinaryIO, name: str, header: _Header, dtype: np.dtype[Any]
                  ) -> NDArray[Any]:
    data = file.read(header.lengths[name])
    stored, actual = header.checksums[name], crc32(data)
    if actual != stored or len(data) != header.lengths[name]:
        raise DstcError(f"Section {name} must have checksum {stored:08x}, not {actual:08x}")
    return np.frombuffer(data, dtype)
