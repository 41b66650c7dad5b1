"""The break-even map: at which densities of A and B the core beats machines with as many
multipliers."""

from .grid import PATTERNS, RIVALS, break_even
from .layers import read_layers

__all__ = ["PATTERNS", "RIVALS", "break_even", "read_layers"]
