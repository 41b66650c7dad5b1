"""Core fault: which piece of memory an error of the core is about."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from dstc.accelerator.records import ADDRESS_BITS
from dstc.conv.words import ConvErrorCode
from dstc.isa import ErrorCode

from ..layouts import status_layout
from .axi import fault_layout

__all__ = ["SOURCES", "CoreFault"]

SOURCES = {
    "a": (ErrorCode.A_RECORD, ConvErrorCode.FEATURE_RECORD),
    "b": (ErrorCode.B_RECORD,),
    "gather": (ConvErrorCode.GATHER_WORD,),
    "post": (ConvErrorCode.POST_WORD,),
}
"""Streams of the core from memory, and the errors that they are to blame for."""


class CoreFault(wiring.Component):
    """Core fault.

    Timing: combinational in ``status``; an address is that of what was taken up to the cycle
    before.

    Members
    -------
    status : ``In(status_layout())``
        Of the core.
    taken : ``In(4)``
        An item of each of ``SOURCES``, in this order, is taken or looked at in this cycle.
    address : ``In(ADDRESS_BITS).array(4)``
        Where it is from: of records the address of the whole record.
    o : ``Out(fault_layout())``
        The core's code, and the address of what its source gave last.
    """

    def __init__(self):
        super().__init__({
            "status": In(status_layout()),
            "taken": In(len(SOURCES)),
            "address": In(ADDRESS_BITS).array(len(SOURCES)),
            "o": Out(fault_layout()),
        })

    def elaborate(self, platform):
        m = Module()
        m.d.comb += [self.o.valid.eq(self.status.error), self.o.code.eq(self.status.code)]
        for n, codes in enumerate(SOURCES.values()):
            recent = Signal(ADDRESS_BITS, name=f"recent_{n}")
            with m.If(self.taken[n]):
                m.d.sync += recent.eq(self.address[n])
            with m.If(Cat(self.status.code == code for code in codes).any()):
                m.d.comb += self.o.address.eq(recent)
        return m
