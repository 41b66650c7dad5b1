"""What the accelerator reads and writes in memory, bit by bit: one table for all who need it.

Jobs, program headers and instructions are records of eight little-endian 64-bit words, an entry of
a directory is one word.  Software packs and checks them, the hardware slices its fields and the
documents are printed from the same tables (docs/memory.md).
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import DstcError

__all__ = ["ADDRESS_BITS", "ENTRY", "GRANULE", "JOB", "JOB_MAGIC", "PROGRAM", "PROGRAM_MAGIC",
           "RECORD_BYTES", "RECORD_WORDS", "TILES", "TILES_OPCODE", "RecordField", "RecordSpec"]

RECORD_WORDS = 8
RECORD_BYTES = 8 * RECORD_WORDS
GRANULE = 16
"""Bytes: operands, directories, programs, streams and results start at multiples of it."""
ADDRESS_BITS = 48
"""Bits of an address in a record; a device may have fewer."""
JOB_MAGIC = int.from_bytes(b"DSTJ", "little")
PROGRAM_MAGIC = int.from_bytes(b"DSTP", "little")
TILES_OPCODE = 0x60


@dataclass(frozen=True, kw_only=True)
class RecordField:
    """One field of a record.

    Attributes
    ----------
    name : str
    word, lsb, width : int
        Position: word of the record, lowest bit within it, bits.
    low, stop : int
        Lowest value, and the first that is too high; ``stop`` 0 means ``2 ** width``.
    align : int
        The value must be a multiple of it; of addresses.
    meaning : str
        What it is, in one line.
    """

    name: str
    word: int
    lsb: int
    width: int
    meaning: str
    low: int = 0
    stop: int = 0
    align: int = 1

    @property
    def mask(self) -> int:
        """The field's bits in its word."""
        return (1 << self.width) - 1 << self.lsb

    @property
    def limit(self) -> int:
        """First value that is too high."""
        return self.stop or 1 << self.width

    def check(self, value: int, owner: str) -> None:
        """Raise a :class:`DstcError` if ``value`` is out of range or not aligned."""
        if not self.low <= value < self.limit:
            raise DstcError(f"Field {self.name} of {owner} must be from {self.low} to "
                            f"{self.limit - 1}, not {value}")
        if value % self.align:
            raise DstcError(f"Field {self.name} of {owner} must be a multiple of {self.align}, "
                            f"not {value:#x}")


@dataclass(frozen=True, kw_only=True)
class RecordSpec:
    """Layout of a record; bits that no field uses are zero."""

    name: str
    meaning: str
    fields: tuple[RecordField, ...]
    words: int = RECORD_WORDS

    def __getitem__(self, name: str) -> RecordField:
        for field in self.fields:
            if field.name == name:
                return field
        raise KeyError(name)

    def reserved(self, word: int) -> int:
        """Mask of the bits of a word that must be zero."""
        used = 0
        for field in self.fields:
            if field.word == word:
                used |= field.mask
        return ~used & (1 << 64) - 1

    def pack(self, **values: int) -> NDArray[np.uint64]:
        """The words; every field is named.

        Raises
        ------
        DstcError
            If a field is missing, unknown, out of range or not aligned.
        """
        names = [field.name for field in self.fields]
        if sorted(names) != sorted(values):
            raise DstcError(f"Fields of {self.name} must be {', '.join(names)}, not "
                            f"{', '.join(values) or 'none'}")
        words = [0] * self.words
        for field in self.fields:
            field.check(values[field.name], self.name)
            words[field.word] |= values[field.name] << field.lsb
        return np.array(words, np.uint64)

    def unpack(self, words: Iterable[int]) -> dict[str, int]:
        """The fields of some words, unchecked."""
        listed = [int(word) for word in words]
        return {field.name: (listed[field.word] & field.mask) >> field.lsb
                for field in self.fields}


