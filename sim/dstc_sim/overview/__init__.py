"""The report: results, explanations, an animation and the break-even map as pages of a folder."""

from .folder import build

__all__ = ["build"]
