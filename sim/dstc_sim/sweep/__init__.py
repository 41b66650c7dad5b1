"""Sweeps: cycles and area of many configurations on many workloads (docs/sweep.md)."""

from .result import sweep
from .space import Space, read_space
from .store import Store

__all__ = ["Space", "Store", "read_space", "sweep"]
