"""Convolution: geometry, golden model, feature maps and programs."""
