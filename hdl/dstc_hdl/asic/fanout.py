"""Buffers for nets with more load than one cell can drive.

ABC buffers the nets inside of a module, and takes what leaves it for one load.  In a netlist that
keeps its hierarchy a net may go to a hundred instances, so they are added here, from the leaves
upwards: a module's port shows its parent no more than the largest load.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .library import CellLibrary, Pin

__all__ = ["buffer_nets"]

Netlist = dict[str, Any]


@dataclass(frozen=True)
class _Sink:
    """One pin that a net drives: bit ``index`` of a connection of a cell."""

    load: float
    cell: dict[str, Any]
    pin: str
    index: int

    def move(self, net: int) -> None:
        self.cell["connections"][self.pin][self.index] = net


def buffer_nets(netlist: Netlist, top: str, library: CellLibrary) -> int:
    """Add buffers to a mapped netlist, in place.

    Parameters
    ----------
    netlist : dict
        As ``write_json`` of Yosys gives it, the cells of the library included as they are known.
    top : str
    library : CellLibrary

    Returns
    -------
    int
        Buffers added, all instances counted.
    """
    modules, pins = netlist["modules"], library.pins()
    ports: dict[str, dict[tuple[str, int], float]] = {}
    added: dict[str, int] = {}
    for name in _leaves_first(modules, top, pins):
        added[name], ports[name] = _buffer_module(modules[name], pins, ports, library)
        for cell in modules[name]["cells"].values():
            added[name] += added.get(cell["type"], 0)
    return added[top]


def _leaves_first(modules: Netlist, top: str, pins: dict[str, dict[str, Pin]]) -> Iterator[str]:
    seen: set[str] = set()

    def visit(name: str) -> Iterator[str]:
        if name in seen or name in pins:
            return
        seen.add(name)
        for cell in modules[name]["cells"].values():
            yield from visit(cell["type"])
        yield name

    return visit(top)


def _buffer_module(module: Netlist, pins: dict[str, dict[str, Pin]],
                   ports: dict[str, dict[tuple[str, int], float]], library: CellLibrary
                   ) -> tuple[int, dict[tuple[str, int], float]]:
    """Buffers added here, and the load that each input port shows."""
    clocks = {bit for name, port in module["ports"].items() if name == "clk"
              for bit in port["bits"]}
    loads: dict[int, float] = {}
    count = 0
    free = 1 + max((bit for bits in _all_bits(module) for bit in bits if isinstance(bit, int)),
                   default=1)
    for net, sinks in _sinks(module, pins, ports, library).items():
        if net in clocks:
            continue
        while (total := sum(sink.load for sink in sinks)) > library.load:
            groups = _groups(sinks, 2 * library.load)
            if len(groups) >= len(sinks):
                break
            sinks = [_add_buffer(module, group, net, free + n, library, pins)
                     for n, group in enumerate(groups)]
            free += len(groups)
            count += len(groups)
        loads[net] = total
    shown = {(name, index): loads.get(bit, 0.0)
             for name, port in module["ports"].items() if port["direction"] == "input"
             for index, bit in enumerate(port["bits"])}
    return count, shown


def _all_bits(module: Netlist) -> Iterator[list[Any]]:
    for port in module["ports"].values():
        yield port["bits"]
    for cell in module["cells"].values():
        yield from cell["connections"].values()


def _sinks(module: Netlist, pins: dict[str, dict[str, Pin]],
           ports: dict[str, dict[tuple[str, int], float]], library: CellLibrary
           ) -> dict[int, list[_Sink]]:
    found: dict[int, list[_Sink]] = defaultdict(list)
    for cell in module["cells"].values():
        of_library = pins.get(cell["type"])
        for pin, bits in cell["connections"].items():
            if of_library is not None:
                if of_library[pin].direction != "input" or pin in library.clock_pins:
                    continue
                inside = {(pin, 0): of_library[pin].capacitance}
            else:
                inside = ports[cell["type"]]
            for index, bit in enumerate(bits):
                load = inside.get((pin, index), 0.0)
                if load and isinstance(bit, int):
                    found[bit].append(_Sink(load, cell, pin, index))
    return dict(found)


def _groups(sinks: list[_Sink], limit: float) -> list[list[_Sink]]:
    """Sinks in groups of at most that load, one that has more alone."""
    groups: list[list[_Sink]] = [[]]
    held = 0.0
    for sink in sorted(sinks, key=lambda each: -each.load):
        if groups[-1] and held + sink.load > limit:
            groups.append([])
            held = 0.0
        groups[-1].append(sink)
        held += sink.load
    return groups


def _add_buffer(module: Netlist, group: list[_Sink], net: int, new: int, library: CellLibrary,
                pins: dict[str, dict[str, Pin]]) -> _Sink:
    """Drive a group through a buffer on the net; gives the buffer's own input."""
    of_buffer = pins[library.buffer]
    into = next(pin for pin, what in of_buffer.items() if what.direction == "input")
    out = next(pin for pin, what in of_buffer.items() if what.direction == "output")
    cell: dict[str, Any] = {
        "hide_name": 0, "type": library.buffer, "parameters": {}, "attributes": {},
        "port_directions": {into: "input", out: "output"}, "connections": {into: [net], out: [new]}}
    module["cells"][f"fanout_{new}"] = cell
    module["netnames"][f"fanout_net_{new}"] = {"hide_name": 0, "bits": [new], "attributes": {}}
    for sink in group:
        sink.move(new)
    return _Sink(of_buffer[into].capacitance, cell, into, 0)
