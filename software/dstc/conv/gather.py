"""The program of the im2col unit: which windows and tables to fill, and what to gather when."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..config import Config
from ..formats.layout import tiles_along
from .geometry import ConvGeometry
from .spans import Chunk, tile_chunks
from .words import WINDOWS, pack

__all__ = ["GatherProgram", "gather_program"]

# GEN words between a fill of a table and the first that needs it: enough to hide the fill, few
# enough to stay in the unit's queue.
AHEAD = 4


@dataclass(frozen=True, kw_only=True, eq=False)
class GatherProgram:
    """What the im2col unit takes for one convolution.

    Attributes
    ----------
    words : numpy.ndarray
        ``uint64[words]``.
    order : numpy.ndarray
        ``int32[records]``: tiles of the encoded feature map in the order in which the unit takes
        their records.
    spans : int
        Spans gathered: cycles of the unit if nothing ever waits.
    """

    words: NDArray[np.uint64]
    order: NDArray[np.int32]
    spans: int


@dataclass(eq=False)
class _Gen:
    """One GEN; what it frees is known only when something else is to be filled in."""

    index: int
    operands: dict[str, int]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Fill:
    """One filling of a window or a table.

    Attributes
    ----------
    words : list of int
    records : tuple of int
        What a window's fill takes.
    after : int
        Index of the GEN that frees the place; -1 if it was free all the time.
    before : int
        Index of the first GEN that needs it.
    """

    words: list[int]
    records: tuple[int, ...]
    after: int
    before: int


class _Places:
    """What the two windows, or the two tables, hold while a program is made."""

    def __init__(self, frees: str) -> None:
        self._frees = frees
        self._keys: list[object] = [None] * WINDOWS
        self._users: list[_Gen | None] = [None] * WINDOWS
        self._recent = WINDOWS - 1

    def find(self, key: object) -> int | None:
        """Where that is held."""
        return self._keys.index(key) if key in self._keys else None

    def replace(self, key: object) -> tuple[int, int]:
        """Where it is to be filled in, and the GEN that frees the place."""
        place = (self._recent + 1) % WINDOWS
        user = self._users[place]
        if user:
            user.operands[self._frees] = 1
        self._keys[place], self._users[place] = key, None
        return place, user.index if user else -1

    def use(self, place: int, gen: _Gen) -> None:
        """A GEN reads it."""
        self._users[place] = gen
        self._recent = place

    def free_all(self) -> None:
        """Leave both free for the next program."""
        for user in self._users:
            if user:
                user.operands[self._frees] = 1


def gather_program(geometry: ConvGeometry, occupied: NDArray[np.bool_], config: Config,
                   rows: range | None = None) -> GatherProgram:
    """The program that makes the A tiles of a convolution.

    Parameters
    ----------
    geometry : ConvGeometry
    occupied : numpy.ndarray
        ``bool[column tiles, k-tiles]``: which tiles of the weights have a non-zero.  A tiles are
        made for these only; output tiles are computed row by row.
    config : Config
    rows : range, optional
        Tiles of output positions; all without.

    Returns
    -------
    GatherProgram
    """
    gens: list[_Gen] = []
    fills: list[_Fill] = []
    spans: list[_Fill] = []
    windows, tables = _Places("free_window"), _Places("free_table")
    blocks = tiles_along(geometry.channels, config.tile_k)
    for row_tile, index, chunk, block, operands in _pieces(geometry, occupied, config, rows):
        gen = _Gen(len(gens), {**operands, "free_window": 0, "free_table": 0})
        table = tables.find((row_tile, index))
        if table is None:
            table, after = tables.replace((row_tile, index))
            words = [pack(config, "SPANS", table=table, count=len(chunk.spans))]
            words += [word for span in chunk.spans for word in span.words(config)]
            spans.append(_Fill(words=words, records=(), after=after, before=gen.index))
        window = windows.find((row_tile, index, block))
        if window is None:
            window, after = windows.replace((row_tile, index, block))
            fills.append(_Fill(
                words=[pack(config, "LDX", window=window, count=len(chunk.tiles))],
                records=tuple(tile * blocks + block for tile in chunk.tiles),
                after=after, before=gen.index))
        tables.use(table, gen)
        windows.use(window, gen)
        gen.operands |= {"window": window, "table": table}
        gens.append(gen)
    windows.free_all()
    tables.free_all()
    return _arrange(gens, fills, spans, config)


def _pieces(geometry: ConvGeometry, occupied: NDArray[np.bool_], config: Config,
            rows: range | None) -> Iterator[tuple[int, int, Chunk, int, dict[str, int]]]:
    """Every GEN in order: row tile, its chunk, channel block and operands."""
    taps = geometry.kernel[0] * geometry.kernel[1]
    for row_tile in rows or range(tiles_along(geometry.positions, config.tile_m)):
        parts = tile_chunks(geometry, row_tile, config)
        for column in occupied:
            for k_tile in np.flatnonzero(column).tolist():
                steps = range(k_tile * config.tile_k,
                              min((k_tile + 1) * config.tile_k, geometry.k))
                pieces = list(_segments(steps, taps, parts))
                for n, (index, channel, first, count) in enumerate(pieces):
                    yield row_tile, index, parts[index], channel // config.tile_k, {
                        "channel": channel % config.tile_k, "first": first, "spans": count,
                        "close": int(n == len(pieces) - 1)}


def _segments(steps: range, taps: int, parts: list[Chunk]
              ) -> Iterator[tuple[int, int, int, int]]:
    """Chunk, first channel, first span and spans of the k-steps of one k-tile."""
    channels = range(steps.start // taps, (steps.stop - 1) // taps + 1)
    if len(parts) == 1:
        # The table holds all taps, so one GEN walks through it again for each channel.
        part = parts[0]
        first = part.range_of(range(steps.start % taps, steps.start % taps + 1)).start
        end = part.range_of(range((steps.stop - 1) % taps, (steps.stop - 1) % taps + 1)).stop
        yield 0, channels.start, first, (len(channels) - 1) * len(part.spans) + end - first
        return
    for channel in channels:
        wanted = range(max(steps.start - channel * taps, 0),
                       min(steps.stop - channel * taps, taps))
        for index, part in enumerate(parts):
            spans = part.range_of(wanted)
            if spans:
                yield index, channel, spans.start, len(spans)


def _arrange(gens: list[_Gen], fills: list[_Fill], tables: list[_Fill], config: Config
             ) -> GatherProgram:
    """Words in an order in which fills run ahead of gathers and nothing waits for what is behind.

    A window's fill is asked for one fill early: it waits in a queue of its own.  A table's words
    go through the word stream itself, so they come after the GEN that frees the table.
    """
    before: dict[int, list[_Fill]] = {}
    for table in tables:
        before.setdefault(max(table.after + 1, table.before - AHEAD), []).append(table)
    for n, fill in enumerate(fills):
        before.setdefault(fills[max(n - 1, 0)].before, []).append(fill)
    words: list[int] = []
    order: list[int] = []
    for gen in gens:
        for fill in before.get(gen.index, ()):
            words += fill.words
            order += fill.records
        words.append(pack(config, "GEN", **gen.operands))
    return GatherProgram(words=np.array(words, np.uint64), order=np.array(order, np.int32),
                         spans=sum(gen.operands["spans"] for gen in gens))
