"""Formats, numerics, instruction set and golden model of the dual-side sparse tensor core."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .conv import conv2d

__all__ = ["conv2d"]


def __getattr__(name: str) -> Any:
    """Functions of the package itself, imported when they are first asked for."""
    if name in __all__:
        from .conv import conv2d

        return conv2d
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
