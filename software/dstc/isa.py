"""The instruction set: one table from which every encoder, decoder and page is made.

An instruction is one 64-bit word.  Its opcode is in bits 7:0, its operands are the fields of its
:class:`InstructionSpec`, and every other bit is zero.  ``TILE`` is followed by data words that
carry warp bitmaps (:class:`WarpWord`), so a word has a meaning only in its stream:
:func:`decode` takes a word that is known to be an instruction, :mod:`dstc.isa_stream` takes
streams.  The assembler, the disassembler, docs/isa.md and the decoder of the core read the same
:data:`INSTRUCTIONS`.
"""

from dataclasses import dataclass
from enum import IntEnum

from .config import Config
from .errors import DstcError

__all__ = ["CONTEXTS", "INSTRUCTIONS", "OPCODE_BITS", "WARP_BITS", "WORD_BITS", "ErrorCode",
           "FieldSpec", "Instruction", "InstructionSpec", "ProgramError", "WarpWord", "decode",
           "encode", "spec_of", "warp_words"]

WORD_BITS = 64
"""Bits of a program word."""
OPCODE_BITS = 8
"""Bits of the opcode, the lowest of the word."""
WARP_BITS = 32
"""k-tiles whose warp bitmaps share one data word of ``TILE``."""
CONTEXTS = 2
"""Accumulation contexts of a core: one computes while the other drains."""


class ErrorCode(IntEnum):
    """Why a core stopped, as in ``status.code``."""

    NONE = 0
    ILLEGAL_OPCODE = 1
    RESERVED_BITS = 2
    FIELD_RANGE = 3
    NO_KSTEP = 4
    A_RECORD = 5
    B_RECORD = 6
    WARP_BITMAP = 7

    @property
    def meaning(self) -> str:
        """One line for documents and messages."""
        return _ERROR_MEANINGS[self]


_ERROR_MEANINGS = {
    ErrorCode.NONE: "no error",
    ErrorCode.ILLEGAL_OPCODE: "the opcode is not in the table",
    ErrorCode.RESERVED_BITS: "a bit outside the opcode and the fields is not zero",
    ErrorCode.FIELD_RANGE: "a field is outside the range that the configuration gives it",
    ErrorCode.NO_KSTEP: "`OHMMA` came before any `BOHMMA` since reset or resume",
    ErrorCode.A_RECORD: "a tile record of the A stream has its `last` on the wrong beat",
    ErrorCode.B_RECORD: "a tile record of the B stream has its `last` on the wrong beat",
    ErrorCode.WARP_BITMAP: "a warp bitmap of `TILE` has a bit at or past `ktiles`",
}


class ProgramError(DstcError):
    """An illegal word: ``code`` is what the core would report, ``address`` the word's index in
    its program when it was decoded as part of one.
    """

    def __init__(self, message: str, code: ErrorCode, address: int | None = None):
        super().__init__(message)
        self.code = code
        self.address = address


@dataclass(frozen=True, kw_only=True)
class FieldSpec:
    """One operand of an instruction.

    Attributes
    ----------
    name : str
        Name in assembly text.
    lsb, width : int
        Position in the word.
    limit : str or int
        First value that is out of range: the name of a property of
        :class:`~dstc.config.Config`, or a constant.
    through : bool
        The limit itself is still in range.
    low : int
        Lowest value.
    meaning : str
        What it is, in one line.
    """

    name: str
    lsb: int
    width: int
    limit: str | int
    meaning: str
    low: int = 0
    through: bool = False

    @property
    def mask(self) -> int:
        """The field's bits in the word."""
        return (1 << self.width) - 1 << self.lsb

    def stop(self, config: Config) -> int:
        """First value that is out of range, at most ``2 ** width``."""
        limit = getattr(config, self.limit) if isinstance(self.limit, str) else self.limit
        return limit + self.through

    def extract(self, word: int) -> int:
        """The field's value in a word."""
        return (word & self.mask) >> self.lsb

    def check(self, value: int, config: Config, owner: str) -> None:
        """Raise a :class:`ProgramError` if ``value`` is out of range; ``owner`` is named."""
        if not self.low <= value < self.stop(config):
            raise ProgramError(f"Field {self.name} of {owner} must be from {self.low} to "
                               f"{self.stop(config) - 1} in configuration {config.name}, "
                               f"not {value}", ErrorCode.FIELD_RANGE)


