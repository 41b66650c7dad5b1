"""Devices by name."""

from ..accelerator.parameters import MAX_CORES, AcceleratorConfig
from ..config import get_config
from .gpu import VOLTA, Gpu

__all__ = ["DEVICES"]

DEVICES: dict[str, Gpu | AcceleratorConfig] = {
    "volta": VOLTA,
    **{f"accelerator-{cores}": AcceleratorConfig(core=get_config("paper"), cores=cores)
       for cores in range(1, MAX_CORES + 1)}}
"""A GPU of the Volta class, and the accelerator with 1 to 4 cores behind a port of 128 bits."""
