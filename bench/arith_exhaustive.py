#!/usr/bin/env python3
"""All products of two elements and very many sums through the emitted Verilog of the units.

Each unit is compiled by Verilator together with C++ code that makes the operands and compares
every result with the processor's binary32 (or integer) arithmetic; a sample is compared with
Berkeley SoftFloat as well.  Exits with 1 if a result is wrong.
"""

import argparse
import json
import os
import shlex
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import Progress

# Oracles are those of the units' tests.
sys.path.append(str(Path(__file__).resolve().parents[1] / "tests" / "hdl" / "arith"))
from arith_oracles import FORMATS, SOFTFLOAT, kind_of
from arith_report import markdown, tool_versions
from arith_units import EXAMPLES, Result, UnitModel, operand_values

from dstc.elements import ELEMENTS
from dstc.fileio import atomic_write
from dstc_hdl.arith import MULTIPLIER_LATENCY

__all__ = ["main"]

ADDERS = ("fp32", "int32")
# Of the 16-bit formats the latencies that the core does not use get every so many first operands.
SPARSE = 251
ROWS = 64           # first operands of a chunk
CHUNK = 1 << 21     # sums of a chunk
# Sets of sums, their number in the harness, and their share of all pairs.
SETS = {
    "fp32": {"class_pairs": (0, .10), "exponent_pairs": (1, .20), "rounding_ties": (2, .20),
             "cancellations": (3, .10), "subnormal_border": (4, .10), "overflow_border": (5, .05),
             "near_exponents": (6, .15), "random_bits": (8, .10)},
    "int32": {"carries": (7, .50), "random_bits": (8, .50)},
}
# So many pairs cover every enumeration of every set.
LEAST = 400_000

Chunk = Callable[[], Result]


def product_chunks(model: UnitModel, values: np.ndarray, first: int, last: int,
                   step: int) -> Iterator[Chunk]:
    """First operands in pieces."""
    for start in range(first, last, ROWS * step):
        yield partial(model.products, values, start, min(start + ROWS * step, last), step)


def sum_chunks(model: UnitModel, seed: int, counts: dict[str, int]) -> Iterator[Chunk]:
    """The sets in pieces, each with a seed of its own."""
    for name, count in counts.items():
        number = SETS[model.name][name][0]
        for start in range(0, count, CHUNK):
            own = np.random.SeedSequence([seed, number, start]).generate_state(1, np.uint64)[0]
            yield partial(model.sums, number, int(own), start, min(CHUNK, count - start))


def run(model: UnitModel, chunks: Iterator[Chunk], total: int, jobs: int) -> dict[str, Any]:
    """Check everything on so many threads; gives the result."""
    started, pairs, wrong = time.perf_counter(), 0, 0
    examples: list[dict[str, str]] = []
    label = f"{model.name}, latency {model.unit.latency}"
    shown = sys.stdout.isatty()
    with Progress(transient=True, disable=not shown) as progress, ThreadPoolExecutor(jobs) as pool:
        task = progress.add_task(label, total=total)
        running = [pool.submit(chunk) for chunk in islice(chunks, 2 * jobs)]
        while running:
            result = running.pop(0).result()
            running += [pool.submit(chunk) for chunk in islice(chunks, 1)]
            examples += [{key: f"{getattr(example, key):x}" for key in ("a", "b", "got", "want")}
                         for example in result.examples[:min(result.wrong, EXAMPLES)]]
            pairs += result.pairs
            wrong += result.wrong
            progress.advance(task, result.pairs)
    seconds = time.perf_counter() - started
    return {"unit": type(model.unit).__name__, "format": model.name,
            "latency": model.unit.latency, "pairs": pairs, "mismatches": wrong,
            "examples": examples[:EXAMPLES], "seconds": round(seconds, 1),
            "pairs_per_second": round(pairs / seconds), "verilog_sha256": model.emitted.sha256}


def softfloat(model: UnitModel, draws: Iterator[tuple]) -> dict[str, int]:
    """The unit's answers to some operands against Berkeley SoftFloat."""
    oracle = SOFTFLOAT[kind_of(model.unit)]
    pairs = wrong = 0
    for a, b in draws:
        pairs += len(a)
        wrong += int((model.answers(a, b) != oracle(a, b)).sum())
    return {"softfloat_pairs": pairs, "softfloat_mismatches": wrong}


def check_values(name: str, values: np.ndarray) -> None:
    """What the codes of a format stand for must be the same for SoftFloat."""
    widen = FORMATS[name][1]
    for code, bits in enumerate(values.tolist()):
        other = int.from_bytes(widen(code).to_bytes(), "big")
        nan = [number & 0x7FFFFFFF > 0x7F800000 for number in (bits, other)]
        if nan != [True, True] and bits != other:
            raise RuntimeError(f"Code {code:#x} of {name} must be {other:08x}, not {bits:08x}")


def products(name: str, latency: int, options: argparse.Namespace) -> dict[str, Any]:
    """All or some products of a format."""
    model = UnitModel(name, latency)
    values = operand_values(FORMATS[name][0] if name in FORMATS else np.int8)
    codes = len(values)
    last = min(options.last, codes)
    step = 1 if latency == MULTIPLIER_LATENCY or codes <= 256 else SPARSE
    total = len(range(options.first, last, step)) * codes
    result = run(model, product_chunks(model, values, options.first, last, step), total,
                 options.jobs)
    if name in FORMATS:
        check_values(name, values)
        rng = np.random.default_rng([options.seed, latency])
        result |= softfloat(model, iter([tuple(rng.integers(0, codes, (2, options.sample),
                                                            np.uint32))]))
    return result | {"first": options.first, "last": last, "step": step,
                     "complete": result["pairs"] == codes ** 2}


