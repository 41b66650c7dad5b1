"""Streams of the inner-product cores: by hand, and read back by the page."""

import re

import numpy as np
import pytest

from dstc.config import CONFIGS, Config
from dstc.errors import DstcError
from dstc.twin import TwinShape, twin_job
from dstc.twin.streams import MAX_K_TILES
from dstc.twin.structured import condense

TINY = CONFIGS["tiny"]
ODD = Config(name="odd", tile_m=24, tile_n=16, tile_k=12, array_rows=8, array_cols=2, slots=3)
CONFIGURATIONS = [*CONFIGS.values(), ODD]


@pytest.mark.parametrize("name, block, blocks, cycles", [
    ("paper", (4, 8), (8, 4), 128), ("small", (2, 4), (8, 4), 64), ("tiny", (1, 2), (8, 4), 32),
    ("paper-int8", (4, 8), (8, 4), 128)])
def test_shapes(name, block, blocks, cycles):
    twin = TwinShape(CONFIGS[name])
    assert ((twin.rows, twin.cols), (twin.row_blocks, twin.col_blocks)) == (block, blocks)
    assert twin.tile_cycles == cycles == twin.config.dense_ohmma_per_tile
    structured = TwinShape(CONFIGS[name], True)
    assert (structured.tile_cycles, structured.tile_k) == (cycles, 2 * twin.tile_k)


