"""Accelerators that the tests of this folder share; each is compiled once, for a minute or two.

DSTC_ACCELERATORS names them, cores and bits of the memory port of each: 1x128,2x64,4x128 for all
that `make system` checks too; without it two cores that share the narrow port.
"""

import os
from functools import cache

from dstc.config import get_config
from dstc.device import Device
from dstc_sim.accelerator.bus import MEMORY
from dstc_sim.accelerator.engine import AcceleratorEngine
from dstc_sim.accelerator.timing import MemoryTiming

__all__ = ["ENGINES", "TINY", "adverse", "bus_of", "engine"]

TINY = get_config("tiny")
ENGINES = [tuple(map(int, each.split("x")))
           for each in os.environ.get("DSTC_ACCELERATORS", "2x64").split(",")]
"""Cores and bits of the memory port."""


@cache
def engine(cores, port):
    return AcceleratorEngine(cores=cores, data_bits=port)


def bus_of(cores, port):
    """The bus of that engine, and a driver that finds the device out of reset."""
    bus, _ = engine(cores, port).device(TINY)
    bus.retime(MemoryTiming())
    bus.reset()
    return bus, Device(bus, MEMORY, config=TINY, timeout=None)


def adverse(seed):
    """A memory at its worst, another one for each seed."""
    return MemoryTiming.adverse((0.1, 0.3, 0.5)[seed % 3], seed, latency=(1, 20, 70)[seed % 3])
