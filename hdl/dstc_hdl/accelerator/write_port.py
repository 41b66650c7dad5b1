"""Write port: writes runs of beats through an AXI4 write bus."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from dstc.accelerator.records import ADDRESS_BITS

from .axi import WriteSignature, fault_layout

__all__ = ["BURSTS", "OUTSTANDING", "WritePort", "write_beat_layout"]

BURSTS = 2
"""Longest bursts that the port has room for."""
OUTSTANDING = 16
"""Bursts that are asked for and not yet answered."""


def write_beat_layout(acc):
    """A beat to write.  The next one is for the next address, unless ``final`` is set."""
    return data.StructLayout({"address": ADDRESS_BITS, "data": acc.data_bits,
                              "strb": acc.data_bytes, "final": 1})


class WritePort(wiring.Component):
    """Write port.

    Cuts runs of beats into bursts, each of which ends with the run or at a multiple of
    ``BURST_BYTES``.  A burst is asked for when all of its beats are held, so it never waits for
    data.  ``id`` is 0 and ignored.

    The first violation of the window and the first response other than OKAY or EXOKAY become
    ``fault``; a burst that violates the window is not asked for.  With ``fault`` or ``stop``
    nothing more is asked for; bursts that are on offer already, their data and responses are
    still exchanged.

    Timing: one beat per cycle.  A burst is on ``bus.aw`` two cycles after its last beat was
    taken, and its first beat on ``bus.w`` in the same cycle; ``bus.w`` does not wait for
    ``bus.aw`` to be taken.  ``fault`` is registered.

    Parameters
    ----------
    acc : AcceleratorConfig

    Members
    -------
    i : ``In(stream.Signature(write_beat_layout(acc)))``
        ``address`` is a multiple of the bus's bytes, that of the beat before plus as many within
        a run.
    bus : ``Out(WriteSignature(acc))``
    window_first, window_last : ``In(ADDRESS_BITS)``
        Lowest and highest address that may be accessed; whole beats are.
    stop : ``In(1)``
        Ask for nothing more.
    quiet : ``Out(1)``
        Nothing is on offer or outstanding on the bus.  Comes some time after ``stop`` or
        ``fault``, and then stays.
    fault : ``Out(fault_layout())``
        The first fault since reset: ``ADDRESS`` or ``WRITE``, with the address of the burst.
    idle : ``Out(1)``
        No beat is held and ``quiet``: everything that was taken is written and acknowledged.
    """

    def __init__(self, acc):
        self._acc = acc
        super().__init__({
            "i": In(stream.Signature(write_beat_layout(acc))),
            "bus": Out(WriteSignature(acc)),
            "window_first": In(ADDRESS_BITS),
            "window_last": In(ADDRESS_BITS),
            "stop": In(1),
            "quiet": Out(1),
            "fault": Out(fault_layout()),
            "idle": Out(1),
        })

    def elaborate(self, platform):
        raise NotImplementedError