@dataclass(frozen=True, kw_only=True)
class InstructionSpec:
    """One instruction.

    Attributes
    ----------
    opcode : int
        Bits 7:0.
    mnemonic : str
        Name in assembly text.
    fields : tuple of FieldSpec
        Operands, lowest bit first.
    meaning : str
        One line for documents.
    """

    opcode: int
    mnemonic: str
    meaning: str
    fields: tuple[FieldSpec, ...] = ()

    @property
    def reserved_mask(self) -> int:
        """Bits that must be zero."""
        used = (1 << OPCODE_BITS) - 1
        for field in self.fields:
            used |= field.mask
        return ~used & (1 << WORD_BITS) - 1


def _slot(name: str, lsb: int, side: str) -> FieldSpec:
    return FieldSpec(name=name, lsb=lsb, width=3, limit="slots", meaning=f"{side} slot")


def _acc(lsb: int) -> FieldSpec:
    return FieldSpec(name="acc", lsb=lsb, width=1, limit=CONTEXTS, meaning="accumulation context")


_TILE_PAIR = (_slot("a", 8, "A"), _slot("b", 12, "B"))

INSTRUCTIONS = (
    InstructionSpec(opcode=0x01, mnemonic="HALT",
                    meaning="wait until everything before has finished, then raise `halted`"),
    InstructionSpec(opcode=0x02, mnemonic="BARRIER",
                    meaning="hold later instructions until everything before has finished"),
    InstructionSpec(opcode=0x10, mnemonic="LDA", fields=(_slot("slot", 8, "A"),),
                    meaning="take one tile record from the A stream into an A slot"),
    InstructionSpec(opcode=0x11, mnemonic="LDB", fields=(_slot("slot", 8, "B"),),
                    meaning="take one tile record from the B stream into a B slot"),
    InstructionSpec(opcode=0x12, mnemonic="LDC", fields=(_acc(8),),
                    meaning="take one C tile from the C stream into a context"),
    InstructionSpec(opcode=0x18, mnemonic="STC", fields=(_acc(8),),
                    meaning="drain a context to the D stream and leave it at +0"),
    InstructionSpec(opcode=0x20, mnemonic="SPWMMA", fields=(*_TILE_PAIR, _acc(16)),
                    meaning="sparse tile product: only the condensed groups of every k-step"),
    InstructionSpec(opcode=0x21, mnemonic="WMMA", fields=(*_TILE_PAIR, _acc(16)),
                    meaning="dense tile product: every group of every k-step, by position"),
    InstructionSpec(opcode=0x22, mnemonic="TILE", fields=(
        _acc(8),
        FieldSpec(name="dense", lsb=9, width=1, limit=2,
                  meaning="1: `WMMA` for every pair, 0: `SPWMMA`"),
        FieldSpec(name="ktiles", lsb=16, width=16, limit=1 << 16, low=1,
                  meaning="k-tiles that the warp bitmaps describe")),
                    meaning="whole output tile: walk the warp bitmaps in the words that follow"),
    InstructionSpec(opcode=0x30, mnemonic="BOHMMA", fields=(
        *_TILE_PAIR,
        FieldSpec(name="k", lsb=20, width=5, limit="tile_k", meaning="k-step")),
                    meaning="select a k-step of two tiles: 1-bit outer product of their bitmaps"),
    InstructionSpec(opcode=0x31, mnemonic="POPC",
                    meaning="set the predicates of the selected k-step from its popcounts"),
    InstructionSpec(opcode=0x32, mnemonic="OHMMA", fields=(
        _acc(8),
        FieldSpec(name="g", lsb=12, width=3, limit="row_groups", meaning="condensed row group"),
        FieldSpec(name="h", lsb=16, width=3, limit="col_groups", meaning="condensed column group"),
        FieldSpec(name="pred", lsb=20, width=1, limit=2,
                  meaning="1: only if predicate (g, h) is set")),
                    meaning="one outer product of two groups of the selected k-step"),
)
"""Every instruction, by opcode."""

