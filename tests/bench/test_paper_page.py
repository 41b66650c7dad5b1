"""The page of published figures."""

import json
from pathlib import Path

import pytest

from dstc_sim.paper import FIGURES

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def scripts(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "bench")


def test_page_has_every_point():
    """A row for each point, with its error, source and text."""
    from paper import page

    reports = {"21": FIGURES["21"](size=64, sample=24), **{name: FIGURES[name]()
                                                for name in ("overhead", "break-even")}}
    text = page(reports, {"dstc": "0"})
    for report in reports.values():
        assert report["text"] in text and report["source"] in text
        assert f"{report['mean_error']:.1%}" in text
    assert text.count("\n| 0.9, ") == 2
    assert "two-state chain" in text


def test_committed_results_keep_the_promises():
    """What the repository shows: figure 21 below 5 %, every figure with its errors."""
    figures = json.loads((ROOT / "docs" / "results" / "paper.json").read_text())["figures"]
    assert set(figures) == set(FIGURES)
    assert figures["21"]["mean_error"] < 0.05
    assert max(point["seconds"] for point in figures["21"]["points"]) < 10
    for report in figures.values():
        for point in report["points"]:
            assert {"published", "ours", "error"} <= set(point)
