"""The course of area, clock and cycles, and the figures that a change must not move unnoticed.

Small units are synthesised to generic gates (and to 45 nm cells where those are installed), and
some products run on the cycle model.  The tests do this too and fail when a figure is another than
docs/results/history.json says.  ``make history`` accepts it, and adds a point with the areas of
docs/results/area.json if they are those of the present hardware.

Usage: python bench/history.py [--write [--what TEXT]] [--results FOLDER]
"""

import argparse
import json
import sys
from datetime import date
from pathlib import Path
from typing import Any

from history_page import page
from history_units import measure_units, unit_tools

from dstc.config import CONFIGS, get_config
from dstc_hdl.emit import emit_unit
from dstc_sim.sweep.task import Task, model_version, run_task
from dstc_sim.sweep.workload import RandomWorkload

RESULTS = Path(__file__).resolve().parents[1] / "docs/results"
TOLERANCE = 0.01
"""Of gates, flip-flops, depth and um2; cycles must be equal."""
WORKLOADS = tuple(
    RandomWorkload(shape=(64, 64, 256), density=density, pattern=pattern)
    for density, pattern in (((1, 1), "iid"), ((.5, .5), "iid"), ((.25, .5), "iid"),
                             ((.1, .1), "iid"), ((.25, .25), "clustered")))
ACCEPT = "if it is meant, `make history` accepts it"


def measure_cycles() -> dict[str, dict[str, int]]:
    """Cycles of every workload on every named configuration."""
    return {name: {workload.name: run_task(
        Task(config=config, workload=workload, mode="sparse", sample=None,
             version=model_version()))["cycles"] for workload in WORKLOADS}
        for name, config in CONFIGS.items()}


def measure() -> dict[str, Any]:
    """All that is checked."""
    return {"tools": unit_tools(), "units": measure_units(), "cycles": measure_cycles()}


def not_comparable(committed: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """Why figures of units cannot be compared; nothing if they can."""
    return [f"Units must be synthesised by {name} {version} to be compared, not "
            f"{found['tools'].get(name)}; make history would bring them up to date"
            for name, version in committed["tools"].items()
            if name != "cells" and found["tools"].get(name) != version]


def changes(committed: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """A sentence for each figure that is another than the committed one, better or worse."""
    sentences = []
    if not not_comparable(committed, found):
        cells = committed["tools"].get("cells") == found["tools"].get("cells")
        for unit in dict.fromkeys((*committed["units"], *found["units"])):
            old, new = committed["units"].get(unit, {}), found["units"].get(unit, {})
            for figure in dict.fromkeys((*old, *new)):
                if figure == "um2" and not cells:
                    continue
                sentences += _moved(f"{figure.replace('_', ' ')} of {unit}", old.get(figure),
                                    new.get(figure), TOLERANCE)
    for config in dict.fromkeys((*committed["cycles"], *found["cycles"])):
        old, new = committed["cycles"].get(config, {}), found["cycles"].get(config, {})
        for workload in dict.fromkeys((*old, *new)):
            sentences += _moved(f"cycles of {workload} on {config}", old.get(workload),
                                new.get(workload), 0)
    return sentences


def _moved(what: str, old: float | None, new: float | None, tolerance: float) -> list[str]:
    if old is not None and new is not None and abs(new - old) <= tolerance * old:
        return []
    shown = [f"{one:,}" if one is not None else "missing" for one in (old, new)]
    return [f"{what[0].upper()}{what[1:]} must be {shown[0]} as committed, not {shown[1]}; "
            f"{ACCEPT}"]


def point(areas: dict[str, Any], found: dict[str, Any], today: date, what: str
          ) -> dict[str, Any]:
    """What a day's point says: areas as committed, cycles as measured, and what had changed."""
    configs: dict[str, Any] = {name: area_figures(report) for name, report in areas.items()}
    for name, cycles in found["cycles"].items():
        configs.setdefault(name, {})["cycles"] = cycles
    tools = next(iter(areas.values()))["tools"]
    return {"date": today.isoformat(), "what": what, "tools": {**found["tools"], **tools},
            "configs": configs}


def stale(areas: dict[str, Any]) -> list[str]:
    """Configurations whose area is not that of the present hardware."""
    return [name for name, report in areas.items()
            if emit_unit("core", get_config(name))[0].sha256 != report.get("verilog")]


def area_figures(report: dict[str, Any]) -> dict[str, Any]:
    """The figures of an area report that the history keeps."""
    rest = report["without_operand_buffers"]["area_um2"]
    twin = report["dense_twin"]
    return {"area_um2": report["area_um2"], "kge": report["kge"], "fmax_mhz": report["fmax_mhz"],
            "without_operand_buffers_um2": rest,
            "over_dense_twin": round(rest / twin["without_operand_buffers"]["area_um2"], 5),
            "dense_twin_fmax_mhz": twin["fmax_mhz"]}


def extend(points: list[dict[str, Any]], new: dict[str, Any]) -> list[dict[str, Any]]:
    """The points with a new one at the end, unless it says what the last one does."""
    def said(one: dict[str, Any]) -> tuple[Any, Any]:
        return one["configs"], one["tools"]

    return points if points and said(points[-1]) == said(new) else [*points, new]


def main() -> int:
    """Measure, compare, and accept if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--write", action="store_true", help="accept and add a point")
    parser.add_argument("--what", default="", help="what has changed, for the point")
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    file = arguments.results / "history.json"
    history = json.loads(file.read_text()) if file.is_file() else {"points": []}
    found = measure()
    moved = [*not_comparable(history, found), *changes(history, found)] if "units" in history \
        else []
    print("\n".join(moved) or "history: every figure is as committed")
    if not arguments.write:
        return bool(moved)
    areas = json.loads((arguments.results / "area.json").read_text())
    points = history["points"]
    if old := stale(areas):
        print(f"history: no point, for the areas of {' and '.join(old)} are those of other "
              "hardware; make area makes them")
    else:
        points = extend(points, point(areas, found, date.today(), arguments.what))
    file.write_text(json.dumps({**found, "points": points}, indent=1) + "\n")
    file.with_suffix(".md").write_text(page({**found, "points": points}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
