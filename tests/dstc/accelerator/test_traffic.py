"""Beats that programs move, beside a count written tile by tile from docs/memory.md."""

import numpy as np
import pytest

from dstc.accelerator.parameters import AcceleratorConfig
from dstc.accelerator.traffic import CHANNELS, convolution_traffic, product_traffic
from dstc.config import get_config
from dstc.conv import ConvGeometry, Epilogue, encode_map, weight_matrix
from dstc.formats import encode
from dstc.workloads import random_matrix

TINY = get_config("tiny")


def accelerator(cores=1, data_bits=128):
    return AcceleratorConfig(core=TINY, cores=cores, data_bits=data_bits)


def tiles(matrix, side):
    """Non-zeros of each tile, ``[outer][k]``."""
    dense = matrix if side == "A" else matrix.T
    return [[np.count_nonzero(dense[o:o + 8, k:k + 4]) for k in range(0, dense.shape[1], 4)]
            for o in range(0, dense.shape[0], 8)]


def record_beats(count, side, width):
    """Beats of the bus of one record: 4 bytes of bitmaps, which take one beat of the core, and
    values of 2 bytes in such beats."""
    beat = {"A": 8, "B": 16}[side]
    return -(-(beat + -(-2 * count // beat) * beat) // width)


def counted(a, b, width, with_c, dense):
    """Beats by channel of a product on one core, two columns of tiles at a time."""
    found = dict.fromkeys(CHANNELS, 0)
    rows, columns = tiles(a, "A"), tiles(b, "B")
    k_tiles = len(rows[0])
    instructions = 0
    for row in rows:
        for left in range(0, len(columns), 2):
            instructions += 1
            pair = columns[left:left + 2]
            if not dense:
                found["warp bitmaps"] += (1 + len(pair)) * -(-k_tiles // 128) * (16 // width)
            found["C tiles"] += with_c * len(pair) * 8 * 8 * 4 // width
            for group in range(0, k_tiles, 32):
                span = range(group, min(group + 32, k_tiles))
                work = [{k for k in span if dense or (row[k] and column[k])} for column in pair]
                for name, wanted in zip(("entries of A", "entries of B", "entries of B'"),
                                        (set().union(*work), *work), strict=False):
                    if wanted:
                        found[name] += (8 * max(wanted) // width) - (8 * min(wanted) // width) + 1
                found["records of A"] += sum(record_beats(row[k], "A", width)
                                             for k in set().union(*work))
                found["records of B"] += sum(
                    record_beats(column[k], "B", width)
                    for column, mine in zip(pair, work, strict=True) for k in mine)
    found["programs"] = (1 + instructions) * 64 // width
    # One POST for each tile; there is no bias.
    found["post words"] = -(-8 * len(rows) * len(columns) // width)
    return found


@pytest.mark.parametrize("data_bits", [64, 128])
@pytest.mark.parametrize("shape, density", [
    ((8, 8, 4), 1.0), ((20, 33, 17), 0.3), ((9, 17, 300), 0.02), ((16, 40, 700), 0.1),
    ((8, 8, 40), 0.0)])
@pytest.mark.parametrize("with_c, dense", [(False, False), (True, False), (True, True)])
def test_products(shape, density, data_bits, with_c, dense):
    m, n, k = shape
    rng = np.random.default_rng(3)
    a, b = (random_matrix(size, density, TINY.element, rng) for size in ((m, k), (k, n)))
    [traffic] = product_traffic(encode(a, "A", TINY), encode(b, "B", TINY), with_c=with_c,
                                dense=dense, accelerator=accelerator(data_bits=data_bits))
    assert traffic.reads == counted(a, b, data_bits // 8, with_c, dense)
    assert traffic.read_beats == sum(traffic.reads.values())
    assert traffic.write_beats == -(-m // 8) * -(-n // 8) * 8 * 8 * 32 // data_bits


def test_cores_add_up():
    """Several cores move what one does, but for headers and instructions of their own."""
    rng = np.random.default_rng(5)
    a, b = (random_matrix((64, 64), 0.4, TINY.element, rng) for _ in range(2))
    encoded = encode(a, "A", TINY), encode(b, "B", TINY)
    [one] = product_traffic(*encoded, accelerator=accelerator())
    four = product_traffic(*encoded, accelerator=accelerator(cores=4))
    total = four[0] + four[1] + four[2] + four[3]
    same = [name for name in CHANNELS if name not in ("programs", "post words")]
    assert [total.reads[name] for name in same] == [one.reads[name] for name in same]
    assert total.write_beats == one.write_beats
    assert total.reads["programs"] == one.reads["programs"] + 3 * 64 // 16


@pytest.mark.parametrize("data_bits", [64, 128])
def test_records_of_a_convolution(data_bits):
    """What the im2col unit takes, and what is written: records, entries, words of bitmaps."""
    width = data_bits // 8
    rng = np.random.default_rng(7)
    geometry = ConvGeometry(channels=8, height=6, width=6, outputs=8, kernel=(3, 3), pads=(1,) * 4)
    x = random_matrix((8, 36), 0.5, TINY.element, rng).reshape(8, 6, 6)
    w = random_matrix((8, 72), 0.5, TINY.element, rng).reshape(8, 8, 3, 3)
    y = random_matrix((8, 36), 0.5, TINY.element, rng).reshape(8, 6, 6)
    [traffic] = convolution_traffic(
        encode_map(x, TINY), encode(weight_matrix(w, geometry), "B", TINY), geometry,
        Epilogue(raw=False), y=encode_map(y, TINY), accelerator=accelerator(data_bits=data_bits))
    written = [record_beats(count, "A", width) for row in tiles(y.reshape(8, 36).T, "A")
               for count in row]
    # 5 position tiles of 2 records each; every position tile has a word of its own.
    assert len(written) == 10
    assert traffic.write_beats == sum(written) + 10 + 5
    assert traffic.reads["warp bitmaps"] == 5 * 16 // width
    listed = traffic.reads["entries of A"]
    assert traffic.reads["x lists"] == -(-4 * listed // width)
    sizes = [record_beats(count, "A", width) for row in tiles(x.reshape(8, 36).T, "A")
             for count in row]
    assert listed >= 10 and listed * min(sizes) <= traffic.reads["records of A"]
    assert traffic.reads["records of A"] <= listed * max(sizes)
    assert traffic.reads["gather words"] > 0
