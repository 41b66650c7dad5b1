"""The proofs by name: which units, in which shapes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from dstc.config import get_config
from dstc_hdl.accumulator import AccumulatorBank, hazard_distance
from dstc_hdl.array import MultiplierLane
from dstc_hdl.bank_picker import BankPicker
from dstc_hdl.collector import OperandCollector
from dstc_hdl.core import QUEUE
from dstc_hdl.stream import StreamQueue

from .accumulation import Accumulation
from .collector import Collector
from .harness import Harness
from .stream_queue import stream_queue

__all__ = ["Proof", "accumulation", "all_proofs", "collector", "queue", "quick_proofs", "shape"]

ADDER_LATENCIES = (1, 2, 3, 4)
WIDTH = 4       # bits of a queue's payload; a queue does not look at it
# Groups of one side of a bank to the smallest side of a tile and of the array that give them.
SIDES = {1: (8, 8), 2: (8, 4), 3: (24, 8), 4: (8, 2), 6: (24, 4), 8: (16, 2)}


@dataclass(frozen=True)
class Proof:
    """A harness that is made when it is wanted."""

    name: str
    make: Callable[[], Harness]


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
