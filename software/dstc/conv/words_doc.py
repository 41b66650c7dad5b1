"""docs/convolution-words.md, made from the table of words."""

from ..config import CONFIGS
from ..isa import FieldSpec, InstructionSpec
from ..isa_doc import bit_range, diagram, field_range, table
from .words import (
    EPILOGUE_WORDS,
    GATHER_WORDS,
    MULTIPLIER,
    SHIFT,
    SPAN_FIELDS,
    ConvErrorCode,
)

__all__ = ["page"]

INTRODUCTION = """\
The im2col unit and the epilogue ([convolution.md](convolution.md)) each take a stream of 64-bit
words. A word is an instruction, with its opcode in bits 7:0 and zeros outside its fields, or one of
the data words that follow `SPANS` and `POST`.
"""

ORDER = """\
Words are taken in order. `LDX` and `GEN` wait in queues of their own, four words long: a `GEN`
waits until its window and its table are full, an `LDX` until its window is free. A window or table
is free after reset and when a `GEN` that frees it has read its last span. `SPANS` holds up the
words behind it until its table is free, so the `GEN` that frees the table must come before it.
"""

SPANS = """\
Lane j of a span is position `slot * tile_m + lane + j` of the window, for j from 0 to `tile_m` - 1;
positions past the end of a slot are in the next one. First data word:
"""

PARAMETERS = """\
With `params`, data words follow `POST`: `tile_n` / 2 words with the biases of two columns each, the
lower column in bits 31:0, as FP32 or INT32. For int8 elements as many words follow with the
requantisation of two columns each, in each half:
"""


ERRORS = """\
In `status.code`, with address 0, until a reset. Besides an unknown opcode, a reserved bit and a
field out of range, `GATHER_WORD` is reported for a `GEN` whose `first` is no span of its table or
that runs past the last channel, and for a span with `valid` lanes outside of `place` or in a slot
that was not filled, or with rows past the tile or not above those before it in its k-step.
`POST_WORD` also stands for `raw` with `blocks` other than 1, a shift that is out of range, and a
`POST` that needs parameters when none have come.
"""


def _fields(fields: tuple[FieldSpec, ...]) -> str:
    return table(["field", "bits", "range", "meaning"],
                 [[field.name, bit_range(field.lsb, field.width), field_range(field),
                   field.meaning] for field in fields])


def _instruction(spec: InstructionSpec) -> str:
    return "\n".join([f"### {spec.mnemonic}\n", f"{spec.meaning[0].upper()}{spec.meaning[1:]}.\n",
                      diagram(spec),
                      table(["field", "range", "meaning"],
                            [[field.name, field_range(field), field.meaning]
                             for field in spec.fields])])


def _limits() -> str:
    fields = [*(field for spec in (*GATHER_WORDS, *EPILOGUE_WORDS) for field in spec.fields),
              *(field for part in SPAN_FIELDS for field in part)]
    names = sorted({field.limit for field in fields if isinstance(field.limit, str)})
    return table(["configuration", *names],
                 [[f"`{config.name}`", *(str(getattr(config, name)) for name in names)]
                  for config in CONFIGS.values()], "-" + "r" * len(names))


def page() -> str:
    """The text of docs/convolution-words.md."""
    return "\n".join([
        "# Words of the im2col unit and of the epilogue\n",
        "<!-- Generated from software/dstc/conv/words.py by `make docs`; change it there. -->\n",
        INTRODUCTION,
        "Limits that depend on the configuration:\n", _limits(),
        "## im2col unit\n", ORDER, *map(_instruction, GATHER_WORDS),
        "### Spans\n", SPANS, _fields(SPAN_FIELDS[0]), "Second data word:\n",
        _fields(SPAN_FIELDS[1]),
        "## Epilogue\n", *map(_instruction, EPILOGUE_WORDS),
        "### Parameters\n", PARAMETERS, _fields((MULTIPLIER, SHIFT)),
        "## Errors\n",
        ERRORS,
        table(["code", "name", "meaning"],
              [[str(int(code)), f"`{code.name}`", code.meaning] for code in ConvErrorCode], "r"),
    ])
