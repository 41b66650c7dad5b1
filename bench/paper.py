"""Every figure of ``dstc paper``, as JSON, a page and plots.

Usage: python bench/paper.py [--results FOLDER]
"""

import argparse
import json
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot
from rich.progress import track

from dstc.fileio import atomic_write
from dstc_sim.cli.paper import cell
from dstc_sim.paper import FIGURES

HIDDEN = ("reference", "seconds", "densities")
TILES = 24
"""Output tiles of each point of figure 21 on the cycle model."""
PLOTTED = ("21", "averages", "layers")


def plot_21(report: dict[str, Any], axes: Any) -> None:
    """Time over the density of A, a colour for each density of B."""
    for colour, b in (("C0", 1.0), ("C1", 0.4)):
        points = [point for point in report["points"] if point["densities"][1] == b]
        a = [point["densities"][0] for point in points]
        for key, style in (("published", "o"), ("ours", "-"), ("iid", ":")):
            label = "independent zeros" if key == "iid" else key
            axes.plot(a, [point[key] for point in points], style, color=colour,
                      label=f"{label}, B {b:g}")
    axes.set(xlabel="density of A", ylabel="time over dense", title=report["title"],
             ylim=(0, None))
    axes.legend()


def plot_bars(report: dict[str, Any], axes: Any) -> None:
    """Published and ours beside each other."""
    points = report["points"]
    places = range(len(points))
    for shift, key in ((-0.2, "published"), (0.2, "ours")):
        axes.bar([place + shift for place in places], [point[key] for point in points], 0.4,
                 label=key)
    names = [point.get("model") or f"{point['layer']}\n{point['densities'][0]:g}"
             for point in points]
    many = len(points) > 6
    axes.set_xticks(list(places), names, fontsize=6 if many else 10, rotation=60 if many else 0)
    axes.set_title(report["title"])
    axes.legend()


def page(reports: dict[str, dict[str, Any]], tools: dict[str, str]) -> str:
    """docs/results/paper.md."""
    lines = ["# Published figures beside ours", "",
             "What is published, ours, and the error of each point, ours over published less one; "
             "`dstc paper --figure NAME` makes each again. Models and sources: "
             "[models.md](../models.md).", "",
             "Made by `make paper` with " + ", ".join(f"{name} {number}" for name, number
                                                      in tools.items()) + ".", "",
             "| figure | points | mean error |", "|---|--:|--:|"]
    lines += [f"| {name}: {report['title']} | {len(report['points'])} | "
              f"{report['mean_error']:.1%} |" for name, report in reports.items()]
    for name, report in reports.items():
        lines += ["", f"## {name}: {report['title']}", ""]
        if name in PLOTTED:
            lines += [f"![{report['title']}](paper-{name}.svg)", ""]
        lines += [*_table(report["points"]), ""]
        if name == "21":
            lines += [*_figure_21(report), ""]
        lines += [f"Published: {report['source']}.", "", f"Ours: {report['model']}.", "",
                  report["text"]]
    return "\n".join([*lines, ""])


def _table(points: list[dict[str, Any]]) -> list[str]:
    names = [name for name in points[0] if name not in HIDDEN]
    if "densities" in points[0]:
        names.insert(0, "densities")
    return ["| " + " | ".join(name.replace("_", " ") for name in names) + " |",
            "|" + "--:|" * len(names),
            *("| " + " | ".join(cell(name, point[name]) for name in names) + " |"
              for point in points)]


def _figure_21(report: dict[str, Any]) -> list[str]:
    ratios = ", ".join(f"{ratio:.1f} at {density}" for density, ratio
                       in report["distribution"]["clustering_a"].items())
    return [f"Mean error over the nine points other than the dense one: "
            f"**{report['mean_error']:.1%}**; with independent zeros "
            f"{report['mean_error_iid']:.1%}; in cycles of the core, conflicts and all, from "
            f"{report['sampled_tiles']} output tiles of each point, "
            f"{report['mean_error_sampled']:.1%}. A: {report['distribution']['a']}; its popcounts "
            f"of 32 neighbours vary {ratios} times as much as independent ones. "
            f"B: {report['distribution']['b']}. The slowest point took "
            f"{max(point['seconds'] for point in report['points']):.1f} s.", "",
            f"Other distributions, one for all points, at {report['sensitivity_size']} cubed:", "",
            "| A | B | mean error |", "|---|---|--:|",
            *(f"| {row['a']} | {row['b']} | {row['mean_error']:.1%} |"
              for row in report["sensitivity"])]


def main() -> None:
    """Make every figure and write it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--results", type=Path, default=Path("build/paper"))
    folder = parser.parse_args().results
    folder.mkdir(parents=True, exist_ok=True)
    options: dict[str, dict[str, Any]] = {"21": {"sample": TILES}}
    reports = {name: make(**options.get(name, {}))
               for name, make in track(FIGURES.items(), "figures")}
    tools = {name: version(name) for name in ("dstc", "numpy", "numba")}
    plots: dict[str, Callable[[dict[str, Any], Any], None]] = {"21": plot_21}
    # The same drawing gives the same bytes.
    matplotlib.rcParams["svg.hashsalt"] = "dstc"
    for name in PLOTTED:
        figure, axes = pyplot.subplots(figsize=(8, 4.5), layout="constrained")
        plots.get(name, plot_bars)(reports[name], axes)
        figure.savefig(folder / f"paper-{name}.svg", metadata={"Date": None})
        pyplot.close(figure)
    for path, text in (("paper.json", json.dumps({"tools": tools, "figures": reports}, indent=1)
                        + "\n"), ("paper.md", page(reports, tools))):
        with atomic_write(folder / path) as file:
            file.write(text.encode())
    print(page(reports, tools))


if __name__ == "__main__":
    main()
