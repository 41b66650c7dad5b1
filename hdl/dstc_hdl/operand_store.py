"""Operand store: what the collector holds for one bank row or bank column."""

from amaranth import *
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from .layouts import address_bits

__all__ = ["OperandStore"]


class OperandStore(wiring.Component):
    """Operands of one bank row (or bank column) in every collector entry.

    The operands of an OHMMA are added to entry ``target``; with ``first`` they replace what the
    entry held.  The mask of a retiring entry is cleared, so a free entry offers nothing.  Every
    bank of the row reads the values of the entry that it is working on.

    Timing: a write shows in the next cycle; reads are combinational.  Values have no reset; they
    count only under a mask.

    Parameters
    ----------
    config : Config
    groups : int
        Positions of the tile that belong to the bank row: ``row_groups`` or ``col_groups``.
    readers : int
        Banks of the row.

    Members
    -------
    taken : ``In(1)``, target : ``In(range(E))``, first : ``In(1)``
        An OHMMA is taken into an entry.
    mask : ``In(groups)``, i : ``In(ArrayLayout(element_bits, groups))``
        Operands that it brings.
    retire : ``In(1)``, head : ``In(range(E))``
        An entry is freed; taking it anew in the same cycle has precedence.
    masks : ``Out(ArrayLayout(groups, E))``
    at : ``In(ArrayLayout(range(E), readers))``
        Entry that each bank reads.
    read : ``Out(ArrayLayout(ArrayLayout(element_bits, groups), readers))``
        Its values, by group.
    """

    def __init__(self, config, groups, readers):
        self._entries = config.collector_entries
        self._width = config.element_bits
        self._groups = groups
        self._readers = readers
        values = data.ArrayLayout(self._width, groups)
        super().__init__({
            "taken": In(1),
            "target": In(range(self._entries)),
            "first": In(1),
            "mask": In(groups),
            "i": In(values),
            "retire": In(1),
            "head": In(range(self._entries)),
            "masks": Out(data.ArrayLayout(groups, self._entries)),
            "at": In(data.ArrayLayout(address_bits(self._entries), readers)),
            "read": Out(data.ArrayLayout(values, readers)),
        })

    def elaborate(self, platform):
        m = Module()
        for e in range(self._entries):
            here, mask = Signal(name=f"here_{e}"), Signal(self._groups, name=f"mask_{e}")
            m.d.comb += [here.eq(self.taken & (self.target == e)), self.masks[e].eq(mask)]
            with m.If(here):
                m.d.sync += mask.eq((mask & (~self.first).replicate(self._groups)) | self.mask)
            with m.Elif(self.retire & (self.head == e)):
                m.d.sync += mask.eq(0)
        for g in range(self._groups):
            values = memory.Memory(shape=self._width, depth=self._entries, init=[])
            m.submodules[f"values_{g}"] = values
            write = values.write_port()
            m.d.comb += [write.en.eq(self.taken & self.mask[g]), write.addr.eq(self.target),
                         write.data.eq(self.i[g])]
            for n in range(self._readers):
                read = values.read_port(domain="comb")
                m.d.comb += [read.addr.eq(self.at[n]), self.read[n][g].eq(read.data)]
        return m
