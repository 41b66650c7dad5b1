"""What a device must make of a product in its memory, whatever is in there.

An independent reading of docs/memory.md and docs/registers.md: every error that the bytes contain,
and the result if they contain none.  It knows no timing: of several errors a device may report any.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from dstc.accelerator.parameters import BURST_BYTES, AcceleratorConfig
from dstc.accelerator.records import PROGRAM, TILES, RecordSpec
from dstc.accelerator.registers import DeviceErrorCode
from dstc.golden import matmul
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

__all__ = ["Error", "ProductOracle", "Verdict", "malformed"]

RECORD_CODES = {"A": ErrorCode.A_RECORD, "B": ErrorCode.B_RECORD}


@dataclass(frozen=True, order=True)
class Error:
    """What registers ERROR and ERROR_ADDRESS must say; an address of None is not looked at."""

    code: int
    core: int
    address: int | None


@dataclass
class Verdict:
    """Every error, and every result tile by its address; without errors the tiles count."""

    errors: set[Error] = field(default_factory=set)
    tiles: dict[int, NDArray] = field(default_factory=dict)


def malformed(spec: RecordSpec, words: tuple[int, ...]) -> bool:
    """Whether a record has a reserved bit, or a field out of range or not aligned."""
    values = spec.unpack(words)
    return any(word & spec.reserved(n) for n, word in enumerate(words)) or any(
        not each.low <= values[each.name] < each.limit or values[each.name] % each.align
        for each in spec.fields)


class ProductOracle:
    """Reads programs of products with raw results.

    Parameters
    ----------
    accelerator : AcceleratorConfig
    read : callable
        Bytes of the memory.
    window : range
        Addresses that the device may access.
    """

    def __init__(self, accelerator: AcceleratorConfig, read: Read, window: range):
        self._accelerator = accelerator
        self._config = accelerator.core
        self._read = read
        self._window = window
        self._sides = {letter: Side(self._config, letter) for letter in "AB"}

    def judge(self, programs: list[Program]) -> Verdict:
        """Errors and results of a job."""
        verdict = Verdict()
        for program in programs:
            for instruction in program.instructions:
                self._instruction(verdict, program, instruction)
        return verdict

    def outside(self, address: int, size: int) -> int | None:
        """First burst of an access that leaves the window, or None."""
        bus = self._accelerator.data_bytes
        start, stop = address // bus * bus, -(-(address + size) // bus) * bus
        while start < stop:
            end = min(stop, (start // BURST_BYTES + 1) * BURST_BYTES)
            if start < self._window.start or end > self._window.stop:
                return start
            start = end
        return None

    def header_is_wrong(self, address: int) -> bool:
        """Whether the device must refuse a program at its header."""
        words = words_at(self._read, address, PROGRAM.words)
        fields = PROGRAM.unpack(words)
        return (malformed(PROGRAM, words) or fields["config_id"] != self._accelerator.config_id
                or (not fields["lowered"] and bool(fields["gather_words"] or fields["x_records"])))

    def _instruction(self, verdict: Verdict, program: Program, instruction: Instruction) -> None:
        fields, core = instruction.fields, program.core
        words = words_at(self._read, instruction.address, TILES.words)
        if malformed(TILES, words) or (fields["raw"] and (
                fields["y"] or fields["blocks0"] or fields["blocks1"])):
            verdict.errors.add(Error(DeviceErrorCode.INSTRUCTION, core, instruction.address))
            return
        size = 4 * self._config.tile_m * self._config.tile_n
        columns = list(instruction.columns)
        if fields["load_c"]:
            self._access(verdict, core, fields["c"], size * len(columns))
        self._access(verdict, core, fields["result"], size * len(columns))
        rows = {"A": fields["a"], **{f"B{n}": row for n, row in enumerate(columns)}}
        masks = {name: self._warp(verdict, core, row, fields) for name, row in rows.items()}
        if None in masks.values():
            return
        work = {name: [a and b for a, b in zip(masks["A"] or (), masks[name] or (), strict=True)]
                for name in rows if name != "A"}
        work["A"] = [any(bits) for bits in zip(*work.values(), strict=True)]
        tiles = {name: dict(self._tiles(verdict, core, name[0], row, fields["ktiles"], work[name]))
                 for name, row in rows.items()}
        if not verdict.errors:
            self._multiply(verdict, fields, tiles)

    def _access(self, verdict: Verdict, core: int, address: int, size: int) -> bool:
        burst = self.outside(address, size)
        if burst is not None:
            verdict.errors.add(Error(DeviceErrorCode.ADDRESS, core, burst))
        return burst is None

    def _warp(self, verdict: Verdict, core: int, row: int, fields: dict[str, int]
              ) -> list[bool] | None:
        """Which k-tiles of a row are not empty, by its warp bitmap."""
        ktiles = fields["ktiles"]
        if fields["dense"]:
            return [True] * ktiles
        if not self._access(verdict, core, row, chunk_count(ktiles) * CHUNK_BYTES):
            return None
        bits = int.from_bytes(self._read(row, chunk_count(ktiles) * CHUNK_BYTES), "little")
        if bits >> ktiles:
            last = row + (chunk_count(ktiles) - 1) * CHUNK_BYTES
            assert ktiles > (chunk_count(ktiles) - 1) * CHUNK_TILES
            verdict.errors.add(Error(DeviceErrorCode.DIRECTORY, core, last))
            return None
        return [bool(bits >> n & 1) for n in range(ktiles)]

    def _tiles(self, verdict: Verdict, core: int, letter: str, row: int, ktiles: int,
               work: list[bool]) -> Iterator[tuple[int, NDArray]]:
        """The tiles that are fetched, by k-tile."""
        side = self._sides[letter]
        for ktile, wanted in enumerate(work):
            entry_address = row + chunk_count(ktiles) * CHUNK_BYTES + 8 * ktile
            if not wanted or not self._access(verdict, core, entry_address, 8):
                continue
            entry = entry_at(self._read, row, ktiles, ktile)
            error = self.record_error(side, entry)
            if error is None:
                yield ktile, side.tile(self._read, entry.record)
            else:
                verdict.errors.add(Error(error[0], core, error[1]))

    def record_error(self, side: Side, entry: Entry) -> tuple[int, int] | None:
        """Code and address of what is wrong with an entry or its record, if it is fetched."""
        if entry.reserved or not 1 <= entry.beats <= side.most_beats:
            return DeviceErrorCode.DIRECTORY, entry.address
        burst = self.outside(entry.record, entry.beats * side.beat_bytes)
        if burst is not None:
            return DeviceErrorCode.ADDRESS, burst
        if entry.beats != side.beats_of(side.values_in(self._read, entry.record)):
            return RECORD_CODES[side.letter], entry.record
        return None

    def _multiply(self, verdict: Verdict, fields: dict[str, int],
                  tiles: dict[str, dict[int, NDArray]]) -> None:
        """The result tiles of an instruction."""
        config = self._config
        shape = config.tile_m, config.tile_n
        size = 4 * shape[0] * shape[1]

        def whole(name: str, span: int) -> NDArray:
            empty = np.zeros((config.tile_k, span), config.format.dtype)
            return np.concatenate([tiles[name].get(k, empty) for k in range(fields["ktiles"])])

        for n in range(1 + fields["pair"]):
            c = None
            if fields["load_c"]:
                data = self._read(fields["c"] + n * size, size)
                c = np.frombuffer(data, config.format.acc_dtype).reshape(shape)
            verdict.tiles[fields["result"] + n * size] = matmul(
                np.ascontiguousarray(whole("A", shape[0]).T), whole(f"B{n}", shape[1]), c)
