"""Accumulators of an inner-product core, by blocks for the sums, by rows for C and D."""

from amaranth import *
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from dstc.isa import CONTEXTS

from ..accumulator import row_access_layout
from ..select import select
from .layouts import block_layout

__all__ = ["BlockAccumulators"]


class BlockBank(wiring.Component):
    """The accumulators of one dot-product unit, in two contexts.

    A memory for the left and one for the right blocks of each context, because a beat of C or D
    holds a row of both.

    Timing: places to read come one cycle ahead, into registers of this bank; writes take effect in
    the next cycle.  Sums and rows may not use the same context at a time: a block has its
    context's read ports to itself, at other times they show the row.  Nothing has a reset.

    Members
    -------
    read_at, write_at : ``In(block_layout(config))``
    acc : ``Out(acc_bits)``
        The sum so far, of the block that was on ``read_at`` in the cycle before.
    total : ``In(acc_bits)``
        The new one.
    drain_acc : ``In(1)``, drain_upper : ``In(1)``, drain_index : ``In(range(bank_depth))``
        Context to drain; half and, by number, group of the row in the next cycle.
    drain : ``Out(ArrayLayout(acc_bits, 2))``, load : ``In(ArrayLayout(acc_bits, 2))``
        Left and right.
    load_at : ``In(row_access_layout(config))``
        ``en`` is for the bank row of this unit alone; of the rows only the upper half bit counts.
    """

    def __init__(self, config):
        self._config = config
        pair = data.ArrayLayout(config.acc_bits, 2)
        super().__init__({
            "read_at": In(block_layout(config)), "acc": Out(config.acc_bits),
            "write_at": In(block_layout(config)), "total": In(config.acc_bits),
            "drain_acc": In(1), "drain_upper": In(1), "drain_index": In(range(config.bank_depth)),
            "drain": Out(pair),
            "load_at": In(row_access_layout(config)), "load": In(pair),
        })

    def elaborate(self, platform):
        m = Module()
        at = Signal.like(self.read_at, name="at", reset_less=True)
        m.d.sync += at.eq(self.read_at)
        places = []
        for acc in range(CONTEXTS):
            block = self.read_at.valid & (self.read_at.acc == acc)
            places.append(Signal(range(2 * self._config.bank_depth), name=f"place_{acc}",
                                 reset_less=True))
            m.d.sync += places[acc].eq(Mux(block, _block_address(self.read_at),
                                           Cat(self.drain_upper, self.drain_index)))
        sides = [[self._memory(m, acc, right, places[acc]) for acc in range(CONTEXTS)]
                 for right in range(2)]
        sums = [Mux(at.acc, side[1], side[0]) for side in sides]
        m.d.comb += self.acc.eq(Mux(at.zero, 0, Mux(at.right, *sums[::-1])))
        for right in range(2):
            m.d.comb += self.drain[right].eq(Mux(self.drain_acc, sides[right][1], sides[right][0]))
        return m

    def _memory(self, m, acc, right, place):
        """One memory; returns what its read port shows."""
        config = self._config
        bank = memory.Memory(shape=config.acc_bits, depth=2 * config.bank_depth, init=[])
        m.submodules[f"context_{acc}_{right}"] = bank
        read, write = bank.read_port(domain="comb"), bank.write_port()
        ends, loads = Signal(name=f"ends_{acc}_{right}"), Signal(name=f"loads_{acc}_{right}")
        m.d.comb += [
            loads.eq(self.load_at.en & (self.load_at.acc == acc)),
            ends.eq(self.write_at.valid & (self.write_at.acc == acc)
                    & (self.write_at.right == right)),
            read.addr.eq(place),
            write.addr.eq(Mux(ends, _block_address(self.write_at), _row_address(self.load_at))),
            write.data.eq(Mux(ends, self.total, self.load[right])),
            write.en.eq(loads | ends),
        ]
        return read.data


def _block_address(at):
    return Cat(at.lower, at.index)


def _row_address(at):
    return Cat(at.bank_row[-1], at.index)


class BlockAccumulators(wiring.Component):
    """Accumulators of all dot-product units.

    Unit (p, q) has rows p and p + R/2 of every row group and columns q and q + S/2 of every column
    group.

    Timing: sums of a block show in the cycle after ``read_at`` and are written in the next; a row
    shows with its context and bank row, its number and half come one cycle ahead.

    Parameters
    ----------
    twin : TwinShape

    Members
    -------
    read_at, write_at : ``In(block_layout(config))``
    acc : ``Out(ArrayLayout(acc_bits, R/2 * S/2))``, total : ``In`` of the same
        Sums of a block, row by row.
    drain_acc : ``In(1)``, drain_row : ``In(range(R))``
        Context and bank row to drain.
    drain_next_row : ``In(range(R))``, drain_next_index : ``In(range(bank_depth))``
        Bank row and accumulator index in the next cycle.
    load_at : ``In(row_access_layout(config))``
    drain : ``Out(ArrayLayout(acc_bits, S))``, load : ``In`` of the same
        A row of a column group.
    """

    def __init__(self, twin):
        self._twin = twin
        config = twin.config
        block = data.ArrayLayout(config.acc_bits, twin.rows * twin.cols)
        row = data.ArrayLayout(config.acc_bits, config.array_cols)
        super().__init__({
            "read_at": In(block_layout(config)), "acc": Out(block),
            "write_at": In(block_layout(config)), "total": In(block),
            "drain_acc": In(1), "drain_row": In(range(config.array_rows)),
            "drain_next_row": In(range(config.array_rows)),
            "drain_next_index": In(range(config.bank_depth)), "drain": Out(row),
            "load_at": In(row_access_layout(config)), "load": In(row),
        })

    def elaborate(self, platform):
        m = Module()
        config, twin = self._twin.config, self._twin
        rows = [Signal(data.ArrayLayout(config.acc_bits, config.array_cols), name=f"row_{p}")
                for p in range(twin.rows)]
        for p in range(twin.rows):
            loads = Signal(name=f"loads_{p}")
            m.d.comb += loads.eq(self.load_at.en & _is_row(self.load_at, p))
            for q in range(twin.cols):
                n = p * twin.cols + q
                m.submodules[f"bank_{p}_{q}"] = bank = BlockBank(config)
                m.d.comb += [
                    bank.read_at.eq(self.read_at), self.acc[n].eq(bank.acc),
                    bank.write_at.eq(self.write_at), bank.total.eq(self.total[n]),
                    bank.drain_acc.eq(self.drain_acc),
                    bank.drain_upper.eq(self.drain_next_row[-1]),
                    bank.drain_index.eq(self.drain_next_index),
                    bank.load_at.eq(self.load_at), bank.load_at.en.eq(loads),
                ]
                for right in range(2):
                    column = right * twin.cols + q
                    m.d.comb += [bank.load[right].eq(self.load[column]),
                                 rows[p][column].eq(bank.drain[right])]
        shown = rows[0] if twin.rows == 1 else select(m, "row", rows, self.drain_row[:-1])
        m.d.comb += self.drain.eq(shown)
        return m


def _is_row(at, p):
    """Whether an access is to rows ``p`` of the blocks."""
    below = at.bank_row[:-1]
    return below == p if len(below) else Const(1)
