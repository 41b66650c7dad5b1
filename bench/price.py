"""What skipping zeros on both sides costs in area, beside what it gains in cycles.

Area of each part over the dense twin and the 2:4 twin (synthesis, see docs/area.md), cycles of the
core by the cycle model on random operands, of whole networks from docs/results/network.json, and
energies from docs/results/energy.json.

Usage: python bench/price.py [--config NAME ...] [--json FILE] [--markdown FILE] [--plot FILE]
"""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from config_report import report_configs
from rich.progress import track

from dstc.config import get_config
from dstc.workloads import random_accumulators, random_matrix
from dstc_hdl.asic.report import GLUE, OPERAND_BUFFERS, area_report
from dstc_sim.engine import ModelEngine

DENSITIES = ((1, 1), (.75, .75), (1, .5), (.5, .5), (1, .25), (.5, .25), (.25, .25), (.5, .1),
             (.1, .1))
TILES, DEPTH, SEED = 4, 512, 1
TICKS = (0.25, 0.5, 1, 2, 4, 8)
BASES = {"dense_twin": "dense twin", "structured_twin": "2:4 twin"}
RATE = {"dense_twin": 1, "structured_twin": 2}
"""Work of a twin per cycle, in OHMMA of the dense core."""
PARTS = {
    "operand buffers": OPERAND_BUFFERS,
    "multipliers, adders, accumulators": ("array", "accumulator", "dot", "accumulators"),
    "operand collector": ("collector",),
    "operand crossbar": ("crossbar",),
    "bitmap unit": ("bitmap_unit",),
    "dispatcher, walker, queues": ("dispatcher", "computes", "queues", "walker", "expander",
                                   "records", "control", "sequencer"),
    "C load, drain": ("c_load", "drain"),
    "performance counters": ("performance",),
    "between units": (GLUE,),
}
"""Units of all designs by what they are for."""
RESULTS = Path(__file__).parent.parent / "docs/results"


def committed(file: str) -> list[dict] | dict | None:
    """A committed result of another bench, if there is one."""
    path = RESULTS / file
    return json.loads(path.read_text()) if path.is_file() else None


def parts_of(design: dict) -> dict[str, float]:
    """Area of a design by part; every unit belongs to one."""
    areas = dict(design["units"])
    found = {part: sum(areas.pop(unit, 0.0) for unit in units) for part, units in PARTS.items()}
    if areas:
        raise SystemExit(f"Units must belong to a part, which {', '.join(areas)} do not")
    return found


def random_runs(name: str) -> list[dict]:
    """Cycles on random operands, at several pairs of densities."""
    config, engine, rows = get_config(name), ModelEngine(), []
    m, n = TILES * config.tile_m, TILES * config.tile_n
    for density_a, density_b in track(DENSITIES, f"cycles of {name}"):
        rng = np.random.default_rng((SEED, int(100 * density_a), int(100 * density_b)))
        a = random_matrix((m, DEPTH), density_a, config.element, rng)
        b = random_matrix((DEPTH, n), density_b, config.element, rng)
        c = random_accumulators((m, n), config.element, rng)
        result = engine.run(a, b, c, config=config)
        rows.append({"work": f"random, A {density_a}, B {density_b}", "cycles": result.cycles,
                     "dense_cycles": result.dense_cycles})
    return rows


def network_runs(name: str) -> list[dict]:
    """Cycles of whole networks with real zeros, as committed."""
    runs = (committed("network.json") or {"runs": []})["runs"]
    return [{"work": run["title"], "cycles": run["total"]["cycles"],
             "dense_cycles": run["total"]["dense_cycles"]}
            for run in runs if run["config"] == name and run["engine"] == "model"]


def energies(name: str) -> dict[tuple[str, str], float]:
    """Energy per useful multiplication in pJ of each work on each design, as committed."""
    return {(row["work"], row["design"]): row["pj_per_useful"]
            for result in committed("energy.json") or [] if result["config"] == name
            for row in result["rows"]}


def energy(row: dict, base: str, known: dict[tuple[str, str], float]) -> float | None:
    """Energy per useful multiplication over a twin's, where both have done the work."""
    ours, other = (known.get((row["work"], design)) for design in ("core", base))
    return ours / other if ours and other else None


def gain(row: dict, core: dict, base: dict, rate: int) -> dict[str, float | None]:
    """Speedup over a twin that is never idle, and per area; at one clock, and at own ones."""
    speedup = row["dense_cycles"] / rate / row["cycles"]
    whole = core["area_um2"] / base["area_um2"]
    rest = (core["without_operand_buffers"]["area_um2"]
            / base["without_operand_buffers"]["area_um2"])
    clock = (core["fmax_mhz"] / base["fmax_mhz"]
             if core["fmax_mhz"] and base["fmax_mhz"] else None)
    return {"speedup": speedup, "per_area": speedup / whole, "per_area_without": speedup / rest,
            "own_clock": clock and speedup * clock,
            "own_clock_per_area_without": clock and speedup * clock / rest}


def measure(name: str, target: str) -> dict:
    """Everything about one configuration."""
    report = area_report(get_config(name), target, lambda what: print(f"{name}: {what}"))
    rows, known = random_runs(name) + network_runs(name), energies(name)
    for row in rows:
        row |= {base: gain(row, report, report[base], RATE[base])
                | {"energy": energy(row, base, known)} for base in BASES}
    return {"config": name, "target": target, "tools": report["tools"], "rows": rows,
            "parts": {"core": parts_of(report),
                      **{base: parts_of(report[base]) for base in BASES}},
            **{key: {"core": report[key], **{base: report[base][key] for base in BASES}}
               for key in ("area_um2", "fmax_mhz", "without_operand_buffers")}}


