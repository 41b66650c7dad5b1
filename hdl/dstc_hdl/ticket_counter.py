"""Ticket counter: how many operations each slot or context has seen so far."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from .layouts import TICKET_BITS

__all__ = ["TicketCounter"]


class TicketCounter(wiring.Component):
    """Counts operations of each of ``count`` things, modulo 2**TICKET_BITS.

    The dispatcher counts what it sends, the executing units count what has ended.  An operation
    carries along how many of another kind were sent before it (its ticket), and waits until as
    many have ended.  Program order is kept without ever holding up the dispatcher.

    Timing: ``totals`` are registered and include a ``step`` from the next cycle on.

    Parameters
    ----------
    count : int
        Slots or contexts.

    Members
    -------
    step : ``In(1)``, which : ``In(range(count))``
    totals : ``Out(ArrayLayout(TICKET_BITS, count))``
    """

    def __init__(self, count):
        self._count = count
        super().__init__({
            "step": In(1),
            "which": In(range(count)),
            "totals": Out(data.ArrayLayout(TICKET_BITS, count)),
        })

    def elaborate(self, platform):
        m = Module()
        for n in range(self._count):
            with m.If(self.step & (self.which == n)):
                m.d.sync += self.totals[n].eq(self.totals[n] + 1)
        return m
