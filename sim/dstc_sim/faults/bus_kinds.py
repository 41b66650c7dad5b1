"""Faults of the bus, word lists of a wrong length, and ends that come from outside."""

from collections.abc import Iterator
from functools import partial

from dstc.accelerator.records import PROGRAM
from dstc.accelerator.registers import DeviceErrorCode
from dstc.conv.words import ConvErrorCode
from dstc.isa import ErrorCode

from .catalogue import Fault, Maker, Workbench, any_core, flip, overwrite
from .image import Program, words_at
from .oracle import Error
from .program_kinds import FETCH, runs_on

__all__ = ["clears", "read_errors", "resets", "timeouts", "word_lists", "words",
           "write_errors"]

RESPONSES = {"SLVERR": 2, "DECERR": 3}
CHANNELS = ("ar", "r", "aw", "w", "b")


def read_errors(bench: Workbench) -> Iterator[Maker]:
    """An error response to each beat that is read."""
    for beat in range(1, bench.scenario.beats("r") + 1):
        for name, response in RESPONSES.items():
            yield partial(Fault, kind="read error", what=f"{name} to beat {beat} that is read",
                          beat=beat, response=response, errors=any_core(DeviceErrorCode.READ))


def write_errors(bench: Workbench) -> Iterator[Maker]:
    """An error response to each burst that is written."""
    for burst in range(1, bench.scenario.beats("w") + 1):
        for name, response in RESPONSES.items():
            yield partial(Fault, kind="write error", what=f"{name} to burst {burst} written",
                          burst=burst, response=response, errors=any_core(DeviceErrorCode.WRITE))


def timeouts(bench: Workbench) -> Iterator[Maker]:
    """A memory that does not answer any more from any cycle on, on any of its channels."""
    # Of a core at address 0, of the fetch of a job at the job.
    errors = frozenset([Error(DeviceErrorCode.TIMEOUT, FETCH, bench.scenario.ring), *(
        Error(DeviceErrorCode.TIMEOUT, core, 0)
        for core in range(bench.scenario.accelerator.cores))])
    for cycle in range(1, bench.scenario.cycles):
        for channel in CHANNELS:
            # A channel may have done all its work by then.
            yield partial(Fault, kind="timeout", what=f"{channel} stands still from cycle {cycle}",
                          hold=(channel,), at=cycle, errors=errors, exact=True)


def resets(bench: Workbench) -> Iterator[Maker]:
    """A reset in each cycle."""
    yield from _events(bench, "reset")


def clears(bench: Workbench) -> Iterator[Maker]:
    """``CONTROL.clear`` in each cycle."""
    yield from _events(bench, "clear")


def _events(bench: Workbench, event: str) -> Iterator[Maker]:
    for cycle in range(1, bench.scenario.cycles):
        yield partial(Fault, kind=event, what=f"{event} in cycle {cycle}", event=event, at=cycle)


def word_lists(bench: Workbench) -> Iterator[Maker]:
    """Lists of words, records and instructions that are too short or too long."""
    for program in bench.scenario.programs:
        yield from _lengths(bench, program)
        longer = runs_on(bench, program)
        if longer:
            yield longer


def words(bench: Workbench) -> Iterator[Maker]:
    """Illegal words of the epilogue and of the im2col unit."""
    for program in bench.scenario.programs:
        yield from _post_words(bench, program)
        if program.header["lowered"]:
            yield from _gather_words(bench, program)


def _lengths(bench: Workbench, program: Program) -> Iterator[Maker]:
    header, at = program.header, program.address
    words = words_at(bench.scenario.read, at, PROGRAM.words)
    starved = (DeviceErrorCode.TIMEOUT, DeviceErrorCode.RESULT, DeviceErrorCode.LEFTOVER)
    conv = (*starved, ConvErrorCode.GATHER_WORD, ConvErrorCode.FEATURE_RECORD,
            DeviceErrorCode.DIRECTORY, DeviceErrorCode.ADDRESS, ErrorCode.A_RECORD)
    codes: dict[str, tuple[int, ...]] = {
        "post_words": (*starved, ConvErrorCode.POST_WORD),
        "instructions": (DeviceErrorCode.LEFTOVER,)}
    if header["lowered"]:
        codes |= {"gather_words": conv, "x_records": conv}
    for name, allowed in codes.items():
        for count in (-2, -1, *(() if name == "instructions" else (1, 2))):
            value = header[name] + count
            if value < 1:
                continue
            spec = PROGRAM[name]
            errors = frozenset(Error(code, program.core, None) for code in allowed)
            yield partial(Fault, kind="word list", errors=errors,
                          what=f"core {program.core}, {name} = {value} for {header[name]}",
                          pokes=(overwrite(words, at, spec.word, spec.lsb, spec.width, value),))


def _post_words(bench: Workbench, program: Program) -> Iterator[Maker]:
    """Opcode and reserved bits of the first word, which is a POST."""
    at = program.header["post"]
    data = bench.scenario.read(at, 8)
    wrong = frozenset([Error(ConvErrorCode.POST_WORD, program.core, at)])
    yield from bench.flips("word", f"first post word of core {program.core}", data, at,
                           iter((*range(8), 12, 15, 22, 23, *range(30, 64))), wrong)
    if program.instructions[0].fields["raw"]:
        result = program.instructions[0].fields["result"]
        yield partial(Fault, kind="word",
                      what=f"first result of core {program.core} encoded, not raw",
                      pokes=(flip(data, at, 9),),
                      errors=frozenset([Error(DeviceErrorCode.RESULT, program.core, result)]))


def _gather_words(bench: Workbench, program: Program) -> Iterator[Maker]:
    """Opcode of each word that is an LDX, SPANS or GEN; the address is that of a word behind."""
    start, count = program.header["gather"], program.header["gather_words"]
    words = words_at(bench.scenario.read, start, count)
    index = 0
    while index < count:
        at = start + 8 * index
        errors = frozenset(Error(ConvErrorCode.GATHER_WORD, program.core, address)
                           for address in range(at, start + 8 * count, 8))
        data = words[index].to_bytes(8, "little")
        yield from bench.flips("word", f"gather word {index} of core {program.core}", data,
                               at, iter((2, 3, 4, 5, 6, 7, 48, 63)), errors)
        is_spans = words[index] & 0xFF == 0x41
        index += 1 + (2 * (words[index] >> 16 & 0xFF) if is_spans else 0)
