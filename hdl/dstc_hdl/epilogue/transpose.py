"""Transposing buffer: result tiles row by row in, channel by channel out."""

from amaranth import *
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from .layouts import rows_layout
from .tile_walk import TileWalk

__all__ = ["TransposeBuffer", "elements_layout"]


def elements_layout(config):
    """The elements of one row of one column group, and how many blocks of channels to send."""
    return data.StructLayout({
        "values": data.ArrayLayout(config.element_bits, config.array_cols),
        "blocks": range(config.channel_blocks + 1),
    })


class TransposeBuffer(wiring.Component):
    """Two result tiles: one is written by rows while the other is read by channels.

    The element of row m and column n is in bank ``(m + n) mod S``, so both the S columns of a
    beat and S consecutive rows of a column are in S different banks: a beat is written, and S rows
    are read, in one cycle, each after a rotation.

    Timing: one beat per cycle in, one token per cycle out, ``blocks * tile_k * tile_m / S`` tokens
    for a tile.  The first one is on offer 2 cycles after the last beat was taken, or in the cycle
    after the last one of the tile before was taken.  A beat is taken unless both halves hold
    tiles; a half is free from the cycle in which its last token is first on offer.

    Parameters
    ----------
    config : Config

    Members
    -------
    i : ``In(stream.Signature(elements_layout(config)))``
        ``blocks`` counts with the last beat of a tile.
    o : ``Out(stream.Signature(rows_layout(config)))``
    busy : ``Out(1)``
        A whole tile is held or a token on offer.
    """

    def __init__(self, config):
        self._config = config
        super().__init__({
            "i": In(stream.Signature(elements_layout(config))),
            "o": Out(stream.Signature(rows_layout(config))),
            "busy": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        full, blocks = Signal(2), [Signal.like(self.i.p.blocks, name=f"blocks_{n}",
                                               reset_less=True) for n in range(2)]
        into, source = Signal(), Signal()
        m.submodules.walk = walk = TileWalk(self._config)
        done = Signal()
        m.d.comb += [
            self.i.ready.eq(~full.bit_select(into, 1)),
            walk.step.eq(self.i.valid & self.i.ready),
            self.busy.eq(full.any() | self.o.valid),
        ]
        advance, place = self._read_walk(m, full.bit_select(source, 1),
                                         Mux(source, blocks[1], blocks[0]), done)
        with m.If(walk.step & walk.last):
            m.d.sync += into.eq(~into)
            for n in range(2):
                with m.If(into == n):
                    m.d.sync += [full[n].eq(1), blocks[n].eq(self.i.p.blocks)]
        with m.If(done):
            m.d.sync += source.eq(~source)
            for n in range(2):
                with m.If(source == n):
                    m.d.sync += full[n].eq(0)
        self._banks(m, walk, into, source, advance, place)
        return m

    def _read_walk(self, m, ready, blocks, done):
        """Order of the reads; gives when to read and where."""
        config = self._config
        parts = config.tile_m // config.array_cols
        part, column = Signal(range(parts)), Signal(range(config.tile_n))
        channel, block = Signal(range(config.tile_k)), Signal(range(1, config.channel_blocks + 1),
                                                              init=1)
        advance, part_last, close = Signal(), Signal(), Signal()
        shown = Signal(data.StructLayout({"part": range(parts), "end": 1, "close": 1}))
        m.d.comb += [
            advance.eq(~self.o.valid | self.o.ready),
            part_last.eq(part == parts - 1),
            close.eq(part_last & (channel == config.tile_k - 1)),
            done.eq(advance & ready & close & (block == blocks)),
            self.o.p.part.eq(shown.part), self.o.p.end.eq(shown.end),
            self.o.p.close.eq(shown.close),
        ]
        with m.If(advance):
            m.d.sync += self.o.valid.eq(ready)
        with m.If(advance & ready):
            m.d.sync += [shown.part.eq(part), shown.end.eq(part_last), shown.close.eq(close),
                         part.eq(Mux(part_last, 0, part + 1))]
            with m.If(part_last):
                m.d.sync += [column.eq(Mux(done, 0, column + 1)),
                             channel.eq(Mux(close, 0, channel + 1))]
            with m.If(close):
                m.d.sync += block.eq(Mux(done, 1, block + 1))
        return advance, (part, column)

    def _banks(self, m, walk, into, source, advance, place):
        """The memories, each a slot for every row of a part, part, column group and half."""
        config = self._config
        lanes, width = config.array_cols, config.element_bits
        bits = exact_log2(lanes)
        part, column = place
        lane, group = column[:bits], column[bits:]
        turn = Signal(bits)
        skewed = _rotate(m, "skewed", self.i.p.values.as_value(), walk.row[:bits], width, left=True)
        write_addr = Signal(bits + len(part) + len(group) + 1)
        m.d.comb += write_addr.eq(Cat(walk.row, walk.group, into))
        reads = []
        for n in range(lanes):
            bank = memory.Memory(shape=width, depth=1 << len(write_addr), init=[])
            m.submodules[f"bank_{n}"] = bank
            write, read = bank.write_port(), bank.read_port()
            row = Signal(bits, name=f"row_{n}")
            m.d.comb += [
                write.en.eq(walk.step), write.addr.eq(write_addr),
                write.data.eq(skewed.word_select(n, width)),
                row.eq(n - lane), read.en.eq(advance),
                read.addr.eq(Cat(row, part, group, source)),
            ]
            reads.append(read.data)
        with m.If(advance):
            m.d.sync += turn.eq(lane)
        m.d.comb += self.o.p.values.as_value().eq(
            _rotate(m, "straight", Cat(reads), turn, width, left=False))


def _rotate(m, name, value, amount, width, left):
    """The value turned by ``amount`` elements of ``width`` bits, in steps of powers of two."""
    for level, bit in enumerate(amount):
        turned = Signal(len(value), name=f"{name}_{1 << level}")
        places = width << level
        m.d.comb += turned.eq(Mux(bit, value.rotate_left(places) if left
                                  else value.rotate_right(places), value))
        value = turned
    return value
