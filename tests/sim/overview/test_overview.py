"""The report without a browser: links, missing results, bars."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from dstc_sim.overview import build
from dstc_sim.overview.markdown_page import render_markdown
from dstc_sim.overview.plots import bars, headlines, workload_bars
from dstc_sim.overview.sections import GROUPS

DOCS = Path(__file__).resolve().parents[3] / "docs"


class Links(HTMLParser):
    """What a page refers to."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.found += [value for name, value in attributes if name in ("href", "src")]


def test_links(report):
    """Every link leads into the folder, every other reference is inside the page."""
    pages = sorted(report.glob("*.html"))
    assert {"index.html", "tile.html", "breakeven.html", "network-profile.html", "area.html"} <= {
        page.name for page in pages}
    for page in pages:
        found = Links(page.read_text(encoding="utf-8")).found
        assert found
        for link in found:
            assert link.startswith(("data:", "#")) or (report / link).is_file(), (page.name, link)


def test_missing_results(tmp_path, report, monkeypatch):
    """Without results each section names the command that makes it."""
    monkeypatch.setattr("dstc_sim.overview.folder._made", lambda folder, results: {})
    docs = tmp_path / "docs"
    docs.mkdir()
    with pytest.raises(OSError, match=r"machine\.svg"):
        build(tmp_path / "out", docs)
    assert not (tmp_path / "out").exists()
    (docs / "machine.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>", encoding="ascii")
    page = build(tmp_path / "out", docs).read_text(encoding="utf-8")
    named = re.findall(r"Not there yet: <code>make ([a-z-]+)</code>", page)
    assert named == [section.target for group in GROUPS.values() for section in group]
    assert "make price" in (report / "index.html").read_text(encoding="utf-8")


def test_sections():
    """The commands that sections name are targets, and no section is there twice."""
    sections = [section for group in GROUPS.values() for section in group]
    targets = re.findall(r"^([a-z-]+):", (DOCS.parent / "Makefile").read_text(), re.MULTILINE)
    assert {section.target for section in sections} <= set(targets)
    assert len({section.name for section in sections}) == len(sections)


def test_every_result(report):
    """Each page of results is a page of the report, and the first page leads to it."""
    found = Links((report / "index.html").read_text(encoding="utf-8")).found
    assert {f"{path.stem}.html" for path in (DOCS / "results").glob("*.md")} <= set(found)


def test_markdown(tmp_path):
    """Links to pages that are there, text for others, pictures inside, tables that scroll."""
    (tmp_path / "one.svg").write_text("<svg/>", encoding="ascii")
    (tmp_path / "page.md").write_text(
        "[a](other.md) [b](../area.md) ![c](one.svg)\n\n| x | y |\n|--|--|\n| 1 | 2 |\n",
        encoding="ascii")
    page = render_markdown(tmp_path / "page.md", {"other"})
    assert '<a href="other.html">a</a>' in page and "<span>b</span>" in page
    assert 'src="data:image/svg+xml;base64,PHN2Zy8+"' in page
    assert re.search(r'<div [^>]*class="scroll"[^>]*><table>', page.replace("\n", ""))


def test_bars():
    """Lengths are shares of the longest."""
    assert re.findall(r"width:([\d.]+)%", bars([("a", 2, "2"), ("b", 8, "8")], "x")) == [
        "25.00", "100.00"]


def test_workload_bars():
    """Speedups are ratios of sums over the layers."""
    layers = [{"cycles": {"dense": 300, "dual-side": 60}, "least": 50},
              {"cycles": {"dense": 100, "dual-side": 40}, "least": 30}]
    page = workload_bars({"workloads": [{"name": "n", "activations": "made up",
                                         "layers": layers}]})
    assert re.findall(r"<b>([\d.]+)x</b>", page) == ["1.00", "4.00", "5.00"]


def test_headlines():
    """Each figure is there if its result is."""
    area = {"paper": {"area_um2": 30.0, "dense_twin": {"area_um2": 20.0}}}
    points = [{"reference": number == 0} for number in range(10)]
    paper = {"figures": {"x": {}, "21": {"mean_error": .0434, "points": points}}}
    assert re.findall(r'"value">([^<]*)', headlines({"area": area, "paper": paper})) == [
        "1.50x", "4.3%"]
    assert "9 published points" in headlines({"paper": paper})
    assert "value" not in headlines({})
