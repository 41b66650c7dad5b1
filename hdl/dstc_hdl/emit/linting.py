"""Lint of emitted Verilog with Verilator."""

import re
import subprocess
import tempfile
from pathlib import Path

from .emission import Emitted
from .tools import find_verilator, verilator_environment

__all__ = ["WAIVERS", "lint"]

WAIVERS = {
    "UNUSEDSIGNAL": "every named signal of the source keeps a wire, so that traces show it",
    "WIDTHEXPAND": "Verilog extends the narrower operand; the generator relies on that",
    "WIDTHTRUNC": "Verilog cuts a result to its target; the generator relies on that",
    "PROCASSINIT": "a register's declaration carries its value at power-up",
    "CASEINCOMPLETE": "every combinational block assigns a default before the case",
    "UNSIGNED": "a range check against the least value of its field stays in the text",
    "CMPCONST": "a range check against the largest value of its field stays in the text",
    "DECLFILENAME": "all modules of a unit are in one file",
}
"""Verilator warnings that do not count, and why."""


def lint(emitted: Emitted) -> list[str]:
    """What ``verilator --lint-only -Wall`` says beyond the waivers; empty when clean.

    Raises
    ------
    DstcError
        If Verilator is not installed.
    """
    with tempfile.TemporaryDirectory() as folder:
        path, _ = emitted.write(Path(folder))
        done = subprocess.run(
            [str(find_verilator()), "--lint-only", "-Wall", "-Wno-fatal",
             *(f"-Wno-{rule}" for rule in WAIVERS), "--top-module", emitted.name, path.name],
            cwd=folder, env=verilator_environment(), capture_output=True, text=True, check=False)
    return re.findall(r"^%(?:Warning|Error).*", done.stderr, re.M)
