"""Why a layer is not faster."""

from ..config import Config
from .counts import LayerCounts

__all__ = ["LIMITS", "lane_factors", "limit"]

ENOUGH = 0.75
"""Use of the multipliers above which the work itself is the limit."""

LIMITS = {
    "no work": "No k-step has a non-zero on both sides.",
    "effectual MACs": "At least three quarters of the multipliers work in every OHMMA: no other "
                      "way of packing the same non-zeros would gain more than a third.",
    "few rows": "A has so few rows that a dense A would leave the same lanes of its groups empty.",
    "few columns": "B has so few columns, or so few in a group of the convolution, that a dense B "
                   "would leave the same lanes of its groups empty.",
    "fragments of A": "The non-zeros of A in a k-step are no multiple of a group of rows, so the "
                      "last group is part empty.",
    "fragments of B": "The non-zeros of B in a k-step are no multiple of a group of columns, so "
                      "the last group is part empty.",
    "loads of A": "Reading the tiles of A, again for each tile of columns, takes longer than the "
                  "OHMMA.",
    "loads of B": "Reading the tiles of B, again for each tile of rows, takes longer than the "
                  "OHMMA.",
    "tile pairs": "Starting each pair of occupied tiles takes longer than its OHMMA.",
    "drains": "Sending the results takes longer than the OHMMA.",
}
"""What can limit a layer, and what it means."""


def lane_factors(counts: LayerCounts, config: Config) -> dict[str, float]:
    """The four factors that leave lanes of the array empty; 1 is no loss.

    The first two are what the shape alone leaves, the others what zeros leave of that.
    """
    rows = counts.full_rows / counts.row_lanes
    columns = counts.full_columns / counts.column_lanes
    return {
        "few rows": rows, "few columns": columns,
        "fragments of A": counts.row_values / (counts.dual * config.array_rows) / rows,
        "fragments of B": counts.column_values / (counts.dual * config.array_cols) / columns,
    }


def limit(counts: LayerCounts, config: Config) -> str:
    """What limits a layer, a key of :data:`LIMITS`.

    Whatever takes longer than the OHMMA comes first, the longest of it; then full multipliers;
    then the smallest of :func:`lane_factors`.
    """
    if not counts.dual:
        return "no work"
    streams = {"loads of A": counts.a_loads, "loads of B": counts.b_loads,
               "tile pairs": counts.pair_cycles, "drains": counts.drains}
    slowest = max(streams, key=lambda name: streams[name])
    if streams[slowest] > counts.dual:
        return slowest
    if counts.products >= ENOUGH * counts.dual * config.multipliers:
        return "effectual MACs"
    factors = lane_factors(counts, config)
    return min(factors, key=lambda name: factors[name])
