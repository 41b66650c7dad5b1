"""Arbiters: several masters behind one AXI4 bus."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .axi import ReadSignature, WriteSignature

__all__ = ["SEQUENCER_CHANNEL", "ReadArbiter", "WriteArbiter"]

SEQUENCER_CHANNEL = 15
"""Channel bits of the job sequencer's reads, which no core uses."""


class ReadArbiter(wiring.Component):
    """Read arbiter.

    Passes the bursts of its ports on, one by one in turn, and gives data back by their ID.  A
    port with number p < ``acc.cores`` has the IDs with core bits p; its own core bits are
    ignored.  Port ``acc.cores``, the job sequencer, has ID ``{0, SEQUENCER_CHANNEL}``.

    Timing: one burst per cycle, a cycle later; data without delay.

    Parameters
    ----------
    acc : AcceleratorConfig
    ports : int
        1 to ``acc.cores + 1``.

    Members
    -------
    ports : ``In(ReadSignature(acc)).array(ports)``
        What comes back has the ID that was asked with, core bits 0; of the job sequencer any.
    bus : ``Out(ReadSignature(acc))``

    Raises
    ------
    ValueError
        If ``ports`` is not an integer from 1 to ``acc.cores + 1``.
    """

    def __init__(self, acc, ports):
        if not isinstance(ports, int) or not 1 <= ports <= acc.cores + 1:
            raise ValueError("Read arbiter ports must be an integer from 1 to "
                             f"{acc.cores + 1}, not {ports!r}")
        self._acc = acc
        self._ports = ports
        super().__init__({
            "ports": In(ReadSignature(acc)).array(ports),
            "bus": Out(ReadSignature(acc)),
        })

    def elaborate(self, platform):
        raise NotImplementedError


class WriteArbiter(wiring.Component):
    """Write arbiter.

    Passes the bursts of its ports on, one by one in turn, their data in the same order, and
    responses back by their ID.  Port p has ID ``{p, 0}``.

    Timing: one burst and one beat per cycle, each a cycle later, or more while data of other
    bursts come first; responses without delay.  A port that offers a burst offers its data
    without waiting for the burst to be taken, and without a pause.

    Parameters
    ----------
    acc : AcceleratorConfig
    ports : int
        1 to ``acc.cores``.

    Members
    -------
    ports : ``In(WriteSignature(acc)).array(ports)``
    bus : ``Out(WriteSignature(acc))``

    Raises
    ------
    ValueError
        If ``ports`` is not an integer from 1 to ``acc.cores``.
    """

    def __init__(self, acc, ports):
        if not isinstance(ports, int) or not 1 <= ports <= acc.cores:
            raise ValueError(f"Write arbiter ports must be an integer from 1 to {acc.cores}, "
                             f"not {ports!r}")
        self._acc = acc
        self._ports = ports
        super().__init__({
            "ports": In(WriteSignature(acc)).array(ports),
            "bus": Out(WriteSignature(acc)),
        })

    def elaborate(self, platform):
        raise NotImplementedError