def _address(name: str, word: int, meaning: str, align: int = GRANULE) -> RecordField:
    return RecordField(name=name, word=word, lsb=0, width=ADDRESS_BITS, align=align,
                       meaning=meaning)


def _field(name: str, word: int, lsb: int, width: int, meaning: str, low: int = 0, stop: int = 0
           ) -> RecordField:
    return RecordField(name=name, word=word, lsb=lsb, width=width, low=low, stop=stop,
                       meaning=meaning)


JOB = RecordSpec(name="job", meaning="one entry of the ring of jobs", fields=(
    _field("magic", 0, 0, 32, "`DSTJ`", JOB_MAGIC, JOB_MAGIC + 1),
    _field("version", 0, 32, 8, "major version of the layouts", 1, 2),
    *(_address(f"program{n}", 1 + n, f"program of core {n}; 0: the core has none", RECORD_BYTES)
      for n in range(4)),
    _field("tag", 5, 0, 64, "anything; the device gives it back in `JOB_TAG`"),
))
"""One job: a program for each core that takes part."""

PROGRAM = RecordSpec(name="program header", meaning="first record of a program", fields=(
    _field("magic", 0, 0, 32, "`DSTP`", PROGRAM_MAGIC, PROGRAM_MAGIC + 1),
    _field("version", 0, 32, 8, "major version of the layouts", 1, 2),
    _field("lowered", 0, 40, 1, "1: A tiles come from the im2col unit; 0: from memory"),
    _field("instructions", 1, 0, 32, "`TILES` records that follow", 1),
    _field("post_words", 1, 32, 32, "words for the epilogue", 1),
    _address("post", 2, "words for the epilogue"),
    _address("gather", 3, "words for the im2col unit"),
    _field("gather_words", 4, 0, 32, "how many; 0 unless `lowered`"),
    _field("x_records", 4, 32, 32, "feature map records for the im2col unit; 0 unless `lowered`"),
    _address("x_list", 5, "32-bit numbers of the directory words that are their entries"),
    _address("x_directory", 6, "the directory that they count from"),
    _field("config_id", 7, 0, 32, "register `CONFIG_ID` of the device that it is for"),
))
"""Header of a program."""

TILES = RecordSpec(name="TILES", meaning="one output tile, or two neighbours of a row", fields=(
    _field("opcode", 0, 0, 8, "0x60", TILES_OPCODE, TILES_OPCODE + 1),
    _field("pair", 0, 8, 1, "1: two output tiles, of this column of B tiles and the next"),
    _field("dense", 0, 9, 1, "1: every tile pair, by `WMMA`; 0: what the warp bitmaps say"),
    _field("load_c", 0, 10, 1, "1: sums start from C; 0: from +0"),
    _field("raw", 0, 11, 1, "1: accumulators; 0: tile records of the next feature map"),
    _field("ktiles", 0, 16, 16, "k-tiles of the operands", 1),
    _address("a", 1, "directory row of the A tiles; 0 if the program is `lowered`"),
    _address("b", 2, "directory row of the (first) column of B tiles"),
    _address("c", 3, "C tile; of a pair, the second follows"),
    _address("result", 4, "D tile, or slot of the first record; further ones follow"),
    _address("y", 5, "directory row of the records that are written; 0 if `raw`"),
    _field("y_ktiles", 6, 0, 16, "k-tiles of that row"),
    _field("y_first", 6, 16, 16, "k-tile of the first record"),
    _field("blocks0", 6, 32, 6, "records of the first output tile; 0 if `raw`"),
    _field("blocks1", 6, 40, 6, "records of the second; 0 if `raw` or not `pair`"),
))
"""The instruction: it computes one output tile, or two that share their A tiles."""

ENTRY = RecordSpec(name="directory entry", words=1, meaning="where a tile record is", fields=(
    _field("place", 0, 0, ADDRESS_BITS - 4, "address of the record, in units of 16 bytes"),
    _field("beats", 0, 44, 16, "beats of the record on the core's port", 1),
))
"""Entry of a directory row."""
