"""Published figures beside ours."""

import json

import pytest

from dstc_sim.cli import main
from dstc_sim.paper import FIGURES
from dstc_sim.paper.comparisons import layers
from dstc_sim.paper.spgemm import figure_21

# Digitised points over the dense one, and the expected share of OHMMA with independent zeros:
# sums of ceil over the binomial distribution of 32, from tables.
PUBLISHED = {(0.9, 1.0): 4160 / 4600, (0.3, 0.4): 1100 / 4600, (1.0, 0.4): 2500 / 4600}
INDEPENDENT = {(0.9, 1.0): 0.997, (0.7, 1.0): 0.799, (0.5, 1.0): 0.607, (0.3, 1.0): 0.415,
               (1.0, 0.4): 0.546, (0.9, 0.4): 0.544, (0.7, 0.4): 0.437, (0.5, 0.4): 0.331,
               (0.3, 0.4): 0.227}


@pytest.fixture(scope="module")
def figure():
    """The whole figure at its published size."""
    return figure_21(sensitivity=False)


def test_figure_21_is_near(figure):
    """The mean error over the nine points is below 5 %, and 10 points are there."""
    assert len(figure["points"]) == 10
    errors = [abs(point["error"]) for point in figure["points"] if not point["reference"]]
    assert len(errors) == 9
    assert figure["mean_error"] == pytest.approx(sum(errors) / 9)
    assert figure["mean_error"] < 0.05 < figure["mean_error_iid"]


def test_figure_21_points(figure):
    """Published values as digitised; independent zeros as the binomial distribution has them."""
    points = {tuple(point["densities"]): point for point in figure["points"]}
    for densities, value in PUBLISHED.items():
        assert points[densities]["published"] == pytest.approx(value)
        assert points[densities]["error"] == pytest.approx(points[densities]["ours"] / value - 1)
    for densities, share in INDEPENDENT.items():
        assert points[densities]["iid"] == pytest.approx(share, abs=1e-3)


def test_runs_are_as_clustered_as_feature_maps(figure):
    """The length of the runs gives the clustering that was measured, 6 to 15 with median 10, at
    every density: it is not fitted to the points."""
    for ratio in figure["distribution"]["clustering_a"].values():
        assert 8 < ratio < 11


def test_command(capsys):
    """One JSON object with the figure's keys, and the sensitivity."""
    assert main(["paper", "--figure", "21", "--size", "256", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert {"points", "mean_error", "mean_error_iid", "distribution"} <= set(report)
    assert {"densities", "published", "ours", "iid", "error"} <= set(report["points"][0])
    alone = {row["a"]: row for row in report["sensitivity"] if row["b"] == "independent"}
    assert alone["runs of 1"]["mean_error"] == pytest.approx(report["mean_error_iid"], abs=0.01)


def test_sampled_cycles_have_the_conflicts(capsys):
    """With every tile simulated, cycles are a few percent more than OHMMA, relative to dense."""
    assert main(["paper", "--size", "128", "--sample", "24", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["sampled_tiles"] == 24 and 0 < report["mean_error_sampled"] < 0.2
    for point in report["points"]:
        assert point["sampled_low"] <= point["sampled"] <= point["sampled_high"]
        assert point["ours"] * 0.99 < point["sampled"] < point["ours"] * 1.1


@pytest.mark.parametrize("name", ["layers", "break-even", "overhead"])
def test_other_figures(name, capsys):
    """Printed as tables with the error of each point."""
    assert main(["paper", "--figure", name]) == 0
    text = capsys.readouterr().out
    assert "published:" in text and "mean error" in text


def test_every_figure_says_why():
    """A paragraph on the differences and a source, where nothing has to be measured first."""
    for name in ("layers", "break-even", "overhead"):
        report = FIGURES[name]()
        assert report["figure"] == name and len(report["text"]) > 100 and report["source"]
        for point in report["points"]:
            assert {"published", "ours", "error"} <= set(point)


def test_layers_dense_inputs_and_weights_take_the_dense_time():
    """At weights 1 and inputs 0.82 every group of 16 is needed."""
    point = layers()["points"][3]
    assert point["published"] == point["ours"] == 1.0


@pytest.mark.parametrize("words, message", [
    (["--figure", "22"], "Figure must be one of"), (["--size", "8"], "Size must be from 32"),
    (["--figure", "layers", "--size", "64"], "Option --size must be given with figure 21"),
    (["--sample", "3"], "Sample must have at least 24")])
def test_refused(words, message, capsys):
    """One sentence."""
    assert main(["paper", *words]) == 2
    assert message in capsys.readouterr().err
