"""Programs in memory: which tiles a core computes, and what its instructions say."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dstc.accelerator.layout import Directory
from dstc.accelerator.parameters import AcceleratorConfig
from dstc.accelerator.program import Product, blocks_of, convolution_programs, product_programs
from dstc.accelerator.records import PROGRAM, TILES
from dstc.config import get_config
from dstc.conv import ConvGeometry, Epilogue
from dstc.errors import DstcError
from dstc.formats import encode

TINY = get_config("tiny")


def product(shape, k_tiles=3, **changes):
    """A product of operands that are nowhere in particular."""
    rows, columns = -(-shape[0] // 8), -(-shape[1] // 8)
    return Product(**{
        "shape": shape, "a": Directory(address=0x1000, rows=rows, k_tiles=k_tiles),
        "b": Directory(address=0x2000, rows=columns, k_tiles=k_tiles), "c": 0x10000,
        "result": 0x20000, "y": None, **changes})


def encoded(shape, k_tiles=3):
    y = Directory(address=0x4000, rows=-(-shape[0] // 8), k_tiles=-(-shape[1] // 4))
    return product(shape, k_tiles, y=y)


@given(rows=st.integers(1, 200), columns=st.integers(1, 400), cores=st.integers(1, 4),
       raw=st.booleans())
def test_blocks_are_all_tiles_once(rows, columns, cores, raw):
    work = (product if raw else encoded)((rows, columns))
    blocks = blocks_of(work, AcceleratorConfig(core=TINY, cores=cores))
    row_tiles, column_tiles = math.ceil(rows / 8), math.ceil(columns / 8)
    tiles = [(row, column) for block in blocks for row in block.rows for column in block.columns]
    assert 1 <= len(blocks) <= cores
    assert sorted(tiles) == [(row, column) for row in range(row_tiles)
                             for column in range(column_tiles)]
    largest = max(len(block.rows) * len(block.columns) for block in blocks)
    assert largest <= math.ceil(row_tiles / cores) * column_tiles
    if not raw:
        # Two records of a column tile, 32 in a word of a warp bitmap.
        words = [(row, column // 16) for block in blocks for row in block.rows
                 for column in block.columns[::16]]
        assert len(words) == len(set(words))


@pytest.mark.parametrize("costs, stops", [
    ([1] * 7, [2, 4, 7]), ([9, 1, 1, 1, 1, 1, 1], [1, 4, 7]), ([1, 1, 1, 1, 1, 1, 9], [5, 6, 7]),
    ([0] * 7, [1, 2, 7]), ([5, 5, 5], [1, 2, 3])])
def test_rows_that_cost_more(costs, stops):
    """Cores share what rows cost; each has one at least."""
    blocks = blocks_of(product((8 * len(costs), 8)), AcceleratorConfig(core=TINY, cores=3),
                       np.array(costs))
    assert [block.rows.stop for block in blocks] == stops
    assert [block.rows.start for block in blocks] == [0, *stops[:-1]]


@given(costs=st.lists(st.integers(0, 50), min_size=1, max_size=30), cores=st.integers(1, 4))
def test_shares_are_even(costs, cores):
    """No share is further from the mean than the dearest row."""
    blocks = blocks_of(product((8 * len(costs), 8)), AcceleratorConfig(core=TINY, cores=cores),
                       np.array(costs))
    sums = [sum(costs[row] for row in block.rows) for block in blocks]
    assert [row for block in blocks for row in block.rows] == list(range(len(costs)))
    assert max(sums) <= sum(costs) / len(blocks) + max(costs)


def test_instructions():
    """Two rows of three column tiles: a pair and a single one in each."""
    program, = product_programs(product((16, 24)), Epilogue(),
                                accelerator=AcceleratorConfig(core=TINY))
    stride, tile = 16 + 32, 256
    want = [{"opcode": 0x60, "pair": pair, "dense": 0, "load_c": 1, "raw": 1, "ktiles": 3,
             "a": 0x1000 + row * stride, "b": 0x2000 + column * stride,
             "c": 0x10000 + (3 * row + column) * tile,
             "result": 0x20000 + (3 * row + column) * tile,
             "y": 0, "y_ktiles": 0, "y_first": 0, "blocks0": 0, "blocks1": 0}
            for row in range(2) for column, pair in ((0, 1), (2, 0))]
    assert [TILES.unpack(words) for words in program.instructions] == want
    assert [int(word) for word in program.post] == [0x50 | 1 << 9 | 8 << 16 | 1 << 24] * 6


def test_instructions_of_an_encoded_result():
    """Ten output channels are a column tile with two records and one with one."""
    program, = product_programs(encoded((9, 10)), Epilogue(raw=False),
                                accelerator=AcceleratorConfig(core=TINY))
    second = TILES.unpack(program.instructions[1])
    assert {name: second[name] for name in ("pair", "raw", "result", "y", "y_ktiles", "y_first",
                                            "blocks0", "blocks1")} == {
        "pair": 1, "raw": 0, "result": 0x20000 + 3 * 128, "y": 0x4000 + 48, "y_ktiles": 3,
        "y_first": 0, "blocks0": 2, "blocks1": 1}
    blocks, rows = [2, 1, 2, 1], [8, 8, 1, 1]
    assert [(int(word) >> 24 & 63, int(word) >> 16 & 63) for word in program.post] == list(
        zip(blocks, rows, strict=True))


def test_program_in_memory():
    accelerator = AcceleratorConfig(core=TINY, cores=2)
    geometry = ConvGeometry(channels=5, height=6, width=7, outputs=10, kernel=3, pads=1)
    weights = encode(np.ones((45, 10), np.float16), "B", TINY)
    x = Directory(address=0x7000, rows=6, k_tiles=2)
    programs = convolution_programs(product((42, 10), 12, a=None), geometry, x, weights,
                                    Epilogue(bias=np.ones(10, np.float32)),
                                    accelerator=accelerator)
    assert len(programs) == 2
    for program in programs:
        image = program.to_bytes(0x400)
        assert len(image) == program.nbytes
        header = PROGRAM.unpack(np.frombuffer(image[:64], "<u8"))
        assert header["lowered"] == 1 and header["config_id"] == accelerator.config_id
        assert header["x_directory"] == 0x7000
        assert image[64:64 + 64 * header["instructions"]] == program.instructions.tobytes()
        for name, dtype, count in (("post", "<u8", "post_words"), ("gather", "<u8", "gather_words"),
                                   ("x_list", "<u4", "x_records")):
            array = getattr(program, name)
            assert header[count] == array.size > 0 and header[name] % 16 == 0
            start = header[name] - 0x400
            assert image[start:start + array.nbytes] == array.astype(dtype).tobytes()
        # Entries of six rows, each four words after the row's start.
        assert set(program.x_list.tolist()) <= {4 * row + 2 + k for row in range(6)
                                                for k in range(2)}
    with pytest.raises(DstcError, match=r"^Address of a program must be a multiple of 64, not "
                                        r"0x410$"):
        programs[0].to_bytes(0x410)


@pytest.mark.parametrize("changes, sentence", [
    ({"c": 0x10008}, "Field c of TILES must be a multiple of 16, not 0x10008"),
    ({"result": (1 << 48) - 256}, "Field result of TILES must be from 0 to 281474976710655, "
                                  "not 281474976710656"),
])
def test_addresses_that_no_instruction_holds(changes, sentence):
    with pytest.raises(DstcError) as caught:
        product_programs(product((16, 8), **changes), Epilogue(),
                         accelerator=AcceleratorConfig(core=TINY))
    assert str(caught.value) == sentence
