"""Which positions of a feature map the rows of an A tile come from, as spans.

For one tap of the kernel, ascending output positions have ascending input positions, so the rows
of a tile are a selection, in order, of a run of the feature map.  That holds for every kernel,
stride, dilation and padding: geometry is the compiler's, and the hardware knows spans only.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..config import Config
from ..formats.layout import tiles_along
from .geometry import ConvGeometry
from .words import Span

__all__ = ["Chunk", "tile_chunks"]


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """Part of the k-steps of one channel that one window and one table can hold.

    Attributes
    ----------
    tiles : tuple of int
        Position tiles of the feature map, ascending; they fill the slots 0, 1, ... of a window.
    spans : tuple of Span
        For the table.
    starts : tuple of tuple of int
        For each tap with spans here: the tap and the index of its first span.
    """

    tiles: tuple[int, ...]
    spans: tuple[Span, ...]
    starts: tuple[tuple[int, int], ...]

    def range_of(self, taps: range) -> range:
        """Indices of the spans of some successive taps; empty if none is here."""
        stops = [start for _, start in self.starts[1:]] + [len(self.spans)]
        found = [(start, stop) for (tap, start), stop in zip(self.starts, stops, strict=True)
                 if tap in taps]
        return range(found[0][0], found[-1][1]) if found else range(0)


@dataclass(frozen=True)
class _Run:
    """A span before it is known which slots its position tiles are in."""

    start: int
    stop: int       # past the last position whose element is taken
    span: Span
    tap: int

    def tiles(self, tile_m: int) -> frozenset[int]:
        return frozenset(range(self.start // tile_m, tiles_along(self.stop, tile_m)))


def tile_chunks(geometry: ConvGeometry, row_tile: int, config: Config) -> list[Chunk]:
    """The spans of all taps for one tile of output positions, in as few chunks as fit.

    Parameters
    ----------
    geometry : ConvGeometry
    row_tile : int
        Tile of tile_m output positions, counted from 0.
    config : Config

    Returns
    -------
    list of Chunk
        One in all common cases.  Several when the positions are in more than ``window_tiles``
        tiles or the spans more than ``window_spans``; a tap may then begin in one chunk and end
        in the next.
    """
    runs = [run for tap, sources in enumerate(_sources(geometry, row_tile, config))
            for run in _runs(sources, tap, config)]
    parts: list[list[_Run]] = [[]]
    held: frozenset[int] = frozenset()
    for run in runs:
        grown = held | run.tiles(config.tile_m)
        if parts[-1] and (len(grown) > config.window_tiles
                          or len(parts[-1]) == config.window_spans):
            parts.append([])
            grown = run.tiles(config.tile_m)
        parts[-1].append(run)
        held = grown
    return [_chunk(part, config) for part in parts]


def _sources(geometry: ConvGeometry, row_tile: int, config: Config) -> NDArray[np.int64]:
    """Input position of every tap (rows) and row of the tile (columns); -1 is padding."""
    rows = np.arange(row_tile * config.tile_m,
                     min((row_tile + 1) * config.tile_m, geometry.positions))
    out = rows // geometry.out_width, rows % geometry.out_width
    kernel_h, kernel_w = geometry.kernel
    taps = np.arange(kernel_h * kernel_w)
    tap = taps // kernel_w, taps % kernel_w
    size = geometry.height, geometry.width
    at = [out[n] * geometry.stride[n] + tap[n][:, None] * geometry.dilation[n] - geometry.pads[n]
          for n in range(2)]
    inside = (at[0] >= 0) & (at[0] < size[0]) & (at[1] >= 0) & (at[1] < size[1])
    return np.where(inside, at[0] * geometry.width + at[1], -1)


def _runs(sources: NDArray[np.int64], tap: int, config: Config) -> list[_Run]:
    """One tap's rows in as few runs of tile_m positions as a greedy walk finds."""
    rows = np.flatnonzero(sources >= 0)
    runs: list[_Run] = []
    start = place = valid = first = last = 0
    for row in rows.tolist():
        position = int(sources[row])
        lane = position - start
        # Rows of padding in between need lanes of their own.
        gap = row - last - 1
        if not valid or lane >= config.tile_m or lane - (valid.bit_length() - 1) - 1 < gap:
            if valid:
                runs.append(_run(start, place, valid, first, tap, config))
            start, lane, place, valid, first = position, 0, 0, 0, row
        else:
            place |= ((1 << gap) - 1) << valid.bit_length()
        place |= 1 << lane
        valid |= 1 << lane
        last = row
    runs.append(_run(start, place, valid, first, tap, config))
    runs[-1] = replace(runs[-1], span=replace(runs[-1].span, end=True))
    return runs


def _run(start: int, place: int, valid: int, row: int, tap: int, config: Config) -> _Run:
    span = Span(place=place, valid=valid, lane=start % config.tile_m, slot=0, row=row, end=False)
    return _Run(start, start + valid.bit_length(), span, tap)


def _chunk(part: list[_Run], config: Config) -> Chunk:
    # A run without valid lanes reads nothing; a window holds at least one tile all the same.
    tiles = sorted(frozenset().union(*(run.tiles(config.tile_m) for run in part))) or [0]
    slots = {tile: slot for slot, tile in enumerate(tiles)}
    spans = tuple(replace(run.span, slot=slots.get(run.start // config.tile_m, 0))
                  for run in part)
    starts: list[tuple[int, int]] = []
    for index, run in enumerate(part):
        if not starts or starts[-1][0] != run.tap:
            starts.append((run.tap, index))
    return Chunk(tiles=tuple(tiles), spans=spans, starts=tuple(starts))
