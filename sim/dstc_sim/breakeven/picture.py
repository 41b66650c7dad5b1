"""The map as a PNG: one panel for each pattern of zeros."""

import io
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

__all__ = ["COLOURS", "draw"]

INK = "#22262b"
COLOURS = {"dense": "#22262b", "2:4": "#b3261e", "rm-stc": "#6b4fb3",
           "dense, per area": "#1d7a46"}
"""Of the lines."""


def draw(report: dict[str, Any]) -> bytes:
    """A PNG.

    Parameters
    ----------
    report : dict
        What ``dstc breakeven --json`` prints.
    """
    patterns = report["patterns"]
    figure = Figure(figsize=(4.4 * len(patterns) + .8, 5.2), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(patterns), sharey=True, squeeze=False)[0]
    half = report["densities"][0] / 2
    extent = (half, 1 + half, half, 1 + half)
    highest = max(max(map(max, one["speedup"]["dual-side"])) for one in patterns.values())
    for panel, (name, pattern) in zip(panels, patterns.items(), strict=True):
        image = panel.imshow(list(zip(*pattern["speedup"]["dual-side"], strict=True)),
                             origin="lower", extent=extent, cmap="Blues",
                             norm=LogNorm(1, max(highest, 2)))
        for rival, lines in pattern["lines"].items():
            for number, line in enumerate(lines):
                panel.plot(*zip(*line, strict=True), color=COLOURS[rival], linewidth=1.6,
                           label=f"beats {rival}" if not number else None)
        if report["layers"]:
            panel.scatter([row["a"] for row in report["layers"]],
                          [row["b"] for row in report["layers"]], s=16, color="#e8954a",
                          edgecolor=INK, linewidth=.5, label="layers", zorder=3)
        panel.set(title=f"zeros: {name}", xlabel="density of A", xlim=(0, 1 + half),
                  ylim=(0, 1 + half))
    panels[0].set_ylabel("density of B")
    figure.colorbar(image, ax=panels, label="speedup over dense", shrink=.8)
    figure.suptitle(f"{report['config']['name']}: dual-side over the densities of both operands",
                    fontsize=11)
    marks = {label: mark for panel in panels
             for mark, label in zip(*panel.get_legend_handles_labels(), strict=True)}
    figure.legend(marks.values(), marks.keys(), loc="outside lower center", ncols=len(marks),
                  fontsize=8)
    stream = io.BytesIO()
    figure.savefig(stream, format="png", metadata={"Software": None})
    return stream.getvalue()
