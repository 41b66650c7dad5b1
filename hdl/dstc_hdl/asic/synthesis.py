"""From emitted Verilog to a netlist of standard cells, its area by module and its longest path.

Every distinct module is mapped once and the hierarchy is kept, so a core of a million cells takes
minutes and less than 2 GB.  Yosys maps (ABC with buffering and sizing for a target delay), nets
that join modules are buffered afterwards (:mod:`dstc_hdl.asic.fanout`), and OpenSTA times the
whole: wires as the library's default load, an ideal clock, ports as if registered outside.
"""

import json
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..emit import Emitted, content_key, publish
from .fanout import buffer_nets
from .library import CellLibrary
from .mapping import FILES, memories, registers
from .tools import call, find_sta, find_yosys, tool_versions

__all__ = ["PERIOD_NS", "TARGET_PS", "TIME", "Synthesized", "Timing", "read_timing", "synthesize"]

MAP = """
read_verilog design.v
hierarchy -check -top {top}
{memories}
synth -top {top}
{registers}
abc -liberty cells.lib -D {target} -constr abc.constr
opt_clean -purge
setundef -zero
{ties}
splitnets
opt_clean -purge
read_liberty -lib -overwrite cells.lib
hierarchy -top {top}
write_json mapped.json
"""
WRITE = """
read_json buffered.json
read_liberty -lib -overwrite cells.lib
hierarchy -top {top}
tee -q -o stat.json stat -json -top {top} -liberty cells.lib
write_verilog -noattr -noexpr -nohex -nodec netlist.v
"""
TIME = """
read_liberty cells.lib
read_verilog netlist.v
link_design {top}
create_clock -name clk -period {period} [get_ports clk]
set_input_delay 0 -clock clk [all_inputs]
set_output_delay 0 -clock clk [all_outputs]
set_driving_cell -lib_cell {driver} [all_inputs]
report_checks -path_delay max -format full
exit
"""
TARGET_PS = 1000
PERIOD_NS = 10


@dataclass(frozen=True)
class Timing:
    """The longest path: its delay in nanoseconds, setup included, and its two ends."""

    delay: float
    start: str
    end: str


@dataclass(frozen=True)
class Synthesized:
    """A netlist in the cache.

    Attributes
    ----------
    folder : Path
        With ``netlist.v`` and ``stat.json``.
    top : str
    stat : dict
        What ``stat -json`` of Yosys says.
    buffers : int
        Buffers on nets that join modules.
    timing : Timing or None
        None without OpenSTA, or for a design without registers.
    """

    folder: Path
    top: str
    stat: dict[str, Any]
    buffers: int
    timing: Timing | None

    @property
    def area(self) -> float:
        """Square micrometres of all cells."""
        return float(self.stat["design"]["area"])

    @property
    def cells(self) -> int:
        """How many."""
        return int(self.stat["design"]["num_cells"])

    def module_area(self, module: str) -> float:
        """Square micrometres of one instance of a module, what is in it included."""
        return float(self.stat["modules"]["\\" + module]["area"])

    def instances(self) -> dict[str, str]:
        """Module of each instance in the top module, cells of the library left out."""
        text = (self.folder / "netlist.v").read_text()
        start = text.index(f"\nmodule {self.top}(")
        body = text[start:text.index("\nendmodule", start)]
        found = re.findall(r"^  (\S+) +(\S+) +\($", body, re.M)
        return {name.lstrip("\\"): module for module, name in found
                if "\\" + module in self.stat["modules"]}


def synthesize(emitted: Emitted, library: CellLibrary) -> Synthesized:
    """Map a component to cells, from the cache if nothing that decides it has changed.

    Raises
    ------
    SynthesisError
        If a tool is missing or fails.
    """
    top = emitted.name
    ties = ""
    if library.ties:
        high, low = library.ties
        ties = f"hilomap -hicell {high[0]} {high[1]} -locell {low[0]} {low[1]}"
    scripts = {"map.ys": MAP.format(top=top, target=TARGET_PS, ties=ties,
                                    memories=memories(), registers=registers(library)),
               **FILES,
               "write.ys": WRITE.format(top=top),
               "time.tcl": TIME.format(top=top, period=PERIOD_NS, driver=library.driver),
               "abc.constr": f"set_driving_cell {library.driver}\nset_load 5 [all_outputs]\n"}
    sources = [(Path(__file__).parent / name).read_text() for name in ("fanout.py", "library.py")]
    key = content_key(emitted.verilog, scripts, sources, tool_versions(library))

    def make(folder: Path) -> None:
        # Yosys in WebAssembly sees nothing but its own folder below the temporary one.
        with tempfile.TemporaryDirectory() as scratch:
            work = Path(scratch)
            (work / "design.v").write_text(emitted.verilog)
            for name, text in scripts.items():
                (work / name).write_text(text)
            shutil.copy(library.liberty, work / "cells.lib")
            call([find_yosys(), "-q", "-l", "map.log", "-s", "map.ys"], work)
            netlist = json.loads((work / "mapped.json").read_text())
            buffers = buffer_nets(netlist, top, library)
            (work / "buffered.json").write_text(json.dumps(netlist))
            del netlist
            call([find_yosys(), "-q", "-l", "write.log", "-s", "write.ys"], work)
            if sta := find_sta():
                (folder / "sta.txt").write_text(
                    call([sta, "-no_splash", "-exit", "time.tcl"], work))
            (folder / "buffers.json").write_text(json.dumps(buffers))
            for name in ("netlist.v", "stat.json"):
                shutil.copy(work / name, folder)

    return _read(publish("asic", key, make), top)


def read_timing(report: str, period: float) -> Timing | None:
    """The longest path in what OpenSTA says, None if there is none.

    Parameters
    ----------
    report : str
        Of ``report_checks -path_delay max -format full``.
    period : float
        Of the clock that the slack refers to, in nanoseconds.
    """
    slack = re.search(r"^\s*(-?[\d.]+)\s+slack", report, re.M)
    ends = re.findall(r"^(?:Start|End)point: (\S+)", report, re.M)
    return Timing(round(period - float(slack[1]), 3), ends[0], ends[1]) if slack else None


def _read(folder: Path, top: str) -> Synthesized:
    report = folder / "sta.txt"
    timing = read_timing(report.read_text(), PERIOD_NS) if report.exists() else None
    return Synthesized(folder, top, json.loads((folder / "stat.json").read_text()),
                       int(json.loads((folder / "buffers.json").read_text())), timing)
