"""The page and the picture of the exploration."""

import re
from pathlib import Path
from typing import Any

__all__ = ["LIMIT", "page", "plot"]

LIMIT = 1.05
SUITES = ("independent", "clustered", "traces", "torture")
Row = dict[str, Any]


def _table(head: list[str], lines: list[list[str]]) -> list[str]:
    return ["| " + " | ".join(head) + " |", "|---|" + "--:|" * (len(head) - 1),
            *("| " + " | ".join(line) + " |" for line in lines), ""]


def _limit(value: float) -> str:
    return f"**{value:.3f}**" if value <= LIMIT else f"{value:.3f}"


def _area(row: Row) -> float | None:
    return sum(row["area"].values()) / 1e6 if "area" in row else None


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _suites(row: Row, result: Row) -> list[str]:
    """Mean and worst of each suite."""
    return [f"{row[suite]['mean']:.3f}, {row[suite]['worst']:.3f}" if suite in row else ""
            for suite in SUITES if suite in result["suites"]]


def _suite_names(result: Row) -> list[str]:
    return [suite for suite in SUITES if suite in result["suites"]]


def _own(result: Row, **wanted: Any) -> list[Row]:
    """Candidates of the core's kind, its banks and mapping."""
    config = result["config"]
    banks = [config["array_rows"], config["array_cols"]]
    return [row for row in result["candidates"]
            if row["side"] == "operand" and list(row["banks"]) == banks
            and row["mapping"] == "modulo"
            and all(row[key] == value for key, value in wanted.items())]


def _entries_by_hazard(result: Row) -> list[str]:
    rows = {(row["entries"], row["hazard"]): row for row in _own(result)}
    entries, hazards = (sorted({key[n] for key in rows}) for n in (0, 1))
    return ["## Entries and hazard distance", "",
            "Worst of the 25 pairs, the core's fill and drain included. The hazard distance is the",
            "adder latency plus 1, or the adder latency if banks forward. Bold keeps the contract.",
            "", *_table(["E", *(f"hazard {hazard}" for hazard in hazards)],
                        [[str(e), *(_limit(rows[e, h]["contract"]["worst"]) for h in hazards)]
                         for e in entries])]


def _smallest(result: Row) -> list[str]:
    """For each adder the fewest entries that keep the contract."""
    lines = []
    for latency, forward in sorted({(row["latency"], row["forward"]) for row in _own(result)}):
        holding = [row for row in _own(result, latency=latency, forward=forward)
                   if row["contract"]["worst"] <= LIMIT]
        if holding:
            row = min(holding, key=lambda row: row["entries"])
            lines.append([f"{latency}{', forwards' * forward}", str(row["hazard"]),
                          str(row["entries"]), f"{row['contract']['worst']:.3f}",
                          _number(_area(row), 3), _number(row.get("delay"), 2)])
    return ["## The fewest entries that keep the contract, by adder", "",
            *_table(["adder latency", "hazard", "E", "worst", "mm2", "ns"], lines)]


def _line(row: Row, result: Row, first: str) -> list[str]:
    return [first, str(row["entries"]), _limit(row["contract"]["worst"]), *_suites(row, result),
            _number(_area(row), 3), _number(row.get("delay"), 2)]


def _head(result: Row, first: str) -> list[str]:
    return [first, "E", "contract", *_suite_names(result), "mm2", "ns"]


def _others(result: Row) -> list[str]:
    shipped = result["config"]["adder_latency"]
    own = _own(result, latency=shipped, forward=False)
    ids = [id(row) for row in _own(result)]
    mapped = [row for row in result["candidates"] if row["mapping"] != "modulo"]
    rest = [row for row in result["candidates"]
            if id(row) not in ids and row["mapping"] == "modulo"]
    lines = ["## Suites", "",
             "Mean and worst of cycles over the skip rule, without fill and drain, at the adder",
             f"latency that ships ({shipped}).", "",
             *_table(_head(result, "banks"),
                     [_line(row, result, "x".join(map(str, row["banks"]))) for row in own]),
             "## Mapping", "", "Modulo is the table above.", "",
             *_table(_head(result, "mapping"),
                     [_line(row, result, row["mapping"]) for row in mapped])]
    names = {"operand": "operand side", "product": "product side", "none": "no collector"}
    return [*lines, "## Other places and other numbers of banks", "",
            *_table(_head(result, "organisation"),
                    [_line(row, result, f"{names[row['side']]}, "
                           + "x".join(map(str, row["banks"]))) for row in rest])]


