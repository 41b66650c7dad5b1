"""Streams of k-steps on which the accumulator is judged."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scatter_model import Steps

from dstc.config import Config
from dstc.torture import PATTERNS, torture_mask
from dstc.workloads import clustered_mask, random_matrix

__all__ = ["DENSITIES", "clustered", "independent", "steps_of", "torture", "traces"]

DENSITIES = (0.1, 0.25, 0.5, 0.75, 1.0)
DEPTH = 512
# bench/throughput.py makes the same matrices, so that the model can be held against its results.
TILES, SEED = 4, 1
TRACE = "activation-traces/squeezenet_dc_chelsea.npz"
TRACE_TILES = 4

Mask = NDArray[np.bool_]
Stream = dict[str, Steps]


def steps_of(a: Mask, b: Mask, config: Config, tiles: int | None = None) -> Steps:
    """The k-steps of A x B, tile after tile, row by row.

    Both sides are padded to whole tiles; ``tiles`` limits rows and columns of tiles, spread evenly.
    """
    def cut(mask: Mask, tile: int) -> list[Mask]:
        padded = np.pad(mask, ((0, -len(mask) % tile), (0, 0)))
        parts = padded.reshape(-1, tile, mask.shape[1])
        chosen = np.unique(np.linspace(0, len(parts) - 1, tiles or len(parts)).astype(int))
        return [np.ascontiguousarray(part.T) for part in parts[chosen]]

    rows, cols = cut(a, config.tile_m), cut(b.T, config.tile_n)
    pairs = [(r, c) for r in rows for c in cols]
    return Steps(np.concatenate([r for r, _ in pairs]), np.concatenate([c for _, c in pairs]),
                 np.repeat(np.arange(len(pairs)) % 2, a.shape[1]),
                 (config.array_rows, config.array_cols))


def _pairs(config: Config, tiles: int,
           make: Callable[[tuple[int, int], float, int, np.random.Generator], Mask]) -> Stream:
    streams = {}
    for x in DENSITIES:
        for y in DENSITIES:
            rng = np.random.default_rng((SEED, int(100 * x), int(100 * y)))
            a = make((tiles * config.tile_m, DEPTH), x, 0, rng)
            b = make((DEPTH, tiles * config.tile_n), y, 1, rng)
            streams[f"{x}/{y}"] = steps_of(a, b, config)
    return streams


def independent(config: Config) -> Stream:
    """Independent zeros at the 25 pairs of densities, the streams of ``make throughput``."""
    return _pairs(config, TILES, lambda shape, density, axis, rng:
                  random_matrix(shape, density, config.element, rng) != 0)


def clustered(config: Config) -> Stream:
    """Zeros in clusters, :func:`dstc.workloads.clustered_mask`, at the 25 pairs of densities."""
    return _pairs(config, 2, clustered_mask)


def torture(config: Config) -> Stream:
    """All pairs of the patterns of :mod:`dstc.torture` that have work, one tile of K = 512 each."""
    streams = {}
    for x, pattern_a in enumerate(PATTERNS):
        for y, pattern_b in enumerate(PATTERNS):
            rng = np.random.default_rng((SEED, x, y))
            a = torture_mask(pattern_a, (config.tile_m, DEPTH), "A", config, rng)
            b = torture_mask(pattern_b, (DEPTH, config.tile_n), "B", config, rng)
            steps = steps_of(a, b, config)
            # A few OHMMA say nothing about throughput.
            if steps.ohmma >= DEPTH:
                streams[f"{pattern_a} x {pattern_b}"] = steps
    return streams


def traces(config: Config, folder: Path) -> Stream:
    """Pruned weights times the activations of a real image, SqueezeNet layer by layer.

    K runs over input channel, then kernel row and column.  ``folder`` is the data collection;
    without the file there is nothing.
    """
    if not (folder / TRACE).is_file():
        return {}
    streams = {}
    with np.load(folder / TRACE) as file:
        for name in map(str, file["order"]):
            outputs, channels, height, width = map(int, file[f"{name}/wshape"])
            weights = np.unpackbits(file[f"{name}/wbits"], axis=1)
            weights = weights[:, :channels * height * width].astype(bool)
            _, rows, cols = map(int, file[f"{name}/xshape"])
            image = np.unpackbits(file[f"{name}/xbits"], axis=1)[:, :rows * cols].astype(bool)
            stride, pad = (int(value) for value in np.ravel(file[f"{name}/stride_pad"])[:2])
            padded = np.pad(image.reshape(channels, rows, cols), ((0, 0), (pad, pad), (pad, pad)))
            windows = np.lib.stride_tricks.sliding_window_view(padded, (height, width), (1, 2))
            windows = windows[:, ::stride, ::stride].transpose(0, 3, 4, 1, 2)
            activations = windows.reshape(channels * height * width, -1)
            streams[name] = steps_of(weights.reshape(outputs, -1), activations, config,
                                     TRACE_TILES)
    return streams
