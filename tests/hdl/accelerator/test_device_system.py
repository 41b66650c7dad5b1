"""Accelerator from registers to memory: products through the driver, every bit of them."""

import numpy as np
import pytest
from axi_memory import accelerator
from device_system import System

from dstc import golden
from dstc.accelerator.registers import COUNTER_NAMES, counter_offset, register
from dstc.device import Device

BINS = COUNTER_NAMES[1:6]


def operands(seed, shape, density_a, density_b):
    rng = np.random.default_rng(seed)
    m, n, k = shape
    a, b = (np.where(rng.random(size) < density, rng.standard_normal(size), 0).astype("<f2")
            for size, density in (((m, k), density_a), ((k, n), density_b)))
    return a, b, rng.standard_normal((m, n)).astype("<f4")


@pytest.mark.parametrize("cores, bus, mode", [
    (1, 128, "sparse")])
def test_products(cores, bus, mode):
    system = System(accelerator(bus, cores), seed=cores, latency=(2, 9))
    device = Device(system, system.span)
    assert device.accelerator.cores == cores
    a, b, c = operands(cores, (9, 15, 7), .5, .4)
    run = device.gemm(a, b, c, mode=mode)
    assert run.result.tobytes() == golden.matmul(a, b, c).tobytes()
    assert system.read32(register("HEAD").offset) == 1
    check_counters(system)


def check_counters(system):
    """Bins of the job sum to the cycles, beats are those of its bursts."""
    for core in range(system.acc.cores):
        counters = {name: system.read32(counter_offset(core, name)) for name in COUNTER_NAMES}
        assert sum(counters[name] for name in BINS) == counters["cycles"] > 0
        assert counters["read_beats"] == sum(
            burst["len"] + 1 for burst in system.reads.bursts
            if burst["id"] >> 4 == core and burst["id"] != 15)
