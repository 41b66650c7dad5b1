"""The core without a collector: one OHMMA at a time in front of the banks; not a part of it.

An OHMMA stays until every bank has made its products, one per cycle.  The schedule is that of
:func:`scatter_model.product_side` with one entry.
"""

from amaranth import Cat, Const, Module, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from dstc_hdl.bank_picker import bank_operands_layout
from dstc_hdl.layouts import operand_set_layout
from dstc_hdl.select import encode_one_hot, lowest, select_one_hot

__all__ = ["NoCollector"]


class SingleBank(wiring.Component):
    """One bank's products of the OHMMA that is held; ``o`` is registered."""

    def __init__(self, config, hazard):
        self._config, self._hazard = config, hazard
        rows, cols, width = config.row_groups, config.col_groups, config.element_bits
        super().__init__({
            "load": In(1), "row_mask": In(rows), "col_mask": In(cols), "acc": In(1),
            "rows": In(data.ArrayLayout(width, rows)), "cols": In(data.ArrayLayout(width, cols)),
            "done": Out(1), "o": Out(bank_operands_layout(config))})

    def elaborate(self, platform):
        m = Module()
        groups, depth = self._config.row_groups, self._config.bank_depth
        left, free = Signal(depth), Signal(depth)
        pick = lowest(m, "pick", free)
        busy, stage, context = Const(0, depth), pick, self.acc
        for n in range(self._hazard - 1):
            later, later_context = Signal(depth, name=f"flight_{n}"), Signal(name=f"context_{n}")
            m.d.sync += [later.eq(stage), later_context.eq(context)]
            stage, context = later, later_context
            busy = busy | (stage & (context == self.acc).replicate(depth))
        index = Signal(range(depth))
        m.d.comb += [free.eq(left & ~busy), self.done.eq(~(left & ~pick).any()),
                     index.eq(encode_one_hot(pick, len(index)))]
        with m.If(self.load):
            m.d.sync += left.eq(Cat(self.row_mask & bit.replicate(groups)
                                    for bit in self.col_mask))
        with m.Else():
            m.d.sync += left.eq(left & ~pick)
        a = select_one_hot(m, "a", self.rows, [pick[g::groups].any() for g in range(groups)])
        b = select_one_hot(m, "b", self.cols, [pick.word_select(h, groups).any()
                                               for h in range(self._config.col_groups)])
        m.d.sync += Value.cast(self.o).eq(Cat(pick.any(), self.acc, index, a, b))
        return m


class NoCollector(wiring.Component):
    """A register for the operands of one OHMMA, and the banks that work it off."""

    def __init__(self, config, hazard):
        self._config, self._hazard = config, hazard
        super().__init__({
            "valid": In(1), "ready": Out(1), "acc": In(1),
            "a": In(operand_set_layout(config, "A")), "b": In(operand_set_layout(config, "B")),
            "o": Out(data.ArrayLayout(bank_operands_layout(config), config.multipliers))})

    def elaborate(self, platform):
        m = Module()
        config = self._config
        rows, cols = config.array_rows, config.array_cols
        a, b = (Signal(side.values.shape(), name=name, reset_less=True)
                for side, name in ((self.a, "a_held"), (self.b, "b_held")))
        acc, done, load = Signal(), Signal(config.multipliers), Signal()
        m.d.comb += [self.ready.eq(done.all()), load.eq(self.valid & self.ready)]
        with m.If(load):
            m.d.sync += [a.eq(self.a.values), b.eq(self.b.values), acc.eq(self.acc)]
        for p in range(rows):
            for q in range(cols):
                n = p * cols + q
                m.submodules[f"bank_{n}"] = bank = SingleBank(config, self._hazard)
                m.d.comb += [bank.load.eq(load), bank.acc.eq(acc),
                             bank.row_mask.eq(self.a.mask[p::rows]),
                             bank.col_mask.eq(self.b.mask[q::cols]),
                             done[n].eq(bank.done), self.o[n].eq(bank.o)]
                m.d.comb += [bank.rows[g].eq(a[g * rows + p]) for g in range(config.row_groups)]
                m.d.comb += [bank.cols[h].eq(b[h * cols + q]) for h in range(config.col_groups)]
        return m
