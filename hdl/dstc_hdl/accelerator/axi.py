"""AXI4 as streams: layouts and signatures of a bus of the accelerator, and its window."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from dstc.accelerator.parameters import BURST_BYTES
from dstc.accelerator.records import ADDRESS_BITS

__all__ = ["CHANNEL_BITS", "ID_BITS", "LEN_BITS", "ReadSignature", "WriteSignature",
           "address_layout", "burst_layout", "fault_layout", "read_layout", "response_layout",
           "within", "write_layout"]

ID_BITS = 6
CHANNEL_BITS = 4
"""Low bits of an ID: the channel.  The others are the core."""
LEN_BITS = 8


def address_layout(acc):
    """A burst on AR or AW; ``len`` is its beats less one.  Always INCR, of whole beats."""
    return data.StructLayout({"id": ID_BITS, "address": acc.address_bits, "len": LEN_BITS})


def read_layout(acc):
    """A beat on R."""
    return data.StructLayout({"id": ID_BITS, "data": acc.data_bits, "resp": 2, "last": 1})


def write_layout(acc):
    """A beat on W; a byte is written if its bit of ``strb`` is set."""
    return data.StructLayout({"data": acc.data_bits, "strb": acc.data_bytes, "last": 1})


def response_layout():
    """An answer on B."""
    return data.StructLayout({"id": ID_BITS, "resp": 2})


def burst_layout():
    """A burst that is not checked yet: ``address`` of its first beat, beats less one."""
    return data.StructLayout({"address": ADDRESS_BITS, "len": LEN_BITS})


def fault_layout():
    """``valid``: something is wrong; ``code`` is a ``dstc.accelerator.registers.DeviceErrorCode``.
    """
    return data.StructLayout({"valid": 1, "code": 8, "address": ADDRESS_BITS})


class ReadSignature(wiring.Signature):
    """Read channels of an AXI4 bus, as its master sees them.

    ``ar``: ``Out(stream.Signature(address_layout(acc)))``.  ``r``:
    ``In(stream.Signature(read_layout(acc)))``; a burst is asked for only when there is room for
    all of it, so ``r.ready`` is always 1.
    """

    def __init__(self, acc):
        super().__init__({
            "ar": Out(stream.Signature(address_layout(acc))),
            "r": In(stream.Signature(read_layout(acc))),
        })

    def __eq__(self, other):
        return type(other) is type(self) and other.members == self.members


class WriteSignature(wiring.Signature):
    """Write channels of an AXI4 bus, as its master sees them.

    ``aw``: ``Out(stream.Signature(address_layout(acc)))``.  ``w``:
    ``Out(stream.Signature(write_layout(acc)))``, the beats of the bursts in the order of ``aw``.
    ``b``: ``In(stream.Signature(response_layout()))``, whose ``ready`` is always 1.
    """

    def __init__(self, acc):
        super().__init__({
            "aw": Out(stream.Signature(address_layout(acc))),
            "w": Out(stream.Signature(write_layout(acc))),
            "b": In(stream.Signature(response_layout())),
        })

    def __eq__(self, other):
        return type(other) is type(self) and other.members == self.members


def within(acc, burst, first, last):
    """Whether a burst accesses only bytes from address ``first`` to ``last`` that the bus has.

    Parameters
    ----------
    acc : AcceleratorConfig
    burst : View
        Of :func:`burst_layout`; it crosses no multiple of ``BURST_BYTES``.
    first, last : Value

    Returns
    -------
    Value
    """
    beat_bits, block_bits = exact_log2(acc.data_bytes), exact_log2(BURST_BYTES)
    final_beat = (burst.address[beat_bits:block_bits] + burst.len)[:block_bits - beat_bits]
    low = Cat(Const(0, beat_bits), burst.address[beat_bits:])
    high = Cat(C(-1, beat_bits), final_beat, burst.address[block_bits:])
    return (low >= first) & (high <= last) & (burst.address[acc.address_bits:] == 0)
