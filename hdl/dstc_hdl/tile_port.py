"""Tile ports: C tiles into the accumulation buffer, results out of it."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from dstc.isa import CONTEXTS

from .accumulator import row_access_layout
from .layouts import acc_op_layout, beat_layout
from .stream import StreamRegister

__all__ = ["CLoad", "Drain", "RowCounter"]


class RowCounter(wiring.Component):
    """Walks the beats of a C or D tile: row by row, within a row column group by column group.

    Timing: the place is registered and moves on in the cycle after ``step``; ``last`` marks the
    final beat, after which it starts anew.  ``next_bank_row`` and ``next_index`` are
    combinational, for registers beside what the place is needed in.

    Parameters
    ----------
    config : Config

    Members
    -------
    step : ``In(1)``
    bank_row, index : ``Out``
        Bank row and accumulator index of the beat.
    next_bank_row, next_index : ``Out``
        Those of the next cycle.
    last : ``Out(1)``
    """

    def __init__(self, config):
        self._config = config
        super().__init__({
            "step": In(1),
            "bank_row": Out(range(config.array_rows)),
            "index": Out(range(config.bank_depth)),
            "next_bank_row": Out(range(config.array_rows)),
            "next_index": Out(range(config.bank_depth)),
            "last": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        config = self._config
        group, col = Signal(range(config.row_groups)), Signal(range(config.col_groups))
        next_group, next_col = Signal.like(group), Signal.like(col)
        col_last, row_last, group_last = Signal(), Signal(), Signal()
        m.d.comb += [
            col_last.eq(col == config.col_groups - 1),
            row_last.eq(self.bank_row == config.array_rows - 1),
            group_last.eq(group == config.row_groups - 1),
            self.last.eq(col_last & row_last & group_last),
            self.index.eq(group + config.row_groups * col),
            self.next_index.eq(next_group + config.row_groups * next_col),
            next_col.eq(col), self.next_bank_row.eq(self.bank_row), next_group.eq(group),
        ]
        with m.If(self.step):
            m.d.comb += next_col.eq(Mux(col_last, 0, col + 1))
            with m.If(col_last):
                m.d.comb += self.next_bank_row.eq(Mux(row_last, 0, self.bank_row + 1))
                with m.If(row_last):
                    m.d.comb += next_group.eq(Mux(group_last, 0, group + 1))
        m.d.sync += [col.eq(next_col), self.bank_row.eq(self.next_bank_row), group.eq(next_group)]
        return m


class CLoad(wiring.Component):
    """Loads a C tile into an accumulation context.

    NaN of any payload become the one quiet NaN on the way in (docs/numerics.md).

    Timing: one beat per cycle; the load starts in the cycle in which its turn has come and needs
    no cycle besides its beats.

    Parameters
    ----------
    config : Config

    Members
    -------
    op : ``In(stream.Signature(acc_op_layout()))``
        Loads to do, in order; taken with the last beat.
    turn : ``In(1)``
        The context of the load on ``op`` is free for it.
    i : ``In(stream.Signature(c_beat_bits))``
    at : ``Out(row_access_layout(config))``, write : ``Out(ArrayLayout(acc_bits, S))``
    done : ``Out(1)``
        The load on ``op`` ends in this cycle.
    """

    def __init__(self, config):
        self._config = config
        super().__init__({
            "op": In(stream.Signature(acc_op_layout())),
            "turn": In(1),
            "i": In(stream.Signature(config.c_beat_bits)),
            "at": Out(row_access_layout(config)),
            "write": Out(data.ArrayLayout(config.acc_bits, config.array_cols)),
            "done": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.rows = rows = RowCounter(self._config)
        active = Signal()
        m.d.comb += [
            active.eq(self.op.valid & self.turn),
            self.i.ready.eq(active),
            rows.step.eq(active & self.i.valid),
            self.at.en.eq(rows.step),
            self.at.acc.eq(self.op.p.acc),
            self.at.bank_row.eq(rows.bank_row),
            self.at.index.eq(rows.index),
            self.done.eq(rows.step & rows.last),
            self.op.ready.eq(self.done),
        ]
        for q in range(self._config.array_cols):
            word = self.i.payload.word_select(q, self._config.acc_bits)
            if self._config.format.is_float:
                is_nan = word[23:31].all() & word[:23].any()
                m.d.comb += self.write[q].eq(Mux(is_nan, 0x7FC00000, word))
            else:
                m.d.comb += self.write[q].eq(word)
        return m


class Drain(wiring.Component):
    """Drains an accumulation context to the result stream and leaves it at +0.

    Timing: one beat per cycle, latency 1 to ``o``.  The context is cleared in the cycle after
    its last beat was read; ``done`` comes when that beat has been taken from ``o``.

    Parameters
    ----------
    config : Config

    Members
    -------
    op : ``In(stream.Signature(acc_op_layout()))``
        Drains to do, in order; taken when done.
    turn : ``In(1)``
        The context of the drain on ``op`` is free for it.
    at : ``Out(row_access_layout(config))``, read : ``In(ArrayLayout(acc_bits, S))``
        A row and what it holds, in the same cycle.
    next_bank_row, next_index : ``Out``
        Place of ``at`` in the next cycle.
    clear : ``Out(2)``
    o : ``Out(stream.Signature({data, last}))``
    done : ``Out(1)``
    """

    def __init__(self, config):
        self._config = config
        super().__init__({
            "op": In(stream.Signature(acc_op_layout())),
            "turn": In(1),
            "at": Out(row_access_layout(config)),
            "next_bank_row": Out(range(config.array_rows)),
            "next_index": Out(range(config.bank_depth)),
            "read": In(data.ArrayLayout(config.acc_bits, config.array_cols)),
            "clear": Out(CONTEXTS),
            "o": Out(stream.Signature(beat_layout(config.c_beat_bits))),
            "done": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.rows = rows = RowCounter(self._config)
        m.submodules.output = output = StreamRegister(beat_layout(self._config.c_beat_bits))
        wiring.connect(m, output.o, wiring.flipped(self.o))
        read_all = Signal()     # all beats are read; the last still waits in the output register
        m.d.comb += [
            self.at.en.eq(self.op.valid & self.turn & ~read_all),
            self.at.acc.eq(self.op.p.acc),
            self.at.bank_row.eq(rows.bank_row),
            self.at.index.eq(rows.index),
            self.next_bank_row.eq(rows.next_bank_row),
            self.next_index.eq(rows.next_index),
            output.i.valid.eq(self.at.en),
            output.i.p.data.eq(self.read),
            output.i.p.last.eq(rows.last),
            rows.step.eq(self.at.en & output.i.ready),
            # By comparison, not by a shift: an unknown context of no operation clears nothing.
            self.clear.eq(Cat(rows.step & rows.last & (self.op.p.acc == n)
                              for n in range(CONTEXTS))),
            self.done.eq(read_all & self.o.ready),
            self.op.ready.eq(self.done),
        ]
        with m.If(rows.step & rows.last):
            m.d.sync += read_all.eq(1)
        with m.Elif(self.done):
            m.d.sync += read_all.eq(0)
        return m