def _units(result: Row) -> list[str]:
    synthesis = result["synthesis"]
    difference = synthesis["collector_units"] / synthesis["collector_whole"] - 1
    return ["## Units", "",
            "Cells of each unit; the longest path counts from and to its ports too. A whole",
            f"collector synthesised in one differs from the sum of its units by {difference:+.1%}.",
            "", *_table(["unit", "um2", "cells", "flip-flops", "ns"],
                        [[name, f"{unit['area']:,.0f}", f"{unit['cells']:,}",
                          f"{unit['registers']:,}", _number(unit["delay"], 2)]
                         for name, unit in sorted(synthesis["units"].items(), key=_natural)])]


def _natural(item: tuple[str, Any]) -> list[str | int]:
    """Order of names in which E 2 comes before E 10."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", item[0])]


def page(result: Row) -> str:
    """The page docs/results/accumulator.md."""
    tools = {**result["tools"], **result.get("synthesis", {}).get("tools", {})}
    parameters = ", ".join(f"{key}={value}" for key, value in result["config"].items())
    suites = ", ".join(f"{name} ({suite['streams']} streams, {suite['ohmma']:,} OHMMA)"
                       for name, suite in result["suites"].items())
    lines = ["# Accumulator candidates", "",
             "Cycles over the skip rule, cells (45 nm, no wires) and longest path of ways to bring",
             "products to accumulators, for [decision 4](../decisions/0004-accumulator.md).", "",
             "Made by `python bench/accumulator/explore.py` with "
             + ", ".join(f"{name} {version}" for name, version in tools.items()) + ".", "",
             f"`{parameters}`", "", f"Suites: {suites}.", "",
             "mm2: operand crossbar, collector, multipliers and accumulator banks. ns: longest",
             "path among multiplier, bank and a collector of eight banks; no wires, no clock tree.",
             "", *_entries_by_hazard(result), *_smallest(result), *_others(result)]
    if "synthesis" in result:
        lines += _units(result)
    return "\n".join(lines)


def _families(result: Row) -> dict[str, list[Row]]:
    """Candidates of the modulo mapping without forwarding, as lines of the picture."""
    families: dict[str, list[Row]] = {}
    for row in result["candidates"]:
        if "area" in row and row["mapping"] == "modulo" and not row["forward"]:
            label = {"operand": "operand side", "product": "product side",
                     "none": "no collector"}[row["side"]]
            if row["side"] != "none":
                label += ", {}x{} banks".format(*row["banks"])
            if row["side"] == "operand":
                label += f", adder {row['latency']}"
            families.setdefault(label, []).append(row)
    return families


def plot(result: Row, path: Path) -> None:
    """Area against the worst of the contract; needs a result with synthesis."""
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot
    # The same bytes every time, and text as text.
    matplotlib.rcParams.update({"svg.hashsalt": "accumulator", "svg.fonttype": "none"})
    figure, axes = pyplot.subplots(figsize=(9, 5.5))
    colours = matplotlib.colormaps["tab20"].colors
    for n, (label, rows) in enumerate(_families(result).items()):
        points = [(_area(row), row["contract"]["worst"]) for row in rows]
        axes.plot(*zip(*points, strict=True), marker="osD^vPX*"[n % 8], color=colours[n % 20],
                  label=label, linewidth=1, markersize=5)
        for row, point in zip(rows, points, strict=True):
            if row["entries"] <= 8:     # beyond them the lines lie on each other
                axes.annotate(str(row["entries"]), point, fontsize=6, xytext=(2, 3),
                              textcoords="offset points")
    config = result["config"]
    for row in _own(result, entries=config["collector_entries"], forward=False,
                    latency=config["adder_latency"]):
        axes.plot(_area(row), row["contract"]["worst"], marker="o", markersize=12,
                  fillstyle="none", color="black", linestyle="none", label="the core")
    axes.axhline(LIMIT, color="black", linewidth=.8, linestyle="--")
    axes.set(xlabel="cells, mm2 (45 nm)", ylabel="cycles over the skip rule, worst of 25 pairs",
             xscale="log", yscale="log", title="Accumulator candidates; numbers are entries")
    for axis, ticks in ((axes.xaxis, (1, 1.5, 2, 3, 4, 6)), (axes.yaxis, (1, LIMIT, 1.5, 2, 3))):
        axis.set_ticks(ticks, [f"{tick:g}" for tick in ticks])
        axis.set_minor_locator(matplotlib.ticker.NullLocator())
    axes.legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
    pyplot.close(figure)
