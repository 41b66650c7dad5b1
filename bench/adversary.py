"""Searches the worst streams for the accumulator, on the cycle model, by simulated annealing.

What is sought is a short sequence of k-steps (row and column bitmaps) that is repeated.  Two
goals: `slowdown`, cycles in issue and conflict over OHMMA; and `run-ahead`, the same cycles over
what a collector without limits would need: the OHMMA, the products of the busiest bank, or those
of the busiest accumulator times the hazard distance.

The same seed and number of evaluations give the same result.

Usage: python bench/adversary.py [--config NAME ...] [--evaluations N] [--seconds S] [--seed N]
                                 [--data FOLDER] [--json FILE] [--markdown FILE]
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
from adversary_masks import real_masks
from adversary_report import page
from numpy.typing import NDArray
from rich.progress import Progress

from dstc.config import Config, get_config
from dstc.formats import encode
from dstc.program import gemm_job
from dstc.torture import bound_cycles, hazard_cycles, step_loads, worst_ratio
from dstc_sim.cyclemodel import ModelCore, versions
from dstc_sim.runs import BINS

__all__ = ["Stream", "anneal", "busy", "main", "measure", "random_stream"]

CONFIGS = ("paper", "small", "tiny")
GOALS = ("slowdown", "run-ahead")
# What is repeated, in k-steps; and how long a run is, in k-tiles.
KINDS: dict[str, Callable[[Config], int]] = {
    "one k-step": lambda config: 1, "four k-steps": lambda config: 4,
    "one tile": lambda config: config.tile_k, "four tiles": lambda config: 4 * config.tile_k}
RUN_TILES = 16
START, END = 0.05, 0.001        # temperatures, as parts of the score

Bits = NDArray[np.bool_]


@dataclass(frozen=True)
class Stream:
    """k-steps that are repeated: ``rows`` is bool of steps x tile_m, ``cols`` of steps x tile_n."""

    rows: Bits
    cols: Bits

    def masks(self, config: Config, tiles: int) -> tuple[Bits, Bits]:
        """Non-zeros of A and B for one output tile with that many k-tiles."""
        at = np.arange(tiles * config.tile_k) % len(self.rows)
        return self.rows[at].T.copy(), self.cols[at]


def busy(a: Bits, b: Bits, config: Config) -> dict[str, int]:
    """Counters of the cycle model for operands with these non-zeros."""
    one = np.ones((), config.format.dtype)
    encoded = encode(a * one, "A", config), encode(b * one, "B", config)
    return ModelCore().run(gemm_job(*encoded, config=config)).counters


def _score(stream: Stream, config: Config, goal: str) -> float:
    a, b = stream.masks(config, RUN_TILES)
    counters = busy(a, b, config)
    ideal = counters["ohmma"]
    if goal == "run-ahead":
        sums = a.astype(np.float32) @ b.astype(np.float32)
        ideal = max(ideal, step_loads(a, b, config).products.max(),
                    hazard_cycles(config) * int(sums.max()))
    return (counters["issue"] + counters["conflict"]) / ideal


def _random_bits(rng: np.random.Generator, span: int, lanes: int) -> Bits:
    """Bits of a random density, or some of the bits of one lane."""
    bits = rng.random(span) < rng.random()
    if rng.random() < 0.5:
        bits &= np.arange(span) % lanes == rng.integers(lanes)
    if not bits.any():
        bits[rng.integers(span)] = True
    return bits


def random_stream(rng: np.random.Generator, steps: int, config: Config) -> Stream:
    """A stream whose k-steps all have work: runs of equal k-steps, of a random length."""
    run = rng.integers(1, steps + 1)
    rows, cols = (np.array([_random_bits(rng, span, lanes) for _ in range(-(-steps // run))])
                  for span, lanes in ((config.tile_m, config.array_rows),
                                      (config.tile_n, config.array_cols)))
    at = np.arange(steps) // run
    return Stream(rows[at], cols[at])


def _changed(rng: np.random.Generator, stream: Stream, config: Config) -> Stream:
    """A neighbour of the stream in the search: a bit, a side, or a run of k-steps differs."""
    rows, cols = stream.rows.copy(), stream.cols.copy()
    step, other = rng.integers(len(rows), size=2)
    bits, lanes = ((rows, config.array_rows), (cols, config.array_cols))[rng.integers(2)]
    move = rng.integers(7)
    if move <= 1:
        bits[step, rng.integers(bits.shape[1])] ^= True
    elif move == 2:
        bits[step] = _random_bits(rng, bits.shape[1], lanes)
    elif move == 3:
        bits[step] = np.roll(bits[step], rng.choice([1, -1, lanes]))
    elif move == 4:
        bits[step] = bits[other]
    elif move == 5:
        length = rng.integers(1, len(rows) + 1)
        source, target = ((start + np.arange(length)) % len(rows) for start in (step, other))
        rows[target], cols[target] = rows[source], cols[source]
    else:
        target = (step + np.arange(rng.integers(1, len(rows) + 1))) % len(rows)
        rows[target] = _random_bits(rng, config.tile_m, config.array_rows)
        cols[target] = _random_bits(rng, config.tile_n, config.array_cols)
    if not bits[step].any():
        bits[step, rng.integers(bits.shape[1])] = True
    return Stream(rows, cols)


def anneal(config: Config, steps: int, goal: str, evaluations: int, rng: np.random.Generator,
           tick: Callable[[], bool] = lambda: True) -> tuple[Stream, float]:
    """The best stream of that many k-steps that was found, and its score.

    Parameters
    ----------
    config : Config
    steps : int
    goal : str
        One of ``GOALS``.
    evaluations : int
        Runs of the model.
    rng : numpy.random.Generator
    tick : callable
        Called after every run; the search ends early when it returns False.
    """
    current = best = random_stream(rng, steps, config)
    score = top = _score(current, config, goal)
    for n in range(1, evaluations):
        if not tick():
            break
        temperature = START * (END / START) ** (n / evaluations)
        candidate = _changed(rng, current, config)
        value = _score(candidate, config, goal)
        if value >= score or rng.random() < np.exp((value / score - 1) / temperature):
            current, score = candidate, value
        if score > top:
            best, top = current, score
    return best, top


def measure(stream: Stream, config: Config) -> dict:
    """Cycles of a run of the stream, and its slowdown in the long run: that of the second half of
    a run twice as long."""
    a, b = stream.masks(config, RUN_TILES)
    run, double = busy(a, b, config), busy(*stream.masks(config, 2 * RUN_TILES), config)
    first, both = (counters["issue"] + counters["conflict"] for counters in (run, double))
    loads = step_loads(a, b, config)
    return {"tiles": RUN_TILES, "ohmma": run["ohmma"], "busy": first,
            "bins": {name: run[name] for name in BINS},
            "bound": bound_cycles(a, b, config),
            "busiest_bank": int(loads.products.max()),
            "steady": (both - first) / (double["ohmma"] - run["ohmma"]),
            "steps": [[_hex(row), _hex(col)]
                      for row, col in zip(stream.rows, stream.cols, strict=True)]}


def _hex(bits: Bits) -> str:
    return f"{sum(1 << int(n) for n in np.flatnonzero(bits)):x}"


def search(names: Sequence[str], evaluations: int, seconds: float, seed: int) -> list[dict]:
    """All searches of all configurations, with a progress bar."""
    searches = [(name, kind, goal) for name in names for kind in KINDS for goal in GOALS]
    deadline = time.monotonic() + seconds
    rows = []
    with Progress() as progress:
        task = progress.add_task("evaluations", total=len(searches) * evaluations)

        def tick() -> bool:
            progress.advance(task)
            return time.monotonic() < deadline

        for n, (name, kind, goal) in enumerate(searches):
            config = get_config(name)
            rng = np.random.default_rng((seed, n))
            stream, score = anneal(config, KINDS[kind](config), goal, evaluations, rng, tick)
            rows.append({"config": name, "kind": kind, "goal": goal, "score": score,
                         **measure(stream, config)})
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    """Search, measure real masks if there are, print and write; 1 if a bound does not hold."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--config", nargs="+", default=CONFIGS)
    parser.add_argument("--evaluations", type=int, default=2500, help="of each search")
    parser.add_argument("--seconds", type=float, default=float("inf"),
                        help="stop all searches after that time")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--data", type=Path, help="folder with activation-traces/")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--markdown", type=Path)
    options = parser.parse_args(arguments)
    rows = search(options.config, options.evaluations, options.seconds, options.seed)
    real = []
    for name in options.config:
        config = get_config(name)
        for source, layer, a, b in real_masks(config, options.data):
            counters = busy(a, b, config)
            real.append({"config": name, "source": source, "layer": layer,
                         "ohmma": counters["ohmma"],
                         "busy": counters["issue"] + counters["conflict"],
                         "bound": bound_cycles(a, b, config)})
    result = {"tools": {"dstc": version("dstc"), **versions()}, "seed": options.seed,
              "evaluations": options.evaluations, "complete": options.seconds == float("inf"),
              "configs": {name: get_config(name).to_dict() for name in options.config},
              "worst_ratio": {name: worst_ratio(get_config(name)) for name in options.config},
              "rows": rows, "real": real}
    text = page(result)
    print(text)
    for path in filter(None, (options.json, options.markdown)):
        path.parent.mkdir(parents=True, exist_ok=True)
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n")
    if options.markdown:
        options.markdown.write_text(text)
    return any(row["busy"] > row["bound"] for row in rows + real)


if __name__ == "__main__":
    sys.exit(main())
