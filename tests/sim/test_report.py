"""The report of a run, from a made-up run: files, numbers, and nothing half done."""

import base64
import io
import re
from dataclasses import replace

import numpy as np
import pytest
from html_page import NestedPage
from matplotlib import image as images
from rich.console import Console

from dstc.config import get_config
from dstc_sim.bins import BIN_COLOURS, BIN_MEANINGS
from dstc_sim.engine import RunResult
from dstc_sim.report import Run, Subject, summary, verdict, write
from dstc_sim.report.picture import draw
from dstc_sim.report.run import groups_per_k, wrong_values
from dstc_sim.runs import BINS

FILES = ["core.json", "core.v", "index.html", "matrices.npz", "picture.png"]


def result(scale, out, folder, **changes):
    bins = dict(zip(BINS, (1234 * scale, 57, 31, 420, 9), strict=True))
    values = {
        "engine": "rtl", "config": get_config("tiny"), "mode": "sparse", "shape": (20, 13, 30),
        "out": out, "cycles": sum(bins.values()), "dense_cycles": 6144, "bins": bins,
        "ohmma": {"executed": 1234 * scale, "dense": 6144}, "products": 4321, "seconds": 0.25,
        "simulator": "a simulator", "tools": {"yosys": "0.1"}, "verilog": folder / "core.v",
        "manifest": folder / "core.json"}
    return RunResult(**values | changes)


@pytest.fixture
def run(tmp_path):
    rng = np.random.default_rng(20)
    a = rng.standard_normal((20, 30)).astype(np.float16)
    b = rng.standard_normal((30, 13)).astype(np.float16)
    a[rng.random(a.shape) < 0.7] = 0
    b[rng.random(b.shape) < 0.5] = 0
    d = rng.standard_normal((20, 13)).astype(np.float32)
    (tmp_path / "core.v").write_text("module core; endmodule\n")
    (tmp_path / "core.json").write_text('{"top": "core"}\n')
    return Run(a=a, b=b, c=np.ones_like(d), expected=d.copy(), sparse=result(1, d, tmp_path),
               dense=result(5, d.copy(), tmp_path))


@pytest.fixture
def subject():
    rng = np.random.default_rng(21)
    return Subject(network="a network", layer="conv<7>", about="Trained & pruned.",
                   image=rng.integers(0, 256, (28, 28), np.uint8), image_name="digit 3", label=4,
                   answer=9, feature_map=(5, 6, 7), feature_map_zeros=0.4321,
                   command="python run.py --out 'a & b'")


class Page(NestedPage):
    """Text, and the text of each element that has an id."""

    def __init__(self, text):
        self.text, self.ids = [], {}
        super().__init__(text)

    def handle_data(self, data):
        if not any(tag == "style" for tag, _ in self.open):
            self.text.append(data)
        for _, name in self.open:
            if name:
                self.ids.setdefault(name, []).append(data)

    def numbers(self, name):
        return [int(text.replace(",", "")) for text in self.ids[name]
                if re.fullmatch(r"[\d,]+", text)]


def page_of(out):
    return Page((out / "index.html").read_text(encoding="utf-8"))


def test_every_bin_is_explained_and_drawn():
    assert tuple(BIN_MEANINGS) == tuple(BIN_COLOURS) == BINS


def test_files(run, subject, tmp_path):
    out = tmp_path / "deep" / "run"
    assert write(out, run, subject) == out / "index.html"
    assert sorted(path.name for path in out.iterdir()) == FILES
    assert (out / "core.v").read_bytes() == run.sparse.verilog.read_bytes()
    assert (out / "core.json").read_bytes() == run.sparse.manifest.read_bytes()
    with np.load(out / "matrices.npz") as stored:
        assert {name: stored[name].tobytes() for name in stored} == {
            name: values.tobytes() for name, values in (
                ("a", run.a), ("b", run.b), ("c", run.c), ("d", run.sparse.out))}
    assert images.imread(out / "picture.png").shape[:2] == (1980, 1560)


def test_numbers_of_the_page(run, subject, tmp_path):
    write(tmp_path / "run", run, subject)
    page = page_of(tmp_path / "run")
    assert page.numbers("cycles") == [1751]
    assert page.numbers("dense-cycles") == [6687]
    assert page.ids["speedup"] == [f"{6687 / 1751:.2f}x"]
    assert page.numbers("bins") == [number for name in BINS for number in (
        run.dense.bins[name], run.sparse.bins[name])] + [6687, 1751]
    assert page.ids["answer"] == ["9"]
    text = " ".join(" ".join(page.text).split())
    assert verdict(run) in text
    for fact in ("20 x 30 by 30 x 13", "43.2% zeros", "5 maps of 6 x 7",
                 f"{by_hand(run):,} OHMMA", "executed 1,234", "executed 6,170", "3.51 times",
                 "44% of the multipliers", "2 x 4 non-zeros", "a simulator", "0.1", "tile_m",
                 subject.command, f"{np.mean(run.a == 0):.1%} zero",
                 f"{np.mean(run.b == 0):.1%} zeros"):
        assert fact in text, fact


