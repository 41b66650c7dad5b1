"""Words of the im2col unit and of the epilogue: one table for compiler, hardware and documents.

Both units take a stream of 64-bit words of their own, so that a long list of gathers never
stands in the way of the core's instructions.  A word is an instruction with the opcode in bits
7:0, or one of the data words that follow ``SPANS`` and ``POST``.
"""

from dataclasses import dataclass
from enum import IntEnum

from ..config import Config
from ..isa import WORD_BITS, ErrorCode, FieldSpec, InstructionSpec, ProgramError

__all__ = ["EPILOGUE_WORDS", "GATHER_WORDS", "MULTIPLIER", "SHIFT", "SHIFT_STOP", "SPAN_FIELDS",
           "WINDOWS", "ConvErrorCode", "Span", "pack", "parameter_words", "word_spec"]

WINDOWS = 2
"""Feature windows, and span tables: one is filled while the other is read."""


class ConvErrorCode(IntEnum):
    """Why the units around the core stopped, as in ``status.code``; the core's own codes, of
    :class:`dstc.isa.ErrorCode`, are lower."""

    FEATURE_RECORD = 8
    GATHER_WORD = 9
    POST_WORD = 10

    @property
    def meaning(self) -> str:
        """One line for documents and messages."""
        return {8: "a tile record of the feature map has its `last` on the wrong beat",
                9: "a word of the im2col unit is illegal, or a tile record gets too many k-steps",
                10: "a word of the epilogue is illegal"}[self]


def _bit(name: str, lsb: int, meaning: str) -> FieldSpec:
    return FieldSpec(name=name, lsb=lsb, width=1, limit=2, meaning=meaning)


GATHER_WORDS = (
    InstructionSpec(opcode=0x40, mnemonic="LDX", fields=(
        _bit("window", 8, "feature window"),
        FieldSpec(name="count", lsb=16, width=6, limit="window_tiles", low=1, through=True,
                  meaning="records to take into the slots 0, 1, ... of the window")),
                    meaning="once the window is free, fill it with records of the feature map"),
    InstructionSpec(opcode=0x41, mnemonic="SPANS", fields=(
        _bit("table", 8, "span table"),
        FieldSpec(name="count", lsb=16, width=8, limit="window_spans", low=1, through=True,
                  meaning="spans that follow, two data words each")),
                    meaning="once the table is free, fill it with the spans that follow"),
    InstructionSpec(opcode=0x42, mnemonic="GEN", fields=(
        _bit("window", 8, "feature window to gather from"),
        _bit("table", 9, "span table to walk"),
        _bit("free_window", 10, "1: free the window afterwards"),
        _bit("free_table", 11, "1: free the table afterwards"),
        _bit("close", 12, "1: the tile record is complete"),
        FieldSpec(name="channel", lsb=16, width=5, limit="tile_k",
                  meaning="channel of the first span, within the window"),
        FieldSpec(name="first", lsb=24, width=7, limit="window_spans",
                  meaning="index of the first span in the table"),
        FieldSpec(name="spans", lsb=32, width=16, limit=1 << 16, low=1,
                  meaning="spans to gather; after the table's last comes its first for the "
                          "next channel")),
                    meaning="gather spans into the k-steps of an A tile record"),
)
"""Instructions of the im2col unit."""

SPAN_FIELDS = (
    (FieldSpec(name="place", lsb=0, width=32, limit=1 << 32,
               meaning="lanes that stand for a row of the tile, in order"),
     FieldSpec(name="valid", lsb=32, width=32, limit=1 << 32,
               meaning="those of them whose element is taken; the others are padding")),
    (FieldSpec(name="lane", lsb=0, width=5, limit="tile_m",
               meaning="position of lane 0 in its window slot"),
     FieldSpec(name="slot", lsb=8, width=5, limit="window_tiles",
               meaning="window slot of lane 0; lanes past its end are in the next slot"),
     FieldSpec(name="row", lsb=16, width=5, limit="tile_m",
               meaning="row of the tile for which the lowest lane of `place` stands"),
     _bit("end", 24, "1: the k-step is complete")),
)
"""Fields of the two data words of a span."""

EPILOGUE_WORDS = (
    InstructionSpec(opcode=0x50, mnemonic="POST", fields=(
        _bit("relu", 8, "1: negative results become +0"),
        _bit("raw", 9, "1: accumulators to the D stream; 0: tile records to the Y stream"),
        _bit("bias", 10, "1: add the bias of each column"),
        _bit("params", 11, "1: new parameters follow as data words"),
        FieldSpec(name="rows", lsb=16, width=6, limit="tile_m", low=1, through=True,
                  meaning="rows of the tile that exist; the others come out as zeros"),
        FieldSpec(name="blocks", lsb=24, width=6, limit="channel_blocks", low=1, through=True,
                  meaning="records to send, one for each tile_k columns; 1 with `raw`")),
                    meaning="what to do with the next result tile"),
)
"""Instructions of the epilogue."""

MULTIPLIER = FieldSpec(name="multiplier", lsb=0, width=16, limit=1 << 16, meaning="int8: factor")
SHIFT_STOP = 48
SHIFT = FieldSpec(name="shift", lsb=16, width=6, limit=SHIFT_STOP,
                  meaning="int8: then divided by 2**shift")
"""Fields of the 32-bit requantisation parameter of a column."""


@dataclass(frozen=True, kw_only=True)
class Span:
    """Up to tile_m neighbouring positions of a feature map, and which rows they become.

    Lane j is position ``slot * tile_m + lane + j`` of the window.  The lanes whose bit is set in
    ``place`` stand, in order, for the rows ``row``, ``row + 1``, ... of the tile; of them the
    lanes in ``valid`` give their element, the others a zero.  A k-step is the union of its
    spans, rows ascending; ``end`` marks its last.
    """

    place: int
    valid: int
    lane: int
    slot: int
    row: int
    end: bool

    def words(self, config: Config) -> tuple[int, int]:
        """The two data words.

        Raises
        ------
        ProgramError
            If a field is out of range.
        """
        first, second = (sum(_checked(field, int(getattr(self, field.name)), config, "a span")
                             << field.lsb for field in fields) for fields in SPAN_FIELDS)
        return first, second


def word_spec(mnemonic: str) -> InstructionSpec:
    """The instruction of that name, of either unit."""
    return next(spec for spec in (*GATHER_WORDS, *EPILOGUE_WORDS) if spec.mnemonic == mnemonic)


def pack(config: Config, mnemonic: str, **operands: int) -> int:
    """The word of an instruction; every operand is named.

    Raises
    ------
    ProgramError
        If an operand is missing, unknown or out of range.
    """
    spec = word_spec(mnemonic)
    names = [field.name for field in spec.fields]
    if sorted(names) != sorted(operands):
        raise ProgramError(f"Operands of {mnemonic} must be {', '.join(names)}, not "
                           f"{', '.join(operands) or 'none'}", ErrorCode.FIELD_RANGE)
    word = spec.opcode
    for field in spec.fields:
        word |= _checked(field, operands[field.name], config, mnemonic) << field.lsb
    return word


def parameter_words(config: Config) -> int:
    """Data words after ``POST`` with ``params``: two columns' biases each, then, for int8, two
    columns' requantisation parameters each; the lower column is in bits 31:0."""
    return config.tile_n * 32 // WORD_BITS * (1 if config.format.is_float else 2)


def _checked(field: FieldSpec, value: int, config: Config, owner: str) -> int:
    field.check(value, config, owner)
    return value
