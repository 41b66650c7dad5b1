"""``dstc asm``: assembly text to program words."""

import json
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["command"]


def command(
    source: Annotated[Path, typer.Argument(help="Assembly text (docs/isa.md).",
                                           show_default=False)],
    config: Annotated[str, typer.Option(help="Configuration that the program is checked "
                                             "against.")] = "paper",
    out: Annotated[Path | None, typer.Option(
        "--out", "-o", help="Program file: hexadecimal text if the name ends in .hex, else the "
        "binary form.", show_default=False)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Assemble a program.

    Without --out the words are printed, one a line in hexadecimal.

    Examples:

      dstc asm tile.s --config tiny

      dstc asm tile.s --config tiny -o tile.bin
    """
    from dstc.asm import assemble
    from dstc.config import get_config
    from dstc.fileio import atomic_write
    from dstc.progfile import program_bytes, program_hex, read_text

    target = get_config(config)
    words = assemble(read_text(source), target)
    if out is not None:
        content = (program_hex(words).encode() if out.suffix == ".hex"
                   else program_bytes(words, target.name))
        with atomic_write(out) as file:
            file.write(content)
    if as_json:
        report = {"config": target.name, "words": len(words)}
        report |= ({"program": [f"{word:016x}" for word in words.tolist()]} if out is None
                   else {"out": str(out)})
        print(json.dumps(report))
    elif out is None:
        print(program_hex(words), end="")
    else:
        print(f"{out}: {len(words)} words for configuration {target.name}")
