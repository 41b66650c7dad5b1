"""docs/registers.md, made from the register map."""

from ..conv.words import ConvErrorCode
from ..isa import ErrorCode
from ..isa_doc import bit_range, table
from .parameters import MAX_CORES
from .registers import (
    COUNTER_NAMES,
    COUNTER_OFFSET,
    COUNTER_STRIDE,
    REGISTERS,
    SPACE_BYTES,
    DeviceErrorCode,
    Register,
    counter_offset,
)

__all__ = ["COUNTER_MEANINGS", "page"]

INTRODUCTION = f"""\
The accelerator ([accelerator.md](accelerator.md)) answers on its AXI4-Lite port to {SPACE_BYTES}
bytes of addresses. Registers have 32 bits and are little-endian; the two lowest bits of an address
do not count, and of a write, bytes without strobe stay as they are. Bits without a field read as 0.
A read outside of the registers, counters of missing cores included, gives 0 and SLVERR; so does,
without an effect, a write there or of a register that can only be read.

- `ro`: can only be read.
- `rw`: reads as written.
- `w1c`: reads as its state; writing a 1 clears the bit.
- Registers `..._LO` and `..._HI` are the halves of one number. Both halves are to be written while
  `CONTROL.enable` is 0 or no job is submitted.
"""

COUNTERS = f"""\
Each core has counters of 64 bits: counter i of core n is at {COUNTER_OFFSET:#05x} +
{COUNTER_STRIDE:#x} n + 8 i, its high half 4 bytes further. They belong to the job that ended last
and hold their values until another job ends. The five bins sum to `cycles`: every cycle is in
exactly one, as in [architecture.md](architecture.md).
"""

ERRORS = """\
`ERROR.code`, with the address that `ERROR_ADDRESS` has. The first error since `clear` is kept, and
the device takes no more jobs until it is cleared.
"""

COUNTER_MEANINGS = {
    "cycles": "from the start of the core's program to the acknowledgement of its last write",
    "issue": "bin: an OHMMA enters the collector",
    "conflict": "bin: an OHMMA waits for the collector",
    "operand_wait": "bin: nothing to issue, because tiles are not there yet",
    "drain": "bin: nothing to issue while sums drain, C loads or results are written",
    "idle": "bin: anything else",
    "ohmma": "OHMMA that were executed",
    "products": "multiplications of two non-zeros",
    "read_beats": "beats of the read data bus that the core took",
    "write_beats": "beats of the write data bus that the core gave",
}
"""What each counter of a core counts."""

ADDRESSES = {
    ErrorCode.ILLEGAL_OPCODE: "-", ErrorCode.RESERVED_BITS: "-", ErrorCode.FIELD_RANGE: "-",
    ErrorCode.NO_KSTEP: "-", ErrorCode.A_RECORD: "the record",
    ErrorCode.B_RECORD: "the record", ErrorCode.WARP_BITMAP: "-",
    ConvErrorCode.FEATURE_RECORD: "the record",
    ConvErrorCode.GATHER_WORD: "the word, or one behind",
    ConvErrorCode.POST_WORD: "the word taken last", DeviceErrorCode.JOB: "the job",
    DeviceErrorCode.PROGRAM: "the header", DeviceErrorCode.INSTRUCTION: "the instruction",
    DeviceErrorCode.ADDRESS: "of the access",
    DeviceErrorCode.DIRECTORY: "the entry, or the 16 bytes of the bitmap",
    DeviceErrorCode.READ: "of the beat", DeviceErrorCode.WRITE: "of the burst",
    DeviceErrorCode.RESULT: "`result` of the instruction",
    DeviceErrorCode.LEFTOVER: "what is left, or 0",
    DeviceErrorCode.TIMEOUT: "0; of a job's fetch, the job",
}


def _register(spec: Register) -> list[list[str]]:
    """The rows of a register: one for each field, or one for all of it."""
    head = [f"{spec.offset:#05x}", f"`{spec.name}`", spec.access, f"{spec.reset:#x}"
            if spec.access == "rw" else ""]
    if not spec.fields:
        return [[*head, "31:0", "", spec.meaning]]
    rows = [[*head, "", "", spec.meaning]]
    return rows + [["", "", "", "", bit_range(field.lsb, field.width), f"`{field.name}`",
                    field.meaning] for field in spec.fields]


def _errors() -> str:
    codes = [*ErrorCode, *ConvErrorCode, *DeviceErrorCode]
    return table(["code", "name", "meaning", "address"],
                 [[str(int(code)), f"`{code.name}`", code.meaning, ADDRESSES[code]]
                  for code in codes if code], "r")


def page() -> str:
    """The text of docs/registers.md."""
    rows = [row for spec in REGISTERS for row in _register(spec)]
    counters = [[f"{counter_offset(0, name):#05x}", f"`{name}`", COUNTER_MEANINGS[name]]
                for name in COUNTER_NAMES]
    return "\n".join([
        "# Registers of the accelerator\n",
        "<!-- Generated from software/dstc/accelerator/registers.py by `make docs`; change it "
        "there. -->\n",
        INTRODUCTION,
        table(["offset", "register", "access", "reset", "bits", "field", "meaning"], rows),
        "## Counters\n", COUNTERS,
        f"Core 0 of up to {MAX_CORES}:\n",
        table(["offset", "counter", "counts"], counters),
        "## Error codes\n", ERRORS, _errors()])
