"""Compaction and expansion: between lanes some of which are kept and a list without gaps.

The kept lane n stands in place n - z of the list, with z the lanes below it that are not kept.
A lane reaches its place in steps of 1, 2, 4, ..., one for each set bit of z; taken in this order,
no two kept lanes ever meet.  Expansion is the way back: the same steps, largest first.  This costs
a two-way multiplexer per lane and step, where a selection per lane would cost one per pair.
"""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from ..bitmap_unit import prefix_counts

__all__ = ["Compactor", "compact", "expand", "routes"]


def routes(m, name, keep):
    """Which lanes move in each step, smallest step first, and the number of kept lanes.

    Bit n of ``moves[s]`` tells that what stands in lane n before step s goes to lane n - 2**s;
    it is clear below lane 2**s.
    """
    size = len(keep)
    steps = ceil_log2(size)
    inverse = Signal(size, name=f"{name}_left_out")
    m.d.comb += inverse.eq(~keep)
    gaps = prefix_counts(m, f"{name}_gaps", inverse)
    ways = [Signal(steps, name=f"{name}_way_{n}") for n in range(size)]
    m.d.comb += [way.eq(gap & keep[n].replicate(len(way)))
                 for n, (way, gap) in enumerate(zip(ways, gaps, strict=False))]
    moves = []
    for s in range(steps):
        step = 1 << s
        move = Signal(size, name=f"{name}_move_{step}")
        m.d.comb += move.eq(Cat(way[0] for way in ways))
        moves.append(move)
        if s == steps - 1:
            break
        # The way that is left; a lane that nothing kept stands in has none.
        left = [Signal(steps - s - 1, name=f"{name}_way_{2 * step}_{n}") for n in range(size)]
        for n in range(size):
            value = Mux(move[n], 0, ways[n][1:])
            if n + step < size:
                value = value | Mux(move[n + step], ways[n + step][1:], 0)
            m.d.comb += left[n].eq(value)
        ways = left
    count = Signal(range(size + 1), name=f"{name}_count")
    m.d.comb += count.eq(size - gaps[size])
    return moves, count


def compact(m, name, values, moves):
    """The kept values, lowest lane first; those of the lanes behind them are arbitrary."""
    values = list(values)
    for s, move in enumerate(moves):
        step = 1 << s
        result = [Signal.like(Value.cast(value), name=f"{name}_{step}_{n}")
                  for n, value in enumerate(values)]
        for n, value in enumerate(values):
            taken = value if n + step >= len(values) else Mux(
                move[n + step], values[n + step], value)
            m.d.comb += result[n].eq(taken)
        values = result
    return values


def expand(m, name, values, moves):
    """The values of a list without gaps in the lanes that keep them; the others are arbitrary."""
    values = list(values)
    for s, move in reversed(list(enumerate(moves))):
        step = 1 << s
        result = [Signal.like(Value.cast(value), name=f"{name}_{step}_{n}")
                  for n, value in enumerate(values)]
        for n, value in enumerate(values):
            taken = value if n < step else Mux(move[n], values[n - step], value)
            m.d.comb += result[n].eq(taken)
        values = result
    return values


class Compactor(wiring.Component):
    """Compaction of the kept lanes.

    Timing: combinational; the number of gaps below each lane, then one multiplexer for each
    power of two below ``lanes``.

    Parameters
    ----------
    width : int
        Bits of a value, at least 1.
    lanes : int
        At least 2.

    Members
    -------
    values : ``In(ArrayLayout(width, lanes))``
    keep : ``In(lanes)``
    packed : ``Out(ArrayLayout(width, lanes))``
        The kept values, lowest lane first; arbitrary from ``count`` on.
    count : ``Out(range(lanes + 1))``
        Kept lanes.

    Raises
    ------
    ValueError
        If ``width`` or ``lanes`` is not an integer of at least 1 or 2.
    """

    def __init__(self, width, lanes):
        for name, value, low in (("width", width, 1), ("lanes", lanes, 2)):
            if not isinstance(value, int) or value < low:
                raise ValueError(f"Compactor {name} must be an integer of at least {low}, "
                                 f"not {value!r}")
        super().__init__({
            "values": In(data.ArrayLayout(width, lanes)),
            "keep": In(lanes),
            "packed": Out(data.ArrayLayout(width, lanes)),
            "count": Out(range(lanes + 1)),
        })

    def elaborate(self, platform):
        m = Module()
        moves, count = routes(m, "keep", self.keep)
        packed = compact(m, "packed", self.values, moves)
        m.d.comb += [self.packed.as_value().eq(Cat(packed)), self.count.eq(count)]
        return m
