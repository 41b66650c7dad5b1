"""A small pruned network with its held-out digits: the real input of ``make run``.

The weights were trained and pruned by ``examples/pruned_cnn/train.py``; where they and the
digits come from is written in ``examples/pruned_cnn/README.md``.
"""

from .network import LAYERS, Layer, Network, load_digits
from .operands import Lowered, lower

__all__ = ["LAYERS", "Layer", "Lowered", "Network", "load_digits", "lower"]