CLAIM = """
## Beside the paper

Readers of the paper report its overhead as +1.5 % area and +1.6 % power of a whole GPU. What that
leaves out, and the tables above do not:

- the base: the added parts are compared with a GPU and not with the tensor cores they are added to.
  Here it is a tensor core of as many multipliers from the same parts;
- the dense case: what the design loses where there are no zeros, per cycle, area and clock;
- the clock: the longest path of both designs;
- the front end: bitmap unit, crossbar, walker, queues and dispatcher are counted, each on its own.
  The twin has nothing like the dispatcher, because it executes jobs and no programs.

What these tables leave out: wires, which favours whatever has many (crossbar, collector); the clock
tree; the encoding of activations; what is in front of the core.
"""


def page(results: list[dict]) -> str:
    """The page docs/results/price.md."""
    tools = results[0]["tools"]
    lines = ["# Price beside gain", "",
             "Area in standard cells without wires ([area.md](../area.md)), cycles of the cycle "
             f"model: {TILES * TILES} output tiles, K = {DEPTH}, independent random operands and a "
             "random C, fill and drain included; networks as in [network.md](network.md). The "
             "twins are taken to be never idle, the 2:4 twin to find every B in its pattern, which "
             "random zeros do not have. Energy is per useful multiplication, over the twin's, of "
             "shorter products whose B both can run ([energy.md](energy.md)).", "",
             "Made by `make price` with "
             + ", ".join(f"{name} {version}" for name, version in tools.items()) + ".", "",
             "![Speedup against area](price.svg)", ""]
    for result in results:
        lines += [f"## {result['config']}", "", *_parts(result), ""]
        for base in BASES:
            lines += [*_gains(result, base), ""]
    return "\n".join(lines) + CLAIM


def _parts(result: dict) -> list[str]:
    parts = result["parts"]
    rows = ["| um2 | core | dense twin | 2:4 twin | over the dense twin | of the dense twin |",
            "|---|--:|--:|--:|--:|--:|"]
    whole = result["area_um2"]["dense_twin"]
    for part, area in [*parts["core"].items(), ("total", result["area_um2"]["core"])]:
        others = [result["area_um2"][base] if part == "total" else parts[base][part]
                  for base in BASES]
        added = area - others[0]
        rows.append(f"| {part} | {area:,.0f} | {others[0]:,.0f} | {others[1]:,.0f} "
                    f"| {added:+,.0f} | {added / whole:+.1%} |")
    return rows


def _gains(result: dict, base: str) -> list[str]:
    rest, clock = result["without_operand_buffers"], result["fmax_mhz"]
    ratio = rest["core"]["area_um2"] / rest[base]["area_um2"]
    facts = (f"Over the {BASES[base]}: {result['area_um2']['core'] / result['area_um2'][base]:.2f} "
             f"times its area, {ratio:.2f} times without operand buffers")
    facts += (f", {clock['core'] / clock[base]:.2f} times its clock." if clock["core"] else ".")
    rows = [facts, "", "| work | cycles | speedup | per area | per area without operand buffers "
            "| speedup, own clocks | per area without operand buffers, own clocks | energy |",
            "|---|" + "--:|" * 7]
    for row in result["rows"]:
        cells = ["" if value is None else f"{value:.2f}" for value in row[base].values()]
        rows.append(f"| {row['work']} | {row['cycles']:,} | " + " | ".join(cells) + " |")
    return rows


def plot(results: list[dict], path: Path) -> None:
    """Area by part of the three designs, and speedup per area over the densities."""
    plt.rcParams["svg.hashsalt"] = "dstc"
    figure, axes = plt.subplots(len(results), 2, figsize=(11, 3.8 * len(results)), squeeze=False,
                                layout="constrained")
    for (left, right), result in zip(axes, results, strict=True):
        names = {"structured_twin": "2:4 twin", "dense_twin": "dense twin", "core": "core"}
        start = np.zeros(len(names))
        for part in PARTS:
            widths = np.array([result["parts"][name][part] for name in names]) / 1e6
            left.barh(list(names.values()), widths, left=start, label=part)
            start += widths
        left.set(xlabel="area, mm2", title=f"{result['config']}, {result['target']}")
        left.set_xlim(0, 1.55 * start.max())
        left.legend(fontsize=7, loc="lower right")
        labels = [row["work"].removeprefix("random, ") for row in result["rows"]]
        for base, title in BASES.items():
            right.plot([row[base]["per_area_without"] for row in result["rows"]], labels, "o-",
                       label=f"over the {title}, same clock")
            if result["fmax_mhz"]["core"]:
                right.plot([row[base]["own_clock_per_area_without"] for row in result["rows"]],
                           labels, "o:", label=f"over the {title}, own clocks")
        right.axvline(1, color="black", linewidth=.8)
        right.set(xscale="log", xlabel="speedup per area, without operand buffers")
        right.set_xticks(TICKS, map(str, TICKS))
        right.minorticks_off()
        right.legend(fontsize=7)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


if __name__ == "__main__":
    report_configs(__doc__.split("\n")[0], measure, page, plot)
