"""docs/isa.md, made from the instruction table.

``python -m dstc.isa_doc`` prints the page.
"""

import sys

import numpy as np

from .asm import assemble, disassemble
from .config import CONFIGS, Config, get_config
from .formats import encode
from .isa import INSTRUCTIONS, OPCODE_BITS, WORD_BITS, ErrorCode, FieldSpec, InstructionSpec
from .isa_text import ASSEMBLY, BINARY, DETAILS, ERRORS, EXAMPLES, INTRODUCTION, ORDER
from .program import gemm_job

__all__ = ["bit_range", "diagram", "field_range", "page", "table"]

EXAMPLE_CONFIG = "tiny"


def table(header: list[str], rows: list[list[str]], align: str = "") -> str:
    """A Markdown table; ``align`` has an ``r`` for each column that is right-aligned."""
    rule = ["--:" if n < len(align) and align[n] == "r" else "---" for n in range(len(header))]
    lines = ["| " + " | ".join(cells) + " |" for cells in (header, *rows)]
    return "\n".join([lines[0], "|" + "|".join(rule) + "|", *lines[1:]]) + "\n"


def bit_range(lsb: int, width: int) -> str:
    """``7:0``, or ``8`` for a single bit."""
    return str(lsb) if width == 1 else f"{lsb + width - 1}:{lsb}"


def diagram(spec: InstructionSpec) -> str:
    """The word, highest bit first: bit ranges above what they hold."""
    cells = [(bit_range(0, OPCODE_BITS), f"{spec.opcode:#04x}")]
    at = OPCODE_BITS
    for field in spec.fields:
        if field.lsb > at:
            cells.append((bit_range(at, field.lsb - at), "0"))
        cells.append((bit_range(field.lsb, field.width), f"**{field.name}**"))
        at = field.lsb + field.width
    cells.append((bit_range(at, WORD_BITS - at), "0"))
    cells.reverse()
    return table([bits for bits, _ in cells], [[content for _, content in cells]])


def field_range(field: FieldSpec) -> str:
    """Lowest and highest value."""
    if isinstance(field.limit, str):
        return f"{field.low} to `{field.limit}`" + ("" if field.through else " - 1")
    return f"{field.low} to {field.limit - 1}"


def _instruction(spec: InstructionSpec) -> str:
    parts = [f"### {spec.mnemonic}\n", f"{spec.meaning[0].upper()}{spec.meaning[1:]}.\n",
             diagram(spec)]
    if spec.fields:
        parts.append(table(["field", "range", "meaning"],
                            [[f.name, field_range(f), f.meaning] for f in spec.fields]))
    return "\n".join([*parts, DETAILS[spec.mnemonic]]) + "\n"


def _summary() -> str:
    return table(["opcode", "mnemonic", "operands", "meaning"],
                  [[f"{spec.opcode:#04x}", f"[{spec.mnemonic}](#{spec.mnemonic.lower()})",
                    ", ".join(f.name for f in spec.fields), spec.meaning]
                   for spec in INSTRUCTIONS])


def _limits() -> str:
    names = sorted({f.limit for spec in INSTRUCTIONS for f in spec.fields
                    if isinstance(f.limit, str)})
    return table(["configuration", *names],
                  [[f"`{config.name}`", *(str(getattr(config, name)) for name in names)]
                   for config in CONFIGS.values()], "-" + "r" * len(names))


def _errors() -> str:
    return table(["code", "name", "meaning"],
                  [[str(int(code)), f"`{code.name}`", code.meaning] for code in ErrorCode], "r")


def _example(title: str, text: str, program: str) -> str:
    words = assemble(program, get_config(EXAMPLE_CONFIG))
    lines = [f"{int(word):016x}  {line}"
             for word, line in zip(words, program.splitlines(), strict=True)]
    return "\n".join([f"### {title}\n", text, "```text", *lines, "```"]) + "\n"


# Set positions of every k-step of the tiles of which one SPWMMA is written out.
_COLUMNS: tuple[list[int], ...] = [7, 3], [1], [], [6, 4, 0]
_ROWS: tuple[list[int], ...] = [5, 4, 3, 2, 0], [], [1], [7]


def _micro_operations(config: Config) -> list[str]:
    """Assembly text of the product of the two tiles, without loads and drain."""
    a = np.zeros((config.tile_m, config.tile_k), config.format.dtype)
    b = np.zeros((config.tile_k, config.tile_n), config.format.dtype)
    for k in range(config.tile_k):
        a[_COLUMNS[k], k] = b[k, _ROWS[k]] = 1
    job = gemm_job(encode(a, "A", config), encode(b, "B", config), config=config, style="micro")
    lines = disassemble(job.words, config).splitlines()
    return lines[2:-2]


def _expansion() -> str:
    """One SPWMMA as micro-operations, with what each of them does."""
    config = get_config(EXAMPLE_CONFIG)
    rows, shown, executed = [], [], 0
    lines = iter(_micro_operations(config))
    for k, (column, row) in enumerate(zip(_COLUMNS, _ROWS, strict=True)):
        groups = (-(-len(column) // config.array_rows), -(-len(row) // config.array_cols))
        executed += groups[0] * groups[1]
        rows.append([str(k), *(f"`{sum(1 << i for i in bits):08b}`" for bits in (column, row)),
                     *map(str, (len(column), len(row), *groups, groups[0] * groups[1]))])
        step = [next(lines), next(lines)]
        for h in range(config.col_groups):
            for g in range(config.row_groups):
                note = "executed" if g < groups[0] and h < groups[1] else "predicated off"
                step.append(f"{next(lines):<33}; {note}")
        if not groups[0] * groups[1]:
            step = [f"{step[0]:<33}; POPC and {len(step) - 2} OHMMA follow, all predicated off"]
        shown += step
    header = ["k", "A bitmap", "B bitmap", "na", "nb", "row groups", "column groups", "OHMMA"]
    dense = config.dense_ohmma_per_tile
    return "\n".join([
        table(header, rows, "r--rrrrr"),
        "As micro-operations on slot 0 of either side and context 0:\n",
        "```text", *shown, "```\n",
        f"`SPWMMA a=0, b=0, acc=0` executes the same {executed}, one in a cycle, and spends no "
        f"cycle on the\n{dense - executed} others. `WMMA` executes {dense}."]) + "\n"


def page() -> str:
    """The text of docs/isa.md."""
    sections = [
        "# Instruction set\n",
        "<!-- Generated from software/dstc/isa.py by `make docs`; change it there. -->\n",
        INTRODUCTION,
        _summary(),
        "Limits that depend on the configuration:\n",
        _limits(),
        "## Instructions\n",
        *map(_instruction, INSTRUCTIONS),
        "## Order\n", ORDER,
        "## Errors\n",
        ERRORS,
        _errors(),
        "## Assembly text\n", ASSEMBLY,
        "## Program files\n", BINARY,
        "## Examples\n", "The words are on the left.\n",
        *(_example(title, *parts) for title, parts in EXAMPLES.items()),
        "## What one SPWMMA does\n",
        f"In `{EXAMPLE_CONFIG}` an `OHMMA` takes {get_config(EXAMPLE_CONFIG).array_rows} values of "
        f"A and {get_config(EXAMPLE_CONFIG).array_cols} of B. Take two tiles with these bitmaps, "
        "highest\nbit on the left:\n",
        _expansion(),
    ]
    return "\n".join(sections)


if __name__ == "__main__":
    sys.stdout.write(page())
