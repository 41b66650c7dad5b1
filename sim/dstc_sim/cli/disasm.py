"""``dstc disasm``: program words to assembly text."""

import json
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["command"]


def command(
    program: Annotated[Path, typer.Argument(
        help="Program file: the binary form, or hexadecimal text with one word a line.",
        show_default=False)],
    config: Annotated[str | None, typer.Option(
        help="Configuration that the words are checked against; the binary form names its own.",
        show_default=False)] = None,
    addresses: Annotated[bool, typer.Option(
        "--addresses", help="Add the address of every word as a comment.")] = False,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Write the text to a file.",
                                             show_default=False)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Disassemble a program; `dstc asm` makes the same words of the text.

    Examples:

      dstc disasm tile.bin --addresses

      dstc disasm tile.hex --config tiny -o tile.s
    """
    from dstc.asm import disassemble
    from dstc.config import get_config
    from dstc.errors import DstcError
    from dstc.fileio import atomic_write
    from dstc.progfile import load_program

    words, own = load_program(program)
    name = config or own
    if name is None:
        raise DstcError("Option --config must be given for hexadecimal text, not left out")
    target = get_config(name)
    text = disassemble(words, target, addresses=addresses)
    if out is not None:
        with atomic_write(out) as file:
            file.write(text.encode())
    if as_json:
        report = {"config": target.name, "words": len(words)}
        print(json.dumps(report | ({"text": text} if out is None else {"out": str(out)})))
    elif out is None:
        print(text, end="")
    else:
        print(f"{out}: {len(words)} words for configuration {target.name}")
