"""Area and clock of configurations beside their twins: tables, and the committed results.

Usage: python bench/area.py [--config NAME ...] [--target NAME] [--results FOLDER]
"""

import argparse
import json
from pathlib import Path

from rich.console import Console

from dstc.config import get_config
from dstc_hdl.asic.report import DESIGNS, OPERAND_BUFFERS, area_report
from dstc_sim.cli.area import TITLES, tables

LIMIT = 2.0
"""Area of the core over the dense twin's, both without operand buffers, that is aimed at."""


def designs(report: dict) -> dict[str, dict]:
    """The three designs of a report by name."""
    return {name: report if name == "core" else report[name] for name in DESIGNS}


def page(reports: list[dict], command: str) -> str:
    """The page docs/results/area.md."""
    first = reports[0]
    lines = ["# Area and clock", "", f"Made by `{command}` with "
             + ", ".join(f"{name} {version}" for name, version in first["tools"].items())
             + f". Target {first['target']}; {first['method']}. "
             "What that leaves out: [area.md](../area.md).", ""]
    for report in reports:
        lines += [f"## {report['config']}", "", *_whole(report), "", *_units(report), "",
                  *_memories(report), ""]
    return "\n".join(lines)


def _row(title: str, values: list, ratio: bool = True, places: int = 0) -> str:
    cells = ["" if value is None else f"{value:,.{places}f}" for value in values]
    cells.append(f"{values[0] / values[1]:.2f}" if ratio and values[0] and values[1] else "")
    return f"| {title} | " + " | ".join(cells) + " |"


def _whole(report: dict) -> list[str]:
    every = designs(report)

    def of(name: str, part: str | None = None) -> list:
        return [design[name] if part is None or design[name] is None else design[name][part]
                for design in every.values()]

    rows = [
        "| | " + " | ".join(TITLES.values()) + " | core / dense |", "|---" + "|--:" * 4 + "|",
        _row("area, um2", of("area_um2")), _row("kGE", of("kge"), places=1),
        _row("cells", of("cells")),
        _row("without operand buffers, um2", of("without_operand_buffers", "area_um2")),
        _row("memories as macros, um2", of("as_macros", "area_um2")),
        _row("memories as macros and latches, um2", of("as_macros_and_latches", "area_um2")),
        _row("longest path, ns", of("critical_path", "delay"), places=2),
        _row("fmax, MHz", of("fmax_mhz"), places=1)]
    areas = of("without_operand_buffers", "area_um2")
    ratio = areas[0] / areas[1]
    rows += ["", f"Without operand buffers the core is {ratio:.2f} times the dense twin; the aim "
             f"of at most {LIMIT} {'holds' if ratio <= LIMIT else 'does not hold'}."]
    paths = [f"{title}, `{path['start']}` to `{path['end']}`" for title, path
             in zip(TITLES.values(), of("critical_path"), strict=True) if path]
    rows += [f"Longest paths: {'; '.join(paths)}."] if paths else []
    return rows


def _units(report: dict) -> list[str]:
    every = designs(report)
    names = dict.fromkeys(name for design in every.values() for name in design["units"])
    rows = ["| um2 by unit | " + " | ".join(TITLES.values()) + " | of the core |",
            "|---" + "|--:" * 4 + "|"]
    for name in names:
        areas = [design["units"].get(name) for design in every.values()]
        share = f"{areas[0] / report['area_um2']:.1%}" if areas[0] is not None else ""
        buffer = " (operand buffer)" if name in OPERAND_BUFFERS else ""
        rows.append(_row(name.replace("_", " ") + buffer, areas, ratio=False)[:-2] + share + " |")
    return rows


def _memories(report: dict) -> list[str]:
    rows = ["| memory | count | words x bits | read, write ports | flip-flops | latches | macro |",
            "|---|--:|--:|--:|--:|--:|---|"]
    for name, design in designs(report).items():
        for row in design["memories"]:
            latches = "" if row["latches_um2"] is None else f"{row['latches_um2']:,.0f}"
            macro = row["why_no_macro"] or f"{row['macro_um2']:,.0f} ({row['macro_ns']:.2f} ns)"
            rows.append(
                f"| {TITLES[name]}, {row['unit'].replace('_', ' ')}: {row['name']} "
                f"| {row['count']} | {row['depth']} x {row['width']} "
                f"| {row['reads']}{' registered' if row['registered'] else ''}, {row['writes']} "
                f"| {row['flops_um2']:,.0f} | {latches} | {macro} |")
    return [*rows, "", "Prices in um2 of one memory."]


def main() -> None:
    """Report every configuration; write the results if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--config", nargs="+", default=["small", "paper", "paper-int8"])
    parser.add_argument("--target", default="asic45")
    parser.add_argument("--results", type=Path, help="folder for area.json and area.md")
    arguments = parser.parse_args()
    console, reports = Console(soft_wrap=True, markup=False), []
    for name in arguments.config:
        report = area_report(get_config(name), arguments.target,
                             lambda what, name=name: console.log(f"{name}: {what}"))
        reports.append(report)
        for table in tables(report):
            console.print(table)
    if arguments.results:
        arguments.results.mkdir(parents=True, exist_ok=True)
        (arguments.results / "area.json").write_text(json.dumps(
            {report["config"]: report for report in reports}, indent=1) + "\n")
        (arguments.results / "area.md").write_text(page(reports, "make area"))


if __name__ == "__main__":
    main()
