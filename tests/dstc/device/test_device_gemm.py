"""Products through the driver on the reference device, every bit of them."""

import numpy as np
import pytest
from reference_device import ReferenceDevice

from dstc import golden
from dstc.accelerator.parameters import AcceleratorConfig
from dstc.config import get_config
from dstc.device import Device
from dstc.formats import encode

MEMORY = range(0x4000_0000, 0x4040_0000)


def device_of(name="tiny", cores=1, **options):
    accelerator = AcceleratorConfig(core=get_config(name), cores=cores)
    bus = ReferenceDevice(accelerator, MEMORY)
    return Device(bus, MEMORY, **options), bus


def matrices(rng, shape, config, density_a=0.4, density_b=0.5):
    """A, B and C with zeros; some tiles of A and B are empty."""
    m, n, k = shape
    made = []
    for size, density in (((m, k), density_a), ((k, n), density_b)):
        matrix = rng.integers(-40, 40, size)
        matrix[rng.random(size) >= density] = 0
        matrix[rng.random(size[0]) < 0.2] = 0
        made.append(matrix.astype(config.format.dtype))
    c = rng.integers(-1000, 1000, (m, n)).astype(config.format.acc_dtype)
    return *made, c


@pytest.mark.parametrize("cores", [1, 2, 3, 4])
@pytest.mark.parametrize("shape", [(1, 1, 1), (8, 8, 4), (17, 9, 13), (5, 50, 140), (64, 24, 30)])
@pytest.mark.parametrize("mode", ["sparse", "dense"])
def test_products_are_golden(cores, shape, mode):
    device, bus = device_of(cores=cores)
    a, b, c = matrices(np.random.default_rng(sum(shape) + cores), shape, bus.config)
    for start in (c, None):
        run = device.gemm(a, b, start, mode=mode)
        assert run.result.tobytes() == golden.matmul(a, b, start).tobytes()


@pytest.mark.parametrize("name", ["paper", "paper-int8", "paper-fp8-e4m3", "small", "paper-bf16"])
def test_every_element(name):
    device, bus = device_of(name, 2)
    a, b, c = matrices(np.random.default_rng(4), (70, 40, 37), bus.config)
    run = device.gemm(encode(a, "A", bus.config), encode(b, "B", bus.config), c)
    assert run.result.tobytes() == golden.matmul(a, b, c).tobytes()
