"""Bank picker: chooses the product that one accumulator bank makes next."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

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


def lowest(m, name, bits):
    """One-hot of the lowest set bit of ``bits``."""
    result = Signal(len(bits), name=name)
    m.d.comb += result.eq(bits & -bits)
    return result


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
    row_values : ``In(ArrayLayout(element_bits, E * U))``, col_values : likewise with V
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
            "row_values": In(data.ArrayLayout(width, entries * config.row_groups)),
            "col_values": In(data.ArrayLayout(width, entries * config.col_groups)),
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
        current = Signal(range(entries))
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
        self._output(m, pick, current, acc)

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
        leave = Signal()
        m.d.comb += leave.eq(self.retire & (current == self.head))
        with m.If(move):
            for e in range(entries):
                with m.If(target[e]):
                    m.d.sync += current.eq(e)
        with m.Elif(leave):
            m.d.sync += current.eq(self.head_next)
        m.d.sync += taken.eq(Mux(move | leave, 0, taken | pick))
        for e in range(entries):
            with m.If(self.retire & (self.head == e)):
                m.d.sync += passed[e].eq(0)
            with m.Elif(move & (current == e)):
                m.d.sync += passed[e].eq(1)

    def _in_flight(self, m, pick, acc):
        """Accumulators of context ``acc`` that an earlier product is still on its way to."""
        depth = self._config.bank_depth
        stages = []
        for n in range(self._hazard - 1):
            stage = Signal(depth, name=f"in_flight_{n}")
            context = Signal(name=f"in_flight_acc_{n}")
            if n == 0:
                m.d.sync += [stage.eq(pick), context.eq(acc)]
            else:
                m.d.sync += [stage.eq(stages[-1][0]), context.eq(stages[-1][1])]
            stages.append((stage, context))
        busy = Signal(depth)
        for stage, context in stages:
            busy = busy | Mux(context == acc, stage, 0)
        return busy

    def _output(self, m, pick, current, acc):
        config = self._config
        row, col = Signal(range(config.row_groups)), Signal(range(config.col_groups))
        index = Signal(range(config.bank_depth))
        for n in reversed(range(config.bank_depth)):
            with m.If(pick[n]):
                m.d.comb += [index.eq(n), row.eq(n % config.row_groups),
                             col.eq(n // config.row_groups)]
        m.d.sync += self.o.valid.eq(pick.any())
        with m.If(pick.any()):
            m.d.sync += [
                self.o.acc.eq(acc),
                self.o.index.eq(index),
                self.o.a.eq(self.row_values[current * config.row_groups + row]),
                self.o.b.eq(self.col_values[current * config.col_groups + col]),
            ]
