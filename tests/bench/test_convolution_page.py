"""The page on convolution tells what the committed run has measured."""

import json
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = (DOCS / "convolution.md").read_text(encoding="utf-8")
ROWS = json.loads((DOCS / "results" / "convolution.json").read_text(encoding="utf-8"))["rows"]


def chosen(network, kernel, stride, last=False, first=False):
    return [row for row in ROWS
            if (row["network"], row["kernel"][0], row["stride"][0]) == (network, kernel, stride)
            and (row["layer"] == "conv_final") == last and (row["channels"] == 1) == first]


@pytest.mark.parametrize("title, rows", [
    ("SqueezeNet, 3x3, stride 1", chosen("SqueezeNet", 3, 1)),
    ("SqueezeNet, 1x1, stride 1, all but the last", chosen("SqueezeNet", 1, 1)),
    ("SqueezeNet, 7x7, stride 2", chosen("SqueezeNet", 7, 2)),
    ("SqueezeNet, 1x1, the last", chosen("SqueezeNet", 1, 1, last=True)),
    ("small CNN, 3x3, stride 1, 16 or more channels", chosen("pruned CNN", 3, 1)),
    ("small CNN, 3x3, stride 1, one channel", chosen("pruned CNN", 3, 1, first=True)),
    ("small CNN, 3x3, stride 2", chosen("pruned CNN", 3, 2)),
    ("small CNN, 1x1, stride 2", chosen("pruned CNN", 1, 2)),
])
def test_table(title, rows):
    over = [row["over_ready"] for row in rows]
    waits = [100 * row["added_wait"] for row in rows]
    layers = f"{len(rows)} layer" + "s" * (len(rows) > 1)
    assert (f"| {title}: {layers} | {min(over):.3f} to {max(over):.3f} | "
            f"{min(waits):.1f} to {max(waits):.1f} % |\n") in PAGE


@pytest.mark.parametrize("network, sentence", [
    ("SqueezeNet", "All of SqueezeNet takes {:.3f} of"),
    ("pruned CNN", "layers last 1,800 to 19,000 cycles each, {:.3f}."),
])
def test_totals(network, sentence):
    rows = [row for row in ROWS if row["network"] == network]
    total = sum(row["cycles"] for row in rows) / sum(row["ready_cycles"] for row in rows)
    assert sentence.format(total) in PAGE
