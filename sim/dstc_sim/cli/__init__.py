"""The command line ``dstc``.

A command is a module of this package with a function ``command``: its annotations are the
options, its docstring is the help, with examples.  :data:`COMMANDS` is the only registration.
A command imports what it needs when it runs, so that one of them neither slows nor breaks the
others, and reports what the user did wrong by raising :class:`dstc.errors.DstcError`.
"""

import inspect
import os
import re
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from dstc.errors import DstcError

__all__ = ["COMMANDS", "app", "main"]

COMMANDS = ("gemm", "conv", "run", "profile", "sweep", "explain", "encode", "info", "verilog",
            "area", "paper", "breakeven", "asm", "disasm", "doctor")
"""Every command, in the order of the help."""


class _Commands(TyperGroup):
    """The commands, each imported when it is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            raise DstcError(f"Command must be one of {', '.join(COMMANDS)}, not {cmd_name!r}")
        command = import_module(f"{__name__}.{cmd_name}").command
        single = typer.Typer(add_completion=False)
        # One line per paragraph: the terminal's width decides where it breaks.
        text = re.sub(r"(?<!\n)\n(?!\n)", " ", inspect.getdoc(command) or "")
        single.command(cmd_name, help=text)(command)
        return typer.main.get_command(single)


app = typer.Typer(cls=_Commands, add_completion=False, pretty_exceptions_enable=False,
                  context_settings={"help_option_names": ["-h", "--help"]})


def _version(wanted: bool) -> None:
    if wanted:
        print(f"dstc {version('dstc')}")
        raise typer.Exit()


@app.callback()
def _root(
    show_version: Annotated[bool, typer.Option(
        "--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """Sparse matrix products on a generated dual-side sparse tensor core.

    Every command has its own help with examples: dstc COMMAND --help.
    """


def main(args: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    args : sequence of str, optional
        The words after ``dstc``; those of the process when absent.

    Returns
    -------
    int
        0 when done, 1 when a comparison failed, 2 when the user's input was refused: then
        standard error holds one sentence that says why, and nothing has been written.
    """
    words = list(sys.argv[1:] if args is None else args)
    try:
        # Without standalone mode an early exit comes back as its code.
        return app(args=words or ["--help"], prog_name="dstc", standalone_mode=False) or 0
    except BrokenPipeError:
        # Whoever read our output has seen enough; keep the interpreter from flushing to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except typer.TyperException as error:
        message = error.format_message()
    except (DstcError, OSError) as error:
        message = str(error)
    print("dstc: " + " ".join(message.split()), file=sys.stderr)
    return 2
