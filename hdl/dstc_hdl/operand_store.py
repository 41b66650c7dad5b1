"""Operand store: what the collector holds for one bank row or bank column."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["OperandStore"]


class OperandStore(wiring.Component):
    """Operands of one bank row (or bank column) in every collector entry.

    The operands of an OHMMA are added to entry ``target``; with ``first`` they replace what the
    entry held.  The mask of a retiring entry is cleared, so a free entry offers nothing.

    Timing: a write shows in the next cycle.  Values have no reset; they count only under a mask.

    Parameters
    ----------
    config : Config
    groups : int
        Positions of the tile that belong to the bank row: ``row_groups`` or ``col_groups``.

    Members
    -------
    taken : ``In(1)``, target : ``In(range(E))``, first : ``In(1)``
        An OHMMA is taken into an entry.
    mask : ``In(groups)``, i : ``In(ArrayLayout(element_bits, groups))``
        Operands that it brings.
    retire : ``In(1)``, head : ``In(range(E))``
        An entry is freed; taking it anew in the same cycle has precedence.
    masks : ``Out(ArrayLayout(groups, E))``
    values : ``Out(ArrayLayout(element_bits, E * groups))``
        Value of group g in entry e at index ``e * groups + g``.
    """

    def __init__(self, config, groups):
        self._entries = config.collector_entries
        self._groups = groups
        width, entries = config.element_bits, self._entries
        super().__init__({
            "taken": In(1),
            "target": In(range(entries)),
            "first": In(1),
            "mask": In(groups),
            "i": In(data.ArrayLayout(width, groups)),
            "retire": In(1),
            "head": In(range(entries)),
            "masks": Out(data.ArrayLayout(groups, entries)),
            "values": Out(data.ArrayLayout(width, entries * groups)),
        })

    def elaborate(self, platform):
        m = Module()
        for e in range(self._entries):
            here = Signal(name=f"here_{e}")
            mask = Signal(self._groups, name=f"mask_{e}")
            m.d.comb += [here.eq(self.taken & (self.target == e)), self.masks[e].eq(mask)]
            with m.If(here):
                m.d.sync += mask.eq(Mux(self.first, 0, mask) | self.mask)
            with m.Elif(self.retire & (self.head == e)):
                m.d.sync += mask.eq(0)
            for g in range(self._groups):
                value = Signal(self.i.shape().elem_shape, name=f"value_{e}_{g}", reset_less=True)
                m.d.comb += self.values[e * self._groups + g].eq(value)
                with m.If(here & self.mask[g]):
                    m.d.sync += value.eq(self.i[g])
        return m
