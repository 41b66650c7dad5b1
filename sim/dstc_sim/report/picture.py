"""The picture of a run: both operands, the work along k, and where the cycles went."""

import io

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from ..bins import BIN_COLOURS
from ..runs import BINS
from .run import Run

__all__ = ["draw"]

PAPER, INK, GRID = "#ffffff", "#22262b", "#9aa1aa"
WEIGHTS = LinearSegmentedColormap.from_list("weights", [PAPER, "#8db8e2", "#0f3d73"])
ACTIVATIONS = LinearSegmentedColormap.from_list("activations", [PAPER, "#f2b880", "#8a3b00"])
# Narrow, so that the lettering stays readable when a phone scales the picture down.
WIDTH, DPI = 5.2, 300


def draw(run: Run) -> bytes:
    """Draw a run.

    A (M x K) and B transposed (N x K) share the k axis with the OHMMA that each k-step took, so
    a column of the picture is one outer product.  White is a zero; fine lines are the tiles.

    Returns
    -------
    bytes
        A PNG file.
    """
    m, n, _ = run.shape
    figure = Figure(figsize=(WIDTH, 6.6), dpi=DPI, facecolor=PAPER, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(4, 1, height_ratios=[max(m, n / 4), max(n, m / 4), (m + n) / 5,
                                                (m + n) / 4])
    weights, activations, work, bars = axes
    _matrix(weights, run.a, run.config.tile_m, run.config.tile_k, WEIGHTS, "A", "m")
    _matrix(activations, run.b.T, run.config.tile_n, run.config.tile_k, ACTIVATIONS,
            "B transposed", "n")
    _work(work, run)
    _bars(bars, run)
    for above in (weights, activations):
        above.tick_params(labelbottom=False)
    stream = io.BytesIO()
    # No date and no version inside: the same run gives the same file.
    figure.savefig(stream, format="png", metadata={"Software": None})
    return stream.getvalue()


def _matrix(axes: Axes, matrix: np.ndarray, tile: int, tile_k: int,
            colours: LinearSegmentedColormap, name: str, side: str) -> None:
    rows, k = matrix.shape
    magnitude = np.abs(matrix.astype(np.float64))
    finite = magnitude[np.isfinite(magnitude) & (magnitude > 0)]
    top = np.quantile(finite, 0.98) if finite.size else 1.0
    # A small non-zero must still be seen, so colours start well above white.
    shade = np.where(magnitude == 0, 0, 0.35 + 0.65 * np.sqrt(np.minimum(magnitude / top, 1)))
    axes.imshow(shade, cmap=colours, vmin=0, vmax=1, aspect="auto", interpolation="nearest",
                extent=(0, k, rows, 0))
    for edges, line, count in ((range(tile, rows, tile), axes.axhline, rows / tile),
                               (range(tile_k, k, tile_k), axes.axvline, k / tile_k)):
        for edge in edges:
            # Many small tiles: thinner lines, or they would hide the elements.
            line(edge, color=GRID, linewidth=min(0.45, 18 / count))
    zeros = np.count_nonzero(magnitude == 0) / magnitude.size
    _style(axes, f"{name}: {rows} x {k}, {zeros:.1%} zero")
    axes.set_ylabel(side, fontsize=8)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))


def _work(axes: Axes, run: Run) -> None:
    k = run.shape[2]
    dense = run.dense.ohmma["dense"] / (-(-k // run.config.tile_k) * run.config.tile_k)
    axes.fill_between(np.arange(k + 1), np.append(run.ohmma_per_k, 0), step="post", linewidth=0,
                      color=BIN_COLOURS["issue"])
    axes.axhline(dense, color=INK, linewidth=0.8, linestyle=(0, (4, 2)))
    axes.annotate("dense", (k, dense), xytext=(-2, -2), textcoords="offset points", ha="right",
                  va="top", fontsize=7, color=INK)
    axes.set_xlim(0, k)
    axes.set_ylim(0, dense * 1.08)
    _style(axes, "OHMMA per k-step, all tiles together")
    axes.set_xlabel("k", fontsize=8, labelpad=1)


def _bars(axes: Axes, run: Run) -> None:
    for height, bins in zip((1, 0), run.bins, strict=True):
        start = 0
        for name in BINS:
            axes.barh(height, bins[name], left=start, height=0.62, linewidth=0,
                      color=BIN_COLOURS[name])
            start += bins[name]
    dense, sparse = run.cycles
    _number(axes, 1, dense, "", inside=True)
    _number(axes, 0, sparse, f"  ({run.speedup:.2f}x)", inside=run.speedup < 1.6)
    axes.set_yticks([1, 0], ["dense", "dual-side"])
    axes.set_xlim(0, max(dense, sparse))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    _style(axes, "Cycles")
    axes.tick_params(axis="y", length=0, labelsize=8)
    axes.legend(handles=[Patch(color=BIN_COLOURS[name], label=name) for name in BINS],
                ncols=len(BINS), loc="upper center", bbox_to_anchor=(0.45, -0.3), fontsize=7,
                frameon=False, handlelength=0.9, handletextpad=0.4, columnspacing=1.0)


def _number(axes: Axes, height: float, cycles: int, note: str, inside: bool) -> None:
    axes.annotate(f"{cycles:,}{note}", (0 if inside else cycles, height),
                  xytext=(4, 0), textcoords="offset points", va="center", fontsize=8,
                  color=PAPER if inside else INK)


def _style(axes: Axes, title: str) -> None:
    axes.set_title(title, loc="left", fontsize=9, color=INK, pad=4)
    axes.tick_params(labelsize=7, length=2, color=GRID)
    for spine in axes.spines.values():
        spine.set_color(GRID)
        spine.set_linewidth(0.6)
