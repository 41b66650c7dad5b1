"""Cycle models of sparse tensor cores with the same number of multipliers (docs/models.md).

``MODELS`` has them by name.  Each counts the cycles of a product by the non-zeros of its operands::

    from dstc.models import MODELS, compare

    MODELS["rm-stc"].cost(a, b).cycles        # bool[M, K], bool[K, N]
    compare(a, b)                             # every model: {name: Cost}

``DEVICES`` has whole devices; :func:`gpu_time` and
:func:`dstc.models.accelerator.product_time` tell how long they take.
"""

from .cost import Cost
from .device import DeviceTime
from .gpu import Layer, gpu_time
from .masks import independent_mask, zero_run_mask
from .networks import fewest_cycles, work_operands
from .operands import Operands, Side
from .presets import DEVICES
from .rivals import MODELS, MULTIPLIERS, Model, compare

__all__ = ["DEVICES", "MODELS", "MULTIPLIERS", "Cost", "DeviceTime", "Layer", "Model", "Operands",
           "Side", "compare", "fewest_cycles", "gpu_time", "independent_mask", "work_operands",
           "zero_run_mask"]
