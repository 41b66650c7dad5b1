"""The cycle model of the core: equal to the RTL in every cycle and bin, compiled by numba."""

from .core import ModelCore

__all__ = ["ModelCore"]
