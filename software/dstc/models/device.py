"""How long a device takes: what its parts do at the same time, and which of them is the slowest."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["DeviceTime", "makespan"]


@dataclass(frozen=True, kw_only=True)
class DeviceTime:
    """Time of one job or layer.

    Attributes
    ----------
    cycles : int
        Of the device's clock, from start to the last result.
    parts : mapping
        Cycles that each part of the device would take by itself: ``array``, ``memory`` and so on.
    start, tail : int
        Cycles before the first and after the last of the work, that nothing hides.
    multiplier_cycles : int
        Multipliers of the device times ``cycles``.
    products : int
        Effectual MACs.
    """

    cycles: int
    parts: Mapping[str, int]
    start: int
    tail: int
    multiplier_cycles: int
    products: int

    @property
    def limit(self) -> str:
        """The part that takes longest; ``start`` if even that is shorter than the start."""
        slowest = max(self.parts, key=lambda name: self.parts[name])
        return slowest if self.parts[slowest] >= self.start else "start"

    @property
    def utilization(self) -> float:
        """Share of the multipliers that multiply two non-zeros, over all cycles."""
        return self.products / self.multiplier_cycles


def makespan(costs: NDArray[np.int64], cores: int) -> int:
    """Cycles until the last of some tasks is done, when each goes to the core that is free first,
    in the given order (list scheduling; Graham, SIAM J. Appl. Math. 17, 1969)."""
    from heapq import heapify, heapreplace

    tasks = costs[costs > 0].tolist()
    if len(tasks) <= cores:
        return max(tasks, default=0)
    free = tasks[:cores]
    heapify(free)
    for cost in tasks[cores:]:
        heapreplace(free, free[0] + cost)
    return int(max(free))
