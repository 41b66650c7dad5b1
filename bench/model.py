"""Speed of the cycle model: OHMMA per second, a product of 1024^3, and the Verilog beside it.

Usage: python bench/model.py [--json FILE] [--markdown FILE] [--size N]
"""

import argparse
import json
import os
import platform
import time
from pathlib import Path

import numpy as np
from rich.progress import track

from dstc.config import get_config
from dstc.formats import encode
from dstc.program import gemm_job
from dstc.workloads import random_matrix
from dstc_sim.cyclemodel import ModelCore, versions
from dstc_sim.engine import ModelEngine, RtlEngine, check, get_engine

CONFIG, SEED, REPEATS = "paper", 1, 3
DENSITIES = ((.1, .1), (.25, .25), (.5, .5), (.75, .75), (1.0, 1.0))
SPEED_SIZE, RTL_SIZE = 512, 128


def operands(size: int, densities: tuple[float, float]) -> tuple:
    """Random square A and B."""
    config, rng = get_config(CONFIG), np.random.default_rng(SEED)
    return tuple(random_matrix((size, size), density, config.element, rng)
                 for density in densities)


def speed(densities: tuple[float, float]) -> dict:
    """Executed OHMMA per second of the simulation alone; the best of a few runs."""
    config = get_config(CONFIG)
    a, b = operands(SPEED_SIZE, densities)
    job = gemm_job(encode(a, "A", config), encode(b, "B", config), config=config)
    runs = [ModelCore().run(job) for _ in range(REPEATS)]
    seconds = min(run.seconds for run in runs)
    return {"densities": densities, "ohmma": runs[0].counters["ohmma"], "cycles": runs[0].cycles,
            "seconds": seconds, "ohmma_per_second": runs[0].counters["ohmma"] / seconds}


def whole(size: int) -> dict:
    """One whole product on the engine: encoding, cycles and values, checked in every bit."""
    config = get_config(CONFIG)
    engine = ModelEngine()
    engine.prepare(config)
    a, b = operands(size, (.5, .5))
    result = engine.run(a, b, config=config)
    started = time.perf_counter()
    golden = get_engine("golden").run(a, b, config=config)
    return {"size": size, "cycles": result.cycles, "ohmma": result.ohmma["executed"],
            "bins": dict(result.bins or {}), "seconds": result.seconds,
            "golden_seconds": time.perf_counter() - started, "bit_exact": check(result, golden)}


def beside_rtl() -> dict:
    """The same product on the model and on the emitted Verilog."""
    config = get_config(CONFIG)
    a, b = operands(RTL_SIZE, (.5, .5))
    rtl, model = (engine.run(a, b, config=config) for engine in (RtlEngine(), ModelEngine()))
    return {"size": RTL_SIZE, "equal": (rtl.cycles, rtl.bins) == (model.cycles, model.bins),
            "rtl_seconds": rtl.seconds, "model_seconds": model.seconds,
            "ratio": rtl.seconds / model.seconds}


def table(report: dict) -> str:
    """The page docs/results/model.md."""
    size, one, rtl = report["whole"]["size"], report["whole"], report["rtl"]
    lines = ["# Speed of the cycle model", "",
             f"Configuration `{CONFIG}`, one thread, " + ", ".join(
                 f"{name} {version}" for name, version in report["tools"].items())
             + f", {report['machine']}. Made by `make model-speed`.", "",
             f"| densities, {SPEED_SIZE}^3 | OHMMA | cycles | seconds | million OHMMA per second |",
             "|---|--:|--:|--:|--:|"]
    lines += [f"| {row['densities'][0]} / {row['densities'][1]} | {row['ohmma']:,} | "
              f"{row['cycles']:,} | {row['seconds']:.3f} | {row['ohmma_per_second'] / 1e6:.2f} |"
              for row in report["speed"]]
    return "\n".join([*lines, "", f"A product of {size}^3 at densities 0.5 / 0.5, from matrices to "
                      f"cycles, bins and values: {one['seconds']:.1f} s for {one['ohmma']:,} OHMMA "
                      f"and {one['cycles']:,} cycles, "
                      + ("bit-exact" if one["bit_exact"] else "not bit-exact")
                      + f" (the golden model alone: {one['golden_seconds']:.1f} s).", "",
                      f"Beside the Verilog in Verilator, {rtl['size']}^3 at 0.5 / 0.5: "
                      f"{rtl['ratio']:.0f} times faster, cycles and bins "
                      + ("equal." if rtl["equal"] else "different."), ""])


def main() -> int:
    """Measure and write; the exit code is 1 if a result is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--size", type=int, default=1024, help="of the whole product")
    arguments = parser.parse_args()
    ModelEngine().prepare(get_config(CONFIG))
    report = {"tools": versions(),
              "machine": f"{os.cpu_count()} cores {platform.machine()}, load "
                         f"{os.getloadavg()[0]:.1f} at the start",
              "speed": [speed(densities) for densities in track(DENSITIES, "densities")],
              "whole": whole(arguments.size), "rtl": beside_rtl()}
    text = table(report)
    print(text)
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1) + "\n")
    if arguments.markdown:
        arguments.markdown.write_text(text)
    return 0 if report["whole"]["bit_exact"] and report["rtl"]["equal"] else 1


if __name__ == "__main__":
    raise SystemExit(main())
