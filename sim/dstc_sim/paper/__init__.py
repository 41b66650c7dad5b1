"""The figures of published work, remade by our models, point by point."""

from collections.abc import Callable
from typing import Any

from .comparisons import averages, break_even, layers
from .measured import im2col, networks, overhead
from .spgemm import figure_21

__all__ = ["FIGURES"]

FIGURES: dict[str, Callable[..., dict[str, Any]]] = {
    "21": figure_21, "layers": layers, "networks": networks, "break-even": break_even,
    "im2col": im2col, "overhead": overhead, "averages": averages}
"""Every figure, by the name that ``dstc paper --figure`` takes; each is called with ``seed`` and
``advance`` and returns what ``--json`` prints."""
