"""The picture of a sweep: area against time, and the configurations that no other beats."""

import io
from typing import Any

import matplotlib
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

__all__ = ["draw"]

INK, DIM, BEST = "#22262b", "#9aa1aa", "#1d5fa8"
WIDE = 3
"""Ratio of costs from which an axis is logarithmic."""
GOALS = {"microseconds": "time, us", "cycles": "cycles"}


def draw(report: dict[str, Any]) -> bytes | None:
    """An SVG of the configurations with area and cycles, the Pareto front as a stepped line.

    Parameters
    ----------
    report : dict
        What ``dstc sweep --json`` prints.

    Returns
    -------
    bytes or None
        None if no configuration has both.
    """
    rows = [row for row in report["configs"] if row["area"] and row["cycles"]]
    if not rows:
        return None
    goal = report["goal"]
    figure = Figure(figsize=(7.2, 4.4), layout="constrained")
    FigureCanvasSVG(figure)
    axes = figure.add_subplot()
    place = {row["config"]: (row["area"]["area_um2"] / 1e6, row[goal]) for row in rows}
    best = sorted(place[row["config"]] for row in rows if row["pareto"])
    axes.step(*zip(*best, strict=True), where="post", color=BEST, linewidth=1, zorder=1)
    for pareto, colour, label in ((False, DIM, "others"), (True, BEST, "Pareto front")):
        shown = [place[row["config"]] for row in rows if row["pareto"] == pareto]
        if shown:
            across, up = zip(*shown, strict=True)
            axes.scatter(across, up, s=22, color=colour, label=label, zorder=2)
    # Neighbours lie close together, so they have numbers and their names stand outside.
    front = sorted((row["config"] for row in rows if row["pareto"]), key=place.__getitem__)
    for number, name in enumerate(front, 1):
        axes.annotate(str(number), place[name], (3, 4), fontsize=7, color=INK,
                      textcoords="offset points")
    names = "\n".join(f"{number}  {name}" for number, name in enumerate(front, 1))
    figure.text(1, 1, names, fontsize=7, color=INK, va="top", linespacing=1.5)
    count = len(report["workloads"])
    axes.set(xlabel="area of the core, mm2",
             ylabel=f"{GOALS[goal]}, geometric mean of {count} workload{'s' if count > 1 else ''}")
    across, up = zip(*place.values(), strict=True)
    for values, scale, axis in ((across, axes.set_xscale, axes.xaxis),
                                (up, axes.set_yscale, axes.yaxis)):
        if max(values) > WIDE * min(values):
            scale("log")
            axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.set_minor_formatter(NullFormatter())
            axis.set_major_formatter(StrMethodFormatter("{x:,g}"))
    axes.margins(x=.08, y=.08)
    axes.legend(fontsize=7)
    axes.grid(which="both", color="#e2e0db", linewidth=.6)
    stream = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "dstc"}):
        figure.savefig(stream, format="svg", metadata={"Date": None}, bbox_inches="tight")
    return stream.getvalue()
