"""Operand collector: smooths bank conflicts over several k-steps."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from .bank_picker import BankPicker, bank_operands_layout
from .crossbar import collector_layout
from .operand_store import OperandStore

__all__ = ["OperandCollector"]


class OperandCollector(wiring.Component):
    """Operand collector.

    Row m of the tile belongs to bank row m mod R, column n to bank column n mod S, so every
    accumulator bank (p, q) owns U x V accumulators (U = tile_m / R, V = tile_n / S).  An entry
    of the collector holds the operands of one k-step at their positions.  OHMMA arrive in order
    and add operands to the newest entry; every bank takes one product per cycle from the oldest
    entry that still has one for it.  Banks run ahead of each other by up to
    ``collector_entries`` k-steps, which hides conflicts without a crossbar of products.

    An entry opens with an OHMMA marked ``first``, closes with ``last`` and retires, in order,
    when every bank has taken all its products.

    Timing: an OHMMA taken in cycle t can be used from cycle t + 1; picks are registered
    (``o`` in the cycle after).  ``i.ready`` is low only if ``first`` finds no free entry.  An
    entry retires at the earliest in the cycle after its last pick, and can be taken again in
    that same cycle.

    Parameters
    ----------
    config : Config
    hazard : int
        Cycles that have to lie between two products for one accumulator.

    Members
    -------
    i : ``In(stream.Signature(collector_layout(config)))``
    o : ``Out(ArrayLayout(bank_operands_layout(config), R * S))``
        Product to make in bank p * S + q; no back-pressure.
    done : ``Out(1)``, done_acc : ``Out(1)``
        An instruction's last entry retired: all its products have been picked.
    empty : ``Out(1)``
        No entry is held.
    """

    def __init__(self, config, hazard):
        self._config = config
        self._hazard = hazard
        super().__init__({
            "i": In(stream.Signature(collector_layout(config))),
            "o": Out(data.ArrayLayout(bank_operands_layout(config), config.multipliers)),
            "done": Out(1),
            "done_acc": Out(1),
            "empty": Out(1),
        })

    @property
    def latency(self):
        return 2

    def elaborate(self, platform):
        m = Module()
        config = self._config
        entries = config.collector_entries
        head, newest = Signal(range(entries)), Signal(range(entries), init=entries - 1)
        count = Signal(range(entries + 1))
        closed, ends, accs = Signal(entries), Signal(entries), Signal(entries)

        token = self.i.p.token
        retire, taken, opens = Signal(), Signal(), Signal()
        m.d.comb += [
            self.empty.eq(count == 0),
            self.i.ready.eq(~token.first | (count != entries) | retire),
            taken.eq(self.i.valid & self.i.ready),
            opens.eq(taken & token.first),
            self.done.eq(retire & ends.bit_select(head, 1)),
            self.done_acc.eq(accs.bit_select(head, 1)),
        ]
        m.d.sync += count.eq(count + opens - retire)

        head_next, newest_next, target = (Signal.like(head, name=name) for name in
                                          ("head_next", "newest_next", "target"))
        m.d.comb += [
            head_next.eq(Mux(head == entries - 1, 0, head + 1)),
            newest_next.eq(Mux(newest == entries - 1, 0, newest + 1)),
            target.eq(Mux(token.first, newest_next, newest)),
        ]
        with m.If(retire):
            m.d.sync += head.eq(head_next)
        with m.If(opens):
            m.d.sync += newest.eq(newest_next)
        for e in range(entries):
            with m.If(taken & (target == e)):
                m.d.sync += [closed[e].eq(token.last), ends[e].eq(token.op_last),
                             accs[e].eq(token.acc)]

        rows = self._stores(m, "a", config.array_rows, target, taken, retire, head)
        cols = self._stores(m, "b", config.array_cols, target, taken, retire, head)
        self._pickers(m, rows, cols, closed=closed, accs=accs, head=head, head_next=head_next,
                      count=count, retire=retire)
        return m

    def _stores(self, m, side, lanes, target, taken, retire, head):
        """One store for each bank row (or bank column)."""
        token, operands = self.i.p.token, self.i.p[side]
        groups = len(operands.mask) // lanes
        readers = self._config.multipliers // lanes
        stores = []
        for p in range(lanes):
            store = OperandStore(self._config, groups, readers)
            m.submodules[f"store_{side}_{p}"] = store
            m.d.comb += [
                store.taken.eq(taken), store.target.eq(target), store.first.eq(token.first),
                store.retire.eq(retire), store.head.eq(head),
            ]
            for g in range(groups):
                m.d.comb += [store.mask[g].eq(operands.mask[g * lanes + p]),
                             store.i[g].eq(operands.values[g * lanes + p])]
            stores.append(store)
        return stores

    def _pickers(self, m, rows, cols, *, closed, accs, head, head_next, count, retire):
        """One picker per bank; the oldest entry retires when none of them needs it."""
        config = self._config
        needed = Signal(config.multipliers)
        m.d.comb += retire.eq((count != 0) & closed.bit_select(head, 1) & ~needed.any())
        for p, row in enumerate(rows):
            for q, col in enumerate(cols):
                bank = p * config.array_cols + q
                picker = BankPicker(config, self._hazard)
                m.submodules[f"bank_{p}_{q}"] = picker
                m.d.comb += [
                    picker.row_masks.eq(row.masks),
                    row.at[q].eq(picker.current), picker.row_values.eq(row.read[q]),
                    picker.col_masks.eq(col.masks),
                    col.at[p].eq(picker.current), picker.col_values.eq(col.read[p]),
                    picker.closed.eq(closed),
                    picker.accs.eq(accs),
                    picker.head.eq(head),
                    picker.head_next.eq(head_next),
                    picker.retire.eq(retire),
                    needed[bank].eq(picker.needs_head),
                    self.o[bank].eq(picker.o),
                ]
