"""The map in a few lines: the densities at which the core wins."""

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from rich.table import Table

__all__ = ["layer_table", "notes", "table", "winning_ranges"]

WAYS = {"both sides": lambda step, last: (step, step),
        "A, B dense": lambda step, last: (step, last),
        "B, A dense": lambda step, last: (last, step)}


def winning_ranges(report: dict[str, Any], pattern: str, rival: str, way: str
                   ) -> list[tuple[float, float]]:
    """First and last density of each stretch of a way through the map on which the core wins.

    Parameters
    ----------
    report : dict
        What ``dstc breakeven --json`` prints.
    pattern, rival : str
    way : str
        ``both sides``: equal densities; ``A, B dense`` and ``B, A dense``: of one side.
    """
    speedup, densities = report["patterns"][pattern]["speedup"], report["densities"]

    def wins(step: int) -> bool:
        a, b = WAYS[way](step, len(densities) - 1)
        theirs = (report["area"]["ratio"] if rival == "dense, per area"
                  else speedup[rival][a][b])
        return bool(speedup["dual-side"][a][b] >= theirs * (1 + report["margin"]))

    found = []
    for won, steps in groupby(range(len(densities)), wins):
        if won:
            stretch = list(steps)
            found.append((densities[stretch[0]], densities[stretch[-1]]))
    return found


def table(report: dict[str, Any]) -> Table:
    """A line for each pattern and rival."""
    shown = Table(title=f"{report['config']['name']}: densities at which the core is faster",
                  box=None)
    for name in ("zeros", "than", *WAYS):
        shown.add_column(name, justify="left" if name in ("zeros", "than") else "right")
    for pattern, one in report["patterns"].items():
        for number, rival in enumerate(one["lines"]):
            shown.add_row(pattern if not number else "", rival,
                          *(_told(winning_ranges(report, pattern, rival, way)) for way in WAYS))
    return shown


def notes(report: dict[str, Any]) -> Iterator[str]:
    """What one has to know to read it."""
    size = report["operands"]
    yield (f"Counted on masks of {size['m']} x {size['k']} and {size['k']} x {size['n']}, seed "
           f"{report['seed']}; faster: by at least {report['margin']:.0%}. Streams never wait.")
    yield "2:4 takes half of the dense cycles whatever the masks are: a bound."
    if report["area"]:
        yield (f"Per area: the core is {report['area']['ratio']:.2f} times its dense twin, "
               f"{report['area']['source']}.")


def layer_table(report: dict[str, Any]) -> Table:
    """A line for each layer."""
    shown = Table(title="Layers", box=None)
    for name in ("layer", "A", "B", "speedup", "counted"):
        shown.add_column(name, justify="left" if name in ("layer", "counted") else "right")
    for row in report["layers"]:
        shown.add_row(f"{row['network']} {row['name']}", f"{row['a']:.1%}", f"{row['b']:.1%}",
                      "-" if row["speedup"] is None else f"{row['speedup']:.2f}x", row["counted"])
    return shown


def _told(ranges: list[tuple[float, float]]) -> str:
    return ", ".join(f"{low:.0%}-{high:.0%}" for low, high in ranges) or "nowhere"
