"""Arithmetic units: feed-forward pipelines with operands ``a`` and ``b`` and result ``o``."""

from .factory import MULTIPLIER_LATENCY, make_adder, make_multiplier
from .fp32_adder import Fp32Adder
from .fp_multiplier import FpMultiplier
from .integer import Int32Adder, IntMultiplier

__all__ = [
    "MULTIPLIER_LATENCY",
    "Fp32Adder",
    "FpMultiplier",
    "Int32Adder",
    "IntMultiplier",
    "make_adder",
    "make_multiplier",
]
