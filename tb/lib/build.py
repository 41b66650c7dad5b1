"""Emission and compilation of the units, kept under ``build/cache`` by a hash of their sources."""

import os
import re
import sys
from pathlib import Path
from unittest import mock

from cocotb_tools.runner import get_runner

from dstc_hdl.asic.flat import read_flat
from dstc_hdl.asic.liberty import read_cells
from dstc_hdl.asic.library import find_library
from dstc_hdl.asic.synthesis import synthesize
from dstc_hdl.emit import Emitted, Parameters, build_folder, content_key, emit, emit_unit, publish
from dstc_hdl.emit.cache import source_files
from dstc_hdl.emit.tools import (
    find_verilator,
    generator_versions,
    icarus_version,
    verilator_environment,
    verilator_version,
)
from dstc_sim.gates.shell import shell_sources

from .units import UNITS

__all__ = ["SIMULATORS", "STARTS", "compiled", "simulator_environment", "verilog"]

SIMULATORS = ("icarus", "verilator")
STARTS = ("initial", "unknown", "gates")
"""State before reset: the initial values of the emitted text, or none of them.  Without, Icarus
starts every register and memory at X and Verilator at a random value.  ``gates`` is the netlist
of 45 nm cells: on Icarus with the library's models and every flip-flop at X, on Verilator behind a
shell (:mod:`dstc_sim.gates.shell`), 64 random values of each flip-flop side by side."""

# What remains of a build besides the Verilog and the compiled model.
KEPT = ("sim.vvp", "build.log")
REGISTER = re.compile(r"^(  reg [^=\n]*?) = \d+'[hbd][0-9a-fxz]+;$", re.M)
MEMORY = re.compile(r"^  initial begin\n(?:    \S* ?\[\d+\] = \S+;\n)+  end\n", re.M)
FLAGS = {
    "icarus": [],
    # Only the ports are visible, which more than doubles the speed.
    "verilator": ["-Wno-fatal", "--no-public-flat-rw", "--public-depth", "1", "--x-initial",
                  "unique", "--x-assign", "unique", "--quiet-stats"],
}
# Netlists are evaluated in C++ of ours.
SHELL_FLAGS = ["-CFLAGS", "-O3 -march=native"]
# Benches spend most of their time in Python, so what counts is a quick compilation.
OPTIMISE = "OPT_FAST=-O0 OPT_SLOW=-O0"


def verilog(unit: str, config: Parameters) -> Path:
    """The folder with ``dstc_UNIT.v`` and ``dstc_UNIT.json`` as they ship."""
    if unit in ("core", "accelerator"):
        return emit_unit(unit, config)[1]
    maker = UNITS[unit]
    sources = {**source_files(maker.module), **source_files("dstc_hdl.emit")}
    key = content_key("tb", unit, maker.arguments, config.to_dict(), sources,
                      generator_versions())
    return publish("verilog", key, lambda folder: emit(
        maker.make(config), f"dstc_{unit}", config).write(folder) and None)


def compiled(unit: str, config: Parameters, simulator: str, start: str, waves: bool) -> Path:
    """The folder with the unit compiled for cocotb."""
    name = f"dstc_{unit}.v"
    text = (verilog(unit, config) / name).read_text(encoding="utf-8")
    if start == "unknown":
        text = MEMORY.sub("", REGISTER.sub(r"\1;", text))
    code = ""
    if start == "gates":
        text, code = _netlist(unit, config, simulator)
    version = icarus_version() if simulator == "icarus" else verilator_version()
    flags = list(FLAGS[simulator])
    if start == "gates":
        # The models of the cells have made-up delays.
        flags += ["-gno-specify"] if simulator == "icarus" else SHELL_FLAGS
    key = content_key("tb", text, *filter(None, [code]), simulator, version, flags, OPTIMISE, waves)

    def make(folder: Path) -> None:
        (folder / name).write_text(text, encoding="utf-8")
        sources = []
        if code:
            sources = [str(folder / "gates.cpp")]
            (folder / "gates.cpp").write_text(code, encoding="utf-8")
        runner = get_runner(simulator)
        try:
            with mock.patch.dict(os.environ, simulator_environment(simulator)):
                runner.build(sources=[folder / name], hdl_toplevel=f"dstc_{unit}",
                             build_dir=folder, build_args=[*flags, *sources], waves=waves,
                             timescale=("1ns", "1ps"), log_file=folder / "build.log")
        except RuntimeError as error:
            log = (folder / "build.log").read_text(encoding="utf-8", errors="replace")
            raise RuntimeError(f"{simulator} cannot compile {name}: {error}\n{log[-4000:]}"
                               ) from error
        for path in folder.iterdir():
            if path.name not in KEPT and path.name not in (name, f"dstc_{unit}"):
                path.unlink()

    return publish("tb", key, make)


def _netlist(unit: str, config: Parameters, simulator: str) -> tuple[str, str]:
    """The unit in cells: Verilog, and C++ behind it for Verilator."""
    library = find_library("asic45")
    emitted = Emitted.read(verilog(unit, config), f"dstc_{unit}")
    netlist = synthesize(emitted, library)
    if simulator == "verilator":
        cells = read_cells(library.liberty)
        return shell_sources(emitted.name, emitted.ports(), read_flat(netlist, library, cells),
                             cells)
    assert library.models is not None
    return (netlist.folder / "netlist.v").read_text() + library.models.read_text(), ""


def simulator_environment(simulator: str) -> dict[str, str]:
    """Variables that cocotb's runner needs to find and drive the simulator."""
    if simulator == "icarus":
        return {}
    cache = Path(__file__).with_name("objcache.py")
    binaries = str(find_verilator().parent)
    path = os.environ["PATH"].split(os.pathsep)
    return {
        "PATH": os.pathsep.join([binaries, *(p for p in path if p != binaries)]),
        "VERILATOR_ROOT": verilator_environment()["VERILATOR_ROOT"],
        "MAKEFLAGS": OPTIMISE,
        "OBJCACHE": f"{sys.executable} {cache} {build_folder() / 'cache' / 'tb-objects'}",
    }
