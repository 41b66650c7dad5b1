"""``dstc explain`` as a user calls it: text, JSON and the page."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from html_page import NestedPage

from dstc_sim.explain import render

DOCS = Path(__file__).resolve().parents[3] / "docs" / "explain.md"


class Page(NestedPage):
    """The report inside the page, and its scripts."""

    def __init__(self, text):
        self.scripts = self.report = ""
        super().__init__(text)

    def handle_data(self, data):
        if self.open and self.open[-1] == ("script", "report"):
            self.report += data
        elif self.open and self.open[-1][0] == "script":
            self.scripts += data


@pytest.fixture
def files(tmp_path):
    """a.npy (40 x 20) and b.npy (20 x 10) with one element each, in different tiles of ``tiny``."""
    a, b = np.zeros((40, 20)), np.zeros((20, 10))
    a[17, 6], b[6, 9] = 2, 3
    np.save(tmp_path / "a.npy", a)
    np.save(tmp_path / "b.npy", b)


@pytest.fixture
def explained(run):
    """Run ``dstc explain ... --json``; the report."""
    def explained(*words):
        code, out, err = run("explain", *words, "--json")
        assert (code, err, out.count("\n")) == (0, "", 1)
        return json.loads(out)
    return explained


def test_without_arguments(run):
    code, out, err = run("explain")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert max(map(len, lines)) <= 100 and len(lines) < 100
    assert lines[0] == ("tile 0,0,0 of 32 x 32 x 16, seed 0: sparse on paper, 8 x 16 multipliers, "
                        "each with its bank")
    for word in ("issue", "conflict", "operand_wait", "drain", "idle", "skip rule", "k-step 0",
                 "... and more: --cycles 0-"):
        assert word in out
    assert "\x1b" not in out and not any(line.endswith(" ") for line in lines)


def test_dense_and_details_fit_the_width(run):
    words = ("--density-a", "1", "--density-b", "1", "--mode", "dense", "--kstep", "15")
    code, out, _ = run("explain", *words)
    assert code == 0 and max(map(len, out.splitlines())) <= 100
    assert "k-step 15" in out and "128 executed of 128 dense, 0 skipped" in out
    # Every bank gets one product of each OHMMA.
    assert out.count("1" * 16) >= 8 * 8


def test_tile_of_files(explained, files):
    report = explained("a.npy", "b.npy", "--config", "tiny", "--tile", "2,1,1")
    assert (report["shape"], report["tile"], report["seed"]) == ([40, 10, 20], [2, 1, 1], None)
    assert report["a"] == {"bitmaps": [0, 0, 2, 0], "values": [[], [], [2], []]}
    assert report["b"] == {"bitmaps": [0, 0, 2, 0], "values": [[], [], [3], []]}
    (one,) = report["ohmma"]
    assert (one["k"], one["g"], one["h"], one["rows"], one["cols"]) == (2, 0, 0, [1], [1])
    made = [product for cycle in report["cycles"] for product in cycle["made"]]
    # Entry, bank 1,1 of 2 x 4, row, column.
    assert made == [[0, 5, 1, 1]]
    assert explained("a.npy", "b.npy", "--config", "tiny")["products"] == 0


def test_seed_and_c(explained):
    same = [explained("--config", "tiny", "--seed", 3) for _ in range(2)]
    assert same[0] == same[1] != explained("--config", "tiny", "--seed", 4)
    with_c = explained("--config", "tiny", "--seed", 3, "--random-c")
    assert with_c["ohmma"] != [] and with_c["products"] == same[0]["products"]
    # 16 beats of C come in before the first OHMMA, in the time of the loads for the rest.
    assert len(with_c["cycles"]) > len(same[0]["cycles"])


def test_one_cycle_lists_every_bank(run, explained):
    report = explained("--config", "tiny", "--seed", 3)
    cycle = next(cycle for cycle in report["cycles"] if len(cycle["made"]) > 2)
    code, out, _ = run("explain", "--config", "tiny", "--seed", 3, "--cycles", cycle["cycle"])
    assert code == 0
    listed = out.split("products made, bank column: A row x B column")[1]
    found = re.findall(r"(\d+): (\d+)x(\d+)", re.sub(r"bank row \d+, k \d+:", "", listed))
    assert sorted(tuple(map(int, one)) for one in found) == sorted(
        (bank % 4, row, col) for _, bank, row, col in cycle["made"])


def test_range_of_cycles(run, explained):
    total = len(explained()["cycles"])
    _, out, _ = run("explain", "--cycles", f"0-{total - 1}")
    assert "... and more" not in out
    rows = [line.split()[0] for line in out.split("collector\n")[-1].splitlines() if line]
    covered = [cycle for row in rows for cycle in range(int(row.split("-")[0]),
                                                        int(row.split("-")[-1]) + 1)]
    assert covered == list(range(total))


def test_page(run, explained, tmp_path):
    words = ("--seed", 2, "--config", "small", "--mode", "dense")
    code, out, _ = run("explain", *words, "--html", "tile.html")
    assert code == 0 and out.splitlines()[-1].startswith("tile.html: ")
    text = (tmp_path / "tile.html").read_text(encoding="utf-8")
    page = Page(text)
    assert json.loads(page.report) == explained(*words)
    # Nothing comes from elsewhere, and no placeholder is left.
    assert not re.search(r"(?:https?:)?//[\w.-]+\.\w|@import|url\(|<!-- ", text)
    assert not any(key == "src" for _, attributes in page.tags for key in attributes)
    assert [attributes["href"] for _, attributes in page.tags
            if "href" in attributes] == ["data:,"]
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    used = set(re.findall(r'element\("([\w-]+)"\)', page.scripts))
    assert len(used) > 10 and used <= set(ids)
    for tag, attributes in page.tags:
        if tag in ("button", "canvas") or attributes.get("type") == "range":
            assert attributes["aria-label"]
    assert dict(page.tags)["html"]["lang"] == "en"
    assert any(attributes.get("aria-live") == "polite" for _, attributes in page.tags)


def test_page_with_text_that_looks_like_its_end(explained):
    report = {**explained("--config", "tiny"), "note": "</script><script>alert(1)<!-- style -->"}
    assert json.loads(Page(render(report)).report) == report


@pytest.mark.parametrize("words, sentence", [
    (("--tile", "1,0,0"), "Tile must be inside 1 x 1 x 1, the tile rows, tile columns and k-tiles "
                          "of the product, not 1,0,0"),
    (("--tile", "1,0"), "Tile must be I,J,K with three integers from 0, not '1,0'"),
    (("--tile", "0,0,-1"), "Tile must be I,J,K with three integers from 0, not '0,0,-1'"),
    (("--kstep", "4"), "K-step must be from 0 to 3, not 4"),
    (("--kstep", "-1"), "K-step must be from 0 to 3, not -1"),
    (("--cycles", "3-x"), "Cycles must be FROM-TO or a single one, not '3-x'"),
    (("--cycles", "9-3"), "Cycles must be inside 0-45 and ascend, not 9-3"),
    (("--cycles", "40-46"), "Cycles must be inside 0-45 and ascend, not 40-46"),
    (("--mode", "fast"), "Mode must be one of sparse, dense, not 'fast'"),
    (("--html", "tile.txt"), "Output name must end in .html, not tile.txt"),
    (("--density-a", "1.5"), "Density must be from 0 to 1, not 1.5"),
    (("--shape", "8x8"), "Shape must be MxNxK with three positive integers, not '8x8'"),
    (("a.npy",), "Files must be given for A and B or for neither, not only a.npy"),
])
def test_refused(refused, words, sentence):
    """Before anything is written."""
    assert refused("explain", "--config", "tiny", "--html", "x.html", *words) == sentence


def test_unknown_configuration(refused):
    assert refused("explain", "--config", "huge").startswith("Configuration must be one of paper, ")


def test_page_in_the_documentation(run):
    """The output that docs/explain.md shows is what its command prints."""
    text = DOCS.read_text(encoding="utf-8")
    command, shown = re.search(r"```sh\n\.venv/bin/dstc ([^\n]*)\n```\n\n```text\n(.*?)```", text,
                               re.DOTALL).groups()
    assert run(*command.split())[1] == shown
