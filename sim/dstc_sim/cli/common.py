"""What several commands share."""

import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from dstc.errors import DstcError

__all__ = ["AsJson", "ConfigName", "RandomC", "Seed", "parse_shape", "print_json", "progress",
           "require_ending"]

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
Seed = Annotated[int, typer.Option(help="Seed of everything random.", min=0)]
RandomC = Annotated[bool, typer.Option("--random-c", help="Start from a random C instead of +0.")]
ConfigName = Annotated[str, typer.Option(help="Configuration of the core; see dstc info.")]


def print_json(report: dict[str, Any]) -> None:
    """Print a report as one JSON object on standard output."""
    print(json.dumps(report, allow_nan=False))


def parse_shape(text: str) -> tuple[int, int, int]:
    """M, N and K from ``MxNxK``.

    Raises
    ------
    DstcError
        If the text is anything else, or an extent is 0.
    """
    match = re.fullmatch(r"([1-9]\d{0,8})x([1-9]\d{0,8})x([1-9]\d{0,8})", text, re.ASCII)
    if not match:
        raise DstcError(f"Shape must be MxNxK with three positive integers, not {text!r}")
    m, n, k = map(int, match.groups())
    return m, n, k


def require_ending(path: Any, ending: str) -> None:
    """Refuse an output whose name promises something else than what will be in it.

    Raises
    ------
    DstcError
        If the name does not end that way.
    """
    if path is not None and not str(path).endswith(ending):
        raise DstcError(f"Output name must end in {ending}, not {path}")


@contextmanager
def progress(what: str, total: int | None, quiet: bool) -> Iterator[Any]:
    """A progress bar on standard error; nothing when quiet or when nobody watches.

    Parameters
    ----------
    what : str
        Shown beside the bar.
    total : int or None
        Units of work; None where nobody can tell how far the work is.
    quiet : bool

    Yields
    ------
    callable
        To be called with the number of units just done.
    """
    if quiet or not sys.stderr.isatty():
        yield lambda done: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    with Progress(TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(),
                  console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.advance(task, done)
