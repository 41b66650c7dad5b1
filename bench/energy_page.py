"""Page and picture of what bench/energy.py measured."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from dstc_hdl.asic.energy import PARTS

__all__ = ["page", "plot"]

TITLES = {"core": "core", "dense_twin": "dense twin", "structured_twin": "2:4 twin"}
SHOWN = 8
"""Units that a table names."""


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def page(results: list[dict], tiles: int, depth: int) -> str:
    """The page docs/results/energy.md."""
    tools = results[0]["tools"]
    lines = ["# Energy per useful multiplication", "",
             "Made by `make energy` with "
             + ", ".join(f"{name} {version}" for name, version in tools.items()) + ". "
             f"64 products of {tiles} x {tiles} output tiles and K = {depth} with a random C on "
             "each netlist, fill and drain included; the same operands on all designs. B keeps at "
             "most two of four k from density 0.5 downwards, so that the 2:4 twin can run it. The "
             "layer comes as blocks of the same size with all of its K, on 32 digits. Results are "
             "those of the golden model in every bit. Useful multiplications are those of two "
             "non-zeros. Each design at its own clock; no wires, no clock tree, no glitches: "
             "[energy.md](../energy.md).", "",
             "![Energy per useful multiplication](energy.svg)", ""]
    for result in results:
        lines += [f"## {result['config']}", "", *_works(result), "", *_parts(result), "",
                  *_units(result), ""]
    return "\n".join(lines)


def _works(result: dict) -> list[str]:
    rows = [_row(["work", "design", "cycles", "useful", "pJ per useful multiplication",
                  "pJ per dense-equivalent MAC", "over the dense twin", "clock, MHz", "mW"]),
            "|---|---|" + "--:|" * 7]
    base = {row["work"]: row["pj"] for row in result["rows"] if row["design"] == "dense_twin"}
    for work in base:
        for row in result["rows"]:
            if row["work"] == work:
                rows.append(_row([
                    work, TITLES[row["design"]], f"{row['cycles']:,}",
                    f"{row['useful'] / row['dense']:.1%}", f"{row['pj_per_useful']:.2f}",
                    f"{row['pj_per_dense']:.2f}", f"{row['pj'] / base[work]:.2f}",
                    f"{1000 / row['period_ns']:.0f}", f"{row['mw']:.1f}"]))
    return rows


def _parts(result: dict) -> list[str]:
    rows = [_row(["part of the energy", "design", *PARTS]), "|---|---|" + "--:|" * len(PARTS)]
    for row in result["rows"]:
        sums = {part: sum(unit[part] for unit in row["pj_per_cycle"].values()) for part in PARTS}
        whole = sum(sums.values())
        rows.append(_row([row["work"], TITLES[row["design"]],
                          *(f"{sums[part] / whole:.0%}" for part in PARTS)]))
    return rows


def _units(result: dict) -> list[str]:
    """Energy by unit in two works: without zeros, and with many."""
    works = list(dict.fromkeys(row["work"] for row in result["rows"]))
    rows = [_row(["design", "largest units, pJ per cycle", *works[:4:2]]), "|---|---|--:|--:|"]
    for design, title in TITLES.items():
        found = {row["work"]: {unit: sum(parts.values()) for unit, parts
                               in row["pj_per_cycle"].items()}
                 for row in result["rows"] if row["design"] == design}
        some = [found.get(work, {}) for work in works[:4:2]]
        names = sorted(some[-1], key=lambda unit: -some[-1][unit])[:SHOWN]
        rows += [_row([title, unit.replace("_", " "),
                       *(f"{each[unit]:.2f}" if each else "" for each in some)])
                 for unit in names]
    return rows


def plot(results: list[dict], path: Path) -> None:
    """Energy per useful multiplication by work, in parts, for each design."""
    plt.rcParams["svg.hashsalt"] = "dstc"
    figure, axes = plt.subplots(1, len(results), figsize=(6.5 * len(results), 4.2),
                                squeeze=False, layout="constrained")
    for axis, result in zip(axes[0], results, strict=True):
        works = list(dict.fromkeys(row["work"] for row in result["rows"]))
        for n, (design, title) in enumerate(TITLES.items()):
            some = {row["work"]: row for row in result["rows"] if row["design"] == design}
            places = np.array([works.index(work) + 0.27 * (n - 1) for work in some])
            axis.bar(places, [row["pj_per_useful"] for row in some.values()], 0.25, label=title)
        axis.set_xticks(range(len(works)), [work.removeprefix("random, ").replace(", ", "\n")
                                            for work in works], fontsize=8)
        axis.set(yscale="log", ylabel="pJ per useful multiplication", title=result["config"])
        axis.legend(fontsize=8)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
