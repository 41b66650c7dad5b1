"""What is in the memory of a device, read as its documents say (docs/memory.md, docs/format.md).

Nothing here is shared with the code that writes these bytes.
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dstc.accelerator.records import ENTRY, PROGRAM, RECORD_BYTES, TILES, RecordSpec
from dstc.config import Config

__all__ = ["Entry", "Instruction", "Program", "Read", "Side", "chunk_count", "entry_at",
           "read_program", "row_stride", "words_at"]

Read = Callable[[int, int], bytes]
"""Bytes of the memory: address, size."""
CHUNK_TILES = 128
CHUNK_BYTES = 16
ENTRY_BYTES = 8


def words_at(read: Read, address: int, count: int) -> tuple[int, ...]:
    """64-bit words of the memory."""
    return struct.unpack(f"<{count}Q", read(address, 8 * count))


def _fields(read: Read, spec: RecordSpec, address: int) -> dict[str, int]:
    return spec.unpack(words_at(read, address, spec.words))


@dataclass(frozen=True)
class Instruction:
    """One ``TILES`` record: where it is and its fields."""

    address: int
    fields: dict[str, int]

    @property
    def columns(self) -> Iterator[int]:
        """Address of the directory row of each column of B tiles."""
        yield self.fields["b"]
        if self.fields["pair"]:
            yield self.fields["b"] + row_stride(self.fields["ktiles"])


@dataclass(frozen=True)
class Program:
    """A program: its core, where it is, the fields of its header, its instructions."""

    core: int
    address: int
    header: dict[str, int]
    instructions: tuple[Instruction, ...]


def read_program(read: Read, core: int, address: int) -> Program:
    """The program at an address, unchecked."""
    header = _fields(read, PROGRAM, address)
    places = [address + RECORD_BYTES * (1 + n) for n in range(header["instructions"])]
    return Program(core, address, header,
                   tuple(Instruction(at, _fields(read, TILES, at)) for at in places))


def chunk_count(ktiles: int) -> int:
    """16-byte chunks of the warp bitmap of a directory row."""
    return -(-ktiles // CHUNK_TILES)


def row_stride(ktiles: int) -> int:
    """Bytes from one row of a directory to the next."""
    return chunk_count(ktiles) * CHUNK_BYTES + -(-ktiles // 2) * 2 * ENTRY_BYTES


@dataclass(frozen=True)
class Entry:
    """An entry of a directory: where it is, and the record that it leads to."""

    address: int
    word: int

    @property
    def record(self) -> int:
        """Address of the record."""
        return 16 * (self.word >> ENTRY["place"].lsb & (1 << ENTRY["place"].width) - 1)

    @property
    def beats(self) -> int:
        """Beats of the record."""
        return self.word >> ENTRY["beats"].lsb & (1 << ENTRY["beats"].width) - 1

    @property
    def reserved(self) -> int:
        """Bits that must be zero."""
        return self.word & ENTRY.reserved(0)


def entry_at(read: Read, row: int, ktiles: int, ktile: int) -> Entry:
    """The entry of a k-tile in a directory row."""
    address = row + chunk_count(ktiles) * CHUNK_BYTES + ktile * ENTRY_BYTES
    return Entry(address, words_at(read, address, 1)[0])


class Side:
    """Records of one side: A (feature maps too) or B.

    Parameters
    ----------
    config : Config
    letter : str
        ``A`` or ``B``.

    Attributes
    ----------
    span : int
        Rows of an A tile, columns of a B tile.
    beat_bytes : int
    bitmap_beats, most_beats : int
        Beats of the bitmaps, and of a full tile.
    """

    def __init__(self, config: Config, letter: str):
        self.letter = letter
        self.span = config.tile_m if letter == "A" else config.tile_n
        beat_bits = config.a_beat_bits if letter == "A" else config.b_beat_bits
        self._dtype = config.format.dtype
        self._steps = config.tile_k
        self._beat_values = beat_bits // config.element_bits
        self.beat_bytes = beat_bits // 8
        self.bitmap_beats = -(-self._steps * self.span // beat_bits)
        self.most_beats = self.beats_of(self._steps * self.span)

    def beats_of(self, values: int) -> int:
        """Beats of a record with so many values."""
        return self.bitmap_beats + -(-values // self._beat_values)

    def values_in(self, read: Read, record: int) -> int:
        """How many values the bitmaps of a record promise."""
        bits = read(record, self._steps * self.span // 8)
        return int.from_bytes(bits, "little").bit_count()

    def tile(self, read: Read, record: int) -> NDArray:
        """The tile of a record as elements, ``[k, position]``."""
        bits = int.from_bytes(read(record, self._steps * self.span // 8), "little")
        width = self._dtype.itemsize
        data = read(record + self.bitmap_beats * self.beat_bytes, bits.bit_count() * width)
        tile = np.zeros(self._steps * self.span, self._dtype)
        where = [n for n in range(tile.size) if bits >> n & 1]
        tile[where] = np.frombuffer(data, self._dtype)
        return tile.reshape(self._steps, self.span)
