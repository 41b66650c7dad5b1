"""The convolution units around the core: im2col and epilogue."""
