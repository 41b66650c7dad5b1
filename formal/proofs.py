"""The proofs by name: which units, in which shapes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from dstc.accelerator.parameters import BURST_BYTES
from dstc.config import get_config
from dstc_hdl.accelerator.read_channel import ReadChannel
from dstc_hdl.accelerator.read_port import ReadPort
from dstc_hdl.accelerator.write_port import WritePort
from dstc_hdl.accumulator import AccumulatorBank, hazard_distance
from dstc_hdl.array import MultiplierLane
from dstc_hdl.bank_picker import BankPicker
from dstc_hdl.collector import OperandCollector
from dstc_hdl.core import QUEUE
from dstc_hdl.stream import StreamQueue

from .accumulation import Accumulation
from .bus_port import read_port, write_port
from .collector import Collector
from .harness import Harness
from .read_channel import read_channel
from .stream_queue import stream_queue
from .write_order import WriteOrder

__all__ = ["Bus", "Proof", "accumulation", "all_proofs", "channel", "collector", "order", "queue",
           "quick_proofs", "reads", "shape", "writes"]

ADDER_LATENCIES = (1, 2, 3, 4)
WIDTH = 4       # bits of a queue's payload; a queue does not look at it
# Groups of one side of a bank to the smallest side of a tile and of the array that give them.
SIDES = {1: (8, 8), 2: (8, 4), 3: (24, 8), 4: (8, 2), 6: (24, 4), 8: (16, 2)}


@dataclass(frozen=True)
class Proof:
    """A harness that is made when it is wanted."""

    name: str
    make: Callable[[], Harness]


@dataclass(frozen=True)
class Bus:
    """What the units of the memory side ask of an accelerator, for a bus of any width.

    An accelerator has 64 or 128 bits.  A wider bus has shorter bursts, and so less to hold: the
    units are the same, their proofs are quicker.
    """

    data_bits: int
    address_bits: int = 40

    @property
    def data_bytes(self) -> int:
        """Bytes of a beat."""
        return self.data_bits // 8

    @property
    def burst_beats(self) -> int:
        """Beats of the longest burst."""
        return BURST_BYTES // self.data_bytes


def shape(rows=4, cols=2, **changes):
    """A configuration whose banks have so many row and column groups; 4 and 2 are those that ship.
    """
    (tile_m, array_rows), (tile_n, array_cols) = SIDES[rows], SIDES[cols]
    return get_config("tiny").replace(tile_m=tile_m, array_rows=array_rows, tile_n=tile_n,
                                      array_cols=array_cols, **changes)


def queue(depth):
    """A stream queue."""
    return Proof(f"queue of {depth}", lambda: stream_queue(StreamQueue(WIDTH, depth), WIDTH))


def accumulation(config):
    """From pick to bank, with the hazard distance that the core uses."""
    name = (f"accumulation, {config.element}, adder latency {config.adder_latency}, banks of "
            f"{config.row_groups} x {config.col_groups}")
    return Proof(name, lambda: Accumulation(BankPicker(config, hazard_distance(config)),
                                            MultiplierLane(config), AccumulatorBank(config),
                                            config))


def collector(config, hazard):
    """The operand collector."""
    name = (f"collector of {config.collector_entries}, hazard distance {hazard}, banks of "
            f"{config.row_groups} x {config.col_groups}")
    return Proof(name, lambda: Collector(OperandCollector(config, hazard), config, hazard))


def channel(bus, item_bits, bursts):
    """A read channel."""
    return Proof(f"read channel of {item_bits} on {bus.data_bits} bits, {bursts} bursts",
                 lambda: read_channel(ReadChannel(bus, item_bits, bursts), bus))


def reads(bus, channels):
    """A read port."""
    return Proof(f"read port of {channels} on {bus.data_bits} bits",
                 lambda: read_port(ReadPort(bus, channels), bus, channels))


def writes(bus):
    """A write port."""
    return Proof(f"write port of {bus.data_bits} bits", lambda: write_port(WritePort(bus), bus))


def order(bus):
    """A write port: bursts and their beats."""
    return Proof(f"order of a write port of {bus.data_bits} bits",
                 lambda: WriteOrder(WritePort(bus), bus))


def quick_proofs() -> Iterator[Proof]:
    """Every adder latency and kind of number, small rings and one that ships."""
    yield from map(queue, (2, QUEUE))
    for latency in ADDER_LATENCIES:
        for element in ("fp16", "int8"):
            yield accumulation(shape(adder_latency=latency, element=element))
    for latency, entries in zip(ADDER_LATENCIES, (2, 3, 4, 5), strict=True):
        config = shape(2, 2, adder_latency=latency, collector_entries=entries)
        yield collector(config, hazard_distance(config))
    config = shape(collector_entries=get_config("paper").collector_entries)
    yield collector(config, hazard_distance(config))
    yield channel(Bus(128), 32, 2)
    yield reads(Bus(128), 2)
    yield writes(Bus(128))
    yield order(Bus(1024))


def all_proofs() -> Iterator[Proof]:
    """Every adder latency, with rings up to the largest, and small, odd and large banks.

    Banks of one accumulator are left out: an address without bits is too narrow for the SMT back
    end of Yosys.
    """
    yield from map(queue, range(2, QUEUE + 1))
    for latency in ADDER_LATENCIES:
        for rows, cols in ((4, 2), (2, 1), (2, 2)):
            for element in ("fp16", "int8"):
                yield accumulation(shape(rows, cols, adder_latency=latency, element=element))
    for latency in ADDER_LATENCIES:
        for rows, cols, rings in ((4, 2, range(2, 9)), (2, 2, (12, 16)), (2, 1, (4,)),
                                  (3, 6, (4,)), (8, 8, (4,))):
            for entries in rings:
                config = shape(rows, cols, adder_latency=latency, collector_entries=entries)
                yield collector(config, hazard_distance(config))
    for bus in (Bus(64), Bus(128)):
        for item_bits in (32, 64, 128, 512):
            for bursts in (1, 2):
                yield channel(bus, item_bits, bursts)
        for channels in (1, 3):
            yield reads(bus, channels)
        yield writes(bus)
    for bits in (1024, 512):
        yield order(Bus(bits))
