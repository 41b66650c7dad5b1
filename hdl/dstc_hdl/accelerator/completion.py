"""Completion: when a program has ended, and whether anything was left."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from dstc.accelerator.records import ADDRESS_BITS
from dstc.accelerator.registers import DeviceErrorCode

from .axi import fault_layout

__all__ = ["Completion"]

SETTLING = 4
"""Cycles until the core's counters are final; that of the outcome included."""


class Completion(wiring.Component):
    """Completion.

    A program has ended when the core has halted, all results are written and acknowledged, and no
    channel has anything left.  An item that waits in front of the core then is a leftover.

    Timing: ``done`` comes at least 4 cycles after ``halted``.

    Parameters
    ----------
    streams : int
        Streams from memory that end in the core.

    Members
    -------
    busy : ``In(1)``
        A program runs.
    halted : ``In(1)``
        The core has halted.
    written : ``In(1)``
        All results are written and acknowledged; stays while halted.
    empty : ``In(1)``
        No channel has anything outstanding or held.
    waiting : ``In(streams)``, address : ``In(ADDRESS_BITS).array(streams)``
        An item of the stream waits in front of the core, and where it is from.
    done : ``Out(1)``
        The program ends with this cycle.
    fault : ``Out(fault_layout())``
        ``LEFTOVER``, with that address.
    """

    def __init__(self, streams):
        super().__init__({
            "busy": In(1), "halted": In(1), "written": In(1), "empty": In(1),
            "waiting": In(streams),
            "address": In(ADDRESS_BITS).array(streams),
            "done": Out(1),
            "fault": Out(fault_layout()),
        })

    def elaborate(self, platform):
        m = Module()
        settled = Signal(range(SETTLING + 1))
        ended = Signal()
        m.d.comb += ended.eq(self.busy & self.halted & self.written)
        with m.If(~ended):
            m.d.sync += settled.eq(0)
        with m.Elif(settled != SETTLING):
            m.d.sync += settled.eq(settled + 1)
        final = settled == SETTLING
        m.d.comb += [
            self.done.eq(ended & final & self.empty),
            self.fault.code.eq(DeviceErrorCode.LEFTOVER),
        ]
        for n, address in reversed(list(enumerate(self.address))):
            with m.If(self.waiting[n]):
                m.d.comb += [self.fault.valid.eq(ended & final), self.fault.address.eq(address)]
        return m
