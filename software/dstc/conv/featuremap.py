"""Feature maps as operands: positions are rows, channels are columns."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..config import Config
from ..errors import DstcError
from ..formats import EncodedMatrix, encode

__all__ = ["decode_map", "encode_map", "map_matrix", "matrix_map"]


def map_matrix(x: NDArray[Any]) -> NDArray[Any]:
    """A feature map (..., C, H, W) as a matrix (..., H * W, C); a view where possible."""
    return x.reshape(*x.shape[:-2], x.shape[-2] * x.shape[-1]).swapaxes(-1, -2)


def matrix_map(matrix: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    """The feature map (..., C, H, W) of a matrix (..., H * W, C); C-ordered."""
    channels_first = np.ascontiguousarray(matrix.swapaxes(-1, -2))
    return channels_first.reshape(*channels_first.shape[:-1], *size)


def encode_map(x: NDArray[Any], config: Config) -> EncodedMatrix:
    """Encode a feature map.

    Parameters
    ----------
    x : numpy.ndarray, shape (C, H, W)
        Of the configuration's element type.
    config : Config

    Returns
    -------
    EncodedMatrix
        Side A of the (H * W) x C matrix: tiles of ``tile_m`` positions by ``tile_k`` channels.
        So it is the left operand of a convolution of one tap as it stands.

    Raises
    ------
    DstcError
        If the feature map does not have three dimensions, is empty, or of another type.
    """
    if x.ndim != 3:
        raise DstcError(f"Feature map must have the dimensions (C, H, W), not the shape {x.shape}")
    return encode(map_matrix(x), "A", config)


def decode_map(encoded: EncodedMatrix, size: tuple[int, int]) -> NDArray[Any]:
    """The feature map that was encoded.

    Parameters
    ----------
    encoded : EncodedMatrix
        As :func:`encode_map` gives it.
    size : tuple of two int
        H and W.

    Returns
    -------
    numpy.ndarray, shape (C, H, W)
        Of the element type; zeros come back as +0.

    Raises
    ------
    DstcError
        If it is no operand of side A or has another number of positions.
    """
    if encoded.side != "A":
        raise DstcError(f"Encoded feature map must be of side A, not {encoded.side}")
    if encoded.outer != size[0] * size[1]:
        raise DstcError(f"Encoded feature map must have {size[0]} x {size[1]} positions, "
                        f"not {encoded.outer}")
    return matrix_map(encoded.decode(), size)
