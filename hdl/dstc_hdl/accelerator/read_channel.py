"""Read channel: fetches runs of items from memory and gives them one by one."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from dstc.accelerator.records import ADDRESS_BITS

from ..layouts import beat_layout
from .axi import burst_layout

__all__ = ["COMMANDS", "ReadChannel", "command_layout"]

COMMANDS = 16
"""Commands that a channel holds."""


def command_layout():
    """A run of ``items`` that lie one after the other from ``address`` on."""
    return data.StructLayout({"address": ADDRESS_BITS, "items": 32})


class ReadChannel(wiring.Component):
    """Read channel.

    Turns commands into bursts, collects their data in a memory and gives the items in the order
    of the commands.  A burst is on offer only when the memory has room for all of its data, and
    crosses no multiple of ``BURST_BYTES``.  A command of 0 items gives nothing.

    Timing: one beat of the bus per cycle; items that are narrower than the bus leave one per
    cycle.  The first burst is on offer two cycles after its command was taken, further ones, of
    this and the following commands, without a pause.  An item is on offer two cycles after its
    last beat came.

    Parameters
    ----------
    acc : AcceleratorConfig
    item_bits : int
        Width of an item, a power of two from 32 to 512.
    bursts : int
        Longest bursts that the memory has room for, at least 1.

    Members
    -------
    cmd : ``In(stream.Signature(command_layout()))``
        ``address`` is a multiple of the item's bytes or, if those are fewer, the bus's; its bits
        below are ignored.  Up to ``COMMANDS`` are held.
    burst : ``Out(stream.Signature(burst_layout()))``
    r : ``In(stream.Signature(acc.data_bits, always_ready=True))``
        Data of the bursts that were taken, in their order.
    o : ``Out(stream.Signature(beat_layout(item_bits)))``
        ``last`` is set with the final item of a command.
    start : ``Out(ADDRESS_BITS)``
        Address of the command of the item on ``o``; while none is, of the one taken last.
    item : ``Out(ADDRESS_BITS)``
        Address of that item.
    idle : ``Out(1)``
        No command is held: nothing is outstanding, and every item was taken.

    Raises
    ------
    ValueError
        If ``item_bits`` or ``bursts`` is none of these.
    """

    def __init__(self, acc, item_bits, bursts):
        if item_bits not in (32, 64, 128, 256, 512):
            raise ValueError("Read channel item_bits must be a power of two from 32 to 512, "
                             f"not {item_bits!r}")
        if not isinstance(bursts, int) or bursts < 1:
            raise ValueError("Read channel bursts must be an integer of at least 1, "
                             f"not {bursts!r}")
        self._acc = acc
        self._item_bits = item_bits
        self._depth = bursts * acc.burst_beats
        super().__init__({
            "cmd": In(stream.Signature(command_layout())),
            "burst": Out(stream.Signature(burst_layout())),
            "r": In(stream.Signature(acc.data_bits, always_ready=True)),
            "o": Out(stream.Signature(beat_layout(item_bits))),
            "start": Out(ADDRESS_BITS),
            "item": Out(ADDRESS_BITS),
            "idle": Out(1),
        })

    @property
    def depth(self):
        """Beats that the memory has room for."""
        return self._depth

    def elaborate(self, platform):
        raise NotImplementedError
