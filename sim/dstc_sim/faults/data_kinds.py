"""Faults of data: directories, warp bitmaps, records, and addresses that lead out of the window."""

from collections.abc import Iterator
from functools import partial

from dstc.accelerator.records import ENTRY, PROGRAM, TILES
from dstc.accelerator.registers import DeviceErrorCode

from .catalogue import Fault, Maker, Workbench, flip, overwrite
from .image import CHUNK_BYTES, Instruction, Program, row_stride, words_at
from .oracle import Error
from .uses import EntryUse

__all__ = ["addresses", "directories", "records", "warp_bitmaps", "windows"]


def _entry_poke(use: EntryUse, name: str, value: int) -> tuple[int, bytes]:
    spec = ENTRY[name]
    return overwrite((use.entry.word,), use.entry.address, 0, spec.lsb, spec.width, value)


def directories(bench: Workbench) -> Iterator[Maker]:
    """Entries: reserved bits and lengths that no record has; of records nobody fetches as well."""
    kind = "directory entry"
    for use in bench.uses.entries.values():
        data, at = use.entry.word.to_bytes(8, "little"), use.entry.address
        what = f"entry of {use.letter} at {at:#x}"
        reserved = (bit for bit in range(64) if ENTRY.reserved(0) >> bit & 1)
        yield from bench.flips(kind, what, data, at, reserved, use.directory_errors)
        for beats in (0, use.side.most_beats + 1, 0xFFFF):
            yield partial(Fault, kind=kind, what=f"{what}, {beats} beats",
                          pokes=(_entry_poke(use, "beats", beats),), errors=use.directory_errors)
    for entry in bench.uses.idle.values():
        data, at = entry.word.to_bytes(8, "little"), entry.address
        yield from bench.flips(kind, f"entry at {at:#x}, not fetched", data, at, iter((44, 63)),
                               frozenset())


def warp_bitmaps(bench: Workbench) -> Iterator[Maker]:
    """Bits at and past the last k-tile; of products also any other bit."""
    kind = "warp bitmap"
    for chunk in bench.uses.chunks.values():
        data = bench.scenario.read(chunk.address, CHUNK_BYTES)
        what = f"warp bitmap at {chunk.address:#x}"
        past = frozenset(Error(DeviceErrorCode.DIRECTORY, core, chunk.address)
                         for core in chunk.cores)
        yield from bench.flips(kind, f"{what}, past the last k-tile", data, chunk.address,
                               iter(range(chunk.bits, 8 * CHUNK_BYTES)), past)
        if bench.product:
            for bit in range(chunk.bits):
                yield partial(bench.judged, kind, f"{what}, bit {bit} flipped",
                              flip(data, chunk.address, bit))


