"""Jobs of convolutions: what they refuse, and records that come back as operands."""

import numpy as np
import pytest

from dstc.beats import TileRecords, encoded_records, tile_records
from dstc.config import get_config
from dstc.conv import ConvGeometry, Epilogue, encode_map, weight_matrix
from dstc.conv.program import conv_job, dense_ohmma, record_stream
from dstc.conv.schedule import choose_columns, paired_order, paired_words
from dstc.errors import DstcError
from dstc.formats import encode
from dstc.isa import decode

TINY = get_config("tiny")


def operands(rng, geometry, config=TINY):
    x = rng.standard_normal(geometry.x_shape).astype(config.format.dtype)
    x[rng.random(x.shape) < 0.5] = 0
    w = rng.standard_normal(geometry.w_shape).astype(config.format.dtype)
    return (tile_records(encode_map(x, config), config),
            encode(np.ascontiguousarray(weight_matrix(w, geometry)), "B", config))


GEOMETRY = ConvGeometry(channels=5, height=6, width=7, outputs=10, kernel=3, pads=1)


@pytest.mark.parametrize("name", ["tiny", "small", "paper", "paper-int8", "paper-fp8-e4m3"])
@pytest.mark.parametrize("density", [0.0, 0.3, 1.0])
def test_records_come_back_as_the_operand(name, density):
    config = get_config(name)
    rng = np.random.default_rng(5)
    for _ in range(5):
        shape = tuple(rng.integers(1, 3 * config.tile_m, 2).tolist())
        matrix = rng.integers(1, 60, shape).astype(config.format.dtype)
        matrix[rng.random(shape) >= density] = 0
        records = tile_records(encode(matrix, "A", config), config)
        last = np.zeros(len(records.data), np.bool_)
        last[records.starts[1:] - 1] = True
        back = encoded_records(record_stream(records.data, last), shape, config)
        np.testing.assert_array_equal(back.decode(), matrix)


def test_record_of_wrong_length_is_named():
    records = tile_records(encode(np.ones((8, 4), np.float16), "A", TINY), TINY)
    short = TileRecords(data=records.data[:-1], starts=records.starts - [0, 1])
    with pytest.raises(DstcError, match=r"^Tile record 0 must have \d+ beats for its 32 values, "
                                        r"not \d+$"):
        encoded_records(short, (8, 4), TINY)
    with pytest.raises(DstcError, match=r"^Tile record must have at least 1 beats, not 0$"):
        encoded_records(TileRecords(data=records.data[:0], starts=np.array([0, 0])), (8, 4), TINY)
    with pytest.raises(DstcError, match=r"^Matrix of 9 x 4 must have 2 records with beats of 8 "
                                        "bytes, not 1 of 8$"):
        encoded_records(records, (9, 4), TINY)


def test_refusals():
    x, weights = operands(np.random.default_rng(1), GEOMETRY)
    other = ConvGeometry(channels=5, height=6, width=7, outputs=11, kernel=3, pads=1)
    epilogue = Epilogue(raw=True)
    with pytest.raises(DstcError, match=r"^Weights must be encoded as side B, 45 x 11, not B, "
                                        "45 x 10$"):
        conv_job(x, weights, other, epilogue, config=TINY)
    larger = ConvGeometry(channels=5, height=12, width=7, outputs=10, kernel=3, pads=1)
    with pytest.raises(DstcError, match=r"^Feature map of 5 x 12 x 7 must have 22 tile records, "
                                        "not 12$"):
        conv_job(x, weights, larger, epilogue, config=TINY)
    with pytest.raises(DstcError, match=r"^C beats must be of shape "):
        conv_job(x, weights, GEOMETRY, epilogue, c_data=np.zeros((3, 16), np.uint8), config=TINY)
    with pytest.raises(DstcError, match=r"^Epilogue bias must have 10 values"):
        conv_job(x, weights, GEOMETRY, Epilogue(bias=np.zeros(3, np.float32)), config=TINY)


@pytest.mark.parametrize("changes, sentence", [
    ({"tile_n": 24, "tile_m": 16, "tile_k": 16, "array_rows": 4, "array_cols": 8},
     "Convolution needs tile_n to be a multiple of tile_k=16, not 24"),
    ({"tile_m": 8, "tile_n": 16, "tile_k": 4, "array_rows": 8, "array_cols": 16},
     "Convolution needs tile_m to be a multiple of array_cols=16, not 8"),
])
def test_configuration_without_whole_feature_tiles_is_refused(changes, sentence):
    with pytest.raises(DstcError, match=f"^{sentence}$"):
        TINY.replace(name="odd", **changes).require_convolution()


def test_dense_count_by_hand():
    # 42 positions in 6 row tiles, 10 outputs in 2 columns, 45 taps in 12 k-tiles, 32 OHMMA each.
    per_tile = TINY.tile_k * (TINY.tile_m // 2) * (TINY.tile_n // 4)
    assert dense_ohmma(GEOMETRY, TINY) == 6 * 2 * 12 * per_tile
    # 16 groups of one channel: a tile of 8 outputs meets 8 channels of 9 taps, 18 k-tiles.
    depthwise = ConvGeometry(channels=16, height=6, width=7, outputs=16, kernel=3, pads=1,
                             groups=16)
    assert dense_ohmma(depthwise, TINY) == 6 * 2 * 18 * per_tile


def sparse_weights(geometry, density, config):
    rng = np.random.default_rng(4)
    w = (rng.random(geometry.w_shape) < density).astype(config.format.dtype)
    return encode(np.ascontiguousarray(weight_matrix(w, geometry)), "B", config)


def test_tiles_are_shared_where_they_take_long_to_make():
    """A stride of two takes about two spans for a k-step; with one span sharing only costs."""
    config = get_config("paper")
    square = {"channels": 64, "height": 28, "width": 28, "outputs": 64, "kernel": 3, "pads": 1}
    for stride, columns in ((1, 1), (2, 2)):
        geometry = ConvGeometry(**square, stride=stride)
        weights = sparse_weights(geometry, 0.25, config)
        assert choose_columns(geometry, weights, config) == columns
    # With one column there is nothing to share.
    narrow = ConvGeometry(**(square | {"outputs": 32}), stride=2)
    assert choose_columns(narrow, sparse_weights(narrow, 0.25, config), config) == 1


def test_shared_tiles_are_loaded_once():
    """Three columns, the last alone; a k-tile in one of two columns is loaded for that one."""
    occupied = np.array([[1, 0, 1], [1, 1, 0], [0, 0, 1]], np.bool_)
    assert paired_order(occupied, 2).tolist() == [0, 3, 4, 2, 8] * 2
    text = [decode(int(word), TINY) for word in paired_words(occupied, 1, True, TINY)]
    assert [word.mnemonic for word in text] == [
        "LDC", "LDC", "LDA", "LDB", "SPWMMA", "LDB", "SPWMMA", "LDA", "LDB", "SPWMMA", "LDA",
        "LDB", "SPWMMA", "STC", "STC", "LDC", "LDA", "LDB", "SPWMMA", "STC", "HALT"]
    products = [(word["a"], word["b"], word["acc"]) for word in text
                if word.mnemonic == "SPWMMA"]
    assert products == [(0, 0, 0), (0, 1, 1), (1, 0, 1), (0, 1, 0), (1, 0, 0)]
