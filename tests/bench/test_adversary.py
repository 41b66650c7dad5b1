"""The search for the worst streams and the table of the torture set, as scripts."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from dstc.config import get_config
from dstc.torture import CASES, worst_ratio

FOLDER = Path(__file__).parents[2] / "bench"
TINY = get_config("tiny")


@pytest.fixture(autouse=True)
def scripts(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    # The page's masks bring a folder of their own to the path.
    monkeypatch.setattr(sys, "path", list(sys.path))


def test_same_seed_same_stream():
    """A search can be repeated, and another seed goes elsewhere."""
    from adversary import anneal
    found = [anneal(TINY, 4, "slowdown", 40, np.random.default_rng(seed)) for seed in (5, 5, 6)]
    assert found[0][1] == found[1][1]
    assert np.array_equal(found[0][0].rows, found[1][0].rows)
    assert np.array_equal(found[0][0].cols, found[1][0].cols)
    assert not (np.array_equal(found[0][0].rows, found[2][0].rows)
                and np.array_equal(found[0][0].cols, found[2][0].cols))


def test_search_comes_to_the_bound():
    """A few hundred runs find a k-step that is as slow as any can be."""
    from adversary import anneal, measure
    stream, _ = anneal(TINY, 1, "slowdown", 400, np.random.default_rng(1))
    assert measure(stream, TINY)["steady"] == worst_ratio(TINY) == 4


def test_measure_of_a_known_stream():
    """All rows of a bank row times all columns of a bank column: 2 OHMMA and 8 products for one
    bank in each of 64 k-steps."""
    from adversary import Stream, measure
    rows, cols = np.zeros((1, 8), bool), np.zeros((1, 8), bool)
    rows[0, [1, 3, 5, 7]] = cols[0, [2, 6]] = True
    row = measure(Stream(rows, cols), TINY)
    assert (row["ohmma"], row["busiest_bank"], row["bound"], row["steady"]) == (128, 512, 512, 4)
    assert row["steps"] == [["aa", "44"]]


def test_stops_in_time():
    """A search that is told to stop does, with what it has."""
    from adversary import anneal
    calls = iter([True, True, False])
    anneal(TINY, 1, "run-ahead", 1000, np.random.default_rng(1), lambda: next(calls))
    assert next(calls, None) is None


def test_adversary_script(tmp_path, capsys):
    """The whole script on a small budget: its page and its numbers."""
    from adversary import GOALS, KINDS, main
    files = tmp_path / "out" / "x.json", tmp_path / "out" / "x.md"
    assert main(["--config", "tiny", "--evaluations", "5", "--json", str(files[0]),
                 "--markdown", str(files[1]), "--data", str(tmp_path)]) == 0
    result = json.loads(files[0].read_text())
    assert [(row["kind"], row["goal"]) for row in result["rows"]] == [
        (kind, goal) for kind in KINDS for goal in GOALS]
    assert {row["source"] for row in result["real"]} == {"pruned CNN on a digit"}
    assert all(row["ohmma"] <= row["busy"] <= row["bound"] for row in result["real"])
    page = files[1].read_text()
    assert "## tiny" in page and "pruned CNN on a digit" in page
    assert page.strip() in capsys.readouterr().out


def test_torture_script(tmp_path):
    """The table of the torture set for one configuration."""
    from torture import main
    assert main(["--config", "tiny", "--json", str(tmp_path / "x.json"),
                 "--markdown", str(tmp_path / "x.md")]) == 0
    rows = json.loads((tmp_path / "x.json").read_text())["rows"]
    assert [row["case"] for row in rows] == list(CASES)
    assert "| one bank | " in (tmp_path / "x.md").read_text()


@pytest.mark.parametrize("config", ["paper", "small", "tiny"])
def test_table_of_real_masks(config):
    """The page tells what the committed search has measured on real masks."""
    docs = FOLDER.parent / "docs"
    rows = [row for row in json.loads((docs / "results" / "adversary.json").read_text())["real"]
            if row["config"] == config]

    def slowdown(part):
        return sum(row["busy"] for row in part) / sum(row["ohmma"] for row in part)

    cnn, squeezenet = (slowdown([row for row in rows if row["source"] == source])
                       for source in dict.fromkeys(row["source"] for row in rows))
    light = sum(slowdown([row]) < 1.05 for row in rows)
    worst = max((row for row in rows if row["layer"] != "head"), key=lambda row: slowdown([row]))
    assert (f"| {config} | {cnn:.3f} | {squeezenet:.3f} | {light} of {len(rows)} | "
            f"`{worst['layer']}`, {slowdown([worst]):.3f} "
            f"(bound {worst['bound'] / worst['ohmma']:.3f}) |\n"
            in (docs / "adversaries.md").read_text())
