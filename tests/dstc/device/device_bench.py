"""Drivers of reference devices, and operands for them."""

from reference_device import ReferenceDevice

from dstc.accelerator.parameters import AcceleratorConfig
from dstc.config import get_config
from dstc.device import Device

__all__ = ["MEMORY", "device_of", "random_elements", "random_product"]

MEMORY = range(0x4000_0000, 0x4080_0000)


def device_of(name="tiny", cores=1, **options):
    """A driver and the device behind it."""
    accelerator = AcceleratorConfig(core=get_config(name), cores=cores)
    bus = ReferenceDevice(accelerator, MEMORY)
    return Device(bus, MEMORY, **options), bus


def random_elements(rng, shape, density, config, largest=40):
    """Whole numbers, zero but for a share of the places."""
    values = rng.integers(-largest, largest, shape, endpoint=True)
    values[rng.random(shape) >= density] = 0
    return values.astype(config.format.dtype)


def random_product(rng, shape, config, density_a=0.4, density_b=0.5):
    """A, B and C; some rows of A and B are empty."""
    m, n, k = shape
    a, b = random_elements(rng, (m, k), density_a, config), random_elements(rng, (k, n), density_b,
                                                                            config)
    a[rng.random(m) < 0.2] = 0
    b[rng.random(k) < 0.2] = 0
    return a, b, rng.integers(-1000, 1000, (m, n)).astype(config.format.acc_dtype)
