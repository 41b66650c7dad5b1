"""The torture set: pairs of operands with the cycles that they take.

A closed form gives the cycles of a whole run, from the cycle after the first instruction is taken
to the last one, as the sum of the five bins of the core.  It is

    c_beats + FRONT + work + BACK + adder_latency + c_beats

for one output tile with a C whose load takes longer than those of the first operand tiles:

- C is loaded, one beat per cycle.
- FRONT: its ticket lets the k-step walker start; k-step walker, OHMMA expander, record read,
  bitmap unit, operand crossbar and collector take a cycle each until the first product can be
  picked.
- work: from the first to the last pick of a product, both included.  This is what the cases are
  about; the reasoning stands at each formula.
- BACK: the last entry retires, then come the array and the adder; the result drains, one
  beat per cycle, through one register; HALT is taken.

The closed forms hold for every adder latency and at least four collector entries.  What has none
was measured on the emitted Verilog: docs/results/torture.json.
"""

from collections.abc import Callable
from dataclasses import dataclass
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from ..config import Config
from ..workloads import random_accumulators, random_matrix
from .bound import hazard_cycles
from .patterns import torture_mask

__all__ = ["CASES", "Case"]

Mask = NDArray[np.bool_]
Masks = Callable[[Config, np.random.Generator], tuple[Mask, Mask]]
Work = Callable[[Config], int]

FRONT, BACK = 6, 4
TILES = 8
"""k-tiles of a case, unless it says otherwise."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A pair of operands, the same whenever it is made for a configuration.

    Attributes
    ----------
    name, about : str
    make : callable
        The masks, bool of M x K and K x N, for a configuration and a random generator.
    work : callable, optional
        Cycles from the first to the last pick of a product, if there is a closed form.
    """

    name: str
    about: str
    make: Masks
    work: Work | None = None

    def masks(self, config: Config) -> tuple[Mask, Mask]:
        """Non-zeros of A and B."""
        return self.make(config, np.random.default_rng(crc32(self.name.encode())))

    def operands(self, config: Config) -> tuple[NDArray, NDArray, NDArray]:
        """A, B and C with random values in those places; C has no zeros."""
        rng = np.random.default_rng((crc32(self.name.encode()), 1))
        masks = self.masks(config)
        a, b = (random_matrix(mask.shape, 1, config.element, rng) for mask in masks)
        for matrix, mask in zip((a, b), masks, strict=True):
            matrix[~mask] = 0
        return a, b, random_accumulators((len(a), b.shape[1]), config.element, rng)

    def cycles(self, config: Config) -> int | None:
        """Cycles of the run by the closed form; None if there is none."""
        if self.work is None:
            return None
        return (2 * config.c_beats + FRONT + self.work(config) + BACK + config.adder_latency)


def _depth(config: Config) -> int:
    return TILES * config.tile_k


def _bank_row(config: Config, lane: int = 0) -> Mask:
    return np.arange(config.tile_m) % config.array_rows == lane


def _bank_col(config: Config, lane: int = 0) -> Mask:
    return np.arange(config.tile_n) % config.array_cols == lane


def _first(count: int, span: int) -> Mask:
    return np.arange(span) < count


def _steps(config: Config, rows: list[Mask], cols: list[Mask]) -> tuple[Mask, Mask]:
    """The k-steps in turn, again and again."""
    depth = np.arange(_depth(config))
    return (np.array(rows)[depth % len(rows)].T.copy(), np.array(cols)[depth % len(cols)])


def _same(rows: Callable[[Config], Mask], cols: Callable[[Config], Mask]) -> Masks:
    return lambda config, rng: _steps(config, [rows(config)], [cols(config)])


def _all_rows(config: Config) -> Mask:
    return np.ones(config.tile_m, bool)


def _all_cols(config: Config) -> Mask:
    return np.ones(config.tile_n, bool)


def _striped(config: Config) -> int:
    """One bank is the busiest in every k-step and gets the same w = UV products each time.  It
    never waits for operands, as a k-step brings them in fewer cycles than it takes, and an
    accumulator comes again after max(w, h) cycles."""
    w = config.bank_depth
    return (_depth(config) - 1) * max(w, hazard_cycles(config)) + w


def _per_ohmma(ohmma: int, steps: int, config: Config) -> int:
    """A bank gets one product with every OHMMA.  It sees the second k-step one cycle after its
    last product of the first, goes on to it in that cycle and is one cycle behind from then on,
    which costs nothing more; or the hazard holds it back."""
    return max(ohmma * steps + 1, (steps - 1) * hazard_cycles(config) + ohmma)