def records(bench: Workbench) -> Iterator[Maker]:
    """Bitmaps and lengths that disagree; of products every other bit of a record as well."""
    kind = "record"
    for use in bench.uses.entries.values():
        side, entry = use.side, use.entry
        what = f"record of {use.letter} at {entry.record:#x}"
        for beats in {entry.beats - 1, entry.beats + 1, side.most_beats, 1} - {entry.beats}:
            if 1 <= beats <= side.most_beats:
                yield partial(Fault, kind=kind, what=f"{what}, {beats} beats for {entry.beats}",
                              pokes=(_entry_poke(use, "beats", beats),), errors=use.record_errors)
        data = bench.scenario.read(entry.record, entry.beats * side.beat_bytes)
        values = side.values_in(bench.scenario.read, entry.record)
        for bit in range(8 * len(data)):
            poke, text = flip(data, entry.record, bit), f"{what}, bit {bit} flipped"
            in_bitmap = bit < side.span * bench.scenario.accelerator.core.tile_k
            promised = values + (-1 if data[bit // 8] >> bit % 8 & 1 else 1)
            if in_bitmap and side.beats_of(promised) != entry.beats:
                yield partial(Fault, kind=kind, what=text, pokes=(poke,), errors=use.record_errors)
            elif bench.product:
                yield partial(bench.judged, kind, text, poke)


def addresses(bench: Workbench) -> Iterator[Maker]:
    """Every field that is an address, leading out of the window."""
    scenario = bench.scenario
    for program in scenario.programs:
        yield from _header_addresses(bench, program)
        for number, instruction in enumerate(program.instructions):
            yield from _instruction_addresses(bench, program, number, instruction)
    for use in bench.uses.entries.values():
        for outside in bench.outside:
            size = use.entry.beats * use.side.beat_bytes
            burst = bench.oracle.outside(outside, size)
            if burst is not None:
                yield partial(Fault, kind="address",
                              what=f"entry of {use.letter} at {use.entry.address:#x} leads to "
                                   f"{outside:#x}",
                              pokes=(_entry_poke(use, "place", outside // 16),),
                              errors=use.errors(DeviceErrorCode.ADDRESS, burst))


def _address(bench: Workbench, what: str, core: int, poke: tuple[int, bytes],
             *accesses: tuple[int, int]) -> Iterator[Maker]:
    """A fault whose first accesses are those: address and size."""
    bursts = {bench.oracle.outside(*access) for access in accesses} - {None}
    if bursts:
        yield partial(Fault, kind="address", what=what, pokes=(poke,), errors=frozenset(
            Error(DeviceErrorCode.ADDRESS, core, burst) for burst in bursts))


def _header_addresses(bench: Workbench, program: Program) -> Iterator[Maker]:
    header, at = program.header, program.address
    words = words_at(bench.scenario.read, at, PROGRAM.words)
    sizes = {"post": 8 * header["post_words"], "gather": 8 * header["gather_words"],
             "x_list": 4 * header["x_records"]}
    for name, size in sizes.items():
        for outside in bench.outside if size else ():
            spec = PROGRAM[name]
            yield from _address(bench, f"{name} of core {program.core} at {outside:#x}",
                                program.core, overwrite(words, at, spec.word, spec.lsb,
                                                        spec.width, outside), (outside, size))


def _instruction_addresses(bench: Workbench, program: Program, number: int,
                           instruction: Instruction) -> Iterator[Maker]:
    fields, at = instruction.fields, instruction.address
    words = words_at(bench.scenario.read, at, TILES.words)
    tile = 4 * bench.scenario.accelerator.core.tile_m * bench.scenario.accelerator.core.tile_n
    names = [name for name, used in (
        ("a", not program.header["lowered"]), ("b", True), ("c", fields["load_c"]),
        ("result", True), ("y", not fields["raw"])) if used]
    for name in names:
        for outside in bench.outside:
            spec = TILES[name]
            poke = overwrite(words, at, spec.word, spec.lsb, spec.width, outside)
            what = f"{name} of instruction {number} of core {program.core} at {outside:#x}"
            if bench.product:
                yield partial(bench.judged, "address", what, poke)
            elif name in ("a", "b"):
                rows = [outside] + [outside + row_stride(fields["ktiles"])] * (
                    name == "b" and fields["pair"])
                yield from _address(bench, what, program.core, poke,
                                    *((row, CHUNK_BYTES) for row in rows))
            elif name == "result":
                yield from _address(bench, what, program.core, poke, (outside, tile))
            else:
                # Warp word or entry, whichever is written first.
                entries = outside + row_stride(fields["y_ktiles"])
                yield from _address(bench, what, program.core, poke, (outside, 1), *(
                    (entry, 8) for entry in range(outside, entries, 8)))


def windows(bench: Workbench) -> Iterator[Maker]:
    """A window that ends, or begins, inside of what the job accesses."""
    scenario = bench.scenario
    bus = scenario.accelerator.data_bytes
    blocks = sorted({address // 256 * 256 for _, _, address, _ in scenario.bursts})
    for block in blocks[1:]:
        for name, edge in (("WINDOW_LAST", block - 1), ("WINDOW_FIRST", block)):
            def leaves(address: int, beats: int, name: str = name, edge: int = edge) -> bool:
                return (address + beats * bus - 1 > edge if name == "WINDOW_LAST"
                        else address < edge)
            errors = frozenset(
                Error(DeviceErrorCode.ADDRESS, 255 if ident == 15 else ident >> 4, address)
                for _, ident, address, beats in scenario.bursts if leaves(address, beats))
            yield partial(Fault, kind="window", what=f"{name} = {edge:#x}",
                          registers=((f"{name}_LO", edge & 0xFFFFFFFF),
                                     (f"{name}_HI", edge >> 32)), errors=errors)
