"""Merging of identical modules.

Amaranth elaborates every instance into a module of its own, so an array of equal multipliers
becomes as many equal modules.  Two modules are one when their bodies are the same text after the
types of their cells have been merged; the order and the made-up names of their ports, which
depend on the place of the instance, do not count.
"""

import hashlib
import re

from .rtlil import Item, Module

__all__ = ["merge_modules"]

MADE_UP = re.compile(r"\\port\$\d+\$\d+(?=\s|$)")


def merge_modules(modules: list[Module]) -> list[Module]:
    """The design with one copy of every distinct module.

    Register and memory contents are part of a body, so modules that differ only in what they
    hold at the start stay apart; ``src`` attributes do not count and are dropped.

    Parameters
    ----------
    modules : list of Module
        The design, parents before children, the top module first.  Changed in place.

    Returns
    -------
    list of Module
        The kept modules in their old order.  A group keeps the name of its first member.
    """
    ports: dict[str, dict[str, str]] = {}
    kept: dict[str, str] = {}
    digests: dict[str, str] = {}
    for module in reversed(modules):
        _drop_source(module)
        for cell in module.of_kind("cell"):
            _retype(cell, digests, ports)
        if module is not modules[0]:
            ports[module.name] = _number_ports(module)
        digest = hashlib.sha256(module.text().split("\n", len(module.attributes) + 1)[-1]
                                .encode()).hexdigest()
        digests[module.name] = digest
        kept[digest] = module.name
    survivors = [module for module in modules if kept[digests[module.name]] == module.name]
    for module in survivors:
        for cell in module.of_kind("cell"):
            if (digest := cell.words[1]) in kept:
                cell.lines[0] = cell.lines[0].replace(digest, kept[digest])
    return survivors


def _drop_source(module: Module) -> None:
    """Remove the attributes that hold paths of source files."""
    module.attributes = [a for a in module.attributes if not a.startswith("attribute \\src ")]
    for item in module.items:
        item.attributes = [a for a in item.attributes
                           if not a.lstrip().startswith("attribute \\src ")]


def _retype(cell: Item, digests: dict[str, str], ports: dict[str, dict[str, str]]) -> None:
    """Name the cell's type by its body and its connections by the merged module's ports."""
    kind = cell.words[1]
    if kind not in digests:
        return
    cell.lines[0] = cell.lines[0].replace(f"cell {kind} ", f"cell {digests[kind]} ")
    connections = []
    for line in cell.lines[1:-1]:
        _, port, value = line.split(maxsplit=2)
        connections.append(f"    connect {ports[kind].get(port, port)} {value}")
    cell.lines[1:-1] = sorted(connections)


def _number_ports(module: Module) -> dict[str, str]:
    """Make names and order of the ports independent of where the module is used.

    Amaranth numbers ports that are a part of a signal by the nets they carry, and orders ports
    by the age of these nets.
    """
    body = "".join(item.text() for item in module.items if item.kind != "wire")
    found = dict.fromkeys(MADE_UP.findall(body))
    declared = [wire for wire in module.of_kind("wire") if wire.is_port]
    for wire in declared:
        if MADE_UP.fullmatch(wire.name):
            found.setdefault(wire.name)
    names = {old: f"\\part${number}" for number, old in enumerate(found)}
    for item in module.items:
        item.lines = [MADE_UP.sub(lambda match: names[match[0]], line) for line in item.lines]
    declared.sort(key=lambda wire: wire.name)
    for number, wire in enumerate(declared, start=1):
        wire.number_port(number)
    module.items = declared + [item for item in module.items if not item.is_port]
    return names
