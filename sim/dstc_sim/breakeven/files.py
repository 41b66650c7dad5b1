"""The folder that ``dstc breakeven -o`` leaves behind."""

import json
from pathlib import Path
from typing import Any

from dstc.fileio import atomic_write

from .page import render
from .picture import draw

__all__ = ["write"]


def write(out: Path, report: dict[str, Any]) -> None:
    """Write ``breakeven.html``, ``breakeven.png`` and ``breakeven.json``.

    All are made before the first is written, and each replaces its predecessor in one step.

    Parameters
    ----------
    out : Path
        An existing folder.
    report : dict
        What ``dstc breakeven --json`` prints.
    """
    for name, content in {
        "breakeven.json": json.dumps(report, allow_nan=False).encode() + b"\n",
        "breakeven.png": draw(report),
        "breakeven.html": render(report).encode(),
    }.items():
        with atomic_write(out / name) as file:
            file.write(content)
