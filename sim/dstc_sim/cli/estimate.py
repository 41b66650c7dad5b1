"""The cycles of a product from a sample of its output tiles, for ``dstc gemm --sample``."""

import time
from dataclasses import asdict
from typing import Any

from dstc.config import Config
from dstc.formats import encode
from dstc.skiprule import ohmma_counts
from dstc_sim.cyclemodel import ModelCore, versions
from dstc_sim.cyclemodel.sampling import estimate_cycles

from .common import progress
from .operands import Operands
from .product import densities

__all__ = ["estimate_report"]


def estimate_report(operands: Operands, config: Config, mode: str, tiles: int, seed: int,
                    quiet: bool) -> dict[str, Any]:
    """What ``--json`` prints, with ``estimate`` and without what only a whole run tells.

    Parameters
    ----------
    operands : Operands
    config : Config
    mode : str
    tiles : int
        Output tiles to simulate.
    seed : int
        Of the draw.
    quiet : bool
        Whether to show no progress.
    """
    started = time.perf_counter()
    a, b = encode(operands.a, "A", config), encode(operands.b, "B", config)
    with progress("sample tiles", tiles, quiet) as advance:
        estimate = estimate_cycles(a, b, config=config, tiles=tiles, mode=mode, seed=seed,
                                   advance=advance)
    counts = ohmma_counts(a, b, config)
    executed = counts.executed if mode == "sparse" else counts.dense
    return {
        "engine": ModelCore.name, "simulator": None, "config": config.name, "mode": mode,
        "shape": list(operands.shape), "density": densities(operands), "seed": seed,
        "rounded": operands.rounded, "bit_exact": None, "cycles": estimate.cycles,
        "estimate": {key: value for key, value in asdict(estimate).items() if key != "cycles"},
        "dense_cycles": counts.dense, "speedup": counts.dense / estimate.cycles,
        "ohmma": {"executed": executed, "dense": counts.dense}, "bins": None,
        "multiplier_utilization": (counts.products / (executed * config.multipliers)
                                   if executed else None),
        "seconds": time.perf_counter() - started, "tools": versions(),
    }
