"""Convolution: geometry, golden model, feature maps and programs."""

from .geometry import ConvGeometry
from .lowering import im2col, weight_matrix

__all__ = ["ConvGeometry", "im2col", "weight_matrix"]
