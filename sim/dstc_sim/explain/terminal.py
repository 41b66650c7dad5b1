"""An explanation as lines of text, at most 100 columns wide, with or without colour."""

from collections.abc import Iterator
from itertools import groupby, islice

from rich.text import Text

from ..bins import BIN_COLOURS
from ..runs import BINS
from .explanation import Cycle, Explanation, Ohmma, Side

__all__ = ["SHOWN_CYCLES", "cycle_table", "kstep_details", "kstep_table", "summary"]

WIDTH = 100
BAR = 40
SHADES = "█▓▒░"
LEVELS = "▁▂▃▄▅▆▇█"
EXECUTED, SKIPPED, EMPTY, ALONE = "■", "□", "·", "x"

SHOWN_CYCLES = 32
"""Lines of the cycle table unless a range of cycles is asked for."""


def summary(told: Explanation, title: str) -> Iterator[Text]:
    """The tile in numbers, and where its cycles went."""
    config = told.config
    lanes = config["array_rows"] * config["array_cols"]
    dense = sum(len(step.executed) + len(step.skipped) for step in told.k_steps)
    yield Text(title, style="bold")
    for name, side, shape in (("A", told.a, f"{config['tile_m']} x {config['tile_k']}"),
                              ("B", told.b, f"{config['tile_k']} x {config['tile_n']}")):
        size = config["tile_m" if name == "A" else "tile_n"] * config["tile_k"]
        stored = sum(map(len, side.values))
        yield _fact(name, f"{shape} {config['element']}, {stored} of {size} non-zero "
                          f"({stored / size:.1%})")
    yield _fact("OHMMA", f"{len(told.ohmma)} executed of {dense} dense, "
                         f"{dense - len(told.ohmma)} skipped")
    used = f" ({told.products / (len(told.ohmma) * lanes):.1%})" if told.ohmma else ""
    yield _fact("products", f"{told.products}: lanes used, of {len(told.ohmma)} x {lanes} "
                            f"multipliers{used}")
    total = len(told.cycles)
    yield _fact("cycles", f"{total}")
    longest = max(told.bins.values())
    for name in BINS:
        count = told.bins[name]
        yield Text.assemble(f"  {name:<13}{count:>4} {count / total:>6.1%}",
                            ("  " + "█" * -(-count * BAR // longest) if count else "",
                             BIN_COLOURS[name]))


def kstep_table(told: Explanation) -> Iterator[Text]:
    """A line for each k-step: both bitmaps, the groups, what was executed and skipped."""
    config = told.config
    widths = config["tile_m"], config["tile_n"]
    grid = _columns(told) * (_rows(told) + 1) - 1
    yield Text("k-steps", style="bold")
    yield _dim(f"Shades {SHADES} tell the group of {config['array_rows']} rows (A) or "
               f"{config['array_cols']} columns (B) that a non-zero is")
    yield _dim(f"taken in; {ALONE} has no partner on the other side.")
    yield _dim(f"{EXECUTED} executed, {SKIPPED} skipped: one block for each column group; "
               f"use: share of the multipliers in %.")
    yield Text(f" k {_cut('A rows', widths[0])} {_cut('B cols', widths[1])} "
               f" a  b  = {_cut('OHMMA', grid)} use  cycles", style="dim bold")
    lanes = config["array_rows"] * config["array_cols"]
    for step in told.k_steps:
        here = [one for one in told.ohmma if one.k == step.k]
        done = set(step.executed)
        marks = " ".join("".join(EXECUTED if (g, h) in done else SKIPPED
                                 for g in range(_rows(told))) for h in range(_columns(told)))
        use = f"{100 * step.products / (len(here) * lanes):.0f}" if here else "-"
        yield Text.assemble(
            f"{step.k:>2} ", (_bitmap(told, "a", step.k), "cyan"), " ",
            (_bitmap(told, "b", step.k), "yellow"),
            f" {step.a:>2} {step.b:>2} {len(step.executed):>2} ", (marks, BIN_COLOURS["issue"]),
            f" {use:>3} {_span(here):>7}")


def kstep_details(told: Explanation, k: int) -> Iterator[Text]:
    """A k-step in full: packed values, lanes and bank targets of its OHMMA, when its products
    were made."""
    config, step = told.config, told.k_steps[k]
    here = [one for one in told.ohmma if one.k == k]
    yield Text(f"k-step {k}", style="bold")
    for name, side, style in (("A, row:value", told.a, "cyan"), ("B, column:value", told.b,
                                                                "yellow")):
        yield _dim(name)
        yield from _packed(side, k, style)
    a, b = step.groups
    yield Text(f"skip rule: ceil({step.a}/{config['array_rows']}) * "
               f"ceil({step.b}/{config['array_cols']}) = {a} * {b} = {a * b} OHMMA; executed "
               f"{len(step.executed)}, skipped {len(step.skipped)}")
    for one in here:
        yield Text.assemble(
            f"  cycle {one.cycle:>3}  group {one.g},{one.h}: {len(one.rows)} x {len(one.cols)} of "
            f"{config['array_rows']} x {config['array_cols']} lanes, {one.products} products")
    if any(one.products for one in here):
        yield _dim(f"products for each bank, row r of the tile to bank row r mod "
                   f"{config['array_rows']}, column c to bank column c mod "
                   f"{config['array_cols']}:")
        yield from _targets(told, [one for one in here if one.products])
        entry = here[0].entry
        counts = [(cycle.cycle, sum(product.entry == entry for product in cycle.made))
                  for cycle in told.cycles]
        yield _dim("products made, cycle:count")
        yield from _wrapped(f"{cycle}:{count}" for cycle, count in counts if count)


def cycle_table(told: Explanation, first: int, last: int, limit: int | None = None
                ) -> Iterator[Text]:
    """A line for each cycle from ``first`` to ``last``; cycles in which nothing moves share one.

    A range of a single cycle also lists the product of every bank.  With a limit the table ends
    after so many lines, and says so.
    """
    rows, cols = told.config["array_rows"], told.config["array_cols"]
    yield Text("cycles", style="bold")
    yield _dim(f"made: products in this cycle, one per bank at most; banks: how busy bank rows 0 "
               f"to {rows - 1} are.")
    yield _dim("collector: entries taken as the cycle begins, and the products left of each "
               "k-step, oldest first.")
    yield Text(f"{'cycle':>9} bin          OHMMA          made {_cut('banks', max(rows, 5))} "
               "collector", style="dim bold")
    lines = _cycle_lines(told, first, last)
    if limit is None:
        yield from lines
    else:
        yield from islice(lines, limit)
        if next(lines, None) is not None:
            yield _dim(f"... and more: --cycles 0-{len(told.cycles) - 1} shows all, --cycles N the "
                       "product of every bank in cycle N")
    if first == last:
        yield from _products(told, told.cycles[first], cols)


def _cycle_lines(told: Explanation, first: int, last: int) -> Iterator[Text]:
    for _, run in groupby(told.cycles[first:last + 1], lambda cycle: (
            cycle.bin, cycle.cycle if cycle.held or cycle.ohmma is not None else None)):
        cycles = list(run)
        one = cycles[0]
        number = f"{one.cycle}" if len(cycles) == 1 else f"{one.cycle}-{cycles[-1].cycle}"
        line = f"{number:>9} "
        rest = ""
        if one.held or one.ohmma is not None:
            issued = _issued(told, one)
            rest = f" {issued:<14} {len(one.made):>4} {_activity(told, one):<5} "
        text = Text.assemble(line, (f"{one.bin:<12}", BIN_COLOURS[one.bin]), rest,
                             _held(told, one, WIDTH - len(line) - 12 - len(rest)))
        text.rstrip()
        yield text


def _issued(told: Explanation, cycle: Cycle) -> str:
    """The OHMMA that the collector takes, or the one that it lets wait."""
    if cycle.ohmma is not None:
        one = told.ohmma[cycle.ohmma]
        return f"k{one.k} {one.g},{one.h} {len(one.rows)}x{len(one.cols)}"
    if cycle.bin != "conflict":
        return ""
    return next((f"(k{one.k} waits)" for one in told.ohmma if one.cycle > cycle.cycle), "")


def _activity(told: Explanation, cycle: Cycle) -> str:
    """A bar for each bank row."""
    rows, cols = told.config["array_rows"], told.config["array_cols"]
    busy = [sum(product.bank // cols == p for product in cycle.made) for p in range(rows)]
    return "".join(LEVELS[-(-count * len(LEVELS) // cols) - 1] if count else EMPTY
                   for count in busy)


def _held(told: Explanation, cycle: Cycle, room: int) -> str:
    """The entries as far as there is room for them."""
    if not cycle.held:
        return ""
    text = f"{len(cycle.held)}/{told.config['collector_entries']}"
    names = {one.entry: "-" if one.k is None else str(one.k) for one in told.entries}
    for n, (entry, left) in enumerate(cycle.held):
        word, rest = f" k{names[entry]}:{left}", f" +{len(cycle.held) - n}"
        if len(text) + len(word) + (len(rest) if n + 1 < len(cycle.held) else 0) > room:
            return text + rest
        text += word
    return text


def _products(told: Explanation, cycle: Cycle, cols: int) -> Iterator[Text]:
    """The product of every bank: a line for each bank row and k-step."""
    k_of = {one.entry: one.k for one in told.entries}
    if not cycle.made:
        yield _dim("No bank makes a product in this cycle.")
        return
    yield _dim("products made, bank column: A row x B column")
    for (p, k), part in groupby(
            sorted(cycle.made, key=lambda one: (one.bank // cols, k_of[one.entry], one.bank)),
            lambda one: (one.bank // cols, k_of[one.entry])):
        head = f"  bank row {p}, k {k}: "
        yield from _wrapped((f"{one.bank % cols}: {one.row}x{one.col}" for one in part), head)


def _targets(told: Explanation, here: list[Ohmma]) -> Iterator[Text]:
    """The banks of several OHMMA side by side."""
    rows, cols = told.config["array_rows"], told.config["array_cols"]
    width = max(cols, len("0,0 999"))
    per_line = (WIDTH - 5) // (width + 2)
    for start in range(0, len(here), per_line):
        part = here[start:start + per_line]
        yield _dim("     " + "  ".join(f"{f'{one.g},{one.h}':<{width}}" for one in part).rstrip())
        for p in range(rows):
            yield Text(f"  {p:>2} " + "  ".join(
                f"{''.join(str(n) if n else EMPTY for n in one.banks[p * cols:(p + 1) * cols])}"
                .ljust(width) for one in part).rstrip())


def _packed(side: Side, k: int, style: str) -> Iterator[Text]:
    return _wrapped((f"{n}:{value:.5g}" if isinstance(value, float) else f"{n}:{value}"
                     for n, value in zip(side.positions(k), side.values[k], strict=True)),
                    style=style)


def _bitmap(told: Explanation, name: str, k: int) -> str:
    """One character for each row or column: the group that takes its value, or none."""
    size = told.config["tile_m" if name == "a" else "tile_n"]
    side, which = (told.a, "rows") if name == "a" else (told.b, "cols")
    characters = [EMPTY] * size
    for n in side.positions(k):
        characters[n] = ALONE
    for one in told.ohmma:
        if one.k == k:
            group = one.g if name == "a" else one.h
            for n in getattr(one, which):
                characters[n] = SHADES[group % len(SHADES)]
    return "".join(characters)


def _wrapped(words: Iterator[str], head: str = "  ", style: str = "") -> Iterator[Text]:
    line = head
    for word in words:
        if len(line) + len(word) > WIDTH:
            yield Text(line.rstrip(), style=style)
            line = " " * len(head)
        line += word + "  "
    yield Text(line.rstrip() or f"{head}none", style=style)


def _span(here: list[Ohmma]) -> str:
    if not here:
        return "-"
    first, last = here[0].cycle, here[-1].cycle
    return str(first) if first == last else f"{first}-{last}"


def _rows(told: Explanation) -> int:
    return int(told.config["tile_m"] // told.config["array_rows"])


def _columns(told: Explanation) -> int:
    return int(told.config["tile_n"] // told.config["array_cols"])


def _fact(name: str, text: str) -> Text:
    return Text.assemble((f"{name:<10}", "bold"), text)


def _dim(text: str) -> Text:
    return Text(text, style="dim")


def _cut(text: str, width: int) -> str:
    return f"{text[:width]:<{width}}"
