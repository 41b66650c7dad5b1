"""Faults of jobs, programs and instructions: every bit that must have one value."""

from collections.abc import Iterator
from functools import partial

from dstc.accelerator.records import JOB, PROGRAM, RECORD_BYTES, TILES, RecordSpec
from dstc.accelerator.registers import DeviceErrorCode

from .catalogue import Fault, Maker, Workbench, overwrite
from .image import Instruction, Program, words_at
from .oracle import Error, malformed
from .scenario import job_words

__all__ = ["FETCH", "TAG", "instructions", "job_headers", "program_headers", "runs_on"]

FETCH = 255
"""``ERROR.core`` of the fetch of jobs."""
TAG = 0x0123_4567_89AB_CDEF
"""Tag of the job into which a fault is injected."""


def _fixed_bits(spec: RecordSpec) -> Iterator[int]:
    """Bits of a record that have one legal value: reserved, constant, or below the alignment."""
    for word in range(spec.words):
        for bit in range(64):
            if spec.reserved(word) >> bit & 1:
                yield 64 * word + bit
    for each in spec.fields:
        start = 64 * each.word + each.lsb
        if each.limit - each.low == 1:
            yield from range(start, start + each.width)
        yield from range(start, start + each.align.bit_length() - 1)


def job_headers(bench: Workbench) -> Iterator[Maker]:
    """The job in the ring: magic, version, reserved bits, alignment, a core that is not there."""
    scenario, kind = bench.scenario, "job header"
    data, ring = job_words(scenario.addresses, TAG), scenario.ring
    wrong = frozenset([Error(DeviceErrorCode.JOB, FETCH, ring)])
    yield from bench.flips(kind, "job", data, ring, _fixed_bits(JOB), wrong)
    yield from bench.flips(kind, "tag of the job", data, ring, iter(range(320, 384)), frozenset())
    words = tuple(int.from_bytes(data[n:n + 8], "little") for n in range(0, 64, 8))
    for core in range(scenario.accelerator.cores, 4):
        spec = JOB[f"program{core}"]
        poke = overwrite(words, ring, spec.word, spec.lsb, spec.width, scenario.addresses[0])
        yield partial(Fault, kind=kind, what=f"program for core {core}, which is not there",
                      pokes=(poke,), errors=wrong)


def program_headers(bench: Workbench) -> Iterator[Maker]:
    """Headers of programs: each fixed bit, the configuration, counts that are 0, ``lowered``."""
    for program in bench.scenario.programs:
        yield from _program_header(bench, program)


def _program_header(bench: Workbench, program: Program) -> Iterator[Maker]:
    kind, at = "program header", program.address
    data = bench.scenario.read(at, RECORD_BYTES)
    what = f"header of the program of core {program.core}"
    wrong = frozenset([Error(DeviceErrorCode.PROGRAM, program.core, at)])
    bits = list(_fixed_bits(PROGRAM))
    spec = PROGRAM["config_id"]
    bits += range(64 * spec.word + spec.lsb, 64 * spec.word + spec.lsb + spec.width)
    yield from bench.flips(kind, what, data, at, iter(bits), wrong)
    words = words_at(bench.scenario.read, at, PROGRAM.words)
    changes = {"instructions": 0, "post_words": 0}
    if program.header["lowered"]:
        changes["lowered"] = 0
    else:
        changes |= {"gather_words": 1, "x_records": 1}
        spec = PROGRAM["lowered"]
        # A header that is right; the instructions are not those of a lowered program.
        yield partial(Fault, kind=kind, what=f"{what}, lowered", errors=frozenset([
            Error(DeviceErrorCode.INSTRUCTION, program.core, program.instructions[0].address)]),
            pokes=(overwrite(words, at, spec.word, spec.lsb, spec.width, 1),))
    for name, value in changes.items():
        spec = PROGRAM[name]
        yield partial(Fault, kind=kind, what=f"{what}, {name} = {value}", errors=wrong,
                      pokes=(overwrite(words, at, spec.word, spec.lsb, spec.width, value),))


def instructions(bench: Workbench) -> Iterator[Maker]:
    """Instructions: opcode, reserved bits, alignment, ranges, fields that contradict each other."""
    for program in bench.scenario.programs:
        for number, instruction in enumerate(program.instructions):
            what = f"instruction {number} of core {program.core}"
            yield from _instruction(bench, program, instruction, what)


def _instruction(bench: Workbench, program: Program, instruction: Instruction, what: str
                 ) -> Iterator[Maker]:
    kind, at, fields = "instruction", instruction.address, instruction.fields
    data = bench.scenario.read(at, RECORD_BYTES)
    words = words_at(bench.scenario.read, at, TILES.words)
    wrong = frozenset([Error(DeviceErrorCode.INSTRUCTION, program.core, at)])
    yield from bench.flips(kind, what, data, at, _fixed_bits(TILES), wrong)

    def change(*changes: tuple[str, int]) -> Maker:
        changed = list(words)
        for name, value in changes:
            spec = TILES[name]
            changed[spec.word] = changed[spec.word] & ~spec.mask | value << spec.lsb
        pokes = tuple((at + 8 * n, word.to_bytes(8, "little")) for n, word in enumerate(changed)
                      if word != words[n])
        text = ", ".join(f"{name} = {value:#x}" for name, value in changes)
        return partial(Fault, kind=kind, what=f"{what}, {text}", pokes=pokes, errors=wrong)

    yield change(("ktiles", 0))
    if program.header["lowered"]:
        yield change(("a", fields["b"]))
    if fields["raw"]:
        yield change(("y", fields["b"]))
        yield change(("blocks0", 1))
        yield change(("blocks1", 1))
        return
    most = bench.scenario.accelerator.core.channel_blocks
    yield change(("blocks0", 0))
    yield change(("blocks0", most + 1), ("y_ktiles", 0xFFFF))
    yield change(("blocks0", 63), ("y_ktiles", 0xFFFF))
    yield change(("y_ktiles", fields["y_first"] + fields["blocks0"] + fields["blocks1"] - 1))
    yield change(("y_first", fields["y_ktiles"]))
    if fields["pair"]:
        yield change(("blocks1", 0))
    else:
        yield change(("blocks1", 1), ("y_ktiles", 0xFFFF))


def runs_on(bench: Workbench, program: Program) -> Maker | None:
    """One instruction more than there are, if what follows is no instruction."""
    at = program.address + RECORD_BYTES * (1 + len(program.instructions))
    words = words_at(bench.scenario.read, at, TILES.words)
    if not malformed(TILES, words):
        return None
    header = words_at(bench.scenario.read, program.address, PROGRAM.words)
    spec = PROGRAM["instructions"]
    poke = overwrite(header, program.address, spec.word, spec.lsb, spec.width,
                     len(program.instructions) + 1)
    return partial(Fault, kind="word list", what=f"core {program.core}, one instruction too many",
                   pokes=(poke,),
                   errors=frozenset([Error(DeviceErrorCode.INSTRUCTION, program.core, at)]))
