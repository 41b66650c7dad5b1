"""The text that Amaranth hands to Yosys, taken apart just far enough to rewrite it.

Only the subset that :mod:`amaranth.back.rtlil` writes is understood: one declaration per
paragraph, two spaces of indentation, assignments whose left side is a slice of one wire.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

__all__ = ["Bits", "Item", "Module", "bits_text", "parse_bits", "parse_design"]

MODULE = re.compile(r"((?:^attribute [^\n]*\n)*)^module (\S+)\n(.*?)^end\n", re.M | re.S)
BLOCKS = ("cell", "process")
CHUNK = re.compile(r"(\d+)'([01x]+)|([\\$]\S+)(?: \[(\d+)(?::(\d+))?\])?")

Bits = tuple[tuple[str, int], ...]
"""Single bits, least significant first: (wire, index), or ("", 0), ("", 1), ("", -1 for x)."""


@dataclass
class Item:
    """One declaration of a module: ``wire``, ``memory``, ``cell``, ``process`` or ``connect``."""

    kind: str
    lines: list[str]
    """The declaration and, for cells and processes, the body and its ``end``."""
    attributes: list[str] = field(default_factory=list)

    @property
    def words(self) -> list[str]:
        """The words of the declaration itself."""
        return self.lines[0].split()

    @property
    def name(self) -> str:
        """The identifier that a wire, memory, cell or process declares."""
        return self.words[-1]

    @property
    def is_port(self) -> bool:
        """Whether this is a wire that the module shows outside."""
        return self.kind == "wire" and self.words[3] in ("input", "output", "inout")

    def number_port(self, number: int) -> None:
        """Give a port its place in the module's port list, from 1."""
        words = self.words
        words[4] = str(number)
        self.lines = ["  " + " ".join(words)]

    def text(self) -> str:
        """The item as it is read back."""
        return "\n".join((*self.attributes, *self.lines)) + "\n"


@dataclass
class Module:
    """One module: its name with the leading backslash, its attributes and its items."""

    name: str
    attributes: list[str]
    items: list[Item]

    def of_kind(self, kind: str) -> Iterator[Item]:
        """The items of one kind, in order."""
        return (item for item in self.items if item.kind == kind)

    def text(self) -> str:
        """The module as Yosys reads it."""
        body = "".join(item.text() for item in self.items)
        head = "".join(f"{line}\n" for line in self.attributes)
        return f"{head}module {self.name}\n{body}end\n"


def parse_design(text: str) -> list[Module]:
    """All modules of a design, in the order of the text (parents first).

    Wires without bits, which Verilog does not have, are left out.
    """
    modules = []
    for head, name, body in MODULE.findall(text):
        items = list(_items(body))
        empty = {item.name for item in items if item.words[:3] == ["wire", "width", "0"]}
        places = {"wire": -1, "connect": 1}
        kept = [item for item in items if not (
            item.kind in places and item.words[places[item.kind]] in empty)]
        modules.append(Module(name, head.splitlines(), kept))
    return modules


def _items(body: str) -> Iterator[Item]:
    lines = iter(body.splitlines())
    attributes: list[str] = []
    for line in lines:
        kind = line.split(maxsplit=1)[0] if line.strip() else ""
        if not kind:
            continue
        if kind == "attribute":
            attributes.append(line)
            continue
        taken = [line]
        if kind in BLOCKS:
            closing = line[:len(line) - len(line.lstrip())] + "end"
            for inner in lines:
                if inner.strip():
                    taken.append(inner)
                if inner == closing:
                    break
        yield Item(kind, taken, attributes)
        attributes = []


def parse_bits(spec: str, widths: dict[str, int]) -> Bits:
    """The bits of a signal specification, least significant first.

    Parameters
    ----------
    spec : str
        A constant, a wire, a slice of a wire, or a concatenation in braces.
    widths : dict
        Width of every wire of the module.
    """
    chunks: list[Bits] = []
    for size, digits, wire, high, low in CHUNK.findall(spec):
        if size:
            values = digits.rjust(int(size), digits[0] if digits[0] == "x" else "0")
            chunks.append(tuple(("", {"0": 0, "1": 1}.get(d, -1)) for d in reversed(values)))
        elif high:
            chunks.append(tuple((wire, n) for n in range(int(low or high), int(high) + 1)))
        else:
            chunks.append(tuple((wire, n) for n in range(widths[wire])))
    return tuple(bit for chunk in reversed(chunks) for bit in chunk)


def bits_text(bits: Bits) -> str:
    """The signal specification of some bits, as short as slices make it."""
    chunks: list[str] = []
    start = 0
    while start < len(bits):
        wire, first = bits[start]
        stop = start + 1
        if wire:
            while stop < len(bits) and bits[stop] == (wire, first + stop - start):
                stop += 1
            last = first + stop - start - 1
            chunks.append(f"{wire} [{last}:{first}]" if last > first else f"{wire} [{first}]")
        else:
            while stop < len(bits) and not bits[stop][0]:
                stop += 1
            digits = "".join("x01"[value + 1] for _, value in reversed(bits[start:stop]))
            chunks.append(f"{stop - start}'{digits}")
        start = stop
    return chunks[0] if len(chunks) == 1 else "{ " + " ".join(reversed(chunks)) + " }"
