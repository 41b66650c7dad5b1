"""Combinational processes that every simulator starts.

A process becomes ``always @*``.  Where a part of its target does not depend on anything, Yosys
gives that part a block of its own, which reads nothing that changes and therefore never runs in a
four-state simulator: the part stays X.  Here such parts leave the process and become plain
connections, so a process drives only bits that a condition decides.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from .rtlil import Bits, Item, Module, bits_text, parse_bits

__all__ = ["simplify_processes"]


@dataclass
class Assign:
    """Assignment of equally many bits."""

    target: Bits
    value: Bits


@dataclass
class Switch:
    """Cases tried in order; a case without patterns always matches."""

    on: Bits
    cases: list[tuple[str, list["Assign | Switch"]]] = field(default_factory=list)


def simplify_processes(module: Module) -> None:
    """Take out of every process what no condition decides; changes the module in place."""
    widths = {wire.name: int(wire.words[2]) for wire in module.of_kind("wire")}
    items: list[Item] = []
    connections: list[Item] = []
    for item in module.items:
        if item.kind != "process":
            items.append(item)
            continue
        body, _ = _prune(_fold(_parse(item.lines[1:], widths)), frozenset())
        always = _unconditional(body)
        fixed = tuple(bit for bit, source in always.items() if source is not None)
        connections += _connect(fixed, always)
        left = tuple(bit for bit, source in always.items() if source is None)
        if not left:
            continue
        names = dict(zip(left, left, strict=True))
        for number, run in enumerate(_runs(left) if fixed else ()):
            fresh = f"{run[0][0]}$comb{number}"
            items.append(Item("wire", [f"  wire width {len(run)} {fresh}"]))
            inside = tuple((fresh, n) for n in range(len(run)))
            names.update(zip(run, inside, strict=True))
            connections.append(Item("connect", [f"connect {bits_text(run)} {bits_text(inside)}"]))
        lines = [item.lines[0], *_text(_rename(body, names), "    "), "  end"]
        items.append(Item("process", lines, item.attributes))
    module.items = items + connections


def _parse(lines: Iterable[str], widths: dict[str, int]) -> list[Assign | Switch]:
    """The statements of a process, whose own ``end`` is the last line."""
    statements: list[Assign | Switch] = []
    stack: list[tuple[list[Assign | Switch], Switch | None]] = [(statements, None)]
    for line in lines:
        word, _, rest = line.strip().partition(" ")
        if word == "assign":
            left, right = _split(rest)
            stack[-1][0].append(Assign(parse_bits(left, widths), parse_bits(right, widths)))
        elif word == "switch":
            switch = Switch(parse_bits(rest, widths))
            stack[-1][0].append(switch)
            stack.append(([], switch))
        elif word == "case":
            switch_now = stack[-1][1]
            assert switch_now is not None
            inner: list[Assign | Switch] = []
            switch_now.cases.append((rest, inner))
            stack[-1] = (inner, switch_now)
        elif word == "end":
            stack.pop()
    return statements


def _split(rest: str) -> tuple[str, str]:
    """The two sides of an assignment; the left one is a wire or a slice."""
    words = rest.split()
    size = 2 if words[1].startswith("[") else 1
    return " ".join(words[:size]), " ".join(words[size:])


def _fold(statements: list[Assign | Switch]) -> list[Assign | Switch]:
    """Resolve the switches on constants."""
    folded: list[Assign | Switch] = []
    for statement in statements:
        if isinstance(statement, Assign):
            folded.append(statement)
            continue
        cases = [(patterns, _fold(body)) for patterns, body in statement.cases]
        if any(wire for wire, _ in statement.on):
            folded.append(Switch(statement.on, cases))
            continue
        digits = "".join(str(value) for _, value in reversed(statement.on))
        for patterns, body in cases:
            if not patterns or any(_matches(p, digits) for p in patterns.split(",")):
                folded += body
                break
    return folded


def _matches(pattern: str, digits: str) -> bool:
    wanted = pattern.strip().partition("'")[2]
    return all(w in ("-", d) for w, d in zip(wanted, digits, strict=True))


def _prune(statements: list[Assign | Switch], replaced: frozenset[tuple[str, int]]
           ) -> tuple[list[Assign | Switch], frozenset[tuple[str, int]]]:
    """Drop assignments to bits that are assigned again in any case, and switches without any.

    Gives the rest and the bits that are assigned in any case from here on.  Yosys does the same,
    but writes no statement at all for a case of which only an empty switch is left.
    """
    kept: list[Assign | Switch] = []
    for statement in reversed(statements):
        if isinstance(statement, Assign):
            pairs = [pair for pair in zip(statement.target, statement.value, strict=True)
                     if pair[0] not in replaced]
            if pairs:
                target, value = zip(*pairs, strict=True)
                kept.append(Assign(target, value))
            replaced |= frozenset(statement.target)
            continue
        bodies = [_prune(body, replaced) for _, body in statement.cases]
        if any(body for body, _ in bodies):
            kept.append(Switch(statement.on, [
                (patterns, body) for (patterns, _), (body, _)
                in zip(statement.cases, bodies, strict=True)]))
        if not statement.cases[-1][0]:
            replaced = frozenset.intersection(*(after for _, after in bodies))
    return kept[::-1], replaced


def _unconditional(statements: list[Assign | Switch]) -> dict[tuple[str, int],
                                                              tuple[str, int] | None]:
    """For every target bit what it always is, or None where a condition decides."""
    state: dict[tuple[str, int], tuple[str, int] | None] = {}
    for statement in statements:
        if isinstance(statement, Assign):
            state.update(zip(statement.target, statement.value, strict=True))
        else:
            for _, body in statement.cases:
                state.update(dict.fromkeys(_unconditional(body)))
    return state


def _connect(bits: Bits, always: dict) -> list[Item]:
    return [Item("connect", [f"connect {bits_text(run)} "
                             f"{bits_text(tuple(always[bit] for bit in run))}"])
            for run in _runs(bits)]


def _runs(bits: Bits) -> list[Bits]:
    """The bits in runs of consecutive indices of one wire."""
    runs: list[list[tuple[str, int]]] = []
    for wire, index in sorted(bits):
        if runs and runs[-1][-1] == (wire, index - 1):
            runs[-1].append((wire, index))
        else:
            runs.append([(wire, index)])
    return [tuple(run) for run in runs]


def _rename(statements: list[Assign | Switch], names: dict) -> list[Assign | Switch]:
    """The statements restricted to the bits that keep a process, under their new names."""
    renamed: list[Assign | Switch] = []
    for statement in statements:
        if isinstance(statement, Switch):
            cases = [(patterns, _rename(body, names)) for patterns, body in statement.cases]
            renamed.append(Switch(statement.on, cases))
            continue
        pairs = [(names[target], value) for target, value
                 in zip(statement.target, statement.value, strict=True) if target in names]
        for run in _runs(tuple(target for target, _ in pairs)):
            known = dict(pairs)
            renamed.append(Assign(run, tuple(known[bit] for bit in run)))
    return renamed


def _text(statements: list[Assign | Switch], indent: str) -> list[str]:
    """RTLIL wants a case's assignments before its switches, so later ones get a switch each."""
    lines: list[str] = []
    switched = False
    for statement in statements:
        if isinstance(statement, Assign):
            text = f"assign {bits_text(statement.target)} {bits_text(statement.value)}"
            if switched:
                lines += [f"{indent}switch {{}}", f"{indent}  case", f"{indent}    {text}",
                          f"{indent}end"]
            else:
                lines.append(indent + text)
            continue
        switched = True
        lines.append(f"{indent}switch {bits_text(statement.on)}")
        for patterns, body in statement.cases:
            lines.append(f"{indent}  case {patterns}".rstrip())
            lines += _text(body, indent + "    ")
        lines.append(f"{indent}end")
    return lines
