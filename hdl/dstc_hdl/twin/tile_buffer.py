"""Tile buffer: two operand tiles, one of which is loaded while the other is read."""

from amaranth import *
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from dstc.twin.shape import DOT

from ..layouts import address_bits

__all__ = ["TILES", "TileBuffer"]

TILES = 2
"""Tiles that a buffer holds."""


class TileBuffer(wiring.Component):
    """Tile buffer.

    A tile is ``rows`` rows.  What one row brings to element e of the dot products is read ``e *
    skew`` cycles after the row was asked for, which is when that element is multiplied.

    With ``halves`` = 1 a beat of the stream is a row, in order, and element e is the e-th quarter
    of it.  With ``halves`` = 2 a row takes two beats, and elements 0 and 1 are both all of the
    first one, elements 2 and 3 the second; ``group`` first beats are followed by as many second
    beats.

    Timing: one beat per cycle, one row per cycle.  Element e of the row asked for in cycle t is on
    ``o[e]`` in cycle t + 1 + e * skew.  A tile is ``present`` in the cycle after its last beat; its
    place is free 2 + 3 * skew cycles after ``next``.

    Parameters
    ----------
    beat_bits : int
        Width of a beat, a multiple of four.
    rows : int
    group : int
        Divides ``rows``.
    skew : int
        Cycles, at least 0.
    halves : int
        1 or 2.

    Members
    -------
    i : ``In(stream.Signature(beat_bits))``
        Tiles, one after the other.
    present : ``Out(1)``
        There is a tile to read.
    row : ``In(address_bits(rows))``
        The row asked for.
    next : ``In(1)``
        It is the last row to be read of this tile; only while ``present``.
    o : ``Out(ArrayLayout(beat_bits / 4 or beat_bits, 4))``
    """

    def __init__(self, *, beat_bits, rows, group, skew, halves=1):
        self._beat_bits, self._rows, self._group = beat_bits, rows, group
        self._skew, self._halves = skew, halves
        self._part_bits = beat_bits if halves > 1 else beat_bits // DOT
        super().__init__({
            "i": In(stream.Signature(beat_bits)),
            "present": Out(1),
            "row": In(address_bits(rows)),
            "next": In(1),
            "o": Out(data.ArrayLayout(self._part_bits, DOT)),
        })

    def elaborate(self, platform):
        m = Module()
        at, half, loaded, load_slot = self._load(m)
        read_slot, freed = self._slots(m, loaded)
        with m.If(loaded):
            m.d.sync += load_slot.eq(~load_slot)

        # The row, as it reaches the elements one after the other.
        rows = [Cat(self.row, read_slot)]
        for n in range((DOT - 1) * self._skew):
            rows.append(Signal(len(rows[0]), name=f"row_{n}", reset_less=True))
            m.d.sync += rows[-1].eq(rows[-2])
        per_part = 2 if self._halves > 1 else 1
        for part in range(DOT // per_part):
            values = memory.Memory(shape=self._part_bits, depth=TILES << len(self.row), init=[])
            m.submodules[f"part_{part}"] = values
            write = values.write_port()
            here = half == part if self._halves > 1 else Const(1)
            m.d.comb += [
                write.en.eq(self.i.valid & self.i.ready & here),
                write.addr.eq(Cat(at, load_slot)),
                write.data.eq(self.i.payload if self._halves > 1
                              else self.i.payload.word_select(part, self._part_bits)),
            ]
            reads = {}
            for element in range(part * per_part, (part + 1) * per_part):
                delay = element * self._skew
                if delay not in reads:
                    reads[delay] = values.read_port()
                    m.d.comb += reads[delay].addr.eq(rows[delay])
                m.d.comb += self.o[element].eq(reads[delay].data)
        m.d.comb += self.i.ready.eq(freed != 0)
        return m

    def _load(self, m):
        """Where the next beat goes, and whether it is the last one of its tile."""
        at, half, load_slot = Signal.like(self.row), Signal(), Signal()
        loaded, taken = Signal(), Signal()
        m.d.comb += taken.eq(self.i.valid & self.i.ready)
        if self._halves == 1:
            m.d.comb += loaded.eq(taken & (at == self._rows - 1))
            with m.If(taken):
                m.d.sync += at.eq(Mux(loaded, 0, at + 1))
            return at, half, loaded, load_slot
        within, first = Signal(range(self._group)), Signal.like(self.row)
        group_last = Signal()
        m.d.comb += [
            at.eq(first + within),
            group_last.eq(within == self._group - 1),
            loaded.eq(taken & half & (at == self._rows - 1)),
        ]
        with m.If(taken):
            m.d.sync += within.eq(Mux(group_last, 0, within + 1))
            with m.If(group_last):
                m.d.sync += half.eq(~half)
                with m.If(half):
                    m.d.sync += first.eq(Mux(loaded, 0, first + self._group))
        return at, half, loaded, load_slot

    def _slots(self, m, loaded):
        """Which tile is read, and how many places are free."""
        tiles, free = Signal(range(TILES + 1)), Signal(range(TILES + 1), init=TILES)
        read_slot = Signal()
        ended = self.next
        for n in range((DOT - 1) * self._skew + 1):
            stage = Signal(name=f"ended_{n}")
            m.d.sync += stage.eq(ended)
            ended = stage
        m.d.comb += self.present.eq(tiles != 0)
        m.d.sync += [tiles.eq(tiles + loaded - self.next), free.eq(free + ended - loaded)]
        with m.If(self.next):
            m.d.sync += read_slot.eq(~read_slot)
        return read_slot, free
