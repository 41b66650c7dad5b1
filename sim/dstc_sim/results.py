"""What an engine gives, and the comparison of two of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dstc.config import Config

__all__ = ["RunResult", "check"]


@dataclass(frozen=True, kw_only=True, eq=False)
class RunResult:
    """One product and what it cost.

    Attributes
    ----------
    engine : str
    config : Config
    mode : str
        ``sparse`` or ``dense``.
    shape : tuple of int
        M, N, K.
    out : numpy.ndarray
        M x N of the accumulator type; of a convolution, its result in the shape and type asked
        for.
    cycles : int or None
        Cycles of the core, from its own counters; None where nothing counted.
    dense_cycles : int
        OHMMA that the same core executes in dense mode, one per cycle; several cores share them.
    ohmma : mapping
        ``executed`` and ``dense``.
    bins : mapping or None
        Cycles in each of ``issue, conflict, operand_wait, drain, idle``.
    products : int
        Multiplications of two non-zeros.
    seconds : float
        Wall time of the run, without making the model.
    simulator : str or None
        What executed the Verilog, with its version.
    tools : mapping
        Versions of what made the Verilog and of what ran it.
    verilog, manifest : Path or None
        The files of the core that ran; kept by the cache, so to be read or copied only.
    accelerator : mapping or None
        Of a run from memory to memory, what :func:`dstc_sim.accelerator.engine.accelerator_costs`
        gives, and the ``latency`` of the memory.  Then ``cycles`` are those of the job, and
        ``bins`` are summed over the cores.
    """

    engine: str
    config: Config
    mode: str
    shape: tuple[int, int, int]
    out: NDArray[Any]
    cycles: int | None = None
    dense_cycles: int
    ohmma: Mapping[str, int]
    bins: Mapping[str, int] | None = None
    products: int
    seconds: float
    simulator: str | None = None
    tools: Mapping[str, str] = field(default_factory=dict)
    verilog: Path | None = None
    manifest: Path | None = None
    accelerator: Mapping[str, Any] | None = None

    @property
    def speedup(self) -> float | None:
        """Dense cycles per cycle."""
        return self.dense_cycles / self.cycles if self.cycles else None

    @property
    def multiplier_utilization(self) -> float | None:
        """Share of the multipliers that worked in the cycles that issued an OHMMA."""
        if self.bins is None or not self.bins["issue"]:
            return None
        return self.products / (self.bins["issue"] * self.config.multipliers)

    def to_dict(self) -> dict[str, Any]:
        """The costs, in a form that JSON takes."""
        return {"engine": self.engine, "config": self.config.name, "mode": self.mode,
                "shape": list(self.shape), "cycles": self.cycles,
                "dense_cycles": self.dense_cycles, "speedup": self.speedup,
                "ohmma": dict(self.ohmma), "bins": dict(self.bins) if self.bins else None,
                "products": self.products,
                "multiplier_utilization": self.multiplier_utilization,
                "seconds": self.seconds, "simulator": self.simulator}


def check(result: RunResult, expected: RunResult | NDArray[Any]) -> bool:
    """Whether two results are equal in every bit.

    NaN equals NaN only if all bits are equal, and -0 differs from +0.
    """
    want = expected.out if isinstance(expected, RunResult) else expected
    if (result.out.shape, result.out.dtype) != (want.shape, want.dtype):
        return False
    bits = f"u{want.dtype.itemsize}"
    return bool(np.array_equal(np.ascontiguousarray(result.out).view(bits),
                               np.ascontiguousarray(want).view(bits)))