def _over_work(config: Config) -> int:
    """R + 1 rows and S + 1 columns are four OHMMA (two, or one, where the tile has no second
    group); bank (0, 0) gets a product of each."""
    groups = min(config.row_groups, 2) * min(config.col_groups, 2)
    return _per_ohmma(groups, _depth(config), config)


def _held(config: Config) -> int:
    """k-steps of the tiles that the operand buffers hold: all are loaded while C is."""
    return config.slots * config.tile_k


def _in_turn(config: Config, rng: np.random.Generator) -> tuple[Mask, Mask]:
    a = np.zeros((config.tile_m, _held(config)), bool)
    a[0, 0::2] = a[config.array_rows % config.tile_m, 1::2] = True
    return a, np.repeat(_first(1, config.tile_n)[None], _held(config), axis=0)


def _in_turn_work(config: Config) -> int:
    """Two accumulators x and y of one bank.  The bank goes on to the second k-step a cycle after
    the first product, as it could not see it before: x in cycle 0, y in cycle 2; then each every
    h cycles, h being at least 2."""
    return (_held(config) // 2 - 1) * hazard_cycles(config) + 3


def _wandering(config: Config, rng: np.random.Generator) -> tuple[Mask, Mask]:
    step = np.arange(_held(config))
    row, col = step % config.array_rows, step // config.array_rows % config.array_cols
    return (np.arange(config.tile_m)[:, None] == row), col[:, None] == np.arange(config.tile_n)


def _alternating(config: Config, rng: np.random.Generator) -> tuple[Mask, Mask]:
    return _steps(config, [_all_rows(config), ~_all_rows(config)], [_all_cols(config)])


def _single(config: Config, rng: np.random.Generator) -> tuple[Mask, Mask]:
    return torture_mask("dot", (config.tile_m, 1), "A", config, rng), \
        torture_mask("dot", (1, config.tile_n), "B", config, rng)


def _heavy_light(config: Config, rng: np.random.Generator) -> tuple[Mask, Mask]:
    return _steps(config, [_bank_row(config), np.arange(config.tile_m) == 1],
                  [_bank_col(config), np.arange(config.tile_n) == 1])


def _heavy_light_work(config: Config) -> int:
    """Every other k-step is a stripe for bank (0, 0); the others have one product for bank (1, 1),
    which has nothing else to do.  Bank (0, 0) is the last to pick; the light step behind retires a
    cycle after its last stripe."""
    w = config.bank_depth
    return (_depth(config) // 2 - 1) * max(w, hazard_cycles(config)) + w + 1


def _disjoint(tiles: int) -> Masks:
    """A has even k-steps, B odd ones; 0 tiles stands for as many as the operand buffers hold."""
    def make(config: Config, rng: np.random.Generator) -> tuple[Mask, Mask]:
        depth = tiles * config.tile_k or _held(config)
        even = np.arange(depth) % 2 == 0
        return (np.outer(_first(1, config.tile_m), even),
                np.outer(~even, _first(1, config.tile_n)))
    return make


def _bursts(config: Config, rng: np.random.Generator) -> tuple[Mask, Mask]:
    """E + 1 stripes for bank (0, 0), then single products elsewhere until that bank's products
    are as many as all OHMMA."""
    stripes = config.collector_entries + 1
    stripe = -(-config.row_groups // config.array_rows) * -(-config.col_groups // config.array_cols)
    singles = stripes * (config.bank_depth - stripe)
    lane = np.arange(singles) % (config.array_rows - 1) + 1
    rows = [_bank_row(config)] * stripes + [np.arange(config.tile_m) == p for p in lane]
    cols = [_bank_col(config)] * stripes + [_first(1, config.tile_n)] * singles
    return _steps(config, rows, cols)


def _runs(config: Config, rng: np.random.Generator) -> tuple[Mask, Mask]:
    """As many stripes for a bank as the collector has entries, then for the next bank."""
    lanes = range(config.array_rows)
    length = config.collector_entries
    return _steps(config, [_bank_row(config, p) for p in lanes for _ in range(length)],
                  [_bank_col(config, p % config.array_cols) for p in lanes for _ in range(length)])


def _patterns(pattern: str, outer: int = 1, tiles: int = TILES) -> Masks:
    def make(config: Config, rng: np.random.Generator) -> tuple[Mask, Mask]:
        m, n, depth = outer * config.tile_m, outer * config.tile_n, tiles * config.tile_k
        return (torture_mask(pattern, (m, depth), "A", config, rng),
                torture_mask(pattern, (depth, n), "B", config, rng))
    return make


def _clustered(config: Config, rng: np.random.Generator) -> tuple[Mask, Mask]:
    """Zeros as in pruned networks: popcounts of 32 neighbours vary about 12 times more than those
    of independent zeros, as the density of each k-step follows a beta distribution."""
    rho = 11 / 31

    def side(span: int) -> Mask:
        local = rng.beta(0.4 * (1 / rho - 1), 0.6 * (1 / rho - 1), _depth(config))
        return rng.random((span, _depth(config))) < local
    return side(config.tile_m), side(config.tile_n).T


CASES: dict[str, Case] = {case.name: case for case in (
    Case(name="full", about="every element",
         make=_same(_all_rows, _all_cols),
         work=lambda c: _per_ohmma(c.bank_depth, _depth(c), c)),
    Case(name="one bank", about="all rows of one bank row times all columns of one bank column",
         make=_same(_bank_row, _bank_col), work=_striped),
    Case(name="one bank row", about="all rows of one bank row times every column",
         make=_same(_bank_row, _all_cols), work=_striped),
    Case(name="one bank column", about="every row times all columns of one bank column",
         make=_same(_all_rows, _bank_col), work=_striped),
    Case(name="same accumulator", about="one accumulator in every k-step",
         make=_same(lambda c: _first(1, c.tile_m), lambda c: _first(1, c.tile_n)),
         # Nothing else to do: one product per hazard distance.
         work=lambda c: (_depth(c) - 1) * hazard_cycles(c) + 1),
    Case(name="two in turn", about="two accumulators of one bank in turn",
         make=_in_turn, work=_in_turn_work),
    Case(name="wandering", about="one product for another bank in every k-step",
         # The second bank goes on from the first entry, so it is a cycle late, as are all behind.
         make=_wandering, work=lambda c: _held(c) + 1),
    Case(name="single", about="one element on both sides, in the only k-step",
         make=_single, work=lambda c: 1),
    Case(name="alternating", about="full and empty k-steps in turn",
         # Empty k-steps cost nothing, so this is `full` with half of the k-steps.
         make=_alternating, work=lambda c: _per_ohmma(c.bank_depth, _depth(c) // 2, c)),
    Case(name="just over", about="R + 1 rows times S + 1 columns, the first of each",
         make=_same(lambda c: _first(c.array_rows + 1, c.tile_m),
                    lambda c: _first(c.array_cols + 1, c.tile_n)),
         work=_over_work),
    Case(name="heavy and light", about="a stripe for one bank and one product for another in turn",
         make=_heavy_light, work=_heavy_light_work),
    Case(name="disjoint", about="tile pairs without a common k-step, as many as there are slots",
         # One null token per pair and cycle, all loaded while C is; a null token needs no pick,
         # so its entry retires as if that had been a cycle earlier.
         make=_disjoint(0), work=lambda c: c.slots - 1),
    Case(name="disjoint stream", about="more tile pairs without a common k-step than slots",
         make=_disjoint(TILES)),
    Case(name="just over, scattered",
         about="one more element in every k-step than fills whole groups, at random places",
         make=_patterns("just over")),
    Case(name="bursts", about="E + 1 stripes for one bank, then as many products elsewhere as make "
         "up for them", make=_bursts),
    Case(name="runs", about="E stripes for a bank, then for the next", make=_runs),
    Case(name="checkerboard", about="every other element, shifted from k-step to k-step",
         make=_patterns("checkerboard")),
    Case(name="blocks", about="half of the 8-wide tiles full, the others empty",
         make=_patterns("blocks")),
    Case(name="clustered", about="zeros in clusters, as in pruned networks", make=_clustered),
    Case(name="half", about="independent zeros, density 0.5", make=_patterns("half")),
    Case(name="sparse", about="independent zeros, density 0.08", make=_patterns("sparse")),
    Case(name="short tiles", about="16 output tiles of one k-tile each, density 0.08",
         make=_patterns("sparse", outer=4, tiles=1)),
    Case(name="nothing", about="no element: results are C", make=_patterns("empty")),
)}
"""The set, by name."""