def test_page_stands_alone(run, subject, tmp_path):
    """Nothing from elsewhere, no script, text escaped, pictures inline, links to its files."""
    write(tmp_path / "run", run, subject)
    source = (tmp_path / "run/index.html").read_text(encoding="utf-8")
    page = page_of(tmp_path / "run")
    source = source.replace('<link rel="icon" href="data:,">', "")     # asks for no file
    assert not re.search(r"https?:|@import|url\(|<script|<link", source)
    assert "conv&lt;7&gt;" in source and "Trained &amp; pruned." in source
    pictures = [facts for tag, facts in page.tags if tag == "img"]
    assert len(pictures) == 2 and all(facts["alt"] for facts in pictures)
    decoded = [base64.b64decode(facts["src"].removeprefix("data:image/png;base64,"),
                                validate=True) for facts in pictures]
    assert decoded[0] == (tmp_path / "run/picture.png").read_bytes()
    pixels = images.imread(io.BytesIO(decoded[1]))
    assert np.array_equal(np.rint(pixels[:, :, 0] * 255), subject.image)
    links = {facts["href"] for tag, facts in page.tags if tag == "a"}
    assert links == set(FILES) - {"index.html"}
    assert ("meta", {"name": "viewport",
                     "content": "width=device-width, initial-scale=1"}) in page.tags


def by_hand(run):
    """The skip rule of the tiny core, an OHMMA at a time: tiles of 8 x 8, 2 x 4 multipliers."""
    count = 0
    for top in range(0, 20, 8):
        for left in range(0, 13, 8):
            for k in range(30):
                rows = np.count_nonzero(run.a[top:top + 8, k])
                cols = np.count_nonzero(run.b[k, left:left + 8])
                count += -(-rows // 2) * -(-cols // 4)
    return count


def test_skip_rule(run):
    assert run.ohmma_per_k.sum() == by_hand(run) > 0


def test_picture_is_reproducible(run):
    assert draw(run) == draw(run)


@pytest.mark.parametrize("m, n, k", [(1, 1, 1), (1, 40, 3), (70, 2, 100)])
@pytest.mark.parametrize("empty", [False, True])
def test_picture_of_any_shape(run, m, n, k, empty):
    values = np.full((m, k), 0 if empty else np.nan, np.float16)
    drawn = draw(replace(run, a=values, b=np.ones((k, n), np.float16)))
    assert drawn.startswith(b"\x89PNG")


@pytest.mark.parametrize("seed", range(3))
def test_groups_by_loops(seed):
    rng = np.random.default_rng(seed)
    stored = rng.random((37, 11)) < 0.4
    expected = [sum(-(-sum(stored[top:top + 16, k]) // 4) for top in range(0, 37, 16))
                for k in range(11)]
    assert groups_per_k(stored, 16, 4).tolist() == expected


def printed(run, subject):
    console = Console(file=io.StringIO(), width=100)
    console.print(summary(run, subject))
    return console.file.getvalue()


def test_summary(run, subject):
    lines = printed(run, subject).splitlines()
    where = next(n for n, line in enumerate(lines) if line.startswith("bit-exact: all 260 "))
    rows = [re.findall(r"[\w.,%]+", line) for line in lines[where + 1:] if line.startswith("│")]
    assert rows == [[name, f"{run.dense.bins[name]:,}", f"{run.sparse.bins[name]:,}",
                     f"{run.sparse.bins[name] / 1751:.1%}"] for name in BINS] + [
        ["total", "6,687", "1,751", "speedup", "3.82x"]]
    assert lines[-1].startswith("└")


@pytest.mark.parametrize("mode", ["sparse", "dense"])
@pytest.mark.parametrize("pattern", [1, 1 << 31], ids=["last-bit", "sign-of-zero"])
def test_one_wrong_bit_is_told(run, subject, tmp_path, mode, pattern):
    d = run.expected.copy()
    d[3, 3] = run.expected[3, 3] = 0
    others = {"sparse": run.expected, "dense": run.expected, mode: d}
    d.view(np.uint32)[3, 3] ^= pattern
    wrong = replace(run, **{name: result(1, out, tmp_path) for name, out in others.items()})
    assert not wrong.bit_exact
    counts = "1 sparse and 0 dense" if mode == "sparse" else "0 sparse and 1 dense"
    assert f"not bit-exact: of 260 values {counts} ones differ" in printed(wrong, subject)


def test_equal_nan_is_exact(run, tmp_path):
    expected = run.expected
    expected[0, 0] = np.nan
    assert wrong_values(result(1, expected.copy(), tmp_path), expected) == 0


@pytest.mark.parametrize("d", [np.zeros((20, 12), np.float32), np.zeros((20, 13), np.int32),
                               np.zeros((0, 13), np.float32)], ids=["shape", "type", "empty"])
def test_another_kind_of_result_is_wrong(run, tmp_path, d):
    assert wrong_values(result(1, d, tmp_path), np.zeros((20, 13), np.float32)) == 260


def test_results_must_be_of_verilog(run, tmp_path):
    golden = result(1, run.expected, tmp_path, engine="golden", bins=None, simulator=None)
    with pytest.raises(ValueError, match=r"^Results must come from emitted Verilog, not from "
                                         r"golden$"):
        replace(run, dense=golden, sparse=golden)


@pytest.mark.parametrize("broken", ["verilog", "manifest", "page"])
def test_failure_writes_nothing(run, subject, tmp_path, broken):
    out = tmp_path / "run"
    if broken == "page":
        subject = replace(subject, feature_map=(5,))
    else:
        run = replace(run, sparse=replace(run.sparse, **{broken: tmp_path / "absent"}))
    with pytest.raises((OSError, ValueError)):
        write(out, run, subject)
    assert not out.exists()


def test_writing_replaces_only_its_files(run, subject, tmp_path):
    out = tmp_path / "run"
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    (out / "index.html").write_text("old")
    write(out, run, subject)
    assert (out / "notes.txt").read_text() == "mine"
    assert sorted(path.name for path in out.iterdir()) == sorted([*FILES, "notes.txt"])
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    with pytest.raises(OSError):
        write(out, replace(run, sparse=replace(run.sparse, manifest=out / "absent")), subject)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
