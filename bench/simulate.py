"""Speed of the verilated core: cycles per second and the time of a whole product.

Usage: python bench/simulate.py [--config NAME ...] [--json FILE]
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from dstc.config import get_config
from dstc.workloads import random_matrix
from dstc_sim.engine import check, get_engine

__all__ = ["main", "measure"]


def measure(name: str, size: int, density: float, repeat: int, seed: int) -> dict[str, Any]:
    """The best of some runs of one product on the compiled core, checked in every bit."""
    config = get_config(name)
    rng = np.random.default_rng(seed)
    a, b = (random_matrix((size, size), density, config.element, rng) for _ in range(2))
    engine = get_engine("rtl")
    golden = get_engine("golden").run(a, b, config=config)
    results = [engine.run(a, b, config=config) for _ in range(repeat)]
    best = min(results, key=lambda result: result.seconds)
    cycles = best.cycles or 0
    return {"config": name, "shape": [size] * 3, "density": density, "seed": seed,
            "cycles": cycles, "seconds": best.seconds, "cycles_per_second": cycles / best.seconds,
            "bit_exact": check(best, golden), "tools": best.tools}


def main() -> None:
    """Measure and print a table; --json writes the numbers."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--config", nargs="+", default=["paper", "small", "tiny"])
    parser.add_argument("--size", type=int, default=256, help="M = N = K (256)")
    parser.add_argument("--density", type=float, default=0.5, help="of both operands (0.5)")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    rows = [measure(name, arguments.size, arguments.density, arguments.repeat, arguments.seed)
            for name in arguments.config]
    table = Table("configuration", "cycles", "seconds", "cycles/s", "bit-exact",
                  title=f"{arguments.size}^3 at density {arguments.density}")
    for row in rows:
        table.add_row(row["config"], f"{row['cycles']:,}", f"{row['seconds']:.2f}",
                      f"{row['cycles_per_second']:,.0f}", str(row["bit_exact"]))
    Console().print(table)
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
