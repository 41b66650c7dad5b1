"""Uni-STC: small products of tiles, packed by their dot products."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DstcError
from .operands import Operands

__all__ = ["TilePacking"]


@dataclass(frozen=True)
class TilePacking:
    """Tasks of ``tile`` cubed, out of instructions of ``block`` cubed.

    The tile multiply scheduler lists the products of tiles that have an effectual MAC, layer by
    layer of k, and within a layer along the side that has more tiles.  ``generators`` dot product
    generators each hold the next of them.  In a cycle they fill the multipliers in their order;
    one whose result tile another before it writes waits; one whose products do not all fit goes on
    in the next cycle; one that is through takes the next task.  An instruction begins when the one
    before it has ended.

    Source: Lian and others, HPCA 2026, sections IV-A to IV-C, table VI, figures 8
    and 14.  Dot products are split where the multipliers end, which the paper leaves open.

    Attributes
    ----------
    block, tile, generators, multipliers : int
    """

    block: int = 16
    tile: int = 4
    generators: int = 8
    multipliers: int = 128

    def cycles(self, operands: Operands) -> int:
        """Sum over all instructions."""
        if self.block // self.tile > MAX_TILES:
            raise DstcError(f"Block must have at most {MAX_TILES} tiles to a side, not "
                            f"{self.block // self.tile}")
        a, b = (_whole_blocks(side.popcounts(self.tile), self)
                for side in (operands.a, operands.b))
        return int(_compiled()(a, b, self.tile, self.block // self.tile, self.generators,
                               self.multipliers))


MAX_TILES = 8


def _whole_blocks(popcounts: NDArray[np.uint8], machine: TilePacking) -> NDArray[np.uint8]:
    tiles, k = popcounts.shape
    return np.pad(popcounts, ((0, -tiles % (machine.block // machine.tile)),
                              (0, -k % machine.block)))


@cache
def _compiled() -> Any:
    try:
        import numba
    except ImportError as error:
        raise DstcError("Model uni-stc must have the package numba, which is not installed; "
                        "pip install 'dstc[model]' brings it") from error

    one = numba.njit(cache=True)(_instruction)

    @numba.njit(cache=True)
    def total(a, b, tile, side, generators, multipliers):
        block = tile * side
        cycles = 0
        for row in range(0, a.shape[0], side):
            for column in range(0, b.shape[0], side):
                for start in range(0, a.shape[1], block):
                    cycles += one(a[row:row + side, start:start + block],
                                  b[column:column + side, start:start + block],
                                  tile, side, generators, multipliers)
        return cycles

    return total


def _instruction(a: Any, b: Any, tile: int, side: int, generators: int,
                 multipliers: int) -> int:
    """Cycles of one instruction from the popcounts of its tiles, side x block each."""
    left = np.empty(side * side * side, np.int64)
    target = np.empty(side * side * side, np.int64)
    tasks = 0
    for layer in range(side):
        first, last = layer * tile, (layer + 1) * tile
        rows = columns = 0
        for place in range(side):
            rows += a[place, first:last].any()
            columns += b[place, first:last].any()
        for outer in range(side):
            for inner in range(side):
                row, column = (inner, outer) if rows > columns else (outer, inner)
                products = 0
                for k in range(first, last):
                    products += int(a[row, k]) * int(b[column, k])
                if products:
                    left[tasks] = products
                    target[tasks] = row * side + column
                    tasks += 1
    held = np.empty(generators, np.int64)
    holding = taken = cycles = 0
    while True:
        while holding < generators and taken < tasks:
            held[holding] = taken
            holding += 1
            taken += 1
        if not holding:
            return cycles
        cycles += 1
        room = multipliers
        written = np.uint64(0)
        kept = 0
        for place in range(holding):
            task = held[place]
            bit = np.uint64(1) << np.uint64(target[task])
            if room and not written & bit:
                written |= bit
                done = min(room, int(left[task]))
                room -= done
                left[task] -= done
            if left[task]:
                held[kept] = task
                kept += 1
        holding = kept
