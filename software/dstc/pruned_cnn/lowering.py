"""Convolutions as matrix products."""

import numpy as np

__all__ = ["im2col"]


def im2col(x: np.ndarray, kernel: int, stride: int, padding: int) -> np.ndarray:
    """Lower feature maps so that a convolution becomes a matrix product.

    Parameters
    ----------
    x : ndarray, shape (..., C, H, W)
        Feature maps.
    kernel, stride, padding : int
        Side of the square kernel, step in both directions, zeros added on all four edges.

    Returns
    -------
    ndarray, shape (..., C * kernel * kernel, OH * OW)
        Row ``(c * kernel + i) * kernel + j`` holds what tap (i, j) of input channel c meets at
        each output position; positions run row by row.  Weights of shape (M, C, kernel, kernel)
        reshaped to M rows multiply it as they are.
    """
    edge = [(0, 0)] * (x.ndim - 2) + [(padding, padding)] * 2
    windows = np.lib.stride_tricks.sliding_window_view(
        np.pad(x, edge), (kernel, kernel), axis=(-2, -1))[..., ::stride, ::stride, :, :]
    *outer, channels, height, width, _, _ = windows.shape
    taps_first = np.moveaxis(windows, (-2, -1), (-4, -3))
    return taps_first.reshape(*outer, channels * kernel * kernel, height * width)
