"""Feature maps as operands, by the definition of the tile."""

import re

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from dstc.config import CONFIGS
from dstc.conv import ConvGeometry, decode_map, encode_map, im2col
from dstc.errors import DstcError
from dstc.formats import encode

TINY = CONFIGS["tiny"]


def feature_map(shape, density=.5, dtype=np.float16, seed=1):
    rng = np.random.default_rng([seed, *shape])
    x = rng.integers(-99, 100, shape).astype(dtype)
    x[rng.random(shape) >= density] = 0
    return x


@pytest.mark.parametrize("config", [TINY, CONFIGS["paper"], CONFIGS["paper-int8"]],
                         ids=lambda config: config.name)
@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 5, 7), (37, 6, 9)])
def test_tiles_by_definition(shape, config):
    """Bit i of the word of one k: position i of its tile, in channel k, is not zero."""
    x = feature_map(shape, dtype=config.format.dtype)
    encoded = encode_map(x, config)
    channels, height, width = shape
    assert (encoded.side, encoded.shape) == ("A", (height * width, channels))
    for o in range(encoded.outer_tiles):
        for t in range(encoded.k_tiles):
            words, values = encoded.tile(o, t)
            seen = []
            for k, word in enumerate(words.tolist()):
                for i in range(config.tile_m):
                    position, channel = o * config.tile_m + i, t * config.tile_k + k
                    inside = position < height * width and channel < channels
                    value = x[(channel, *divmod(position, width))] if inside else 0
                    assert word >> i & 1 == (value != 0)
                    seen += [value] if value else []
            assert values.tolist() == seen
    assert_array_equal(decode_map(encoded, (height, width)), x)


def test_is_the_operand_of_one_tap():
    x = feature_map((6, 5, 4))
    geometry = ConvGeometry(channels=6, height=5, width=4, outputs=3, kernel=1)
    lowered = encode(im2col(x, geometry), "A", TINY)
    encoded = encode_map(x, TINY)
    for name in ("warp", "bitmaps", "offsets", "values"):
        assert_array_equal(getattr(encoded, name), getattr(lowered, name))


def test_result_is_in_channel_order():
    decoded = decode_map(encode_map(feature_map((3, 4, 5)), TINY), (4, 5))
    assert decoded.flags.c_contiguous and decoded.dtype == np.float16


def test_refusals():
    encoded = encode_map(feature_map((3, 4, 5)), TINY)
    weights = encode(np.ones((20, 3), np.float16), "B", TINY)
    for call, message in [
            (lambda: encode_map(np.ones((4, 5), np.float16), TINY),
             "Feature map must have the dimensions (C, H, W), not the shape (4, 5)"),
            (lambda: encode_map(np.ones((0, 4, 5), np.float16), TINY),
             "Matrix must be at least 1 x 1, not 20 x 0"),
            (lambda: encode_map(np.ones((1, 4, 5)), TINY),
             "Matrix must be float16 for configuration tiny, not float64"),
            (lambda: decode_map(encoded, (4, 4)),
             "Encoded feature map must have 4 x 4 positions, not 20"),
            (lambda: decode_map(weights, (4, 5)),
             "Encoded feature map must be of side A, not B")]:
        with pytest.raises(DstcError, match=f"^{re.escape(message)}$"):
            call()