_BY_OPCODE = {spec.opcode: spec for spec in INSTRUCTIONS}
_BY_MNEMONIC = {spec.mnemonic: spec for spec in INSTRUCTIONS}


def spec_of(mnemonic: str) -> InstructionSpec:
    """The instruction with that mnemonic, in upper case.

    Raises
    ------
    DstcError
        If there is none.
    """
    try:
        return _BY_MNEMONIC[mnemonic]
    except KeyError:
        raise DstcError(f"Mnemonic must be one of {', '.join(_BY_MNEMONIC)}, "
                        f"not {mnemonic!r}") from None


@dataclass(frozen=True)
class Instruction:
    """One instruction with its operands, in the order of the table; made by :meth:`of`."""

    mnemonic: str
    operands: tuple[int, ...] = ()

    @classmethod
    def of(cls, mnemonic: str, **operands: int) -> "Instruction":
        """``Instruction.of("LDA", slot=1)``; every operand is named, none is left out."""
        spec = spec_of(mnemonic)
        names = [field.name for field in spec.fields]
        if sorted(operands) != sorted(names):
            raise DstcError(f"Operands of {mnemonic} must be {', '.join(names) or 'none'}, "
                            f"not {', '.join(operands) or 'none'}")
        return cls(mnemonic, tuple(operands[name] for name in names))

    @property
    def spec(self) -> InstructionSpec:
        """Its line of the table."""
        return spec_of(self.mnemonic)

    def __getitem__(self, name: str) -> int:
        for field, value in zip(self.spec.fields, self.operands, strict=True):
            if field.name == name:
                return value
        raise KeyError(name)


@dataclass(frozen=True)
class WarpWord:
    """One data word of ``TILE``: warp bitmaps of 32 k-tiles, A in bits 31:0, B in bits 63:32."""

    a: int
    b: int


def warp_words(ktiles: int) -> int:
    """Data words that follow a ``TILE`` of so many k-tiles."""
    return -(-ktiles // WARP_BITS)


def encode(instruction: Instruction, config: Config) -> int:
    """The word of an instruction.

    Raises
    ------
    ProgramError
        If an operand is out of range for the configuration.
    """
    spec = instruction.spec
    word = spec.opcode
    for field, value in zip(spec.fields, instruction.operands, strict=True):
        field.check(value, config, spec.mnemonic)
        word |= value << field.lsb
    return word


def decode(word: int, config: Config) -> Instruction:
    """The instruction of a word; the opcode, the reserved bits and the fields are checked in
    this order, as the core does.

    Raises
    ------
    ProgramError
        If the word is illegal.
    """
    opcode = word & (1 << OPCODE_BITS) - 1
    if not 0 <= word < 1 << WORD_BITS or opcode not in _BY_OPCODE:
        raise ProgramError(f"Instruction must have a known opcode, not {word:#018x}",
                           ErrorCode.ILLEGAL_OPCODE)
    spec = _BY_OPCODE[opcode]
    if word & spec.reserved_mask:
        raise ProgramError(f"Reserved bits of {spec.mnemonic} must be zero, not "
                           f"{word & spec.reserved_mask:#018x}", ErrorCode.RESERVED_BITS)
    for field in spec.fields:
        field.check(field.extract(word), config, spec.mnemonic)
    return Instruction(spec.mnemonic, tuple(field.extract(word) for field in spec.fields))