def ties(a: np.ndarray, b: np.ndarray) -> dict[str, list[int]]:
    """Exponent differences at which sums lie half-way between two numbers, of equal and of
    opposite signs, and rounded either way.
    """
    exponents = [np.maximum(side >> 23 & 255, 1).astype(int) for side in (a, b)]
    distance = abs(exponents[0] - exponents[1])
    usable = (distance <= 28) & (np.maximum(*exponents) < 254)
    a, b, distance = a[usable], b[usable], distance[usable]
    # Exact: 24 bits and at most 28 places between them.
    exact = a.view(np.float32).astype(np.float64) + b.view(np.float32)
    near = exact.astype(np.float32)
    other = np.nextafter(near, np.where(exact > near, np.inf, -np.inf).astype(np.float32))
    half = (exact != near) & (exact - near == other - exact)
    grown = abs(near) > abs(exact)
    return {f"{signs}, {way}": np.unique(distance[half & same & up]).tolist()
            for signs, same in (("equal signs", (a ^ b) >> 31 == 0),
                                ("opposite signs", (a ^ b) >> 31 == 1))
            for way, up in (("away from zero", grown), ("towards zero", ~grown))}


def sums(name: str, latency: int, options: argparse.Namespace) -> dict[str, Any]:
    """Sums of every set."""
    model = UnitModel(name, latency)
    counts = {key: round(options.pairs * share) for key, (_, share) in SETS[name].items()}
    result = run(model, sum_chunks(model, options.seed, counts), sum(counts.values()),
                 options.jobs)
    result |= {"seed": options.seed, "sets": counts}
    if name == "fp32":
        drawn = {key: model.draw(number, options.seed, 0, max(options.sample, 1 << 17))
                 for key, (number, _) in SETS[name].items()}
        result["ties"] = ties(*drawn["rounding_ties"])
        result |= softfloat(model, ((a[:options.sample], b[:options.sample])
                                    for a, b in drawn.values()))
    return result


def parse() -> argparse.Namespace:
    """The options, checked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    known = (*ELEMENTS, *ADDERS)
    parser.add_argument("formats", nargs="*", metavar="FORMAT", help="products of "
                        f"{', '.join(ELEMENTS)}; sums of {', '.join(ADDERS)} (all of them)")
    parser.add_argument("--latency", type=int, help="only that latency of the units")
    parser.add_argument("--first", type=lambda text: int(text, 0), default=0,
                        help="bits of the first first operand (%(default)s)")
    parser.add_argument("--last", type=lambda text: int(text, 0), default=1 << 16,
                        help="bits after the last first operand (%(default)s)")
    parser.add_argument("--pairs", type=int, default=100_000_000,
                        help="sums of each unit (%(default)s)")
    parser.add_argument("--sample", type=int, default=100_000,
                        help="pairs of each unit, and of each set of sums, for SoftFloat "
                             "(%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="(%(default)s)")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)),
                        help="threads (%(default)s)")
    for kind in ("json", "markdown"):
        parser.add_argument(f"--{kind}", type=Path, metavar="FILE", help="write the result there")
    options = parser.parse_args()
    if unknown := set(options.formats) - set(known):
        parser.error(f"format must be one of {', '.join(known)}, not {min(unknown)!r}")
    if not 0 <= options.first < options.last <= 1 << 16:
        parser.error(f"range must be within 0 and {1 << 16} and not empty, "
                     f"not {options.first} to {options.last}")
    for name, least in (("pairs", LEAST), ("sample", 1), ("seed", 0), ("jobs", 1)):
        if getattr(options, name) < least:
            parser.error(f"{name} must be at least {least}, not {getattr(options, name)}")
    options.formats = options.formats or list(known)
    for name in set(options.formats) & set(ELEMENTS):
        if options.first >= 1 << ELEMENTS[name].bits:
            parser.error(f"first must be a code of {name}, not {options.first}")
    return options


def main() -> int:
    """Parse the options, check, print; gives the exit code."""
    options, started = parse(), time.perf_counter()
    results = []
    for name in options.formats:
        for latency in ((1, 2, 3, 4) if name in ADDERS else (0, 1, 2)):
            if options.latency not in (None, latency):
                continue
            result = (sums if name in ADDERS else products)(name, latency, options)
            results.append(result)
            print(f"{name} {'sums' if name in ADDERS else 'products'}, latency {latency}: "
                  f"{result['pairs']} pairs, {result['mismatches']} wrong, "
                  f"{result['seconds']:.1f} s, {result['pairs_per_second'] / 1e6:.1f} M/s; "
                  f"{result.get('softfloat_mismatches', 0)} of "
                  f"{result.get('softfloat_pairs', 0)} differ from SoftFloat", flush=True)
            for example in result["examples"]:
                print("  {a}, {b}: {got}, not {want}".format(**example))
    report = {"command": shlex.join(["bench/arith_exhaustive.py", *sys.argv[1:]]),
              "seconds": round(time.perf_counter() - started), "jobs": options.jobs,
              "tools": tool_versions(), "results": results}
    for path, text in ((options.json, json.dumps(report, indent=2) + "\n"),
                       (options.markdown, markdown(report))):
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)
            with atomic_write(path) as file:
                file.write(text.encode())
    wrong = sum(r["mismatches"] + r.get("softfloat_mismatches", 0) for r in results)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
