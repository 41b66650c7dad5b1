"""Area, clock and memories of the core beside the dense twin and the 2:4 twin."""

from collections.abc import Callable
from typing import Any

from dstc.config import Config

from ..emit import emit_unit
from .cacti import NODES, Macro, find_cacti, macro
from .library import CellLibrary, find_library
from .memories import list_memories, unit_name
from .storage import storage_areas
from .synthesis import Synthesized, synthesize
from .tools import tool_versions

__all__ = ["DESIGNS", "GLUE", "OPERAND_BUFFERS", "area_report", "design_report"]

DESIGNS = ("core", "dense_twin", "structured_twin")
"""What a report compares; the first is the one it is about."""

OPERAND_BUFFERS = ("buffer_a", "buffer_b")
"""Units that hold operand tiles, in all designs."""

GLUE = "between_units"
"""What reports call the cells of the top module itself."""

METHOD = (
    "every distinct module mapped once by Yosys and ABC, hierarchy kept; nets between modules "
    "buffered; longest path of the whole netlist by OpenSTA; wires as the library's default "
    "load, ideal clock, ports as if registered outside; memories as flip-flops in area_um2, read "
    "by AND-OR; enables as clock gates where the library has one")


def area_report(config: Config, target: str, step: Callable[[str], None] = lambda what: None
                ) -> dict[str, Any]:
    """What ``dstc area --json`` prints.

    Parameters
    ----------
    config : Config
    target : str
        Key of :data:`dstc_hdl.asic.library.TARGETS`.
    step : callable
        Told what begins: one line before each design is mapped, one before its memories.

    Returns
    -------
    dict
        Areas in square micrometres, ``kge`` in thousands of two-input NAND gates, ``fmax_mhz``
        None without OpenSTA, ``as_macros`` and ``as_macros_and_latches`` None without prices of
        macros; ``verilog`` is the hash of what was synthesised.

    Raises
    ------
    DstcError
        If the cell library or a tool is missing, or a tool fails.
    """
    library = find_library(target)
    tools = tool_versions(library)
    if _priced(target):
        tools["cacti"] = "7, of hwcomponents-cacti"
    designs = {}
    for unit in DESIGNS:
        step(f"{unit}: cells")
        emitted, _ = emit_unit(unit, config)
        design = design_report(synthesize(emitted, library), library)
        step(f"{unit}: memories")
        designs[unit] = {**design, **_memories(list_memories(emitted, library), design, library),
                         "verilog": emitted.sha256}
    core, dense, structured = (designs[unit] for unit in DESIGNS)
    return {"config": config.name, "target": target, **core, "dense_twin": dense,
            "structured_twin": structured, "tools": tools, "method": METHOD}


def _priced(target: str) -> bool:
    """Whether there are prices of macros: CACTI is built and knows the target's feature size."""
    return find_cacti() is not None and target in NODES


def design_report(netlist: Synthesized, library: CellLibrary) -> dict[str, Any]:
    """Area, clock and units of one design: what a report says about it but its memories."""
    gate = library.areas()[library.nand2]
    units: dict[str, float] = {}
    for instance, module in netlist.instances().items():
        name = unit_name(instance)
        units[name] = units.get(name, 0.0) + netlist.module_area(module)
    units[GLUE] = netlist.area - sum(units.values())
    rest = sum(area for name, area in units.items() if name not in OPERAND_BUFFERS)
    path = netlist.timing
    return {
        "area_um2": round(netlist.area, 1), "kge": round(netlist.area / gate / 1000, 1),
        "fmax_mhz": round(1000 / path.delay, 1) if path else None,
        "critical_path": vars(path) if path else None,
        "cells": netlist.cells, "buffers": netlist.buffers,
        "units": {name: round(area, 1) for name, area in
                  sorted(units.items(), key=lambda each: -each[1])},
        "without_operand_buffers": {"area_um2": round(rest, 1),
                                    "kge": round(rest / gate / 1000, 1)},
    }


def _memories(memories: Any, design: dict[str, Any], library: CellLibrary) -> dict[str, Any]:
    """Every memory with its prices, and the area of the design with the cheaper kinds."""
    prices = storage_areas(sorted({memory.shape for memory in memories}), library)
    priced = _priced(library.target)
    rows, saved = [], {"macros": 0.0, "latches": 0.0}
    for memory in memories:
        shape = memory.shape
        flops, latches = prices[shape]
        compiled = macro(shape, library.target) if priced else "no CACTI"
        row = {"unit": memory.unit, "name": memory.name, "count": memory.count, **vars(shape),
               "flops_um2": round(flops, 1),
               "latches_um2": None if latches is None else round(latches, 1),
               "macro_um2": None, "why_no_macro": None}
        # A small macro is larger than its cells; nobody would take it.
        if isinstance(compiled, Macro) and compiled.area >= flops:
            compiled = f"larger than its cells: {compiled.area:.0f} um2"
        if isinstance(compiled, Macro):
            row |= {"macro_um2": round(compiled.area, 1), "macro_ns": round(compiled.access, 3),
                    "macro_pj": round(compiled.read_energy, 3)}
            saved["macros"] += memory.count * (flops - compiled.area)
            saved["latches"] += memory.count * (flops - compiled.area)
        else:
            row["why_no_macro"] = compiled
            saved["latches"] += memory.count * max(0.0, flops - (latches or flops))
        rows.append(row)
    total = design["area_um2"]
    return {
        "memories": rows,
        "as_macros": {"area_um2": round(total - saved["macros"], 1)} if priced else None,
        "as_macros_and_latches": ({"area_um2": round(total - saved["latches"], 1)}
                                  if priced else None),
    }
