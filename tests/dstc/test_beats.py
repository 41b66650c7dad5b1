"""Beats against bytes written by hand, and tiles there and back."""

import numpy as np
import pytest
from interpreter import Tile

from dstc.beats import BeatStream, result_beats, result_matrix, tile_records
from dstc.config import CONFIGS, Config
from dstc.formats import encode

ODD = Config(name="odd", tile_m=24, tile_n=8, tile_k=12, array_rows=8, array_cols=4, slots=3)
CONFIGURATIONS = [*CONFIGS.values(), ODD]


def test_record_by_hand():
    """tiny A: tile 8 x 4, beats of 4 values; two tiles along k, the second one empty."""
    a = np.zeros((8, 5), np.float16)
    a[0, 0], a[7, 0] = 1, 2
    a[1, 2], a[2, 2], a[3, 2] = -1, 0.5, 65504
    records = tile_records(encode(a, "A", CONFIGS["tiny"]), CONFIGS["tiny"])
    assert records.starts.tolist() == [0, 3, 4]
    assert [beat.tobytes().hex() for beat in records.data] == [
        "81000e0000000000",     # bitmaps of k = 0 to 3, a byte each, and padding
        "003c004000bc0038",     # 1, 2, -1, 0.5
        "ff7b000000000000",     # 65504
        "0000000000000000",     # second tile: bitmaps only
    ]


def test_b_record_by_hand():
    """paper-int8 B: tile 16 x 32, beats of 32 bytes, so two beats of bitmaps."""
    config = CONFIGS["paper-int8"]
    b = np.zeros((16, 32), np.int8)
    b[0, 0], b[0, 31], b[15, 8] = 1, -1, 127
    records = tile_records(encode(b, "B", config), config)
    assert [beat.tobytes().hex() for beat in records.data] == [
        "01000080" + "00" * 28, "00" * 28 + "00010000", "01ff7f" + "00" * 29]


def test_result_by_hand():
    """tiny: tile 8 x 8, beats of 4 values; the second of two tiles along n is partial."""
    config = CONFIGS["tiny"]
    c = np.arange(1, 10, dtype=np.float32).reshape(1, 9)
    beats = result_beats(c, config)
    assert beats.shape == (2 * 16, 16)
    assert beats[:2].view("<f4").tolist() == [[1, 2, 3, 4], [5, 6, 7, 8]]
    assert beats[16].view("<f4").tolist() == [9, 0, 0, 0]
    assert not beats[2:16].any()
    assert not beats[17:].any()


@pytest.mark.parametrize("config", CONFIGURATIONS, ids=lambda c: c.name)
@pytest.mark.parametrize("side", ["A", "B"])
@pytest.mark.parametrize("density", [0, 0.02, 0.5, 1])
def test_records_hold_the_matrix(config, side, density):
    """Every record, unpacked bit by bit, is its tile of the matrix."""
    span = config.tile_m if side == "A" else config.tile_n
    width = (config.a_beat_bits if side == "A" else config.b_beat_bits) // 8
    rng = np.random.default_rng(5)
    # Numbers of one significant bit, which every format has.
    outer_first = 1 << rng.integers(0, 7, (2 * span + 3, 3 * config.tile_k + 1))
    outer_first[rng.random(outer_first.shape) >= density] = 0
    matrix = (outer_first if side == "A" else outer_first.T).astype(config.format.dtype)
    records = tile_records(encode(matrix, side, config), config)
    assert records.data.shape == (records.starts[-1], width)
    back = np.zeros((3 * span, 4 * config.tile_k), int)
    for index in range(3 * 4):
        o, t = divmod(index, 4)
        beats = [row.tobytes() for row in records.data[slice(*records.starts[index:index + 2])]]
        tile = Tile(beats, span, config.tile_k, config.format.dtype)
        for k, (where, values) in enumerate(zip(tile.positions, tile.values, strict=True)):
            assert where == sorted(where)
            back[[o * span + i for i in where], t * config.tile_k + k] = values
    assert np.array_equal(back[:outer_first.shape[0], :outer_first.shape[1]], outer_first)
    assert np.count_nonzero(back) == np.count_nonzero(outer_first)


@pytest.mark.parametrize("order", [[], [0], [2, 0, 0, 1]])
def test_streams_repeat_records(order):
    config = CONFIGS["tiny"]
    matrix = np.arange(1, 25, dtype=np.float16).reshape(2, 12)
    matrix[:, 4:8] = 0
    records = tile_records(encode(matrix, "A", config), config)
    parts = [records.data[slice(*records.starts[n:n + 2])] for n in order]
    stream = BeatStream(records=records, order=np.array(order, np.int32))
    assert stream.beats == len(stream.data) == len(stream.last) == sum(map(len, parts))
    assert stream.nbytes == stream.data.nbytes
    assert stream.data.tobytes() == b"".join(part.tobytes() for part in parts)
    want = [n == len(part) - 1 for part in parts for n in range(len(part))]
    assert stream.last.tolist() == want


@pytest.mark.parametrize("config", CONFIGURATIONS, ids=lambda c: c.name)
@pytest.mark.parametrize("shape", [(1, 1), (8, 8), (32, 32), (33, 70)])
def test_result_round_trip(config, shape):
    matrix = np.random.default_rng(1).integers(-99, 99, shape).astype(config.format.acc_dtype)
    assert result_matrix(result_beats(matrix, config), shape, config).tolist() == matrix.tolist()
