"""Watchdog: a program in which nothing moves any more."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from dstc.accelerator.registers import DeviceErrorCode

from .axi import fault_layout

__all__ = ["Watchdog"]


class Watchdog(wiring.Component):
    """Watchdog.

    Timing: the fault comes in the cycle after the last of ``limit`` cycles without a move.

    Members
    -------
    busy : ``In(1)``
        A program runs.
    moved : ``In(1)``
        Something was transferred.
    limit : ``In(32)``
        Cycles; 0 is no limit.
    fault : ``Out(fault_layout())``
        ``TIMEOUT``, with address 0; stays while nothing moves.
    """

    def __init__(self):
        super().__init__({"busy": In(1), "moved": In(1), "limit": In(32),
                          "fault": Out(fault_layout())})

    def elaborate(self, platform):
        m = Module()
        quiet = Signal(32)
        with m.If(~self.busy | self.moved):
            m.d.sync += quiet.eq(0)
        with m.Elif(~self.fault.valid):
            m.d.sync += quiet.eq(quiet + 1)
        m.d.comb += [
            self.fault.valid.eq(self.limit.any() & (quiet >= self.limit)),
            self.fault.code.eq(DeviceErrorCode.TIMEOUT),
        ]
        return m
