"""The memories of a design: what they hold, how they are read, and where they are."""

import json
import re
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..emit import Emitted, content_key, publish
from .library import CellLibrary
from .tools import call, find_yosys, tool_versions

__all__ = ["Memory", "MemoryShape", "list_memories", "unit_name"]

# Registers behind a read port become part of it, with their enables, as in a real macro.
COLLECT = """
read_verilog design.v
hierarchy -check -top {top}
proc
opt_dff
opt_clean
memory -nomap
opt_clean
write_json design.json
"""


@dataclass(frozen=True, order=True)
class MemoryShape:
    """What decides the price of a memory.

    Attributes
    ----------
    width, depth : int
        Bits of a word, and words.
    reads, writes : int
        Ports.
    registered : bool
        Every read port has a register behind it; otherwise they read in the same cycle.
    """

    width: int
    depth: int
    reads: int
    writes: int
    registered: bool

    @property
    def bits(self) -> int:
        """All of them."""
        return self.width * self.depth


@dataclass(frozen=True)
class Memory:
    """Memories of one shape in one unit.

    Attributes
    ----------
    unit : str
        As :func:`unit_name` calls it.
    name : str
        In the module that holds it, without the number of a bank.
    shape : MemoryShape
    count : int
        In the whole design.
    """

    unit: str
    name: str
    shape: MemoryShape
    count: int


def unit_name(instance: str) -> str:
    """What reports call an instance of the top module: one name for numbered ones and queues."""
    plain = re.sub(r"(\$\d+|(_\d+)+)$", "", instance)
    return "queues" if plain.endswith("_queue") else plain


def list_memories(emitted: Emitted, library: CellLibrary) -> tuple[Memory, ...]:
    """Every memory of a component, from the cache if nothing that decides it has changed.

    Registers that the Verilog does not declare as an array are not among them, nor are memories
    of the top module itself, which none of ours has.

    Raises
    ------
    SynthesisError
        If Yosys is missing or fails.
    """
    script = COLLECT.format(top=emitted.name)
    key = content_key(emitted.verilog, script, tool_versions(library)["yosys"],
                      Path(__file__).read_text())

    def make(folder: Path) -> None:
        with tempfile.TemporaryDirectory() as scratch:
            work = Path(scratch)
            (work / "design.v").write_text(emitted.verilog)
            (work / "collect.ys").write_text(script)
            call([find_yosys(), "-q", "-l", "collect.log", "-s", "collect.ys"], work)
            modules = json.loads((work / "design.json").read_text())["modules"]
        rows = [[unit, name, *vars(shape).values(), count]
                for (unit, name, shape), count in sorted(_of_top(modules, emitted.name).items())]
        (folder / "memories.json").write_text(json.dumps(rows))

    folder = publish("asic-memories", key, make)
    return tuple(Memory(unit, name, MemoryShape(*shape), count) for unit, name, *shape, count
                 in json.loads((folder / "memories.json").read_text()))


def _of_top(modules: dict[str, Any], top: str) -> Counter[tuple[str, str, MemoryShape]]:
    inside: dict[str, Counter[tuple[str, MemoryShape]]] = {}

    def within(module: str) -> Counter[tuple[str, MemoryShape]]:
        if module not in inside:
            found: Counter[tuple[str, MemoryShape]] = Counter()
            for name, cell in modules[module]["cells"].items():
                if cell["type"] == "$mem_v2":
                    found[re.sub(r"(_\d+)+$", "", name), _shape(cell["parameters"])] += 1
                elif cell["type"] in modules:
                    found += within(cell["type"])
            inside[module] = found
        return inside[module]

    total: Counter[tuple[str, str, MemoryShape]] = Counter()
    for instance, cell in modules[top]["cells"].items():
        for (name, shape), count in (within(cell["type"]) if cell["type"] in modules
                                     else Counter()).items():
            total[unit_name(instance), name, shape] += count
    return total


def _shape(parameters: dict[str, str]) -> MemoryShape:
    def number(name: str) -> int:
        return int(parameters[name], 2)

    reads = number("RD_PORTS")
    clocked = parameters["RD_CLK_ENABLE"][-reads:] if reads else ""
    return MemoryShape(number("WIDTH"), number("SIZE"), reads, number("WR_PORTS"),
                       bool(clocked) and set(clocked) == {"1"})
