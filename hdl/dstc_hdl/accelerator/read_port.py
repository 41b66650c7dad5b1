"""Read port: the read channels of a core behind one AXI4 read bus."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from dstc.accelerator.records import ADDRESS_BITS

from .axi import CHANNEL_BITS, ReadSignature, burst_layout, fault_layout

__all__ = ["OUTSTANDING", "ReadPort"]

OUTSTANDING = 16
"""Bursts of one channel that are asked for and not yet complete."""


class ReadPort(wiring.Component):
    """Read port.

    Asks for the bursts of all channels in turn and hands the data out by their ID, whatever the
    order in which the IDs come back.  ``id`` is the channel; its core bits are 0 and ignored.

    The first violation of the window and the first response other than OKAY or EXOKAY become
    ``fault``; a burst that violates the window is not asked for.  With ``fault`` or ``stop``
    nothing more is asked for; what is on offer stays so until it is taken, and what is
    outstanding is still handed out, the data of a bad response too.

    Timing: one burst per cycle.  A burst is on ``bus.ar`` two cycles after it was taken from
    its channel; data are handed out in the cycle in which they come; ``fault`` is registered.

    Parameters
    ----------
    acc : AcceleratorConfig
    channels : int
        1 to 16.

    Members
    -------
    bursts : ``In(stream.Signature(burst_layout())).array(channels)``
    data : ``Out(stream.Signature(acc.data_bits, always_ready=True)).array(channels)``
    bus : ``Out(ReadSignature(acc))``
    window_first, window_last : ``In(ADDRESS_BITS)``
        Lowest and highest address that may be accessed; whole beats are.
    stop : ``In(1)``
        Ask for nothing more.
    quiet : ``Out(1)``
        Nothing is on offer or outstanding on the bus.  Comes some time after ``stop`` or
        ``fault`` whatever the channels do, and then stays.
    fault : ``Out(fault_layout())``
        The first fault since reset: ``ADDRESS`` with the address of the burst, or ``READ`` with
        that of the beat.

    Raises
    ------
    ValueError
        If ``channels`` is not an integer from 1 to 16.
    """

    def __init__(self, acc, channels):
        if not isinstance(channels, int) or not 1 <= channels <= 1 << CHANNEL_BITS:
            raise ValueError("Read port channels must be an integer from 1 to "
                             f"{1 << CHANNEL_BITS}, not {channels!r}")
        self._acc = acc
        self._channels = channels
        super().__init__({
            "bursts": In(stream.Signature(burst_layout())).array(channels),
            "data": Out(stream.Signature(acc.data_bits, always_ready=True)).array(channels),
            "bus": Out(ReadSignature(acc)),
            "window_first": In(ADDRESS_BITS),
            "window_last": In(ADDRESS_BITS),
            "stop": In(1),
            "quiet": Out(1),
            "fault": Out(fault_layout()),
        })

    def elaborate(self, platform):
        raise NotImplementedError
