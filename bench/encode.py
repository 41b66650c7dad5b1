#!/usr/bin/env python3
"""Time and memory of encoding and decoding, beside np.nonzero on the same matrix.

Prints a table and, when asked, writes the numbers as one JSON object.  The goals: encoding takes
no longer than four np.nonzero calls, and the peak of memory, matrix included, is at most four
times the matrix.
"""

import argparse
import json
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from dstc.config import get_config
from dstc.formats import encode
from dstc.numerics import nonzero_mask

__all__ = ["main", "measure"]


def measure(size: int, density: float, config_name: str, repeat: int, seed: int
            ) -> dict[str, Any]:
    """Measure both sides of one random square matrix; the calls take turns, the best counts."""
    config = get_config(config_name)
    rng = np.random.default_rng(seed)
    matrix = rng.integers(1, 128, (size, size)).astype(config.format.dtype)
    matrix[rng.random(matrix.shape) >= density] = 0
    encoded = {side: encode(matrix, side, config) for side in "AB"}
    calls: dict[str, Callable[[], Any]] = {"nonzero": lambda: np.nonzero(matrix)}
    for side, result in encoded.items():
        calls[f"encode_{side}"] = lambda side=side: encode(matrix, side, config)  # type: ignore[misc]
        calls[f"decode_{side}"] = result.decode
    seconds = {name: float("inf") for name in calls}
    for _ in range(repeat):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            seconds[name] = min(seconds[name], time.perf_counter() - start)
    peak = {name: 1 + _peak(call) / matrix.nbytes for name, call in calls.items()}
    slowest = max(seconds["encode_A"], seconds["encode_B"])
    return {
        "config": config.name, "shape": [size, size], "seed": seed,
        "density": int(np.count_nonzero(nonzero_mask(matrix))) / matrix.size,
        "numpy": np.__version__, "repeat": repeat,
        "seconds": seconds,
        "peak_memory_over_matrix": peak,
        "encoded_bytes_over_matrix": encoded["A"].nbytes / matrix.nbytes,
        "encode_over_four_nonzero": slowest / (4 * seconds["nonzero"]),
    }


def _peak(call: Callable[[], Any]) -> int:
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def _table(result: dict[str, Any]) -> str:
    lines = [f"{result['config']}, {result['shape'][0]} x {result['shape'][1]}, "
             f"density {result['density']:.3f}, seed {result['seed']}, numpy {result['numpy']}",
             f"{'':10}{'ms':>10}{'of nonzero':>12}{'peak/matrix':>13}"]
    for name, seconds in result["seconds"].items():
        lines.append(f"{name:10}{1e3 * seconds:10.2f}"
                     f"{seconds / result['seconds']['nonzero']:12.2f}"
                     f"{result['peak_memory_over_matrix'][name]:13.2f}")
    return "\n".join(lines)


def main() -> None:
    """Parse the options, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=4096, help="rows and columns (%(default)s)")
    parser.add_argument("--density", type=float, default=0.3, help="(%(default)s)")
    parser.add_argument("--config", default="paper", help="(%(default)s)")
    parser.add_argument("--repeat", type=int, default=5, help="(%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="(%(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers there")
    options = parser.parse_args()
    result = measure(options.size, options.density, options.config, options.repeat, options.seed)
    print(_table(result))
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