@pytest.mark.parametrize("config", CONFIGURATIONS, ids=lambda config: config.name)
def test_work_over_multipliers(config):
    """As many multipliers as the sparse core, all of them in every cycle; the same ports."""
    for structured in (False, True):
        twin = TwinShape(config, structured)
        assert twin.rows * twin.cols * 4 == config.multipliers
        assert twin.tile_cycles == config.dense_ohmma_per_tile
        kept = config.tile_m * config.tile_n * twin.tile_k // (2 if structured else 1)
        assert twin.tile_cycles * config.multipliers == kept
        assert twin.a_beat_bits == config.a_beat_bits
        assert twin.b_beat_bits == (config.b_beat_bits * (config.element_bits + 2 * structured)
                                    // config.element_bits)
        assert twin.a_beats * twin.a_beat_bits == (config.tile_m * twin.tile_k
                                                   * config.element_bits)


def test_dense_by_hand():
    """tiny: beats of one row by four k of A, of four k by two columns of B."""
    a = (np.arange(1, 10)[:, None] * 16 + np.arange(5)).astype(np.int8)
    b = (np.arange(5)[:, None] * 16 + np.arange(1, 4)).astype(np.int8)
    job = twin_job(a, b, config=TINY.replace(element="int8"))
    assert (job.tiles, job.k_tiles, job.job) == (2, 2, {"more": 1, "load_c": 0})
    # First tile of rows, k = 0 to 3; k = 4; the second one, of which there is one row.
    assert [beat.tobytes().hex() for beat in job.a_data[:10]] == [
        "10111213", "20212223", "30313233", "40414243", "50515253", "60616263", "70717273",
        "80818283", "14000000", "24000000"]
    assert [beat.tobytes().hex() for beat in job.a_data[16:25]] == [
        "90919293", *["00000000"] * 7, "94000000"]
    # The columns in pairs; the tile comes for each of the two rows of output tiles.
    once = ["0102111221223132", "0300130023003300", *["00" * 8] * 2,
            "4142000000000000", "4300000000000000", *["00" * 8] * 2]
    assert [beat.tobytes().hex() for beat in job.b_data] == once * 2
    assert job.c_data.shape == (0, 16)
    assert job.d_beats == 2 * 16 and job.cycles == 4 * 32


def test_structured_by_hand():
    """tiny: a tile of A over eight k is two of four; B keeps two of each, with their places."""
    config = TINY.replace(element="int8")
    a = np.arange(1, 9).astype(np.int8)[None]
    b = np.zeros((8, 3), np.int8)
    b[[1, 3, 4], 0] = 11, 13, 14
    b[[2, 5, 6], 1] = 22, 25, 26
    b[[7], 2] = 37
    job = twin_job(a, b, np.ones((1, 3), np.int32), config=config, structured=True)
    assert (job.k_tiles, job.job) == (1, {"more": 0, "load_c": 1})
    assert [beat.tobytes().hex() for beat in job.a_data] == [
        "01020304", *["00000000"] * 7, "05060708", *["00000000"] * 7]
    # Columns 0 and 1 hold (11 @ 1, 13 @ 3, 14 @ 0, 0 @ 1) and (0 @ 0, 22 @ 2, 25 @ 1, 26 @ 2).
    # Places are in the order of the values: 1 0 3 2, 0 1 1 2.  Columns 2 and 3 hold zeros @ 0 and
    # @ 1, but (0 @ 0, 37 @ 3) in the upper half of column 2: 0 0 1 1, 0 0 3 1.
    assert [beat.tobytes().hex() for beat in job.b_data[:2]] == [
        "0b000d160e19001a" + "b194", "0000000000002500" + "5070"]


def test_condensed_order():
    """The kept elements of a group come in ascending k; zeros fill up from the lowest k."""
    column = [0, 0, 0, 5, 6, 0, 0, 0, 0, 7, 8, 0, 0, 0, 0, 0]
    values, places = condense(np.array([column], np.float16).T)
    assert values.ravel().tolist() == [0, 5, 6, 0, 7, 8, 0, 0]
    assert places.ravel().tolist() == [0, 3, 0, 1, 1, 2, 0, 1]


def read_structured(job, config):
    """B, from the first tiles of every column of output tiles, by the text of the page."""
    cols = config.array_cols // 2
    width, values = config.format.dtype.itemsize, 4 * cols
    k_tiles, columns = job.k_tiles, job.tiles // -(-job.shape[0] // config.tile_m)
    depth = 2 * config.tile_k
    b = np.zeros((k_tiles * depth, columns * config.tile_n), config.format.dtype)
    beats = iter(job.b_data)
    for column in range(columns):
        for first in range(0, k_tiles * depth, 8):
            for left in range(0, config.tile_n, cols):
                beat = next(beats).tobytes()
                kept = np.frombuffer(beat[:values * width], config.format.dtype)
                metadata = int.from_bytes(beat[values * width:], "little")
                for e in range(4):
                    for q in range(cols):
                        n = e * cols + q
                        k = first + 4 * (e // 2) + (metadata >> 2 * n & 3)
                        b[k, column * config.tile_n + left + q] = kept[n]
    return b


@pytest.mark.parametrize("config", CONFIGURATIONS, ids=lambda config: config.name)
def test_structured_read_back(config):
    rng = np.random.default_rng(71)
    k, n = 2 * config.tile_k + 4, config.tile_n + 3
    b = rng.integers(1, 100, (k, n)).astype(config.format.dtype)
    groups = b.reshape(-1, 4, n)
    groups[rng.random(groups.shape).argsort(axis=1) >= 2] = np.zeros(1, b.dtype)[0]
    job = twin_job(np.ones((1, k), b.dtype), b, config=config, structured=True)
    padded = read_structured(job, config)
    np.testing.assert_array_equal(padded[:k, :n].astype(np.float32), b.astype(np.float32))
    assert not padded[k:].astype(bool).any() and not padded[:, n:].astype(bool).any()


HALF = np.float16
REFUSED = [
    ((np.ones((2, 3), HALF), np.ones((3, 1), HALF)), {"structured": True},
     "Column 0 of a 2:4 structured B must have at most 2 non-zeros in rows 0 to 3, not 3"),
    ((np.ones((2, 3), HALF), np.ones((4, 1), HALF)), {},
     "Columns of A must be as many as the 4 rows of B, not 3"),
    ((np.ones((2, 3)), np.ones((3, 1), HALF)), {},
     "A must be a matrix of float16 for configuration tiny, not float64 with shape (2, 3)"),
    ((np.ones((2, 3), HALF), np.ones((3, 0), HALF)), {},
     "B must be a matrix of float16 for configuration tiny, not float16 with shape (3, 0)"),
    ((np.ones((2, 3), HALF), np.ones((3, 1), HALF), np.ones((2, 2), np.float32)), {},
     "C must be float32 of shape (2, 1), not float32 of shape (2, 2)"),
    ((np.ones((1, 4 * MAX_K_TILES + 1), HALF), np.ones((4 * MAX_K_TILES + 1, 1), HALF)), {},
     "K must be at most 262144, not 262145"),
]


@pytest.mark.parametrize("operands, options, message", REFUSED, ids=range(len(REFUSED)))
def test_refusals(operands, options, message):
    with pytest.raises(DstcError, match=f"^{re.escape(message)}$"):
        twin_job(*operands, config=TINY, **options)
