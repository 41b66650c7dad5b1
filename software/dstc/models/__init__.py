"""Cycle models of sparse tensor cores with the same number of multipliers (docs/models.md).

``MODELS`` has them by name.  Each counts the cycles of a product from the non-zeros of its
operands::

    from dstc.models import MODELS, compare

    MODELS["rm-stc"].cost(a, b).cycles        # bool[M, K], bool[K, N]
    compare(a, b)                             # every model: {name: Cost}
"""

from .cost import Cost
from .masks import independent_mask, zero_run_mask
from .operands import Operands, Side
from .rivals import MODELS, MULTIPLIERS, Model, compare

__all__ = ["MODELS", "MULTIPLIERS", "Cost", "Model", "Operands", "Side", "compare",
           "independent_mask", "zero_run_mask"]
