"""Operands that are hard on sparse hardware, the cycles they take, and how bad it can get.

:mod:`.patterns` has masks for one side, :mod:`.cases` pairs of operands with their cycles, and
:mod:`.bound` what no operands exceed (docs/adversaries.md).
"""

from .bound import bound_cycles, hazard_cycles, step_loads, worst_ratio
from .cases import CASES, Case
from .patterns import PATTERNS, torture_mask

__all__ = ["CASES", "PATTERNS", "Case", "bound_cycles", "hazard_cycles", "step_loads",
           "torture_mask", "worst_ratio"]
