"""Convolution: geometry, golden model, feature maps and programs."""

from .epilogue import Epilogue, fixed_point
from .featuremap import decode_map, encode_map
from .geometry import ConvGeometry
from .golden import conv2d, convolution
from .lowering import im2col, weight_matrix

__all__ = ["ConvGeometry", "Epilogue", "conv2d", "convolution", "decode_map", "encode_map",
           "fixed_point", "im2col", "weight_matrix"]
