"""Bars of results, in HTML alone."""

from collections.abc import Iterable
from html import escape
from typing import Any

__all__ = ["area_bars", "bars", "headlines", "network_bars", "workload_bars"]

UNITS = 8
OURS = "dual-side"


def bars(rows: Iterable[tuple[str, float, str]], label: str) -> str:
    """A bar for each name, with its figure; the longest is as wide as there is room.

    Parameters
    ----------
    rows : iterable of (name, length, text)
    label : str
        What is shown, for readers that do not see it.
    """
    shown = list(rows)
    top = max(length for _, length, _ in shown)
    body = "".join(
        f'<div class="bar{" ours" if name == OURS else ""}"><span class="name">{escape(name)}'
        f'</span><span class="track"><i style="width:{100 * length / top:.2f}%"></i></span>'
        f"<b>{escape(text)}</b></div>"
        for name, length, text in shown)
    return f'<div class="bars plot" role="group" aria-label="{escape(label)}">{body}</div>'


def network_bars(report: dict[str, Any]) -> str:
    """Speedup over dense of every layer of every run in docs/results/network.json."""
    return "".join(
        f"<h4>{escape(run['title'])}: {run['total']['speedup']:.2f}x over dense</h4>"
        + bars(((row["name"], row["speedup"], f"{row['speedup']:.2f}x") for row in run["layers"]),
               f"Speedup of the layers: {run['title']}") for run in report["runs"])


def workload_bars(report: dict[str, Any]) -> str:
    """Speedup over dense of every machine on every network in docs/results/workloads.json."""
    shown = []
    for work in report["workloads"]:
        total: dict[str, int] = {}
        for layer in work["layers"]:
            for name, cycles in {**layer["cycles"], "limit": layer["least"]}.items():
                total[name] = total.get(name, 0) + cycles
        named = f"{work['name']}; activations: {work['activations']}"
        shown.append(f"<h4>{escape(named)}</h4>" + bars(
            ((name, total["dense"] / cycles, f"{total['dense'] / cycles:.2f}x")
             for name, cycles in total.items()), f"Speedup over dense: {named}"))
    return "".join(shown)


def area_bars(report: dict[str, Any]) -> str:
    """Areas of core and twins, and the largest units, of every core in docs/results/area.json."""
    shown = []
    for name, row in report.items():
        designs = {"core": row["area_um2"], "dense twin": row["dense_twin"]["area_um2"],
                   "2:4 twin": row["structured_twin"]["area_um2"]}
        largest = sorted(row["units"].items(), key=lambda unit: -unit[1])[:UNITS]
        shown.append(
            f"<h4>{escape(name)}, {row['area_um2'] / row['dense_twin']['area_um2']:.2f} times "
            "its dense twin</h4>"
            + bars(((design, area, f"{area / 1e6:.3f} mm2") for design, area in designs.items()),
                   f"Area of {name} and its twins")
            + bars(((unit, area, f"{area / row['area_um2']:.1%}") for unit, area in largest),
                   f"Largest units of {name}"))
    return "".join(shown)


def headlines(results: dict[str, Any]) -> str:
    """The few figures to begin with, of those results that are there.

    Parameters
    ----------
    results : dict
        Contents of docs/results/NAME.json by name.
    """
    facts = []
    if "network" in results:
        run = results["network"]["runs"][0]
        facts.append((f"{run['total']['speedup']:.2f}x", f"over dense, cycles: {run['title']}"))
    if "area" in results:
        core = results["area"]["paper"]
        facts.append((f"{core['area_um2'] / core['dense_twin']['area_um2']:.2f}x",
                      "the area of the dense twin, configuration paper"))
    if "paper" in results:
        figure = results["paper"]["figures"]["21"]
        # The others are relative to this one.
        count = sum(not point["reference"] for point in figure["points"])
        facts.append((f"{figure['mean_error']:.1%}",
                      f"mean error of {count} published points of figure 21"))
    return '<div class="figures">' + "".join(
        f'<div><span class="value">{value}</span><span class="label">{escape(label)}</span></div>'
        for value, label in facts) + "</div>"
