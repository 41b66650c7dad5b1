"""Selections from wide signals as part selects.

Amaranth writes every dynamic selection as a shift of the whole signal, of which the low bits are
then used.  For a few bits of hundreds this costs simulators, which really shift, most of their
time, and readers the view of what is meant.  A part select beyond the signal's end would be X
where the shift gives 0, so the signal is extended with zeros as far as the offset reaches.
"""

from .rtlil import Item, Module, bits_text, parse_bits

__all__ = ["select_parts"]

WORD = 64
"""Up to so many bits a shift is as good as a selection."""


def select_parts(module: Module) -> None:
    """Turn shifts of wide signals into part selects; changes the module in place."""
    widths = {wire.name: int(wire.words[2]) for wire in module.of_kind("wire")}
    reach = {_connections(cell)["Y"].split()[0]: _largest_product(cell, widths)
             for cell in module.of_kind("cell") if cell.words[1] == "$mul"}
    added: dict[tuple[str, int], Item] = {}
    for cell in module.of_kind("cell"):
        if cell.words[1] != "$shift":
            continue
        parameters, ports = _parameters(cell), _connections(cell)
        width, taken = parameters["A_WIDTH"], parameters["Y_WIDTH"]
        if width <= WORD or taken > WORD or parameters["A_SIGNED"] or parameters["B_SIGNED"]:
            continue
        offset = reach.get(ports["B"], (1 << parameters["B_WIDTH"]) - 1)
        needed = max(width, offset + taken)
        source = bits_text(parse_bits(ports["A"], widths))
        name = f"\\wide${len(added)}"
        wire = added.setdefault((source, needed), Item("wire", [f"  wire width {needed} {name}"]))
        cell.lines[0] = cell.lines[0].replace("$shift", "$shiftx")
        for index, line in enumerate(cell.lines):
            if line.split()[:2] == ["connect", "\\A"]:
                cell.lines[index] = f"    connect \\A {wire.name}"
            elif line.split()[:2] == ["parameter", "\\A_WIDTH"]:
                cell.lines[index] = f"    parameter \\A_WIDTH {needed}"
    for (source, needed), wire in added.items():
        bits = parse_bits(source, widths)
        zeros = (("", 0),) * (needed - len(bits))
        module.items.insert(0, wire)
        module.items.append(Item("connect", [f"connect {wire.name} {bits_text(bits + zeros)}"]))


def _parameters(cell: Item) -> dict[str, int]:
    words = [line.split() for line in cell.lines]
    return {word[1][1:]: int(word[2]) for word in words
            if word[0] == "parameter" and word[2].isdigit()}


def _connections(cell: Item) -> dict[str, str]:
    lines = [line.strip().split(maxsplit=2) for line in cell.lines]
    return {words[1][1:]: words[2] for words in lines if words[0] == "connect"}


def _largest_product(cell: Item, widths: dict[str, int]) -> int:
    """The largest value of an unsigned product, from the constants in its factors."""
    ports = _connections(cell)
    result = 1
    for port in "AB":
        bits = parse_bits(ports[port], widths) if not ports[port].isdigit() else ()
        result *= (int(ports[port]) if ports[port].isdigit() else
                   sum(1 << n for n, (wire, value) in enumerate(bits) if wire or value))
    return result
