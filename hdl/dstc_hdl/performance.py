"""Performance counters: every cycle of a run in exactly one bin."""

from amaranth import *
from amaranth.lib import data, enum, wiring
from amaranth.lib.wiring import In, Out

from .bitmap_unit import popcount
from .layouts import COUNTER_BITS, COUNTERS, counters_layout

__all__ = ["PerformanceCounters", "Reason", "activity_layout"]


class Reason(enum.Enum, shape=2):
    """Why nothing reaches the collector."""

    IDLE = 0
    OPERAND_WAIT = 1
    DRAIN = 2


def activity_layout(config):
    """What the core does in a cycle.

    ``valid``, ``ready``, ``null``: at the collector's input.  ``wait_operand``, ``wait_context``:
    the next instruction waits for its tiles, or for its accumulation context.  ``front``: work is
    on its way to the collector.  ``back``: results are being summed, drained, or C is loaded.
    """
    return data.StructLayout({
        "running": 1, "restart": 1, "valid": 1, "ready": 1, "null": 1,
        "wait_operand": 1, "wait_context": 1, "front": 1, "back": 1,
        "row_mask": config.tile_m, "col_mask": config.tile_n,
    })


class PerformanceCounters(wiring.Component):
    """Performance counters.

    ``issue``: an OHMMA enters the collector.  ``conflict``: an OHMMA, or the end of an instruction
    without work, waits because bank conflicts or updates in flight keep every entry taken.
    ``operand_wait``: nothing to issue because tiles are not loaded.  ``drain``: nothing to issue
    while the pipeline empties, a result drains or C loads.  ``idle``: anything else, such as an
    instruction without work.  The cycles in which the pipeline fills again count for what emptied
    it.

    ``products`` sums the multipliers that the issued OHMMA use.

    Timing: bins include a cycle two cycles later, ``products`` three.

    Parameters
    ----------
    config : Config

    Members
    -------
    i : ``In(activity_layout(config))``
    counters : ``Out(counters_layout())``
    """

    def __init__(self, config):
        self._config = config
        super().__init__({"i": In(activity_layout(config)), "counters": Out(counters_layout())})

    def elaborate(self, platform):
        m = Module()
        last, reason = Signal(Reason), Signal(Reason)
        m.d.sync += last.eq(reason)
        with m.If(self.i.wait_operand):
            m.d.comb += reason.eq(Reason.OPERAND_WAIT)
        with m.Elif(self.i.wait_context):
            m.d.comb += reason.eq(Reason.DRAIN)
        with m.Elif(self.i.front):
            m.d.comb += reason.eq(last)
        with m.Elif(self.i.back):
            m.d.comb += reason.eq(Reason.DRAIN)

        bins = Signal(data.StructLayout(dict.fromkeys(COUNTERS[:5], 1)))
        with m.If(~self.i.running):
            m.d.sync += bins.eq(0)
        with m.Else():
            nothing = ~self.i.valid | self.i.null
            m.d.sync += [
                bins.issue.eq(~nothing & self.i.ready),
                bins.conflict.eq(self.i.valid & ~self.i.ready),
                bins.operand_wait.eq(~self.i.valid & (reason == Reason.OPERAND_WAIT)),
                bins.drain.eq(~self.i.valid & (reason == Reason.DRAIN)),
                bins.idle.eq((self.i.valid & self.i.ready & self.i.null)
                             | (~self.i.valid & (reason == Reason.IDLE))),
            ]
        rows, cols = (Signal(range(span + 1), name=name) for name, span in
                      (("rows", self._config.tile_m), ("cols", self._config.tile_n)))
        m.d.sync += [rows.eq(popcount(m, "row_count", self.i.row_mask)),
                     cols.eq(popcount(m, "col_count", self.i.col_mask))]
        used, products = Signal(), Signal(range(self._config.multipliers + 1))
        m.d.sync += [products.eq(Mux(bins.issue, rows * cols, 0)), used.eq(bins.issue)]

        with m.If(self.i.restart):
            m.d.sync += self.counters.eq(0)
        with m.Else():
            for name in COUNTERS[:5]:
                m.d.sync += self.counters[name].eq(self.counters[name] + bins[name])
            m.d.sync += [
                self.counters.ohmma.eq(self.counters.ohmma + used),
                self.counters.products.eq((self.counters.products + products)[:COUNTER_BITS]),
            ]
        return m
