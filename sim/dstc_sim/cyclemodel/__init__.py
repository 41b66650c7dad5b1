"""The cycle model of the core: equal to the RTL in every cycle and bin, compiled by numba."""

from .core import ModelCore
from .jit import versions
from .values import product

__all__ = ["ModelCore", "product", "versions"]
