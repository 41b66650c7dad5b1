"""Sequencer: from compute instructions to a stream of OHMMA."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from dstc.isa import CONTEXTS

from .layouts import TICKET_BITS, compute_op_layout, group_count_bits, ohmma_layout, step_layout
from .select import select

__all__ = ["OhmmaExpander", "StepWalker"]


class StepWalker(wiring.Component):
    """k-step walker.

    Takes compute instructions in order, waits until their tiles are loaded and their context is
    free, and emits the k-steps that have work: for ``SPWMMA`` those in which both operands have a
    non-zero, found by a priority encoder so that empty k-steps cost nothing; for ``WMMA`` all.
    An instruction without work, and every ``BOHMMA``, emits one null step, which tells the units
    behind that the instruction has ended.

    Timing: one k-step per cycle; the first k-step of the next instruction follows the last one
    without a gap if the instruction was waiting and ready.  ``POPC`` costs two cycles: it waits
    until the step before it has gone.

    Parameters
    ----------
    config : Config

    Members
    -------
    i : ``In(stream.Signature(compute_op_layout(config)))``
    o : ``Out(stream.Signature(step_layout(config)))``
    loads_a, loads_b : ``In(ArrayLayout(TICKET_BITS, slots))``
    turns : ``In(ArrayLayout(TICKET_BITS, 2))``
    groups_a, groups_b : ``In``
        Groups of every k-step of every slot (:class:`OperandBuffer`).
    wait_operand, wait_context : ``Out(1)``
        An instruction waits for its tiles, or for its accumulation context.
    """

    def __init__(self, config):
        self._config = config
        slots = data.ArrayLayout(TICKET_BITS, config.slots)

        def groups(side):
            return data.ArrayLayout(
                data.ArrayLayout(group_count_bits(config, side), config.tile_k), config.slots)

        super().__init__({
            "i": In(stream.Signature(compute_op_layout(config))),
            "o": Out(stream.Signature(step_layout(config))),
            "loads_a": In(slots),
            "loads_b": In(slots),
            "turns": In(data.ArrayLayout(TICKET_BITS, CONTEXTS)),
            "groups_a": In(groups("A")),
            "groups_b": In(groups("B")),
            "wait_operand": Out(1),
            "wait_context": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        config = self._config
        steps = config.tile_k
        op = Signal(compute_op_layout(config))
        busy, left = Signal(), Signal(steps)    # k-steps of the current instruction
        selected = Signal(data.StructLayout({   # groups of the k-step that BOHMMA selected
            "row": group_count_bits(config, "A"), "col": group_count_bits(config, "B")}))
        predicate = Signal.like(selected)       # the same, as POPC left it

        k, rest = Signal(range(steps)), Signal(steps)
        for n in reversed(range(steps)):
            with m.If(left[n]):
                m.d.comb += k.eq(n)
        m.d.comb += rest.eq(left & (left - 1))
        here = Signal.like(selected)
        for name, groups, slot in (("row", self.groups_a, op.a_slot),
                                   ("col", self.groups_b, op.b_slot)):
            of_slot = select(m, f"{name}_groups_here", groups, slot)
            m.d.comb += here[name].eq(select(m, f"{name}_groups_of_k", of_slot, k))
        self._emit(m, op, k, left, rest, busy, here, predicate)

        fired = self.o.valid & self.o.ready
        with m.If(fired):
            m.d.sync += left.eq(rest)
            with m.If(op.select):
                m.d.sync += selected.eq(here)
        ended = Signal()
        m.d.comb += ended.eq(fired & ~rest.any())
        with m.If(ended):
            m.d.sync += busy.eq(0)
        self._take(m, op, busy, left, ended, selected, predicate)
        return m

    def _emit(self, m, op, k, left, rest, busy, here, predicate):
        config = self._config
        full = config.row_groups, config.col_groups
        off = op.predicated & ~((op.g < predicate.row) & (op.h < predicate.col))
        m.d.comb += [
            self.o.valid.eq(busy),
            self.o.p.a_slot.eq(op.a_slot), self.o.p.b_slot.eq(op.b_slot), self.o.p.k.eq(k),
            self.o.p.acc.eq(op.acc), self.o.p.dense.eq(op.dense),
            self.o.p.single.eq(~op.tile), self.o.p.g.eq(op.g), self.o.p.h.eq(op.h),
            self.o.p.null.eq(Mux(op.tile, ~left.any(), op.select | off)),
            self.o.p.row_groups.eq(Mux(op.dense, full[0], here.row)),
            self.o.p.col_groups.eq(Mux(op.dense, full[1], here.col)),
            self.o.p.op_last.eq(~rest.any()),
        ]

    def _take(self, m, op, busy, left, ended, selected, predicate):
        """Take the next instruction once everything that it needs is there."""
        config, new = self._config, self.i.p
        work = Signal(config.tile_k)
        row_groups = select(m, "row_groups_new", self.groups_a, new.a_slot)
        col_groups = select(m, "col_groups_new", self.groups_b, new.b_slot)
        m.d.comb += work.eq(Cat(row_groups[k].any() & col_groups[k].any()
                                for k in range(config.tile_k)))
        loaded, turn, idle = Signal(), Signal(), Signal()
        m.d.comb += [
            loaded.eq(new.predicate | ((self.loads_a[new.a_slot] == new.a_loads)
                                       & (self.loads_b[new.b_slot] == new.b_loads))),
            turn.eq(new.predicate | (self.turns[new.acc] == new.turns)),
            # POPC reads what BOHMMA leaves, which is there once its step has gone.
            idle.eq(~busy | (ended & ~new.predicate)),
            self.i.ready.eq(idle & loaded & turn),
            self.wait_operand.eq(self.i.valid & idle & ~loaded),
            self.wait_context.eq(self.i.valid & idle & loaded & ~turn),
        ]
        with m.If(self.i.valid & self.i.ready):
            with m.If(new.predicate):
                m.d.sync += predicate.eq(selected)
            with m.Else():
                m.d.sync += [op.eq(new), busy.eq(1)]
                with m.If(~new.tile):
                    m.d.sync += left.eq(1 << new.k)
                with m.Elif(new.dense):
                    m.d.sync += left.eq(-1)
                with m.Else():
                    m.d.sync += left.eq(work)


class OhmmaExpander(wiring.Component):
    """OHMMA expander.

    Turns each k-step into its OHMMA: every row group of the first column group, then of the next.

    Timing: one OHMMA per cycle, latency 1; no gap between k-steps.

    Parameters
    ----------
    config : Config

    Members
    -------
    i : ``In(stream.Signature(step_layout(config)))``
    o : ``Out(stream.Signature(ohmma_layout(config)))``
    """

    def __init__(self, config):
        self._config = config
        super().__init__({
            "i": In(stream.Signature(step_layout(config))),
            "o": Out(stream.Signature(ohmma_layout(config))),
        })

    @property
    def latency(self):
        return 1

    def elaborate(self, platform):
        m = Module()
        step = Signal(step_layout(self._config))
        valid, ends = Signal(), Signal()
        g, h = Signal.like(step.g), Signal.like(step.h)
        row_last, last = Signal(), Signal()
        m.d.comb += [
            row_last.eq(g + 1 == step.row_groups),
            last.eq(step.single | step.null | (row_last & (h + 1 == step.col_groups))),
            ends.eq(self.o.ready & last),
            self.i.ready.eq(~valid | ends),
            self.o.valid.eq(valid),
            self.o.p.a_slot.eq(step.a_slot), self.o.p.b_slot.eq(step.b_slot),
            self.o.p.k.eq(step.k), self.o.p.g.eq(g), self.o.p.h.eq(h),
            self.o.p.acc.eq(step.acc), self.o.p.dense.eq(step.dense), self.o.p.null.eq(step.null),
            self.o.p.first.eq(step.single | ((g == 0) & (h == 0))),
            self.o.p.last.eq(last),
            self.o.p.op_last.eq(last & step.op_last),
        ]
        with m.If(self.i.ready):
            m.d.sync += valid.eq(self.i.valid)
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [
                step.eq(self.i.payload),
                g.eq(Mux(self.i.p.single, self.i.p.g, 0)),
                h.eq(Mux(self.i.p.single, self.i.p.h, 0)),
            ]
        with m.Elif(self.o.valid & self.o.ready):
            m.d.sync += g.eq(Mux(row_last, 0, g + 1))
            with m.If(row_last):
                m.d.sync += h.eq(h + 1)
        return m
