"""Bitmap unit: popcount, prefix and select of one OHMMA."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from .layouts import lanes, ohmma_layout, positions, record_layout, tile_values

__all__ = ["BitmapUnit", "SideSelect", "fetch_layout", "popcount", "prefix_counts", "select_layout"]


def popcount(m, name, bits):
    """Set bits of ``bits`` as a named signal that is wide enough."""
    count = Signal(range(len(bits) + 1), name=name)
    m.d.comb += count.eq(sum(bits[n] for n in range(len(bits))))
    return count


def prefix_counts(m, name, bitmap):
    """Set bits below each position of ``bitmap``, and in all of it: ``len(bitmap) + 1`` signals.

    A parallel-prefix (Sklansky) network: logarithmic depth, each count computed once.
    """
    size = len(bitmap)
    sums = []
    for n in range(size):
        first = Signal(1, name=f"{name}_0_{n}")
        m.d.comb += first.eq(bitmap[n])
        sums.append(first)
    step = 1
    while step < size:
        level = list(sums)
        for n in range(size):
            if n & step:
                low = (n & ~(step - 1)) - 1
                level[n] = Signal(range(min(n + 1, 2 * step) + 1), name=f"{name}_{2 * step}_{n}")
                m.d.comb += level[n].eq(sums[n] + sums[low])
        sums = level
        step *= 2
    return [Const(0, 1), *sums]


def fetch_layout(config, side):
    """Which row each bank of the value memory has to read."""
    banks = 2 * lanes(config, side)
    rows = tile_values(config, side) // banks
    return data.ArrayLayout(range(rows), banks)


def select_layout(config, side):
    """How the values read from the banks go to the positions of the tile."""
    return data.StructLayout({
        "mask": positions(config, side),
        "start": range(2 * lanes(config, side)),
        "lane": data.ArrayLayout(range(lanes(config, side)), positions(config, side)),
    })


class SideSelect(wiring.Component):
    """Combinational select of one operand side.

    Of the k-step's bitmap it takes one group: in sparse mode the set bits of rank
    ``group * L`` to ``group * L + L - 1`` (L lanes), in dense mode the set bits among positions
    ``group * L`` to ``group * L + L - 1``.  The values of either are at most L neighbours in the
    packed values of the tile, so the 2L banks of the value memory deliver them in one access:
    value i lies in bank i mod 2L, row i div 2L.

    Timing: combinational.

    Parameters
    ----------
    config : Config
    side : str
        ``"A"`` or ``"B"``.

    Members
    -------
    record : ``In(record_layout(config, side))``
    group : ``In(range(groups))``
    dense : ``In(1)``
    fetch : ``Out(fetch_layout(config, side))``
        Row to read in each bank; rows of banks that hold no taken value are arbitrary.
    select : ``Out(select_layout(config, side))``
        ``mask``: positions taken.  ``start``: bank of the first value.  ``lane[p]``: index of
        position p's value modulo L; arbitrary where ``mask`` is clear.
    """

    def __init__(self, config, side):
        self._config = config
        self._side = side
        groups = positions(config, side) // lanes(config, side)
        super().__init__({
            "record": In(record_layout(config, side)),
            "group": In(range(groups)),
            "dense": In(1),
            "fetch": Out(fetch_layout(config, side)),
            "select": Out(select_layout(config, side)),
        })

    def elaborate(self, platform):
        m = Module()
        span, width = positions(self._config, self._side), lanes(self._config, self._side)
        shift = exact_log2(width)
        bitmap = Signal(span)
        m.d.comb += bitmap.eq(self.record.bitmap)
        prefix = prefix_counts(m, "prefix", bitmap)

        # Rank of the first taken value: group * L, or the set bits below position group * L.  It is
        # counted and added in one sum; a prefix count in front of an adder would be the longest
        # path of the core.
        sparse_rank = (self.group << shift) & (~self.dense).replicate(len(self.group) + shift)
        below = [bitmap[n] & self.dense & (self.group > n // width) for n in range(span - width)]
        start = Signal(range(tile_values(self._config, self._side) + 1))
        m.d.comb += start.eq(self.record.offset + sparse_rank + sum(below))
        row = start[shift + 1:]
        bank = Signal(range(2 * width))
        m.d.comb += [bank.eq(start[:shift + 1]), self.select.start.eq(bank)]
        for n in range(2 * width):
            m.d.comb += self.fetch[n].eq(Mux(n < bank, row + 1, row))

        for n in range(span):
            sparse_hit = (prefix[n] >> shift) == self.group
            dense_hit = self.group == n // width
            index = Signal(shift, name=f"index_{n}")
            m.d.comb += [
                index.eq(self.record.offset[:shift] + prefix[n][:shift]),
                self.select.lane[n].eq(index),
                self.select.mask[n].eq(bitmap[n] & Mux(self.dense, dense_hit, sparse_hit)),
            ]
        return m


class BitmapUnit(wiring.Component):
    """Bitmap unit.

    Takes an OHMMA together with the records (bitmap, value offset) of its two k-steps, works out
    which positions it takes on either side, starts the read of their values, and passes on how
    the values are to be routed.

    Timing: latency 1, one OHMMA per cycle.  ``fetch`` is valid with ``i``; ``fetch_en`` pulses
    when ``i`` is taken, so a synchronous value memory delivers together with ``o`` and holds
    while ``o`` stalls.

    Parameters
    ----------
    config : Config

    Members
    -------
    i : ``In(stream.Signature({token, a, b}))``
        The OHMMA and the records of its k-steps.
    o : ``Out(stream.Signature({token, a, b}))``
        The OHMMA and its selects, :func:`select_layout`.
    fetch_en : ``Out(1)``
    fetch_a, fetch_b : ``Out(fetch_layout(config, side))``
    """

    def __init__(self, config):
        self._config = config
        super().__init__({
            "i": In(stream.Signature(data.StructLayout({
                "token": ohmma_layout(config),
                "a": record_layout(config, "A"),
                "b": record_layout(config, "B"),
            }))),
            "o": Out(stream.Signature(data.StructLayout({
                "token": ohmma_layout(config),
                "a": select_layout(config, "A"),
                "b": select_layout(config, "B"),
            }))),
            "fetch_en": Out(1),
            "fetch_a": Out(fetch_layout(config, "A")),
            "fetch_b": Out(fetch_layout(config, "B")),
        })

    @property
    def latency(self):
        return 1

    def elaborate(self, platform):
        m = Module()
        token = self.i.p.token
        m.d.comb += [
            self.i.ready.eq(~self.o.valid | self.o.ready),
            self.fetch_en.eq(self.i.valid & self.i.ready),
        ]
        with m.If(self.i.ready):
            m.d.sync += self.o.valid.eq(self.i.valid)
        for side, group, fetch in (("A", token.g, self.fetch_a), ("B", token.h, self.fetch_b)):
            name = side.lower()
            select = SideSelect(self._config, side)
            m.submodules[f"select_{name}"] = select
            m.d.comb += [
                select.record.eq(self.i.p[name]),
                select.group.eq(group),
                select.dense.eq(token.dense),
                fetch.eq(select.fetch),
            ]
            with m.If(self.fetch_en):
                m.d.sync += self.o.p[name].eq(select.select)
                with m.If(token.null):
                    m.d.sync += self.o.p[name].mask.eq(0)
        with m.If(self.fetch_en):
            m.d.sync += self.o.p.token.eq(token)
        return m
