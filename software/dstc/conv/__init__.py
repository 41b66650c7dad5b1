"""Convolution: geometry, golden model, feature maps and programs."""

from .geometry import ConvGeometry

__all__ = ["ConvGeometry"]
