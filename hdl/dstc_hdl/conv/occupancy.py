"""Occupancy of the two windows, or of the two span tables."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from dstc.conv.words import WINDOWS

from .layouts import fill_layout

__all__ = ["Occupancy"]


class Occupancy(wiring.Component):
    """Which of the two windows, or tables, are full, and with how much.

    Timing: what is filled or freed in a cycle shows in the next.

    Parameters
    ----------
    limit : int
        Most things that one holds.

    Members
    -------
    filled : ``In(fill_layout(limit))``
        One has been filled.
    free : ``In(2)``
        Those that are free from now on.
    full : ``Out(2)``
    counts : ``Out(ArrayLayout(range(limit + 1), 2))``
        Arbitrary until filled for the first time.
    """

    def __init__(self, limit):
        super().__init__({
            "filled": In(fill_layout(limit)),
            "free": In(WINDOWS),
            "full": Out(WINDOWS),
            "counts": Out(data.ArrayLayout(range(limit + 1), WINDOWS)),
        })

    def elaborate(self, platform):
        m = Module()
        for n in range(WINDOWS):
            filled = self.filled.en & (self.filled.index == n)
            with m.If(filled):
                m.d.sync += [self.full[n].eq(1), self.counts[n].eq(self.filled.count)]
            with m.Elif(self.free[n]):
                m.d.sync += self.full[n].eq(0)
        return m
