"""The register map: one table for the hardware, the driver, the C header and the document."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from ..conv.words import ConvErrorCode
from ..isa import ErrorCode
from .parameters import MAX_CORES

__all__ = ["COUNTER_NAMES", "COUNTER_OFFSET", "COUNTER_STRIDE", "IDENTIFICATION", "REGISTERS",
           "SPACE_BYTES", "DeviceErrorCode", "Register", "RegisterField", "all_counters",
           "counter_offset",
           "error_meaning", "register"]

SPACE_BYTES = 4096
IDENTIFICATION = int.from_bytes(b"DSTC", "little")
COUNTER_OFFSET = 0x200
COUNTER_STRIDE = 0x80
COUNTER_NAMES = ("cycles", "issue", "conflict", "operand_wait", "drain", "idle", "ohmma",
                 "products", "read_beats", "write_beats")
"""Counters of a core, 64 bits each, in this order; the five bins sum to ``cycles``."""


class DeviceErrorCode(IntEnum):
    """Why the device stopped, besides the codes of the core (``dstc.isa.ErrorCode``) and of the
    units around it (``dstc.conv.words.ConvErrorCode``)."""

    JOB = 16
    PROGRAM = 17
    INSTRUCTION = 18
    ADDRESS = 19
    DIRECTORY = 20
    READ = 21
    WRITE = 22
    RESULT = 23
    LEFTOVER = 24
    TIMEOUT = 25

    @property
    def meaning(self) -> str:
        """One line for documents and messages."""
        return _MEANINGS[self]


_MEANINGS = {
    DeviceErrorCode.JOB: "the job has no valid header, or names a core that is not there",
    DeviceErrorCode.PROGRAM: "the program has no valid header, or is for another configuration",
    DeviceErrorCode.INSTRUCTION: "an instruction has an unknown opcode, a reserved bit, or a field "
                                 "out of range",
    DeviceErrorCode.ADDRESS: "an access is outside of the window",
    DeviceErrorCode.DIRECTORY: "a directory entry has a reserved bit or an impossible length, or a "
                               "warp bitmap a bit at or past the last k-tile",
    DeviceErrorCode.READ: "the memory answered a read with SLVERR or DECERR",
    DeviceErrorCode.WRITE: "the memory answered a write with SLVERR or DECERR",
    DeviceErrorCode.RESULT: "results of another kind, or fewer, than the instructions ask for",
    DeviceErrorCode.LEFTOVER: "words or records were left when the program had ended",
    DeviceErrorCode.TIMEOUT: "nothing moved for as many cycles as register TIMEOUT says",
}


def error_meaning(code: int) -> str:
    """What an error code means, whatever unit reports it."""
    for codes in (ErrorCode, ConvErrorCode, DeviceErrorCode):
        if code in {int(each) for each in codes}:
            return codes(code).meaning
    return "unknown code"


@dataclass(frozen=True, kw_only=True)
class RegisterField:
    """Bits of a register."""

    name: str
    lsb: int
    width: int
    meaning: str


@dataclass(frozen=True, kw_only=True)
class Register:
    """One 32-bit register.

    Attributes
    ----------
    name : str
    offset : int
        In bytes, a multiple of 4.
    access : str
        ``ro``, ``rw``, or ``w1c``: reads as its state, writing a 1 clears or acts.
    meaning : str
    fields : tuple of RegisterField
        Empty: one field, the whole register.
    reset : int
        Value after reset; of ``ro`` registers without a meaning.
    """

    name: str
    offset: int
    access: str
    meaning: str
    fields: tuple[RegisterField, ...] = ()
    reset: int = 0


def _bits(name: str, lsb: int, width: int, meaning: str) -> RegisterField:
    return RegisterField(name=name, lsb=lsb, width=width, meaning=meaning)


def _r(name: str, offset: int, access: str, meaning: str, *fields: RegisterField, reset: int = 0
       ) -> Register:
    return Register(name=name, offset=offset, access=access, meaning=meaning, fields=fields,
                    reset=reset)


def _pair(name: str, offset: int, access: str, meaning: str) -> tuple[Register, Register]:
    return (_r(f"{name}_LO", offset, access, f"{meaning}, bits 31:0"),
            _r(f"{name}_HI", offset + 4, access, f"{meaning}, bits 63:32"))


REGISTERS = (
    _r("ID", 0x000, "ro", "`DSTC` in ASCII, lowest byte first"),
    _r("VERSION", 0x004, "ro", "version of registers and memory layouts",
       _bits("minor", 0, 8, "compatible additions"), _bits("major", 8, 8, "anything else")),
    _r("CONFIG_ID", 0x008, "ro", "CRC-32 of the configuration; programs carry it"),
    _r("TILE", 0x00C, "ro", "warp tile", _bits("m", 0, 8, "rows"), _bits("n", 8, 8, "columns"),
       _bits("k", 16, 8, "k-steps")),
    _r("ARRAY", 0x010, "ro", "multipliers and buffers", _bits("rows", 0, 8, "R"),
       _bits("cols", 8, 8, "S"), _bits("slots", 16, 8, "tiles per operand buffer"),
       _bits("element", 24, 8, "0 fp16, 1 bf16, 2 fp8_e4m3, 3 fp8_e5m2, 4 int8")),
    _r("SYSTEM", 0x014, "ro", "what is around the cores", _bits("cores", 0, 8, "cores"),
       _bits("data_bytes", 8, 8, "bytes of a beat of the AXI4 data buses"),
       _bits("address_bits", 16, 8, "bits of an AXI4 address")),
    _r("CONVOLUTION", 0x018, "ro", "im2col unit",
       _bits("window_tiles", 0, 8, "tiles of a feature window"),
       _bits("window_spans", 8, 8, "spans of a table")),
    _r("CONTROL", 0x040, "rw", "what the device may do",
       _bits("enable", 0, 1, "1: take jobs from the ring"),
       _bits("clear", 1, 1, "writing 1 ends everything, forgets all jobs and errors; reads as 1 "
                            "until done")),
    _r("STATUS", 0x044, "ro", "what the device does",
       _bits("busy", 0, 1, "a job runs"), _bits("error", 1, 1, "stopped by an error"),
       _bits("clearing", 2, 1, "`clear` waits for the memory"),
       _bits("running", 8, 4, "cores that have not finished, one bit each")),
    _r("IRQ_STATUS", 0x048, "w1c", "reasons of the interrupt",
       _bits("done", 0, 1, "a job has ended"), _bits("error", 1, 1, "an error has stopped the "
                                                                     "device")),
    _r("IRQ_ENABLE", 0x04C, "rw", "reasons that raise the interrupt, as in `IRQ_STATUS`",
       _bits("done", 0, 1, ""), _bits("error", 1, 1, "")),
    *_pair("RING", 0x050, "rw", "address of the ring of jobs, a multiple of 64"),
    _r("RING_SIZE", 0x058, "rw", "entries of the ring, a power of two from 1 to 32768",
       _bits("log2", 0, 4, "its logarithm")),
    _r("TAIL", 0x05C, "rw", "jobs submitted since `clear`, modulo 65536",
       _bits("count", 0, 16, "a job n is entry n modulo the size of the ring")),
    _r("HEAD", 0x060, "ro", "jobs ended since `clear`, modulo 65536",
       _bits("count", 0, 16, "the device stops at `TAIL`")),
    _r("TIMEOUT", 0x064, "rw", "cycles without any transfer after which a job ends with `TIMEOUT`; "
                               "0: never", reset=1 << 20),
    *_pair("WINDOW_FIRST", 0x068, "rw", "lowest address that the device may access"),
    *_pair("WINDOW_LAST", 0x070, "rw", "highest address that the device may access"),
    _r("ERROR", 0x078, "ro", "the first error since `clear`", _bits("code", 0, 8, "0: none"),
       _bits("core", 8, 8, "where; 255: in fetching a job")),
    *_pair("ERROR_ADDRESS", 0x080, "ro", "address of the memory that it is about"),
    *_pair("JOB_TAG", 0x088, "ro", "tag of the job that ended last"),
    *_pair("JOB_CYCLES", 0x090, "ro", "cycles of the job that ended last, its fetch included"),
)
"""Every register but the counters, by offset."""

_BY_NAME = {each.name: each for each in REGISTERS}


def register(name: str) -> Register:
    """The register of that name."""
    return _BY_NAME[name]


def counter_offset(core: int, counter: str) -> int:
    """Offset of the low word of a counter of the job that ended last; the high word follows."""
    return COUNTER_OFFSET + core * COUNTER_STRIDE + 8 * COUNTER_NAMES.index(counter)


def all_counters() -> Iterator[tuple[int, str, int]]:
    """Core, name and offset of every counter that a device can have."""
    for core in range(MAX_CORES):
        for name in COUNTER_NAMES:
            yield core, name, counter_offset(core, name)
