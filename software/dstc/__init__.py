"""Formats, numerics, instruction set and golden model of the dual-side sparse tensor core."""

from importlib import import_module
from typing import Any

__all__ = ["conv2d"]


def __getattr__(name: str) -> Any:
    """Functions of the package itself, imported when they are first asked for.

    Not by an import statement: what the package imports is a source of all that it generates, and
    a change there would make every core anew.
    """
    if name in __all__:
        return getattr(import_module(".conv", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
