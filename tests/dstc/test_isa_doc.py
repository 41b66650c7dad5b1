"""docs/isa.md is what the table makes, and what it shows is true."""

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest
from interpreter import Interpreter

from dstc import golden, isa_doc
from dstc.asm import assemble
from dstc.beats import BeatStream, result_beats, result_matrix, tile_records
from dstc.config import CONFIGS
from dstc.conv import words_doc
from dstc.formats import encode
from dstc.isa import INSTRUCTIONS
from dstc.isa_text import DETAILS, EXAMPLES

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "isa.md").read_text(encoding="utf-8")
TINY = CONFIGS["tiny"]


def test_committed_page_is_generated():
    assert isa_doc.page() == PAGE, "run `make docs`"
    words = (ROOT / "docs" / "convolution-words.md").read_text(encoding="utf-8")
    assert words_doc.page() == words, "run `make docs`"


def test_script_checks_and_writes(tmp_path, monkeypatch, capsys):
    location = importlib.util.spec_from_file_location("make_docs", ROOT / "scripts/make_docs.py")
    script = importlib.util.module_from_spec(location)
    location.loader.exec_module(script)
    monkeypatch.setattr(script, "DOCS", tmp_path)
    assert script.main(["--check"]) == 1
    assert list(tmp_path.iterdir()) == []
    assert script.main([]) == 0
    assert (tmp_path / "isa.md").read_text(encoding="utf-8") == PAGE
    assert script.main(["--check"]) == 0
    assert script.main(["--help"]) == 2
    assert ("isa.md, convolution-words.md, registers.md, memory.md written"
            in capsys.readouterr().out)


def test_every_instruction_has_its_section():
    assert list(DETAILS) == [spec.mnemonic for spec in INSTRUCTIONS]
    assert re.findall(r"^### ([A-Z]+)$", PAGE, re.M) == list(DETAILS)


def test_diagrams_cover_every_bit():
    sections = re.split(r"^### ", PAGE, flags=re.M)[1:len(INSTRUCTIONS) + 1]
    for section in sections:
        header = re.search(r"^\| (63:.*) \|$", section, re.M).group(1).split(" | ")
        at = 64
        for cell in header:
            high, _, low = cell.partition(":")
            assert int(high) == at - 1
            at = int(low or high)
        assert at == 0


def test_links_inside_the_page():
    anchors = {re.sub(r"[^a-z0-9 -]", "", line.lower()).strip().replace(" ", "-")
               for line in re.findall(r"^#+ (.*)$", PAGE, re.M)}
    links = re.findall(r"\]\(#([^)]+)\)", PAGE)
    assert links
    assert set(links) <= anchors


def test_lines_are_short():
    assert all(len(line) <= 100 for line in PAGE.splitlines() if not line.startswith("|"))


def masked(rng, shape, k_tiles, axis):
    """Random values in those k-tiles, zeros in the others."""
    values = rng.standard_normal(shape) * (rng.random(shape) < 0.6)
    keep = np.isin(np.arange(shape[axis]) // TINY.tile_k, k_tiles)
    return (values * (keep if axis else keep[:, None])).astype(np.float16)


@pytest.mark.parametrize("title, shape, tiles_a, tiles_b, order_a, order_b, with_c", [
    ("One output tile with C", (8, 8, 136), [0, 31, 32], [0, 1, 31, 32, 33],
     [0, 31, 32], [0, 31, 32], True),
    # B's tiles are stored column of tiles by column of tiles.
    ("Two output tiles that share their A tiles", (8, 16, 8), [0, 1], [0, 1],
     [0, 1], [0, 2, 1, 3], False),
])
def test_examples_compute_what_they_say(title, shape, tiles_a, tiles_b, order_a, order_b, with_c):
    rng, (m, n, k) = np.random.default_rng(2), shape
    a, b = masked(rng, (m, k), tiles_a, 1), masked(rng, (k, n), tiles_b, 0)
    c = rng.standard_normal((m, n)).astype(np.float32) if with_c else None
    streams = [BeatStream(records=tile_records(encode(matrix, side, TINY), TINY),
                          order=np.array(order))
               for matrix, side, order in ((a, "A", order_a), (b, "B", order_b))]
    core = Interpreter(TINY, assemble(EXAMPLES[title][1], TINY),
                       *((stream.data, stream.last) for stream in streams),
                       np.zeros((0, 16), np.uint8) if c is None else result_beats(c, TINY)).run()
    beats = np.frombuffer(b"".join(core.d), np.uint8).reshape(-1, 16)
    assert result_matrix(beats, (m, n), TINY).tobytes() == golden.matmul(a, b, c).tobytes()


def test_expansion_follows_the_skip_rule():
    section = PAGE[PAGE.index("## What one SPWMMA does"):]
    steps = re.findall(r"^\| \d+ \| `([01]{8})` \| `([01]{8})` .*\| (\d+) \|$", section, re.M)
    assert len(steps) == 4
    want = [-(-a.count("1") // 2) * -(-b.count("1") // 4) for a, b, _ in steps]
    assert [int(count) for *_, count in steps] == want
    assert section.count("; executed") == sum(want)
    assert f"executes the same {sum(want)}, one in a cycle" in section
