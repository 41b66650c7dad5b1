"""Speedups over the densities of both operands, counted on masks."""

from collections.abc import Callable, Iterable
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dstc.config import Config
from dstc.models import MODELS, Operands, Side, independent_mask, zero_run_mask
from dstc.models.rivals import dual_side

from .lines import contour

__all__ = ["MARGIN", "PATTERNS", "RIVALS", "STEPS", "break_even", "even_mask"]

STEPS = 32
"""Densities of a side: 1/32 to 1, every number of non-zeros that 32 neighbours can have."""
EXTENT, DEPTH = 256, 128
MARGIN = 0.01
"""What a machine must be ahead by to beat another; by the skip rule the core is never behind the
dense machine, so that without a margin the line would say nothing."""
RIVALS = ("dense", "2:4", "rm-stc")
"""Keys of :data:`dstc.models.MODELS`."""

Mask = NDArray[np.bool_]


def even_mask(shape: tuple[int, int], density: float, rng: np.random.Generator) -> Mask:
    """Non-zeros as evenly spaced along each column as they can be, from a random start.

    Of 32 neighbours ``32 * density`` are non-zeros wherever that is an integer, so that the
    quantisation of the skip rule is all that is seen.
    """
    rows, columns = shape
    place = np.arange(rows + 1)[:, None] + rng.integers(0, STEPS, columns)
    return np.diff(np.floor(place * density), axis=0) > 0


PATTERNS: dict[str, tuple[str, Callable[[tuple[int, int], float, np.random.Generator], Mask]]] = {
    "independent": ("each element is a non-zero with the same probability", independent_mask),
    "runs": ("zeros in runs of 12 along the rows of A and the columns of B, as in feature maps",
             zero_run_mask),
    "even": ("as many non-zeros in every k-step of every tile: the staircase of the skip rule",
             even_mask),
}
"""Where zeros are: what that means, and a mask of that kind."""


def break_even(config: Config, *, layers: Iterable[dict[str, Any]] = (),
               area: dict[str, Any] | None = None, seed: int = 0, steps: int = STEPS,
               advance: Callable[[int], None] = lambda done: None) -> dict[str, Any]:
    """The map of a configuration.

    Parameters
    ----------
    config : Config
    layers : iterable of dict
        What :func:`dstc_sim.breakeven.read_layers` read.
    area : dict, optional
        ``ratio``, the area of the core over that of the dense core with as many multipliers, and
        ``source``; adds the line ``dense, per area``.
    seed : int
        Of the masks.
    steps : int
        Densities of a side.
    advance : callable
        Called with 1 after each of ``len(PATTERNS) * steps`` rows.

    Returns
    -------
    dict
        What ``dstc breakeven --json`` prints (docs/breakeven.md).
    """
    densities = [(step + 1) / steps for step in range(steps)]
    patterns = {}
    for name, (meaning, make) in PATTERNS.items():
        speedup = _speedups(config, densities, make, np.random.default_rng(seed), advance)
        ours = speedup["dual-side"]
        over = {rival: ours / speedup[rival] for rival in RIVALS}
        if area:
            over["dense, per area"] = ours / area["ratio"]
        lines = {rival: contour(densities, ahead, 1 + MARGIN) for rival, ahead in over.items()}
        patterns[name] = {
            "meaning": meaning, "lines": lines,
            "speedup": {machine: np.round(found, 4).tolist() for machine, found in
                        speedup.items()}}
    return {"config": config.to_dict(), "seed": seed, "densities": densities, "margin": MARGIN,
            "operands": {"m": _extent(config.tile_m), "n": _extent(config.tile_n), "k": DEPTH},
            "machines": {name: {"title": MODELS[name].title, "source": MODELS[name].source,
                                "bound": MODELS[name].bound} for name in (*RIVALS, "dual-side")},
            "area": area, "patterns": patterns, "layers": list(layers),
            "tools": {name: version(name) for name in ("dstc", "numpy")}}


def _extent(tile: int) -> int:
    """Whole tiles."""
    return EXTENT // tile * tile


def _speedups(config: Config, densities: list[float], make: Callable[..., Mask],
              rng: np.random.Generator, advance: Callable[[int], None]
              ) -> dict[str, NDArray[np.float64]]:
    """Dense cycles over cycles of every machine, each with its own multipliers: ``[A, B]``."""
    sides = [[Side(make((_extent(tile), DEPTH), density, rng)) for density in densities]
             for tile in (config.tile_m, config.tile_n)]
    core = dual_side(config).machine
    machines = {rival: MODELS[rival].machine for rival in RIVALS} | {"dual-side": core}
    work = _extent(config.tile_m) * _extent(config.tile_n) * DEPTH
    found = {name: np.empty((len(densities),) * 2) for name in machines}
    for row, a in enumerate(sides[0]):
        for column, b in enumerate(sides[1]):
            operands = Operands(a, b)
            for name, machine in machines.items():
                found[name][row, column] = (
                    work / machine.multipliers / machine.cycles(operands))
        advance(1)
    return found
