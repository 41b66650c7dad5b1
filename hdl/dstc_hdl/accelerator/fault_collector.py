"""Fault collector: the first of all faults of a core."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .axi import fault_layout

__all__ = ["FaultCollector"]


class FaultCollector(wiring.Component):
    """Fault collector.

    Timing: latency 1.

    Parameters
    ----------
    count : int

    Members
    -------
    i : ``In(fault_layout()).array(count)``
        Of several in one cycle the one with the lowest index counts.
    o : ``Out(fault_layout())``
        The first fault since reset.
    """

    def __init__(self, count):
        super().__init__({"i": In(fault_layout()).array(count), "o": Out(fault_layout())})

    def elaborate(self, platform):
        m = Module()
        with m.If(~self.o.valid):
            for fault in reversed(list(self.i)):
                with m.If(fault.valid):
                    m.d.sync += self.o.eq(fault)
        return m
