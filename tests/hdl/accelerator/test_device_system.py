"""Accelerator from registers to memory: products through the driver, every bit of them."""

import numpy as np
import pytest
from axi_memory import accelerator
from device_system import System

from dstc import golden
from dstc.accelerator.registers import COUNTER_NAMES, counter_offset, register
from dstc.device import Device

STALLS = (.6, .8, .6, .8, .6)
BINS = COUNTER_NAMES[1:6]


def operands(seed, shape, density_a, density_b):
    rng = np.random.default_rng(seed)
    m, n, k = shape
    a, b = (np.where(rng.random(size) < density, rng.standard_normal(size), 0).astype("<f2")
            for size, density in (((m, k), density_a), ((k, n), density_b)))
    return a, b, rng.standard_normal((m, n)).astype("<f4")


@pytest.mark.parametrize("cores, bus, stalls", [(1, 128, (1,) * 5), (2, 64, STALLS)])
def test_products(cores, bus, stalls):
    system = System(accelerator(bus, cores), seed=cores, p=stalls, latency=(2, 9))
    device = Device(system, system.span)
    assert device.accelerator.cores == cores
    a, b, c = operands(cores, (9, 15, 7), .5, .4)
    run = device.gemm(a, b, c)
    assert run.result.tobytes() == golden.matmul(a, b, c).tobytes()
    for core in range(cores):
        counters = {name: system.read32(counter_offset(core, name)) for name in COUNTER_NAMES}
        assert sum(counters[name] for name in BINS) == counters["cycles"] > 0
        beats = sum(burst["len"] + 1 for burst in system.reads.bursts
                    if burst["id"] >> 4 == core and burst["id"] != 15)
        assert counters["read_beats"] == beats
    # Another product on the same device, dense, without C.
    run = device.gemm(a[:8, :4], b[:4, :8], mode="dense")
    assert run.result.tobytes() == golden.matmul(a[:8, :4], b[:4, :8]).tobytes()
    assert system.read32(register("HEAD").offset) == 2
