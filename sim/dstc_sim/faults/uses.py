"""What a job fetches: warp chunks, directory entries and records, and for which cores."""

import struct
from dataclasses import dataclass, field

from dstc.accelerator.registers import DeviceErrorCode
from dstc.conv.words import ConvErrorCode
from dstc.isa import ErrorCode

from .image import (
    CHUNK_BYTES,
    CHUNK_TILES,
    Entry,
    Instruction,
    Program,
    Read,
    Side,
    chunk_count,
    entry_at,
    words_at,
)
from .oracle import Error
from .scenario import Scenario

__all__ = ["ChunkUse", "EntryUse", "Uses"]

CODES: dict[str, int] = {"A": ErrorCode.A_RECORD, "B": ErrorCode.B_RECORD,
                         "X": ConvErrorCode.FEATURE_RECORD}


@dataclass
class EntryUse:
    """An entry that is read, by some cores, for a record of A, of B or of a feature map (X)."""

    entry: Entry
    letter: str
    side: Side
    cores: set[int] = field(default_factory=set)

    def errors(self, code: int, address: int) -> frozenset[Error]:
        """An error that any of the cores may report."""
        return frozenset(Error(code, core, address) for core in self.cores)

    @property
    def record_errors(self) -> frozenset[Error]:
        """Of a record whose length is wrong."""
        return self.errors(CODES[self.letter], self.entry.record)

    @property
    def directory_errors(self) -> frozenset[Error]:
        """Of a wrong entry."""
        return self.errors(DeviceErrorCode.DIRECTORY, self.entry.address)


@dataclass
class ChunkUse:
    """A chunk of a warp bitmap that is read, how many of its bits stand for k-tiles, and the cores.
    """

    address: int
    bits: int
    cores: set[int] = field(default_factory=set)


class Uses:
    """Everything that the programs of a scenario read on the way to their records.

    Attributes
    ----------
    entries : dict of EntryUse
        By address, those that are read.
    idle : dict of Entry
        Those between them that are not, because the partner of the tile is empty.
    chunks : dict of ChunkUse
        By address.
    """

    def __init__(self, scenario: Scenario):
        self.entries: dict[int, EntryUse] = {}
        self.idle: dict[int, Entry] = {}
        self.chunks: dict[int, ChunkUse] = {}
        self._read: Read = scenario.read
        self._sides = {letter: Side(scenario.accelerator.core, letter) for letter in "AB"}
        for program in scenario.programs:
            for instruction in program.instructions:
                self._instruction(program, instruction)
            if program.header["lowered"]:
                self._feature_records(program)
        for address in self.entries:
            self.idle.pop(address, None)

    def _instruction(self, program: Program, instruction: Instruction) -> None:
        fields = instruction.fields
        ktiles, lowered = fields["ktiles"], bool(program.header["lowered"])
        every = (1 << ktiles) - 1
        columns = list(instruction.columns)
        b = [every if fields["dense"] else self._warp(program, row, ktiles) for row in columns]
        a = every if lowered or fields["dense"] else self._warp(program, fields["a"], ktiles)
        both = 0
        for row, mask in zip(columns, b, strict=True):
            self._row(program, "B", row, ktiles, a & mask)
            both |= a & mask
        if not lowered:
            self._row(program, "A", fields["a"], ktiles, both)

    def _warp(self, program: Program, row: int, ktiles: int) -> int:
        bits = 0
        for n in range(chunk_count(ktiles)):
            address = row + n * CHUNK_BYTES
            used = min(CHUNK_TILES, ktiles - n * CHUNK_TILES)
            self.chunks.setdefault(address, ChunkUse(address, used)).cores.add(program.core)
            bits |= int.from_bytes(self._read(address, CHUNK_BYTES), "little") << n * CHUNK_TILES
        return bits

    def _row(self, program: Program, letter: str, row: int, ktiles: int, mask: int) -> None:
        for ktile in range(ktiles):
            entry = entry_at(self._read, row, ktiles, ktile)
            if mask >> ktile & 1:
                self._use(program, letter, entry)
            else:
                self.idle[entry.address] = entry

    def _use(self, program: Program, letter: str, entry: Entry) -> None:
        side = self._sides["B" if letter == "B" else "A"]
        use = self.entries.setdefault(entry.address, EntryUse(entry, letter, side))
        use.cores.add(program.core)

    def _feature_records(self, program: Program) -> None:
        header = program.header
        data = self._read(header["x_list"], 4 * header["x_records"])
        for (number,) in struct.iter_unpack("<I", data):
            address = header["x_directory"] + 8 * number
            self._use(program, "X", Entry(address, words_at(self._read, address, 1)[0]))
