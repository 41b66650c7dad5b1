"""Directories and records in memory, byte by byte."""

import numpy as np
import pytest

from dstc.accelerator.layout import (
    Directory,
    directory_bytes,
    map_directory,
    packed_records,
    raw_tile_bytes,
    read_map,
    slot_bytes,
)
from dstc.beats import tile_records
from dstc.config import CONFIGS, get_config
from dstc.errors import DstcError
from dstc.formats import encode

TINY = get_config("tiny")
PLACE = 0x10_0000


def test_strides():
    """Warp part in granules of 128 k-tiles, entries in pairs."""
    strides = {1: 16 + 16, 2: 16 + 16, 3: 16 + 32, 127: 16 + 1024, 128: 16 + 1024, 129: 32 + 1040}
    for k_tiles, stride in strides.items():
        directory = Directory(address=64, rows=5, k_tiles=k_tiles)
        assert (directory.stride, directory.nbytes) == (stride, 5 * stride)
        assert directory.row(3) == 64 + 3 * stride
    words = Directory(address=64, rows=5, k_tiles=129).entry_words(np.array([0, 128, 129, 258]))
    assert words.tolist() == [4, 132, 134 + 4, 2 * 134 + 4] and words.dtype == np.uint32


@pytest.mark.parametrize("name, slot, tile", [
    ("paper", 64 + 1024, 4096), ("paper-int8", 64 + 512, 4096), ("small", 16 + 256 + 48, 1024),
    ("tiny", 8 + 64 + 56, 256)])
def test_sizes(name, slot, tile):
    assert slot_bytes(CONFIGS[name]) == slot
    assert raw_tile_bytes(CONFIGS[name]) == tile


@pytest.mark.parametrize("name", ["tiny", "small", "paper", "paper-fp8-e5m2"])
@pytest.mark.parametrize("side", ["A", "B"])
def test_packed_records(name, side):
    """Each record where its offset says, aligned, nothing but zeros in between."""
    config, rng = get_config(name), np.random.default_rng(3)
    matrix = rng.integers(-9, 9, (50, 70))
    matrix[rng.random(matrix.shape) < .6] = 0
    records = tile_records(encode(matrix.astype(config.format.dtype), side, config), config)
    data, offsets = packed_records(records)
    align = max(16, records.data.shape[1])
    end = 0
    for n, offset in enumerate(offsets.tolist()):
        beats = records.data[records.starts[n]:records.starts[n + 1]].tobytes()
        assert offset == -(-end // align) * align
        assert data[offset:offset + len(beats)].tobytes() == beats
        assert not data[end:offset].any()
        end = offset + len(beats)
    assert not data[end:].any()


def test_directory_bytes():
    directory = Directory(address=0, rows=2, k_tiles=33)
    occupied = np.zeros((2, 33), np.bool_)
    occupied[0, [0, 32]] = occupied[1, 9] = True
    addresses = PLACE + 16 * np.arange(66)
    image = directory_bytes(directory, occupied, addresses, np.arange(66) + 1)
    assert image.size == directory.nbytes == 2 * (16 + 34 * 8)
    rows = image.reshape(2, -1)
    assert [int.from_bytes(row[:16].tobytes(), "little") for row in rows] == [1 | 1 << 32, 1 << 9]
    for number in range(66):
        row, k_tile = divmod(number, 33)
        entry = int.from_bytes(rows[row, 16 + 8 * k_tile:][:8].tobytes(), "little")
        assert entry == (PLACE >> 4) + number | number + 1 << 44
    assert not rows[:, -8:].any()


@pytest.mark.parametrize("address", [8, -16, 1 << 48])
def test_addresses_that_no_entry_holds(address):
    with pytest.raises(DstcError, match=r"^Addresses of tile records must be multiples of 16 below "
                                        r"0x1000000000000, not from "):
        directory_bytes(Directory(address=0, rows=1, k_tiles=2), np.ones((1, 2), np.bool_),
                        np.array([16, address]), np.array([1, 1]))


def slotted(matrix):
    """A feature map as a device leaves it."""
    encoded = encode(matrix, "A", TINY)
    records = tile_records(encoded, TINY)
    size = slot_bytes(TINY)
    count = records.starts.size - 1
    slots = np.full((count, size), 0xA5, np.uint8)
    for n in range(count):
        beats = records.data[records.starts[n]:records.starts[n + 1]].reshape(-1)
        slots[n, :beats.size] = beats
    directory = map_directory(matrix.shape, 0x4000, TINY)
    occupied = np.diff(encoded.offsets).reshape(directory.rows, directory.k_tiles) > 0
    image = directory_bytes(directory, occupied, PLACE + size * np.arange(count),
                            np.diff(records.starts))
    return directory, bytearray(image.tobytes()), bytearray(slots.tobytes())


def test_map_comes_back():
    rng = np.random.default_rng(4)
    matrix = rng.integers(-9, 9, (21, 30)).astype(np.float16)
    matrix[rng.random(matrix.shape) < .7] = 0
    matrix[:, 8:13] = 0
    directory, image, slots = slotted(matrix)
    back = read_map(directory, bytes(image), PLACE, bytes(slots), matrix.shape, TINY)
    np.testing.assert_array_equal(back.decode(), matrix)


@pytest.mark.parametrize("at, value, sentence", [
    (0, 0, "Warp bitmaps of a feature map's directory must mark the records that have values, "
           "not others"),
    (18, 0, "Entry 0 of a feature map's directory must lead to its slot, "
            "not be 0x0000900000000000"),
    (21, 0, "Entry 0 of a feature map's directory must lead to its slot, "
            "not be 0x0000000000010000"),
    (30, 0x10, "Entry 1 of a feature map's directory must lead to its slot, "
               "not be 0x0010900000010008"),
    (31, 0x10, "Entry 1 of a feature map's directory must lead to its slot, "
               "not be 0x1000900000010008"),
    (21, 0x20, "Tile record 0 must have 9 beats for its 32 values, not 2"),
])
def test_map_that_contradicts_itself(at, value, sentence):
    directory, image, slots = slotted(np.ones((8, 8), np.float16))
    image[at] = value
    with pytest.raises(DstcError) as caught:
        read_map(directory, bytes(image), PLACE, bytes(slots), (8, 8), TINY)
    assert str(caught.value) == sentence
