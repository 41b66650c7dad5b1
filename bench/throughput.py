"""Cycles of the emitted Verilog over the skip rule, for 25 pairs of densities.

Each run is a stream of 16 output tiles of independent random operands with K = 512, from the first
instruction to the last result, fill and drain included.  The contract is a ratio of at most 1.05.

Usage: python bench/throughput.py [--config NAME ...] [--json FILE] [--markdown FILE]
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from rich.progress import track

from dstc.config import get_config
from dstc.workloads import random_accumulators, random_matrix
from dstc_sim.engine import RtlEngine, check, get_engine

DENSITIES = (0.1, 0.25, 0.5, 0.75, 1.0)
TILES, DEPTH, SEED = 4, 512, 1
LIMIT = 1.05


def measure(engine: RtlEngine, name: str, density_a: float, density_b: float) -> dict:
    """One run, checked in every bit."""
    config = get_config(name)
    rng = np.random.default_rng((SEED, int(100 * density_a), int(100 * density_b)))
    m, n = TILES * config.tile_m, TILES * config.tile_n
    a = random_matrix((m, DEPTH), density_a, config.element, rng)
    b = random_matrix((DEPTH, n), density_b, config.element, rng)
    c = random_accumulators((m, n), config.element, rng)
    result = engine.run(a, b, c, config=config)
    exact = check(result, get_engine("golden").run(a, b, c, config=config))
    if not exact:
        raise SystemExit(f"{name} at densities {density_a}/{density_b} is not bit-exact")
    return {"config": name, "density_a": density_a, "density_b": density_b,
            "ohmma": result.ohmma["executed"], "cycles": result.cycles, "bins": result.bins,
            "ratio": result.cycles / result.ohmma["executed"],
            "speedup": result.dense_cycles / result.cycles,
            "utilization": result.multiplier_utilization, "tools": result.tools}


def table(rows: list[dict], tools: dict) -> str:
    """The page docs/results/throughput.md."""
    lines = ["# Throughput of the emitted Verilog", "",
             "Cycles over the skip rule, from the first instruction to the last result, for a",
             f"stream of {TILES * TILES} output tiles of independent random operands with "
             f"K = {DEPTH} and a",
             "random C. In brackets: speedup over the dense machine (one OHMMA per cycle).", "",
             "Made by `make throughput` with "
             + ", ".join(f"{name} {version}" for name, version in tools.items()) + ".", ""]
    for name in dict.fromkeys(row["config"] for row in rows):
        mine = {(row["density_a"], row["density_b"]): row for row in rows if row["config"] == name}
        worst = max(mine.values(), key=lambda row: row["ratio"])
        parameters = get_config(name).to_dict()
        lines += [f"## {name}", "", "`" + ", ".join(
            f"{key}={value}" for key, value in parameters.items() if key != "name") + "`", "",
            "| A \\ B | " + " | ".join(f"{density}" for density in DENSITIES) + " |",
            "|---|" + "--:|" * len(DENSITIES)]
        for density_a in DENSITIES:
            cells = [mine[density_a, density_b] for density_b in DENSITIES]
            lines.append(f"| {density_a} | " + " | ".join(
                f"{cell['ratio']:.3f} ({cell['speedup']:.2f}x)" for cell in cells) + " |")
        verdict = "holds" if worst["ratio"] <= LIMIT else "does not hold"
        lines += ["", f"Worst: {worst['ratio']:.3f} at {worst['density_a']}/{worst['density_b']}; "
                  f"the contract of {LIMIT} {verdict}.", ""]
    return "\n".join(lines)


def main() -> int:
    """Measure, write, and exit with 1 if the contract does not hold somewhere."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--config", nargs="+", default=["paper", "small"])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--markdown", type=Path)
    arguments = parser.parse_args()
    engine = RtlEngine()
    cases = [(name, density_a, density_b) for name in arguments.config
             for density_a in DENSITIES for density_b in DENSITIES]
    rows = [measure(engine, *case) for case in track(cases, "products")]
    tools = [row.pop("tools") for row in rows][-1]
    text = table(rows, tools)
    print(text)
    for path in filter(None, (arguments.json, arguments.markdown)):
        path.parent.mkdir(parents=True, exist_ok=True)
    if arguments.json:
        arguments.json.write_text(json.dumps({"tools": tools, "rows": rows}, indent=1) + "\n")
    if arguments.markdown:
        arguments.markdown.write_text(text)
    return any(row["ratio"] > LIMIT for row in rows)


if __name__ == "__main__":
    sys.exit(main())
