import re

import numpy as np
import pytest
from float_formats import special_codes
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from dstc.config import CONFIGS
from dstc.errors import DstcError
from dstc.formats import EncodedMatrix, encode, layout

CONFIG_NAMES = list(CONFIGS)


def refused(sentence):
    return pytest.raises(DstcError, match=f"^{re.escape(sentence)}$")


def bits(matrix):
    return matrix.view(f"u{matrix.itemsize}")


def stored(matrix):
    """The matrix as it comes back: zeros are +0."""
    return np.where(bits(matrix) << (matrix.dtype != np.int8) == 0, 0, bits(matrix))


def spelled_out(matrix, side, config):
    """The format's definition, element by element: warp, bitmaps, offsets, value bits."""
    width, depth = config.tile_m if side == "A" else config.tile_n, config.tile_k
    outer_first = (matrix if side == "A" else matrix.T).tolist()
    value_bits = (bits(matrix) if side == "A" else bits(matrix).T).tolist()
    outer, inner = len(outer_first), len(outer_first[0])
    warp, bitmaps, offsets, values = [], [], [0], []
    for o in range(0, outer, width):
        warp.append([0] * -(-inner // (32 * depth)))
        for t, k0 in enumerate(range(0, inner, depth)):
            for k in range(k0, k0 + depth):
                bitmaps.append(0)
                for i in range(o, min(o + width, outer)):
                    if k < inner and outer_first[i][k] != 0:
                        bitmaps[-1] |= 1 << (i - o)
                        values.append(value_bits[i][k])
            offsets.append(len(values))
            if offsets[-1] != offsets[-2]:
                warp[-1][t // 32] |= 1 << t % 32
    return warp, bitmaps, offsets, values


@st.composite
def matrices(draw, config, max_extent=70):
    shape = draw(st.tuples(st.integers(1, max_extent), st.integers(1, max_extent)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    density = draw(st.sampled_from([0, .02, .3, .9, 1]))
    if config.element == "int8":
        matrix = rng.integers(-128, 128, shape).astype(np.int8)
    else:
        matrix = rng.integers(0, 1 << config.element_bits, shape).astype(
            f"u{config.element_bits // 8}").view(config.format.dtype)
    matrix[rng.random(shape) >= density] = 0
    if config.element != "int8":
        edge = draw(st.sampled_from(special_codes(config.element)))
        bits(matrix)[rng.random(shape) < .1] = edge
    order = draw(st.sampled_from(["C", "F", "strided"]))
    if order == "strided":
        return np.repeat(matrix, 2, axis=1)[::-1, ::2]
    return np.asarray(matrix, order=order)


@pytest.mark.parametrize("side", ["A", "B"])
@pytest.mark.parametrize("name", CONFIG_NAMES)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_follows_the_definition(name, side, data):
    config = CONFIGS[name]
    matrix = data.draw(matrices(config))
    encoded = encode(matrix, side, config)
    warp, bitmaps, offsets, values = spelled_out(matrix, side, config)
    assert_array_equal(encoded.warp, warp)
    assert_array_equal(encoded.bitmaps.ravel(), bitmaps)
    assert_array_equal(encoded.offsets, offsets)
    assert_array_equal(bits(encoded.values), values)
    assert encoded.nnz == len(values) <= matrix.size
    assert encoded.density == len(values) / matrix.size
    back = encoded.decode()
    assert back.dtype == matrix.dtype and back.flags.c_contiguous
    assert_array_equal(bits(back), stored(matrix))


@pytest.mark.parametrize("side", ["A", "B"])
@pytest.mark.parametrize("block_bytes", [1, 600, 5000])
def test_any_blocks(side, block_bytes, monkeypatch):
    """Nothing depends on how the matrix is cut for the cache, along K or along the outer side."""
    config, rng = CONFIGS["tiny"], np.random.default_rng(29)
    matrix = rng.choice([0, 0, 1.5, -2], (83, 139)).astype(np.float16)
    whole = encode(matrix, side, config)
    monkeypatch.setattr(layout, "BLOCK_BYTES", block_bytes)
    monkeypatch.setattr("dstc.formats.tiles.BLOCK_BYTES", block_bytes)
    cut = encode(matrix, side, config)
    for name in ("warp", "bitmaps", "offsets", "values"):
        assert_array_equal(getattr(cut, name), getattr(whole, name))
    assert_array_equal(cut.decode(), matrix)


def test_tile_views():
    config = CONFIGS["small"]
    matrix = np.arange(40 * 20, dtype=np.float16).reshape(40, 20) % 7
    for side in "AB":
        encoded = encode(matrix, side, config)
        for o in range(encoded.outer_tiles):
            for t in range(encoded.k_tiles):
                bitmaps, values = encoded.tile(o, t)
                assert np.shares_memory(bitmaps, encoded.bitmaps)
                assert not values.size or np.shares_memory(values, encoded.values)
                outer, k = slice(16 * o, 16 * o + 16), slice(8 * t, 8 * t + 8)
                part = matrix[outer, k].T if side == "A" else matrix[k, outer]
                assert_array_equal(values, part[part != 0])
                assert_array_equal(bitmaps[:len(part)], (part != 0) @ (1 << np.arange(
                    part.shape[1])))
    for o, t in ((-1, 0), (0, -1), (encoded.outer_tiles, 0), (0, encoded.k_tiles)):
        with pytest.raises(IndexError, match=r"^Tile must be inside"):
            encoded.tile(o, t)


def test_documented_example():
    """The example of docs/format.md."""
    encoded = encode(np.array([[0, 2], [1, 0], [-3, 0]], np.float16), "A", CONFIGS["tiny"])
    assert encoded.bitmaps.tolist() == [[[0b110, 0b001, 0, 0]]]
    assert encoded.values.tolist() == [1, -3, 2]


def test_padding_costs_no_values():
    config = CONFIGS["paper"]
    encoded = encode(np.ones((1, 1), np.float16), "A", config)
    assert (encoded.nnz, encoded.outer_tiles, encoded.k_tiles) == (1, 1, 1)
    assert encoded.bitmaps.tolist() == [[[1] + [0] * 15]]
    empty = encode(np.full((33, 17), -0.0, np.float16), "B", config)
    assert (empty.nnz, empty.outer_tiles, empty.k_tiles, empty.nbytes) == (0, 1, 3, 4 + 192 + 32)
    assert not empty.warp.any()


def test_arrays_are_read_only():
    encoded = encode(np.ones((3, 3), np.int8), "A", CONFIGS["paper-int8"])
    for array in (encoded.warp, encoded.bitmaps, encoded.offsets, encoded.values):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0


@pytest.mark.parametrize("matrix, side, sentence", [
    (np.zeros(3, np.float16), "A", "Matrix must have two dimensions, not 1"),
    (np.zeros((0, 3), np.float16), "A", "Matrix must be at least 1 x 1, not 0 x 3"),
    (np.zeros((3, 0), np.float16), "B", "Matrix must be at least 1 x 1, not 3 x 0"),
    (np.zeros((3, 3), np.float16), "C", "Side must be A or B, not 'C'"),
    (np.zeros((3, 3), np.float32), "A",
     "Matrix must be float16 for configuration tiny, not float32"),
])
def test_refused(matrix, side, sentence):
    with refused(sentence):
        encode(matrix, side, CONFIGS["tiny"])


def parts(**changes):
    """A good encoded matrix of tiles 8 x 4 with some of its parts replaced."""
    matrix = np.zeros((10, 6), np.float16)
    matrix[[0, 7, 9, 9], [0, 3, 0, 5]] = 2
    good = encode(matrix, "A", CONFIGS["tiny"])
    fields = {name: getattr(good, name) for name in good.__dataclass_fields__}
    return {name: value.copy() if isinstance(value, np.ndarray) else value
            for name, value in {**fields, **changes}.items()}


def test_parts_are_good():
    assert EncodedMatrix(**parts()).nnz == 4


def with_item(name, index, value):
    array = parts()[name]
    array[index] = value
    return {name: array}


@pytest.mark.parametrize("changes, sentence", [
    ({"side": "X"}, "Side must be A or B, not 'X'"),
    ({"element": "fp8"}, "Element format must be one of fp16, bf16, fp8_e4m3, fp8_e5m2, int8, "
                         "not 'fp8'"),
    ({"tile_outer": 12}, "Tile width must be 8, 16, 24 or 32, not 12"),
    ({"tile_k": 6}, "Tile depth must be a multiple of 4 from 4 to 32, not 6"),
    ({"shape": (0, 6)}, "Matrix must be at least 1 x 1, not 0 x 6"),
    ({"shape": (40, 6)}, "Encoded offsets must be int64 of shape (11,), not int64 of shape (5,)"),
    ({"element": "int8"}, "Encoded values must be int8 of shape (4,), not float16 of shape (4,)"),
    ({"warp": np.zeros((2, 2), np.uint32)},
     "Encoded warp must be uint32 of shape (2, 1), not uint32 of shape (2, 2)"),
    (with_item("offsets", 0, 1),
     "Encoded offset of tile 0 must be 0, the bits of the bitmaps before it, not 1"),
    (with_item("offsets", 2, 7),
     "Encoded offset of tile 2 must be 2, the bits of the bitmaps before it, not 7"),
    ({"values": np.ones(5, np.float16)},
     "Encoded values must be 4, one for each bit of the bitmaps, not 5"),
    (with_item("warp", (0, 0), 3), "Encoded warp bitmaps must mark the tiles that have values, "
                                   "not others"),
    (with_item("values", 3, -0.0), "Encoded values must all be non-zero, not 1 of them zero"),
    # The one bit of row 9, k 0: moved past row 9, past the tile's width, past the last k.
    (with_item("bitmaps", (1, 0, 0), 1 << 2),
     "Encoded bitmaps must be zero outside the 10 x 6 matrix, not set"),
    (with_item("bitmaps", (0, 0, 0), 1 << 8),
     "Encoded bitmaps must be zero outside the 10 x 6 matrix, not set"),
    (with_item("bitmaps", (1, 1), [0, 0, 1, 0]),
     "Encoded bitmaps must be zero outside the 10 x 6 matrix, not set"),
])
def test_contradictions(changes, sentence):
    with refused(sentence):
        EncodedMatrix(**parts(**changes))
