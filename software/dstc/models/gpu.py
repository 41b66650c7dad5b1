"""A GPU whose tensor cores are dual-side sparse: sub-cores, caches, memory, integer lanes.

Formulas and their sources: docs/models.md.
"""

from dataclasses import dataclass
from math import isqrt

import numpy as np
from numpy.typing import NDArray

from ..config import Config, get_config
from .device import DeviceTime, makespan
from .operands import Operands, Side

__all__ = ["VOLTA", "Gpu", "Layer", "gpu_time"]


@dataclass(frozen=True, kw_only=True)
class Gpu:
    """A device with many cores.

    Attributes
    ----------
    title : str
    core : Config
        One sub-core.
    sms : int
        Multiprocessors.
    sub_cores : int
        Cores of each.
    clock_hz : float
    memory_bytes : float
        Bytes that the memory gives in a cycle.
    cache_bytes : int
        Size of the last cache.
    cache_rate : float
        Bytes that it gives in a cycle.
    lanes : int
        Integer operations that all multiprocessors do in a cycle.
    block : int
        Warp tiles to a side of a thread block, which share what they read from the cache.
    launch : int
        Cycles before a layer begins.
    """

    title: str
    core: Config
    sms: int
    sub_cores: int
    clock_hz: float
    memory_bytes: float
    cache_bytes: int
    cache_rate: float
    lanes: int
    block: int
    launch: int

    @property
    def cores(self) -> int:
        """Sub-cores in all."""
        return self.sms * self.sub_cores

    @property
    def multipliers(self) -> int:
        """Multipliers in all."""
        return self.cores * self.core.multipliers


VOLTA = Gpu(title="Volta class", core=get_config("paper"), sms=80, sub_cores=4, clock_hz=1.38e9,
            memory_bytes=900e9 / 1.38e9, cache_bytes=6 << 20, cache_rate=64 * 32.0,
            lanes=80 * 64, block=4, launch=5000)
"""80 multiprocessors of four sub-cores, 900 GB/s, 6 MiB in 64 slices of 32 bytes a cycle."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Layer:
    """One product, and what of it is in memory.

    Attributes
    ----------
    operands : Operands
    x_elements, x_nonzeros : int
        Of the tensor that A is made from; those of A if it is not lowered.
    lowered : bool
        Whether A is made from a feature map while it runs.
    """

    operands: Operands
    x_elements: int
    x_nonzeros: int
    lowered: bool = False

    @classmethod
    def of(cls, operands: Operands) -> "Layer":
        """A product of two matrices."""
        mask = operands.a.mask
        return cls(operands=operands, x_elements=mask.size,
                   x_nonzeros=int(np.count_nonzero(mask)))


INDEX_OPERATIONS = 3
"""Integer operations for each 32 positions of a lowered k: mask, shift, count the bits."""
ENCODE_OPERATIONS = 2
"""Integer operations for each result: compare with zero, place among the non-zeros."""
PAIR_CYCLES = 3
"""Cycles that a core takes for each pair of occupied tiles, as its dispatcher does."""


def gpu_time(layer: Layer, gpu: Gpu = VOLTA, *, dense: bool = False) -> DeviceTime:
    """Time of one layer.

    Parameters
    ----------
    layer : Layer
    gpu : Gpu
    dense : bool
        The same device with dense tensor cores: nothing is skipped, encoded or compressed.
    """
    core, operands = gpu.core, layer.operands
    m, n, k = operands.shape
    costs = _tile_costs(operands, core, dense)
    rows, columns = (-(-count // gpu.block) for count in costs.shape)
    a_mask, b_mask = operands.a.mask, operands.b.mask
    width = core.element_bits / 8
    x = _bytes(layer.x_elements, layer.x_nonzeros, width, dense)
    a = _bytes(a_mask.size, int(np.count_nonzero(a_mask)), width, dense)
    b = _bytes(b_mask.size, int(np.count_nonzero(b_mask)), width, dense)
    results = m * n * width
    # As many blocks as there are multiprocessors run at once, in a square of the grid: what does
    # not fit the cache is read again for every such square.
    square = isqrt(gpu.sms)
    again_x, again_b = (-(-blocks // square) if size > gpu.cache_bytes else 1
                        for blocks, size in ((columns, x), (rows, b)))
    memory = x * again_x + b * again_b + results
    cached = min(a, x) * columns + b * rows + results
    integer = 0.0
    if not dense:
        integer = m * n * ENCODE_OPERATIONS
        if layer.lowered:
            integer += (-(-m // 32) * k * INDEX_OPERATIONS + np.count_nonzero(a_mask)) * columns
    parts = {"array": makespan(costs.reshape(-1), gpu.cores),
             "memory": _cycles(memory, gpu.memory_bytes),
             "cache": _cycles(cached, gpu.cache_rate), "integer": _cycles(integer, gpu.lanes)}
    cycles = gpu.launch + max(parts.values())
    return DeviceTime(cycles=cycles, parts=parts, start=gpu.launch, tail=0,
                      multiplier_cycles=cycles * gpu.multipliers, products=operands.products)


def _tile_costs(operands: Operands, core: Config, dense: bool) -> NDArray[np.int64]:
    """Cycles of every output tile on one core."""
    k = operands.shape[2]
    if dense:
        grid = -(-operands.a.outer // core.tile_m), -(-operands.b.outer // core.tile_n)
        return np.full(grid, k * core.dense_ohmma_per_step, np.int64)
    sides = ((operands.a, core.tile_m, core.array_rows), (operands.b, core.tile_n, core.array_cols))
    # Exact as floating point: a sum stays below 8 K.
    groups = [(-(-side.popcounts(tile).astype(np.int16) // lanes)).astype(np.float64)
              for side, tile, lanes in sides]
    there = [_occupied(side, tile, core.tile_k) for side, tile, _ in sides]
    ohmma = (groups[0] @ groups[1].T).astype(np.int64)
    pairs = (there[0] @ there[1].T).astype(np.int64)
    return np.maximum(ohmma, PAIR_CYCLES * pairs)


def _occupied(side: Side, tile: int, tile_k: int) -> NDArray[np.float64]:
    """Tiles that have a non-zero: outer tiles x k-tiles."""
    popcounts = side.popcounts(tile)
    starts = np.arange(0, popcounts.shape[1], tile_k)
    return np.maximum.reduceat(popcounts, starts, axis=1).astype(bool).astype(np.float64)


def _bytes(elements: int, nonzeros: int, width: float, dense: bool) -> float:
    """Bytes of an operand: values, and a bit for each element if it is encoded."""
    return elements * width if dense else nonzeros * width + elements / 8


def _cycles(amount: float, rate: float) -> int:
    return int(-(-amount // rate))

