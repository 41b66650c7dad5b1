"""RM-STC: rows of B are merged for the non-zeros of a row of A."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .operands import Operands

__all__ = ["RowMerge"]


@dataclass(frozen=True)
class RowMerge:
    """Scalars of A times half-rows of B (Huang and others, MICRO 2023).

    ``rows`` rows of A work in step.  Each takes its own next ``depth`` non-zeros, and multiplies
    the rows of B that belong to them, ``columns`` non-zeros of each in a cycle; a step lasts as
    long as the fullest of these rows of B needs.  So zeros of A shorten a step only if all rows of
    A are shorter, a row of B that is dense takes ``tile / columns`` cycles (the "fixed 4-cycle
    task" of Uni-STC, section VI-C), and a row of B that is empty takes none only if the whole step
    meets nothing else.

    Source: task sizes in tables III and VI of Lian and others, HPCA 2026, which describes the
    machine in section III ("multiple 'scalar x vector' tasks from two half-row vectors",
    concatenation along N alone).  Which non-zeros form a step is inferred from the utilisation in
    its figures 4 and 16 (docs/models.md).

    Attributes
    ----------
    rows, columns, depth : int
        A cycle, ``16 x 4 x 2`` with 128 multipliers.
    tile : int
        Columns of B, and k, over which a task is condensed; at most 16 k.
    """

    rows: int = 16
    columns: int = 4
    depth: int = 2
    tile: int = 16

    @property
    def multipliers(self) -> int:
        """Rows x columns x depth."""
        return self.rows * self.columns * self.depth

    def cycles(self, operands: Operands) -> int:
        """Sum over tasks and steps of the cycles of the fullest row of B."""
        steps = _step_masks(_padded(operands.a.mask, self.tile), self)
        levels = _level_masks(operands.b.popcounts(self.tile), self)
        total = 0
        for each, level in zip(steps, levels, strict=True):
            # A step is as long as there are levels that one of its k reaches.  Equal steps are
            # counted once: there are at most 2 ** 16.
            masks, times = np.unique(each[each != 0], return_counts=True)
            reached = np.zeros(len(masks), np.int64)
            thresholds, columns = np.unique(level[level != 0], return_counts=True)
            for threshold, count in zip(thresholds, columns, strict=True):
                reached += count * ((masks & threshold) != 0)
            total += int(reached @ times)
        return total


def _padded(mask: NDArray[np.bool_], tile: int) -> NDArray[np.bool_]:
    """Filled up with zeros along K."""
    return np.pad(mask, ((0, 0), (0, -mask.shape[1] % tile)))


def _step_masks(mask: NDArray[np.bool_], machine: RowMerge) -> NDArray[np.uint16]:
    """For each k-tile, task of rows and step the k that some row takes: k-tiles x any."""
    tile, rows = machine.tile, machine.rows
    parts = mask.reshape(len(mask), -1, tile).swapaxes(0, 1)
    step = (np.cumsum(parts, axis=2, dtype=np.uint8) - parts) // machine.depth
    starts = np.arange(0, len(mask), rows)
    found = []
    for number in range(-(-tile // machine.depth)):
        taken = parts & (step == number)
        words = taken @ (np.uint16(1) << np.arange(tile, dtype=np.uint16))
        found.append(np.bitwise_or.reduceat(words, starts, axis=1))
    return np.concatenate(found, axis=1)


def _level_masks(popcounts: NDArray[np.uint8], machine: RowMerge) -> NDArray[np.uint16]:
    """For each k-tile, column tile and cycle the k whose row of B lasts so long: k-tiles x any."""
    tile = machine.tile
    cycles = -(-popcounts.astype(np.int16) // machine.columns)
    padded = np.pad(cycles, ((0, 0), (0, -cycles.shape[1] % tile)))
    parts = padded.reshape(len(cycles), -1, tile).swapaxes(0, 1)
    weights = np.uint16(1) << np.arange(tile, dtype=np.uint16)
    return np.concatenate([(parts > level) @ weights
                           for level in range(-(-tile // machine.columns))], axis=1)
