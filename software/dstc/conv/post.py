"""Words of the epilogue for a product, or for some of its output tiles."""

import numpy as np
from numpy.typing import NDArray

from ..config import Config
from ..formats.layout import tiles_along
from .epilogue import Epilogue
from .words import pack, parameter_words

__all__ = ["block_counts", "post_words"]


def block_counts(outputs: int, config: Config) -> list[int]:
    """Channel blocks of each column of output tiles."""
    blocks = tiles_along(outputs, config.tile_k)
    return [min(config.channel_blocks, blocks - start)
            for start in range(0, blocks, config.channel_blocks)]


def post_words(shape: tuple[int, int], epilogue: Epilogue, config: Config, *,
               rows: range | None = None, columns: range | None = None) -> NDArray[np.uint64]:
    """One ``POST`` for every output tile, row by row; parameters whenever the column changes.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns of the product: positions and output channels.
    epilogue : Epilogue
    config : Config
    rows, columns : range, optional
        Output tiles that are computed; all without.
    """
    counts = block_counts(shape[1], config)
    rows = rows or range(tiles_along(shape[0], config.tile_m))
    columns = columns or range(len(counts))
    needed = epilogue.bias is not None or not (config.format.is_float or epilogue.raw)
    parameters = _parameters(shape[1], epilogue, config) if needed else None
    words: list[int] = []
    for row in rows:
        height = min(config.tile_m, shape[0] - row * config.tile_m)
        for column in columns:
            fresh = parameters is not None and (row == rows.start or len(columns) > 1)
            words.append(pack(config, "POST", relu=int(epilogue.relu), raw=int(epilogue.raw),
                              bias=int(epilogue.bias is not None), params=int(fresh), rows=height,
                              blocks=1 if epilogue.raw else counts[column]))
            if parameters is not None and fresh:
                words += parameters[column].tolist()
    return np.array(words, np.uint64)


def _parameters(outputs: int, epilogue: Epilogue, config: Config) -> NDArray[np.uint64]:
    """Data words of each column of output tiles: biases, then requantisation."""
    columns = tiles_along(outputs, config.tile_n) * config.tile_n
    bias = np.zeros(columns, config.format.acc_dtype)
    if epilogue.bias is not None:
        bias[:outputs] = epilogue.bias
    parts = [bias.view(np.uint32).reshape(-1, config.tile_n)]
    if not config.format.is_float:
        scale = np.zeros(columns, np.uint32)
        if not epilogue.raw:
            scale[:outputs] = (np.asarray(epilogue.multiplier, np.uint32)
                               | np.asarray(epilogue.shift, np.uint32) << 16)
        parts.append(scale.reshape(-1, config.tile_n))
    halves = np.concatenate(parts, axis=1).astype("<u4")
    words = np.ascontiguousarray(halves).view("<u8").astype(np.uint64)
    assert words.shape[1] == parameter_words(config)
    return words
