"""Bank picker: chooses the product that one accumulator bank makes next."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from .select import encode_one_hot, lowest, select_one_hot

__all__ = ["BankPicker", "bank_operands_layout"]


def bank_operands_layout(config):
    """Two operands and the accumulator, in the bank, that their product goes to.

    ``index`` is row group + row groups * column group.
    """
    return data.StructLayout({
        "valid": 1,
        "acc": 1,
        "index": range(config.bank_depth),
        "a": config.element_bits,
        "b": config.element_bits,
    })


class BankPicker(wiring.Component):
    """Bank picker.

    Walks the collector's entries in order.  In its current entry it takes the products of its
    row groups and column groups, lowest index first, passing over an accumulator that is still
    being updated; when the entry is closed and has no more, it goes on to the next entry that
    holds a product for this bank, however many lie between.  Products of one accumulator are
    therefore made in k order.

    Timing: one product per cycle; ``o`` is registered.  Going on to an entry costs no cycle if
    that entry held a product by the time the last product of the current one was picked.

    Parameters
    ----------
    config : Config
    hazard : int
        Cycles between two products for one accumulator, at least 1.

    Members
    -------
    row_masks : ``In(ArrayLayout(U, E))``, col_masks : ``In(ArrayLayout(V, E))``
        Groups present in each entry; 0 in an entry that is free.
    current : ``Out(range(E))``
        Entry that this bank works on.
    row_values : ``In(ArrayLayout(element_bits, U))``, col_values : likewise with V
        Values of that entry, by group.
    closed, accs : ``In(E)``
        Whether the entry takes no more OHMMA; its accumulation context.
    head, head_next : ``In(range(E))``
        Oldest entry and the one after it.
    retire : ``In(1)``
        The oldest entry is freed at the end of this cycle.
    needs_head : ``Out(1)``
        This bank has products left in the oldest entry.
    o : ``Out(bank_operands_layout(config))``

    Raises
    ------
    ValueError
        If ``hazard`` is not an integer of at least 1.
    """

    def __init__(self, config, hazard):
        if not isinstance(hazard, int) or hazard < 1:
            raise ValueError(f"Hazard distance must be an integer of at least 1, not {hazard!r}")
        self._config = config
        self._hazard = hazard
        entries, width = config.collector_entries, config.element_bits
        super().__init__({
            "row_masks": In(data.ArrayLayout(config.row_groups, entries)),
            "col_masks": In(data.ArrayLayout(config.col_groups, entries)),
            "current": Out(range(entries)),
            "row_values": In(data.ArrayLayout(width, config.row_groups)),
            "col_values": In(data.ArrayLayout(width, config.col_groups)),
            "closed": In(entries),
            "accs": In(entries),
            "head": In(range(entries)),
            "head_next": In(range(entries)),
            "retire": In(1),
            "needs_head": Out(1),
            "o": Out(bank_operands_layout(config)),
        })

    @property
    def latency(self):
        return 1

    def elaborate(self, platform):
        m = Module()
        config, entries = self._config, self._config.collector_entries
        current = self.current
        taken = Signal(config.bank_depth)       # of the current entry
        passed = Signal(entries)                # entries this bank has finished before they retire

        present = Signal(entries)
        m.d.comb += present.eq(Cat(self.row_masks[e].any() & self.col_masks[e].any()
                                   for e in range(entries)))
        row_mask, col_mask = Signal(config.row_groups), Signal(config.col_groups)
        pending, free = Signal(config.bank_depth), Signal(config.bank_depth)
        m.d.comb += [
            row_mask.eq(self.row_masks[current]),
            col_mask.eq(self.col_masks[current]),
            pending.eq(Cat(row_mask & col_mask[v].replicate(config.row_groups)
                           for v in range(config.col_groups)) & ~taken),
        ]
        acc = Signal()
        m.d.comb += acc.eq(self.accs.bit_select(current, 1))
        pick = lowest(m, "pick", free)
        m.d.comb += free.eq(pending & ~self._in_flight(m, pick, acc))
        self._output(m, pick, acc)

        # Where to go on: the next entry in ring order that has work and was not passed.
        here = Signal(entries)
        ahead, wrapped, target = (Signal(entries, name=name)
                                  for name in ("ahead", "wrapped", "target"))
        m.d.comb += [
            here.eq(1 << current),
            wrapped.eq(present & ~passed & ~here),
            ahead.eq(wrapped & ~(here | (here - 1))),
            target.eq(Mux(ahead.any(), lowest(m, "first_ahead", ahead),
                          lowest(m, "first_wrapped", wrapped))),
        ]
        finished, move = Signal(), Signal()
        m.d.comb += [
            finished.eq((pending & ~pick) == 0),
            move.eq(finished & self.closed.bit_select(current, 1) & wrapped.any()),
            self.needs_head.eq(Mux(current == self.head, pending.any(),
                                   (present & ~passed).bit_select(self.head, 1))),
        ]
        self._advance(m, current, taken, passed, pick, target, move)
        return m

    def _advance(self, m, current, taken, passed, pick, target, move):
        """Next state of the walk; a retiring entry takes a bank that waits in it along."""
        entries = self._config.collector_entries
        leave, left, freed = Signal(), Signal(entries), Signal(entries)
        m.d.comb += [
            leave.eq(self.retire & (current == self.head)),
            left.eq(move << current),
            freed.eq(self.retire << self.head),
        ]
        m.d.sync += [
            taken.eq(Mux(move | leave, 0, taken | pick)),
            passed.eq((passed | left) & ~freed),
        ]
        with m.If(move):
            m.d.sync += current.eq(encode_one_hot(target, len(current)))
        with m.Elif(leave):
            m.d.sync += current.eq(self.head_next)

    def _in_flight(self, m, pick, acc):
        """Accumulators of context ``acc`` that an earlier product is still on its way to."""
        depth = self._config.bank_depth
        busy, stage, context = Const(0, depth), pick, acc
        for n in range(self._hazard - 1):
            later = Signal(depth, name=f"in_flight_{n}")
            later_context = Signal(name=f"in_flight_acc_{n}")
            m.d.sync += [later.eq(stage), later_context.eq(context)]
            stage, context = later, later_context
            busy = busy | (stage & (context == acc).replicate(depth))
        return busy

    def _output(self, m, pick, acc):
        config = self._config
        index = Signal(range(config.bank_depth))
        m.d.comb += index.eq(encode_one_hot(pick, len(index)))
        rows = [pick[g::config.row_groups].any() for g in range(config.row_groups)]
        cols = [pick.word_select(h, config.row_groups).any() for h in range(config.col_groups)]
        a = select_one_hot(m, "a", self.row_values, rows)
        b = select_one_hot(m, "b", self.col_values, cols)
        # Without a pick the operands are 0, so the multiplier behind does not toggle for nothing.
        m.d.sync += Value.cast(self.o).eq(Cat(pick.any(), acc, index, a, b))
