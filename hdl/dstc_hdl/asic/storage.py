"""What a memory costs in standard cells: of flip-flops, or of latches.

A memory of flip-flops is what synthesis makes of the emitted Verilog.  A memory of latches is what
a designer would put in its place: a word is a row of transparent latches behind one clock gate,
its write data wait in one register in front of all words.  A word that was written can be read in
the cycle after, but only in its second half; times of that are not part of the model.
"""

import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ..emit import content_key, publish
from .library import CellLibrary
from .mapping import FILES, memories, registers
from .memories import MemoryShape
from .synthesis import TARGET_PS
from .tools import SynthesisError, call, find_yosys, tool_versions

__all__ = ["LATCHES", "memory_verilog", "storage_areas"]

LATCHES = {"asic45": ("DLH_X1", "D", "G", "Q")}
"""Transparent latch of a target: cell, data, gate (high: open), output.  The other library has one
too, without an area."""

SCRIPT = """
read_verilog memories.v
{memories}
synth
techmap -map latch.v
{registers}
abc -liberty cells.lib -D {target} -constr abc.constr
opt_clean -purge
tee -q -o stat.json stat -json -liberty cells.lib
"""
LATCH = """
module \\$_DLATCH_P_ (input D, E, output Q);
  {cell} _TECHMAP_REPLACE_ (.{data}(D), .{gate}(E), .{out}(Q));
endmodule
module \\$_DLATCH_N_ (input D, E, output Q);
  {cell} _TECHMAP_REPLACE_ (.{data}(D), .{gate}(~E), .{out}(Q));
endmodule
"""


def storage_areas(shapes: Sequence[MemoryShape], library: CellLibrary
                  ) -> dict[MemoryShape, tuple[float, float | None]]:
    """Square micrometres of a memory of each shape, of flip-flops and, where known, of latches.

    Raises
    ------
    SynthesisError
        If Yosys is missing or fails.
    """
    kinds = ("flops", "latches") if library.target in LATCHES else ("flops",)
    wanted = {f"{kind}_{n}": memory_verilog(shape, f"{kind}_{n}", latches=kind == "latches")
              for n, shape in enumerate(shapes) for kind in kinds}
    areas = _areas(wanted, library)
    return {shape: (areas[f"flops_{n}"], areas.get(f"latches_{n}"))
            for n, shape in enumerate(shapes)}


def memory_verilog(shape: MemoryShape, name: str, *, latches: bool) -> str:
    """A memory of that shape as Verilog, to be mapped to cells.

    Every write port has ``we``, ``waddr`` and ``wdata``, every read port ``raddr`` and ``rdata``,
    and ``re`` if it is registered, each with the number of the port.
    """
    high, top = max(1, (shape.depth - 1).bit_length()) - 1, shape.width - 1
    ports = ["input clk"]
    lines = []
    for n in range(shape.writes):
        ports += [f"input we{n}", f"input [{high}:0] waddr{n}", f"input [{top}:0] wdata{n}"]
    for n in range(shape.reads):
        ports += [f"input re{n}"] if shape.registered else []
        ports += [f"input [{high}:0] raddr{n}",
                  f"output {'reg ' if shape.registered else ''}[{top}:0] rdata{n}"]
    lines.append(f"  reg [{top}:0] words [0:{shape.depth - 1}];")
    lines += _latches(shape) if latches else [
        f"  always @(posedge clk) if (we{n}) words[waddr{n}] <= wdata{n};"
        for n in range(shape.writes)]
    for n in range(shape.reads):
        # Yosys takes latches for no memory, so what it makes of one is spelled out.
        read = " | ".join(f"({{{shape.width}{{raddr{n} == {word}}}}} & words[{word}])"
                          for word in range(shape.depth)) if latches else f"words[raddr{n}]"
        lines.append(f"  always @(posedge clk) if (re{n}) rdata{n} <= {read};"
                     if shape.registered else f"  assign rdata{n} = {read};")
    return f"module {name} ({', '.join(ports)});\n" + "\n".join(lines) + "\nendmodule\n"


def _latches(shape: MemoryShape) -> list[str]:
    lines = []
    for n in range(shape.writes):
        lines += [f"  reg [{shape.width - 1}:0] data{n};",
                  f"  reg [{shape.depth - 1}:0] open{n};",
                  f"  always @(posedge clk) begin data{n} <= wdata{n};",
                  f"    open{n} <= we{n} << waddr{n}; end"]
    gates = " | ".join(f"open{n}[i]" for n in range(shape.writes))
    data = f"data{shape.writes - 1}"
    for n in reversed(range(shape.writes - 1)):
        data = f"(open{n}[i] ? data{n} : {data})"
    return [*lines, "  genvar i;", f"  generate for (i = 0; i < {shape.depth}; i = i + 1)",
            f"    begin : word wire gate = ({gates}) & ~clk;",
            f"    always @* if (gate) words[i] = {data}; end", "  endgenerate"]


def _areas(modules: dict[str, str], library: CellLibrary) -> dict[str, float]:
    """Areas of modules by name, from the cache if nothing that decides them has changed."""
    latch = ""
    if library.target in LATCHES:
        cell, data, gate, out = LATCHES[library.target]
        latch = LATCH.format(cell=cell, data=data, gate=gate, out=out)
    files = {"memories.v": "".join(modules.values()),
             "latch.v": latch,
             **FILES,
             "run.ys": SCRIPT.format(target=TARGET_PS, memories=memories(),
                                     registers=registers(library)),
             "abc.constr": f"set_driving_cell {library.driver}\nset_load 5 [all_outputs]\n"}

    def make(folder: Path) -> None:
        with tempfile.TemporaryDirectory() as scratch:
            work = Path(scratch)
            for name, text in files.items():
                (work / name).write_text(text)
            shutil.copy(library.liberty, work / "cells.lib")
            call([find_yosys(), "-q", "-l", "run.log", "-s", "run.ys"], work)
            stat = json.loads((work / "stat.json").read_text())["modules"]
        # A cell that is not in the library would count nothing.
        strange = ({cell for module in stat.values() for cell in module["num_cells_by_type"]}
                   - set(library.areas()))
        if strange:
            raise SynthesisError(f"Cells of a memory must be in {library.title}, which "
                                 f"{', '.join(sorted(strange))} are not")
        (folder / "areas.json").write_text(json.dumps(
            {name.lstrip("\\"): module["area"] for name, module in stat.items()}))

    folder = publish("asic-storage", content_key(files, tool_versions(library)), make)
    found: dict[str, float] = json.loads((folder / "areas.json").read_text())
    return found
