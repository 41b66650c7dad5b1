"""Tile records and raw tiles, bit by bit as docs/format.md has them."""

import numpy as np


def decode_record(data, side, config):
    """The dense tile of a record: tile_m x tile_k of side A, tile_k x tile_n of side B."""
    width, lanes = ((config.tile_m, config.array_rows) if side == "A"
                    else (config.tile_n, config.array_cols))
    dtype = config.format.dtype
    beat = 2 * lanes * dtype.itemsize
    bitmap = -(-width * config.tile_k // 8 // beat) * beat
    whole = int.from_bytes(data[:bitmap], "little")
    assert whole >> width * config.tile_k == 0
    values = iter(np.frombuffer(data[bitmap:], dtype))
    tile = np.zeros((config.tile_k, width), dtype)
    for k in range(config.tile_k):
        for lane in range(width):
            if whole >> k * width + lane & 1:
                tile[k, lane] = next(values)
                assert tile[k, lane] != 0
    rest = list(values)
    assert len(rest) < 2 * lanes and not any(float(value) for value in rest)
    return tile.T if side == "A" else tile


def encode_record(tile, config):
    """The record of a dense tile of a feature map, tile_m x tile_k."""
    beat = config.a_beat_bits // 8
    whole, values = 0, []
    for k in range(config.tile_k):
        for lane in range(config.tile_m):
            if float(tile[lane, k]) != 0:
                whole |= 1 << k * config.tile_m + lane
                values.append(tile[lane, k])
    bitmap = whole.to_bytes(config.tile_m * config.tile_k // 8, "little")
    parts = bitmap, np.array(values, config.format.dtype).tobytes()
    return b"".join(part.ljust(-(-len(part) // beat) * beat, b"\0") for part in parts)


def raw_tile(matrix, config):
    """The bytes of a C or D tile: row by row, and within a row in the order of columns."""
    return matrix.astype(config.format.acc_dtype).tobytes()


def tile_of_raw(data, config):
    """Inverse of :func:`raw_tile`."""
    return np.frombuffer(data, config.format.acc_dtype).reshape(config.tile_m, config.tile_n)
