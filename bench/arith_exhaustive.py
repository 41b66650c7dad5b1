#!/usr/bin/env python3
"""All products of two fp16 numbers, or many FP32 sums, through the emitted Verilog of one unit.

The unit is compiled by Verilator and every result is compared with numpy's.  Products are taken
for a range of the first operand and every second operand, 2**32 for the whole range; sums are
drawn as in the unit's tests.  Exits with 1 if a result is wrong.
"""

import argparse
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import Progress

# Operands and oracles are those of the unit's tests.
sys.path.append(str(Path(__file__).resolve().parents[1] / "tests" / "hdl" / "arith"))
from arith_oracles import NUMPY
from arith_vectors import adder_suite, fp16_operands

from dstc.fileio import atomic_write
from dstc_hdl.arith import Fp32Adder, FpMultiplier
from dstc_hdl.emit import emit
from dstc_sim.verilator import VectorModel

__all__ = ["main"]

# First operands of one chunk of products; a chunk is 2**20 pairs.
FIRST = 16
PRODUCTS = 1 << 16
SHOWN = 10

Chunk = tuple[np.ndarray, np.ndarray]


def product_chunks(first: int, last: int) -> Iterator[Callable[[], Chunk]]:
    """Every fp16 number from ``first`` up to ``last`` with every other."""
    everything = np.arange(PRODUCTS)
    for start in range(first, last, FIRST):
        yield partial(fp16_operands, start, min(start + FIRST, last), everything)


def sum_chunks(pairs: int, seed: int) -> Iterator[Callable[[], Chunk]]:
    """At least so many FP32 pairs; chunk n has the seed [seed, n]."""
    def draw(number: int) -> Chunk:
        suite = adder_suite(np.random.default_rng([seed, number])).values()
        a, b = (np.concatenate([drawn[side] for drawn in suite]) for side in (0, 1))
        return a, b

    # Every chunk has as many pairs as this one.
    for number in range(-(-pairs // len(draw(0)[0]))):
        yield partial(draw, number)


class Check:
    """One unit against numpy, chunk by chunk, on several threads."""

    def __init__(self, unit: FpMultiplier | Fp32Adder) -> None:
        self.kind = type(unit).__name__
        self.latency = unit.latency
        self.emitted = emit(unit, self.kind.lower())
        self.model = VectorModel(self.emitted)
        self.pairs = 0
        self.mismatches = 0
        self.examples: list[dict[str, str]] = []
        self._lock = threading.Lock()

    def one(self, chunk: Callable[[], Chunk]) -> None:
        """Run and compare one chunk; the work is outside the interpreter's lock."""
        a, b = chunk()
        got = self.model.run({"a": a, "b": b}, latency=self.latency)["o"]
        want = NUMPY[self.kind](a, b)
        wrong = np.flatnonzero(got != want)
        with self._lock:
            self.pairs += len(a)
            self.mismatches += len(wrong)
            self.examples += [
                {"a": f"{a[n]:x}", "b": f"{b[n]:x}", "got": f"{got[n]:08x}",
                 "want": f"{want[n]:08x}"} for n in wrong[:SHOWN - len(self.examples)]]

    def run(self, chunks: list[Callable[[], Chunk]], jobs: int) -> dict[str, Any]:
        """Check them all; gives the result."""
        started = time.perf_counter()
        with Progress(transient=True) as progress, ThreadPoolExecutor(jobs) as pool:
            task = progress.add_task(self.kind, total=len(chunks))
            waiting = iter(chunks)
            running = [pool.submit(self.one, chunk) for chunk in islice(waiting, 2 * jobs)]
            while running:
                running.pop(0).result()
                running += [pool.submit(self.one, chunk) for chunk in islice(waiting, 1)]
                progress.advance(task)
        seconds = time.perf_counter() - started
        return {
            "unit": self.kind, "latency": self.latency, "pairs": self.pairs,
            "mismatches": self.mismatches, "examples": self.examples,
            "seconds": round(seconds, 3), "pairs_per_second": round(self.pairs / seconds),
            "oracle": f"numpy {np.__version__}", "verilog_sha256": self.emitted.sha256,
            "tools": self.emitted.manifest["tools"],
        }


def parse() -> argparse.Namespace:
    """The options, checked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    kinds = parser.add_subparsers(dest="kind", required=True)
    products = kinds.add_parser("products", help="fp16 products")
    products.add_argument("--latency", type=int, default=1, help="of the unit (%(default)s)")
    products.add_argument("--first", type=lambda text: int(text, 0), default=0,
                          help="bits of the first first operand (%(default)s)")
    products.add_argument("--last", type=lambda text: int(text, 0), default=PRODUCTS,
                          help="bits after the last first operand (%(default)s)")
    sums = kinds.add_parser("sums", help="FP32 sums")
    sums.add_argument("--latency", type=int, default=3, help="of the unit (%(default)s)")
    sums.add_argument("--pairs", type=int, default=100_000_000, help="at least (%(default)s)")
    sums.add_argument("--seed", type=int, default=1, help="(%(default)s)")
    for part in (products, sums):
        part.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)),
                          help="threads (%(default)s)")
        part.add_argument("--json", type=Path, metavar="FILE", help="write the result there")
    options = parser.parse_args()
    if options.kind == "products" and not 0 <= options.first < options.last <= PRODUCTS:
        parser.error(f"range must be within 0 and {PRODUCTS} and not empty, "
                     f"not {options.first} to {options.last}")
    if options.kind == "sums" and (options.pairs < 1 or options.seed < 0):
        parser.error("pairs must be at least 1 and the seed at least 0")
    if options.jobs < 1:
        parser.error(f"jobs must be at least 1, not {options.jobs}")
    return options


def main() -> int:
    """Parse the options, check, print; gives the exit code."""
    options = parse()
    if options.kind == "products":
        check = Check(FpMultiplier(options.latency))
        chunks = list(product_chunks(options.first, options.last))
        drawn = {"first": options.first, "last": options.last,
                 "complete": (options.first, options.last) == (0, PRODUCTS)}
    else:
        check = Check(Fp32Adder(options.latency))
        chunks = list(sum_chunks(options.pairs, options.seed))
        drawn = {"seed": options.seed}
    result = check.run(chunks, options.jobs) | drawn
    print(f"{result['unit']}, latency {result['latency']}: {result['pairs']} pairs, "
          f"{result['mismatches']} wrong, {result['seconds']:.1f} s, "
          f"{result['pairs_per_second'] / 1e6:.1f} M/s, oracle {result['oracle']}")
    for example in result["examples"]:
        print("  {a}, {b}: {got}, not {want}".format(**example))
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(options.json) as file:
            file.write((json.dumps(result, indent=2) + "\n").encode())
    return 1 if result["mismatches"] else 0


if __name__ == "__main__":
    sys.exit(main())
