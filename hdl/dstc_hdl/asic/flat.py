"""A netlist without its hierarchy: every cell of each kind with the nets at its pins, as arrays."""

import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dstc.errors import DstcError

from ..emit import content_key, publish
from .liberty import Cells
from .library import CellLibrary
from .synthesis import Synthesized
from .tools import call, find_yosys, tool_versions

__all__ = ["CONSTANTS", "FlatCells", "FlatNetlist", "flatten", "read_flat"]

Nets = NDArray[np.int32]
CONSTANTS = 2
"""Nets 0 and 1 are the constants; what nothing drives is 0."""

READ = """
read_verilog netlist.v
read_liberty -lib -overwrite cells.lib
hierarchy -top {top}
write_json flat.json
"""


@dataclass(frozen=True)
class FlatCells:
    """All cells of one kind.

    Attributes
    ----------
    pins : dict
        Net at a pin of every cell; pins that no cell has connected are left out.
    unit : array
        Which of :attr:`FlatNetlist.units` each one is part of.
    """

    pins: dict[str, Nets]
    unit: Nets


@dataclass(frozen=True)
class FlatNetlist:
    """A netlist.

    Attributes
    ----------
    cells : dict
        By kind.
    ports : dict
        Direction and nets, bit 0 first.
    units : list of str
        Instances in the top module; the first, without a name, is the top module itself.
    nets : int
        How many numbers of nets there are.
    """

    cells: dict[str, FlatCells]
    ports: dict[str, tuple[str, Nets]]
    units: list[str]
    nets: int


def read_flat(netlist: Synthesized, library: CellLibrary, cells: Cells) -> FlatNetlist:
    """A mapped design; Yosys reads its text, whose JSON is kept in the cache.

    Raises
    ------
    SynthesisError
        If Yosys is missing or fails.
    """
    script = READ.format(top=netlist.top)
    key = content_key(netlist.folder.name, script, tool_versions(library)["yosys"])

    def make(folder: Path) -> None:
        with tempfile.TemporaryDirectory() as scratch:
            work = Path(scratch)
            (work / "read.ys").write_text(script)
            shutil.copy(netlist.folder / "netlist.v", work)
            shutil.copy(library.liberty, work / "cells.lib")
            call([find_yosys(), "-q", "-l", "read.log", "-s", "read.ys"], work)
            shutil.copy(work / "flat.json", folder / "netlist.json")

    text = (publish("asic-json", key, make) / "netlist.json").read_text()
    return flatten(json.loads(text)["modules"], netlist.top, cells)


def flatten(modules: dict[str, Any], top: str, cells: Cells) -> FlatNetlist:
    """The modules that ``write_json`` of Yosys gives.

    Raises
    ------
    DstcError
        If a cell is neither a module nor in the library.
    """
    return _Flattener(modules, cells).run(top)


class _Template:
    """A module with its nets numbered from 0."""

    def __init__(self, module: dict[str, Any], modules: dict[str, Any], cells: Cells):
        self._numbers: dict[Any, int] = {"0": 0, "1": 1, "x": 0, "z": 0}
        self.count = CONSTANTS
        self.ports = {name: (port["direction"], self._nets(port["bits"]))
                      for name, port in module["ports"].items()}
        found: dict[str, list[dict[str, int]]] = {}
        self.children: list[tuple[str, str, dict[str, Nets]]] = []
        for name, cell in module["cells"].items():
            kind = cell["type"]
            if kind in cells.cells:
                found.setdefault(kind, []).append(
                    {pin: int(self._nets(bits)[0]) for pin, bits in cell["connections"].items()
                     if bits})
            elif kind in modules:
                self.children.append((name, kind, {port: self._nets(bits) for port, bits
                                                   in cell["connections"].items()}))
            else:
                raise DstcError(f"Cell {name} must be of the library, not {kind!r}")
        self.leaves = {kind: {pin: np.array([each.get(pin, -1) for each in every], np.int32)
                              for pin in sorted(set().union(*every))}
                       for kind, every in found.items()}

    def _nets(self, bits: list[Any]) -> Nets:
        return np.array([self._number(bit) for bit in bits], np.int32)

    def _number(self, bit: Any) -> int:
        if bit not in self._numbers:
            self._numbers[bit] = self.count
            self.count += 1
        return self._numbers[bit]


class _Flattener:
    def __init__(self, modules: dict[str, Any], cells: Cells):
        self._modules, self._library = modules, cells
        self._templates: dict[str, _Template] = {}
        self._parts: dict[str, list[tuple[dict[str, Nets], int]]] = {}
        self._nets = CONSTANTS
        self._units = [""]
        # Two numbers of one net, where a module's port is joined to another one or constant.
        self._same: list[tuple[int, int]] = []

    def run(self, top: str) -> FlatNetlist:
        ports = self._place(top, {}, None)
        names = self._names()
        flat = {}
        for kind, parts in self._parts.items():
            pins = {}
            for pin in sorted(set().union(*(part for part, _ in parts))):
                column = np.concatenate([part.get(pin, np.full(_length(part), -1, np.int32))
                                         for part, _ in parts])
                pins[pin] = np.where(column >= 0, names[column], -1).astype(np.int32)
            unit = np.concatenate([np.full(_length(part), number, np.int32)
                                   for part, number in parts])
            flat[kind] = FlatCells(pins, unit)
        return FlatNetlist(flat, {name: (way, names[nets]) for name, (way, nets) in ports.items()},
                           self._units, self._nets)

    def _place(self, name: str, outside: dict[str, Nets], unit: int | None
               ) -> dict[str, tuple[str, Nets]]:
        """One instance of a module, whose ports are at nets of its parent; without a unit, top."""
        if name not in self._templates:
            self._templates[name] = _Template(self._modules[name], self._modules, self._library)
        template = self._templates[name]
        here = np.arange(self._nets, self._nets + template.count, dtype=np.int32)
        self._nets += template.count
        here[:CONSTANTS] = range(CONSTANTS)
        joined = np.zeros(template.count, bool)
        joined[:CONSTANTS] = True
        for port, nets in outside.items():
            for inner, outer in zip(template.ports[port][1].tolist(), nets.tolist(), strict=True):
                if joined[inner]:
                    self._same.append((int(here[inner]), outer))
                here[inner] = here[inner] if joined[inner] else outer
                joined[inner] = True
        for kind, pins in template.leaves.items():
            self._parts.setdefault(kind, []).append(
                ({pin: np.where(nets >= 0, here[nets], -1).astype(np.int32)
                  for pin, nets in pins.items()}, unit or 0))
        for child, kind, connections in template.children:
            if unit is None:
                self._units.append(child.lstrip("\\"))
            self._place(kind, {port: here[nets] for port, nets in connections.items()},
                        len(self._units) - 1 if unit is None else unit)
        return {port: (way, here[nets]) for port, (way, nets) in template.ports.items()}

    def _names(self) -> Nets:
        """One number for each net, the least."""
        names = np.arange(self._nets, dtype=np.int32)

        def root(net: int) -> int:
            while names[net] != net:
                net = int(names[net])
            return net

        for one, other in self._same:
            low, high = sorted((root(one), root(other)))
            names[high] = low
        for net in {net for pair in self._same for net in pair}:
            names[net] = root(net)
        return names


def _length(part: dict[str, Nets]) -> int:
    return len(next(iter(part.values())))
