"""What happened to one tile: the recorded events of the cycle model, put in order.

Nothing here models the core.  When an OHMMA reached the collector, when a bank made which
product, when an entry retired and which bin a cycle is in are events of
:mod:`dstc_sim.cyclemodel.log`; which rows and columns an OHMMA brings is read off the encoded
operands.
"""

import math
from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dstc.config import Config
from dstc.errors import DstcError
from dstc.formats import EncodedMatrix, encode
from dstc.program import gemm_job

from ..cyclemodel import ModelCore
from ..cyclemodel.log import BIN, CLOSE, OHMMA, PICK
from ..runs import BINS
from .explanation import Cycle, Entry, Explanation, KStep, Number, Ohmma, Product, Side

__all__ = ["cut_tile", "explain_tile"]


def cut_tile(matrices: tuple[NDArray[Any], NDArray[Any], NDArray[Any] | None],
             tile: tuple[int, int, int], config: Config
             ) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any] | None]:
    """The parts of A, B and C that belong to one tile; smaller than a tile at the borders.

    Parameters
    ----------
    matrices : tuple of numpy.ndarray
        A (M x K), B (K x N) and C (M x N, or None).
    tile : tuple of int
        Row and column of the output tile, and k-tile, from 0.

    Raises
    ------
    DstcError
        If there is no such tile.
    """
    a, b, c = matrices
    sizes = (config.tile_m, config.tile_n, config.tile_k)
    tiles = [-(-extent // size) for extent, size in
             zip((a.shape[0], b.shape[1], a.shape[1]), sizes, strict=True)]
    if not all(0 <= index < count for index, count in zip(tile, tiles, strict=True)):
        raise DstcError(f"Tile must be inside {' x '.join(map(str, tiles))}, the tile rows, tile "
                        f"columns and k-tiles of the product, not {','.join(map(str, tile))}")
    m, n, k = (slice(index * size, (index + 1) * size)
               for index, size in zip(tile, sizes, strict=True))
    return a[m, k], b[k, n], None if c is None else c[m, n]


def explain_tile(a: NDArray[Any], b: NDArray[Any], c: NDArray[Any] | None = None, *,
                 config: Config, mode: str = "sparse") -> Explanation:
    """Run one tile, alone in the core, and tell what happened.

    Parameters
    ----------
    a, b, c : numpy.ndarray
        At most ``tile_m`` x ``tile_k``, ``tile_k`` x ``tile_n`` and ``tile_m`` x ``tile_n``;
        A and B of the element type, C of the accumulator type.  Without C none is loaded.
    config : Config
    mode : str
        ``sparse`` or ``dense``.

    Raises
    ------
    DstcError
        If the operands are larger than a tile or do not fit each other.
    """
    if a.shape[0] > config.tile_m or b.shape[1] > config.tile_n or a.shape[1] > config.tile_k:
        raise DstcError(f"Operands must fit a tile of {config.tile_m} x {config.tile_n} x "
                        f"{config.tile_k}, not {a.shape[0]} x {b.shape[1]} x {a.shape[1]}")
    encoded = encode(a, "A", config), encode(b, "B", config)
    run, recorded = ModelCore().record(gemm_job(*encoded, c, config=config, mode=mode))
    sides = _side(encoded[0]), _side(encoded[1])
    events = sorted(recorded.tolist(), key=lambda row: row[1])
    start = next(row[1] for row in events if row[0] == BIN)
    for row in events:
        row[1] -= start
    ohmma = [_ohmma(row, sides, mode, config) for row in events
             if row[0] == OHMMA and not row[8]]
    entries = _entries(events, ohmma, start)
    return Explanation(
        config=config.to_dict(), mode=mode, a=sides[0], b=sides[1],
        k_steps=[_k_step(k, sides, ohmma, config) for k in range(config.tile_k)],
        ohmma=ohmma, entries=entries, cycles=_cycles(events, ohmma, entries, config),
        bins={name: run.counters[name] for name in BINS}, products=run.counters["products"])


def _side(encoded: EncodedMatrix) -> Side:
    bitmaps, values = encoded.tile(0, 0)
    ends = np.cumsum(np.bitwise_count(bitmaps))[:-1]
    return Side(bitmaps=bitmaps.tolist(),
                values=[[_number(value) for value in part] for part in np.split(values, ends)])


def _number(value: Any) -> Number:
    if np.issubdtype(value.dtype, np.integer):
        return int(value)
    return float(value) if math.isfinite(value) else str(float(value))


def _taken(side: Side, k: int, group: int, lanes: int, mode: str) -> list[int]:
    """Positions of a group: of the non-zeros in sparse mode, of the tile in dense mode."""
    positions = side.positions(k)
    if mode == "sparse":
        return positions[group * lanes:(group + 1) * lanes]
    return [n for n in positions if n // lanes == group]


def _ohmma(event: list[int], sides: tuple[Side, Side], mode: str, config: Config) -> Ohmma:
    _, cycle, entry, _, _, k, g, h, _ = event
    rows = _taken(sides[0], k, g, config.array_rows, mode)
    cols = _taken(sides[1], k, h, config.array_cols, mode)
    targets = Counter(m % config.array_rows * config.array_cols + n % config.array_cols
                      for m in rows for n in cols)
    return Ohmma(cycle=cycle, entry=entry, k=k, g=g, h=h, rows=rows, cols=cols,
                 products=len(rows) * len(cols),
                 banks=[targets[bank] for bank in range(config.multipliers)])


def _entries(events: list[list[int]], ohmma: list[Ohmma], start: int) -> list[Entry]:
    opened: dict[int, int] = {}
    for kind, cycle, entry, *_ in events:
        if kind == OHMMA:
            opened.setdefault(entry, cycle)
    k_of = {one.entry: one.k for one in ohmma}
    products: Counter[int] = Counter()
    for one in ohmma:
        products[one.entry] += one.products
    return [Entry(entry=entry, k=k_of.get(entry), opened=opened[entry], closed=cycle,
                  retires=retires - start, products=products[entry])
            for kind, cycle, entry, retires, *_ in events if kind == CLOSE]


def _k_step(k: int, sides: tuple[Side, Side], ohmma: list[Ohmma], config: Config) -> KStep:
    a, b = (side.bitmaps[k].bit_count() for side in sides)
    here = [one for one in ohmma if one.k == k]
    executed = [(one.g, one.h) for one in here]
    return KStep(
        k=k, a=a, b=b, groups=(-(-a // config.array_rows), -(-b // config.array_cols)),
        executed=executed,
        skipped=[(g, h) for h in range(config.col_groups) for g in range(config.row_groups)
                 if (g, h) not in executed],
        products=sum(one.products for one in here))


def _cycles(events: list[list[int]], ohmma: list[Ohmma], entries: list[Entry], config: Config
            ) -> list[Cycle]:
    made: dict[int, list[Product]] = {}
    for kind, cycle, entry, bank, index, *_ in events:
        if kind == PICK:
            p, q = divmod(bank, config.array_cols)
            group_col, group_row = divmod(index, config.row_groups)
            made.setdefault(cycle, []).append(Product(
                entry=entry, bank=bank, row=p + group_row * config.array_rows,
                col=q + group_col * config.array_cols))
    taken = {one.cycle: n for n, one in enumerate(ohmma)}
    there: dict[int, tuple[set[int], set[int]]] = {one.entry: (set(), set()) for one in entries}
    done: Counter[int] = Counter()
    cycles = []
    for _, cycle, which, *_ in (row for row in events if row[0] == BIN):
        held = [(one.entry, math.prod(map(len, there[one.entry])) - done[one.entry])
                for one in entries if one.opened < cycle <= one.retires]
        picks = sorted(made.get(cycle, []), key=lambda product: product.bank)
        done.update(product.entry for product in picks)
        if cycle in taken:
            arrives = ohmma[taken[cycle]]
            there[arrives.entry][0].update(arrives.rows)
            there[arrives.entry][1].update(arrives.cols)
        cycles.append(Cycle(cycle=cycle, bin=BINS[which], ohmma=taken.get(cycle), held=held,
                            made=picks))
    return cycles
