"""Counters of a node: every cycle of a program in one bin, and the traffic of the bus."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..layouts import COUNTERS
from ..layouts import counters_layout as core_counters_layout
from .registers import counters_layout

__all__ = ["NodeCounters"]


class NodeCounters(wiring.Component):
    """Counters of a node.

    The core's bins count from its first word until it has halted.  Up to its first word a cycle is
    ``idle``, after it has halted ``drain``.

    Timing: a cycle is counted in the next one, by the core up to three cycles later.

    Members
    -------
    busy : ``In(1)``
        A program runs: count this cycle.
    began : ``In(1)``
        The core takes a word.
    halted : ``In(1)``
        The core has halted.
    core : ``In(counters_layout())``
        Counters of the core.
    read, write : ``In(1)``
        A beat of the bus is transferred.
    o : ``Out(counters_layout())``
        All of ``dstc.accelerator.registers.COUNTER_NAMES``; 0 after reset.
    """

    def __init__(self):
        super().__init__({
            "busy": In(1), "began": In(1), "halted": In(1),
            "core": In(core_counters_layout()),
            "read": In(1), "write": In(1),
            "o": Out(counters_layout()),
        })

    def elaborate(self, platform):
        m = Module()
        bits = self.o.shape()["cycles"].width
        started = Signal()
        before, after = Signal(bits), Signal(bits)
        with m.If(self.began):
            m.d.sync += started.eq(1)
        m.d.sync += [
            self.o.cycles.eq(self.o.cycles + self.busy),
            before.eq(before + (self.busy & ~started)),
            after.eq(after + (self.busy & self.halted)),
            self.o.read_beats.eq(self.o.read_beats + self.read),
            self.o.write_beats.eq(self.o.write_beats + self.write),
        ]
        m.d.comb += [self.o[name].eq(self.core[name]) for name in COUNTERS
                     if name not in ("idle", "drain")]
        m.d.comb += [self.o.idle.eq(self.core.idle + before),
                     self.o.drain.eq(self.core.drain + after)]
        return m
