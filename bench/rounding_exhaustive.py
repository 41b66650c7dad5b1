#!/usr/bin/env python3
"""Every binary32 number through the emitted Verilog of the rounding units, one for each format.

The units are compiled by Verilator; every result is compared with numpy (``ml_dtypes`` for the
formats that numpy lacks), and with a search in the table of the middles of neighbouring numbers.
Exits with 1 if a result is wrong.
"""

import argparse
import json
import shlex
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import Progress

# Oracles are those of the units' tests.
sys.path.append(str(Path(__file__).resolve().parents[1] / "tests" / "hdl" / "arith"))
from arith_report import tool_versions
from convert_bench import Compiled
from rounding_oracles import TYPES, converted, searched

from dstc.elements import ELEMENTS
from dstc.fileio import atomic_write
from dstc_hdl.arith.rounding import FpRounder

__all__ = ["main"]

NUMBERS = 1 << 32
CHUNK = 1 << 22
ORACLES = {"numpy": converted, "middles": searched}
EXAMPLES = 10


def check(options: argparse.Namespace) -> tuple[dict[str, dict[str, Any]], str]:
    """Numbers and mismatches of each format, and the hash of the Verilog."""
    units = {name: FpRounder(ELEMENTS[name].layout) for name in TYPES}
    compiled = Compiled(units, "rounding_units")
    results: dict[str, dict[str, Any]] = {
        name: {"numbers": 0, **{f"{oracle}_mismatches": 0 for oracle in ORACLES}, "examples": []}
        for name in TYPES}
    with Progress(transient=True, disable=not sys.stdout.isatty()) as progress:
        task = progress.add_task("binary32 numbers", total=options.last - options.first)
        for first in range(options.first, options.last, CHUNK):
            last = min(first + CHUNK, options.last)
            bits = np.arange(first, last, dtype=np.uint64).astype(np.uint32)
            codes = compiled.run(i=bits)
            for name, result in results.items():
                result["numbers"] += len(bits)
                for oracle, answer in ORACLES.items():
                    want = answer(name, bits)
                    wrong = np.flatnonzero(codes[name] != want)
                    result[f"{oracle}_mismatches"] += len(wrong)
                    result["examples"] += [
                        f"{bits[n]:08x}: {codes[name][n]:x}, not {want[n]:x}"
                        for n in wrong[:EXAMPLES - len(result["examples"])]]
            progress.advance(task, len(bits))
    return results, compiled.emitted.sha256


def parse() -> argparse.Namespace:
    """The options, checked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default, what in (("first", 0, "first number"), ("last", NUMBERS, "number after the "
                                                               "last")):
        parser.add_argument(f"--{name}", type=lambda text: int(text, 0), default=default,
                            help=f"bits of the {what} (%(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the result there")
    options = parser.parse_args()
    if not 0 <= options.first < options.last <= NUMBERS:
        parser.error(f"range must be within 0 and {NUMBERS} and not empty, "
                     f"not {options.first} to {options.last}")
    return options


def main() -> int:
    """Parse the options, check, print; gives the exit code."""
    options, started = parse(), time.perf_counter()
    results, sha256 = check(options)
    for name, result in results.items():
        print(f"fp32 to {name}: {result['numbers']} numbers, "
              f"{result['numpy_mismatches']} differ from numpy, "
              f"{result['middles_mismatches']} from the table of middles", flush=True)
        for example in result["examples"]:
            print(f"  {example}")
    seconds = time.perf_counter() - started
    print(f"{seconds:.0f} s")
    if options.json:
        report = {"command": shlex.join(["bench/rounding_exhaustive.py", *sys.argv[1:]]),
                  "seconds": round(seconds), "complete": options.last - options.first == NUMBERS,
                  "tools": tool_versions(), "verilog_sha256": sha256, "results": results}
        options.json.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(options.json) as file:
            file.write((json.dumps(report, indent=2) + "\n").encode())
    return int(any(result[f"{oracle}_mismatches"] for result in results.values()
                   for oracle in ORACLES))


if __name__ == "__main__":
    sys.exit(main())
