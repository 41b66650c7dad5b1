"""Netlists of mapped cells in the form of Yosys, made, flattened and written by other code."""

import random
import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from dstc_hdl.asic.library import CellLibrary

__all__ = ["LIBERTY", "Cells", "FlatCell", "flatten", "hand_made_library", "random_netlist",
           "to_verilog"]

LIBERTY = """
library (hand_made) {
  capacitive_load_unit (1,ff);
  wire_load("small") { capacitance : 7.0; }
  cell (GATE) {
    area : 2.5;
    pin (A) { direction : input; capacitance : 3.0; max_capacitance : 90; }
    pin (B) {
      capacitance : 2.0;
      direction : input;
      timing () { related_pin : "A"; cell_rise (table) { values ("0.1, 0.2"); } }
    }
    pin (Y) { direction : output; max_capacitance : 50; }
  }
  cell ("FLOP") {
    area : 7;
    pin (D) { direction : "input"; capacitance : 1.5e0; }
    pin (CK) { direction : input; clock : true; capacitance : 4; }
    pin (Q) { direction : output; }
  }
  cell (BUF) {
    area : 1.0;
    pin(I) { direction : input; capacitance : 2.5; }
    pin(Z) { direction : output; }
  }
}
""".replace("{ ", "{\n").replace("; ", ";\n")


def hand_made_library(folder: Path, load: float = 12.0) -> CellLibrary:
    """A library of a gate, a flip-flop and a buffer."""
    liberty = folder / "cells.lib"
    liberty.write_text(LIBERTY)
    return CellLibrary(target="none", title="hand-made", liberty=liberty, models=None,
                       nand2="GATE", buffer="BUF", driver="BUF", gate=None, ties=None,
                       load=load, clock_pins=frozenset({"CK"}))


OUTPUTS = ("Y", "Q", "Z", "QN", "GCK")


@dataclass(frozen=True)
class Cells:
    """Names of the cells of a library that a random netlist is made of."""

    gate: tuple[str, str, str, str]     # cell, two inputs, output
    flop: tuple[str, str, str, str]     # cell, data, clock, output


def random_netlist(rng: random.Random, cells: Cells, depth: int = 2, *, through: bool = True):
    """Modules in which a net goes to many cells and many instances; the top is ``top``.

    ``through``: some outputs are inputs, with nothing in between.
    """
    modules = {}
    names = []
    for level in range(depth + 1):
        name = "top" if level == depth else f"part_{level}"
        modules[name] = _random_module(rng, cells, {child: modules[child] for child in names},
                                       through)
        names.append(name)
    return {"modules": modules}


def _random_module(rng, cells, children, through):
    """Six inputs, four outputs; some nets are drawn far more often than others."""
    inputs = list(range(2, 8))
    module = {"attributes": {}, "cells": {}, "netnames": {}, "ports": {
        "clk": {"direction": "input", "bits": [1]}, "i": {"direction": "input", "bits": inputs}}}
    nets = list(inputs)
    new = 8

    def pick():
        if rng.random() < 0.04:
            return rng.choice("01")
        return nets[min(int(rng.expovariate(0.35)), len(nets) - 1)]

    for n in range(rng.randint(20, 60)):
        kind = rng.random()
        if children and kind < 0.3:
            child = rng.choice(sorted(children))
            outputs = list(range(new, new + 4))
            connections = {"clk": [1], "i": [pick() for _ in range(6)], "o": outputs}
            module["cells"][f"u{n}"] = _cell(child, connections)
            nets += outputs
            new += 4
            continue
        name, *pins = cells.flop if kind > 0.8 else cells.gate
        ins = [[pick()], [1 if kind > 0.8 else pick()], [new]]
        module["cells"][f"u{n}"] = _cell(name, dict(zip(pins, ins, strict=True)))
        nets.append(new)
        new += 1
    module["ports"]["o"] = {"direction": "output", "bits": [
        rng.choice(nets if through else nets[len(inputs):]) for _ in range(4)]}
    return module


def _cell(kind, connections):
    return {"type": kind, "hide_name": 0, "parameters": {}, "attributes": {},
            "port_directions": {}, "connections": connections}


@dataclass
class FlatCell:
    """A library cell of the flat netlist: its path, its type and the net at each pin."""

    path: str
    kind: str
    nets: dict


def flatten(netlist, top="top"):
    """Cells below the top and the nets of the top's ports, nets named by what drives them."""
    alias = {}

    def root(net):
        while net in alias:
            net = alias[net]
        return net

    cells = []

    def visit(name, path):
        module = netlist["modules"][name]
        for cell_name, cell in module["cells"].items():
            below = f"{path}/{cell_name}"
            if cell["type"] not in netlist["modules"]:
                cells.append(FlatCell(below, cell["type"], {
                    pin: _net(path, bits[0]) for pin, bits in cell["connections"].items()}))
                continue
            child = netlist["modules"][cell["type"]]
            for port, bits in cell["connections"].items():
                for outside, inside in zip(bits, child["ports"][port]["bits"], strict=True):
                    # A constant that goes through a module stays the name of its net.
                    ends = sorted((root(_net(path, outside)), root(_net(below, inside))),
                                  key=lambda net: not net.startswith("constant"))
                    if ends[0] != ends[1]:
                        alias[ends[1]] = ends[0]
            visit(cell["type"], below)

    visit(top, "")
    ports = {name: [root(_net("", bit)) for bit in port["bits"]]
             for name, port in netlist["modules"][top]["ports"].items()}
    driver = {net: f"{name} {n}" for name, nets in ports.items() if name != "o"
              for n, net in enumerate(nets)}
    for cell in cells:
        cell.nets = {pin: root(net) for pin, net in cell.nets.items()}
        driver |= {net: f"{cell.path} {pin}" for pin, net in cell.nets.items() if pin in OUTPUTS}

    def name(net):
        return net if net.startswith("constant") else driver[net]

    for cell in cells:
        cell.nets = {pin: name(net) for pin, net in cell.nets.items()}
    return cells, {port: [name(net) for net in nets] for port, nets in ports.items()}


def _net(path, bit):
    return f"constant {bit}" if isinstance(bit, str) else f"{path}#{bit}"


def to_verilog(netlist):
    """Every module as Verilog."""
    return "".join(_module_text(name, module) for name, module in netlist["modules"].items())


def _module_text(name, module):
    def text(bit):
        return f"1'b{bit}" if isinstance(bit, str) else f"n{bit}"

    used = defaultdict(bool)
    lines = []
    for cell_name, cell in module["cells"].items():
        pins = ", ".join(f".{pin}({{{', '.join(map(text, reversed(bits)))}}})"
                         for pin, bits in cell["connections"].items())
        lines.append(f"  {cell['type']} {re.sub(r'[^0-9A-Za-z_]', '_', cell_name)} ({pins});")
        used.update({bit: True for bits in cell["connections"].values() for bit in bits})
    ports, assigns = [], []
    for port, what in module["ports"].items():
        ports.append(f"{what['direction']} [{len(what['bits']) - 1}:0] {port}")
        for n, bit in enumerate(what["bits"]):
            used[bit] = True
            ends = (f"{port}[{n}]", text(bit))
            left, right = ends if what["direction"] == "output" else reversed(ends)
            assigns.append(f"  assign {left} = {right};")
    wires = ", ".join(text(bit) for bit in used if isinstance(bit, int))
    return "\n".join([f"module {name} ({', '.join(ports)});", f"  wire {wires};", *lines,
                      *assigns, "endmodule", ""])
