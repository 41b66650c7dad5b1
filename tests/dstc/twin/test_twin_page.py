"""The examples of docs/twin.md."""

import re
from pathlib import Path

import numpy as np
import pytest

from dstc.config import get_config
from dstc.elements import ELEMENTS
from dstc.twin.fused import fused_matmul

PAGE = (Path(__file__).parents[3] / "docs" / "twin.md").read_text(encoding="utf-8")
SUM = re.compile(r"^(\w+) ((?:\w{4}\*\w{4} )+)\+ (\w{8}) = (\w{8})", re.MULTILINE)
SHAPE = re.compile(r"^\| `(\w+)` \| (\d+) \| (\d+) x (\d+) x 4[^|]*\| (\d+) \| (\d+) \| (\d+) \|$",
                   re.MULTILINE)


def test_the_page_has_examples():
    assert len(SUM.findall(PAGE)) == 11 and len(SHAPE.findall(PAGE)) == 3


@pytest.mark.parametrize("element, pairs, acc, want", SUM.findall(PAGE))
def test_sums(element, pairs, acc, want):
    words = np.array([[int(word, 16) for word in pair.split("*")] for pair in pairs.split()],
                     np.uint16).view(ELEMENTS[element].dtype)
    a, b = np.ascontiguousarray(words[:, :1].T), np.ascontiguousarray(words[:, 1:])
    c = np.array([[int(acc, 16)]], np.uint32).view(np.float32)
    assert f"{fused_matmul(a, b, c).view(np.uint32)[0, 0]:08x}" == want


@pytest.mark.parametrize("name, row", [(row[0], row) for row in SHAPE.findall(PAGE)])
def test_shapes(name, row):
    config = get_config(name)
    multipliers, rows, cols, blocks, steps, cycles = map(int, row[1:])
    assert multipliers == config.multipliers == 4 * rows * cols
    assert blocks == config.tile_m // rows * (config.tile_n // cols)
    assert (steps, cycles) == (config.tile_k // 4, config.dense_ohmma_per_tile)
    assert blocks * steps == cycles
