"""The break-even map against closed forms, and what it reads and writes."""

import json
from math import ceil, floor

import numpy as np
import pytest
from scipy.stats import binom

from dstc.config import get_config
from dstc.errors import DstcError
from dstc_sim.breakeven import break_even, read_layers
from dstc_sim.breakeven.lines import contour
from dstc_sim.breakeven.terminal import winning_ranges
from dstc_sim.cli import main

STEPS = 8


@pytest.fixture(scope="module", params=["paper", "small"])
def mapped(request):
    """The map of a configuration at few densities."""
    return break_even(get_config(request.param), steps=STEPS, seed=5,
                      area={"ratio": 1.5, "source": "made up"})


def groups(config):
    return ((config["tile_m"], config["array_rows"]), (config["tile_n"], config["array_cols"]))


def test_staircase(mapped):
    """With evenly spread zeros the speedup is the skip rule of the popcounts, and nothing else."""
    (m, r), (n, s) = groups(mapped["config"])
    found = mapped["patterns"]["even"]["speedup"]["dual-side"]
    for i, a in enumerate(mapped["densities"]):
        for j, b in enumerate(mapped["densities"]):
            wanted = (m // r) * (n // s) / (ceil(m * a / r) * ceil(n * b / s))
            assert found[i][j] == pytest.approx(wanted, abs=1e-4)


def test_independent_zeros(mapped):
    """The mean of the skip rule over binomial popcounts."""
    def mean(tile, lanes, density):
        counts = np.arange(tile + 1)
        return float(binom.pmf(counts, tile, density) @ -(-counts // lanes))

    (m, r), (n, s) = groups(mapped["config"])
    found = mapped["patterns"]["independent"]["speedup"]["dual-side"]
    for i, a in enumerate(mapped["densities"]):
        for j, b in enumerate(mapped["densities"]):
            wanted = (m // r) * (n // s) / (mean(m, r, a) * mean(n, s, b))
            assert found[i][j] == pytest.approx(wanted, rel=.05)


def test_rivals(mapped):
    """Dense and 2:4 do not depend on the masks; a dense product takes RM-STC as long as dense."""
    for pattern in mapped["patterns"].values():
        assert np.all(np.array(pattern["speedup"]["dense"]) == 1)
        assert np.all(np.array(pattern["speedup"]["2:4"]) == 2)
        assert pattern["speedup"]["rm-stc"][-1][-1] == pytest.approx(1)


def test_lines_separate(mapped):
    """Next to each point of a line there are cells on both sides of it."""
    ahead = 1 + mapped["margin"]
    for pattern in mapped["patterns"].values():
        speedup = {name: np.array(found) for name, found in pattern["speedup"].items()}
        for rival, lines in pattern["lines"].items():
            theirs = 1.5 if "area" in rival else speedup[rival]
            won = speedup["dual-side"] / theirs >= ahead
            for line in lines:
                for point in line:
                    low = [min(floor(at * STEPS + 1e-3) - 1, STEPS - 1) for at in point]
                    near = won[low[0]:low[0] + 2, low[1]:low[1] + 2]
                    assert near.any() and not near.all(), (rival, point)
    assert mapped["patterns"]["independent"]["lines"]["2:4"]
    assert mapped["patterns"]["independent"]["lines"]["dense, per area"]


def test_contour():
    """The line a + b = 1, and none where the level is not reached."""
    densities = [0.25, 0.5, 0.75, 1.0]
    values = np.add.outer(densities, densities)
    lines = contour(densities, values, 1.0)
    assert len(lines) == 1
    assert {(round(a, 2), round(b, 2)) for a, b in lines[0]} >= {(.25, .75), (.5, .5), (.75, .25)}
    assert contour(densities, values, 3.0) == []


def test_ranges():
    """Stretches at which the core wins, with a hole."""
    ours = [[9, 9, 9, 3], [9, 1, 9, 3], [9, 9, 1.5, 1], [9, 9, 9, 1]]
    report = {"densities": [.25, .5, .75, 1.0], "margin": .01, "area": {"ratio": 1.4},
              "patterns": {"even": {"speedup": {"dual-side": ours, "dense": [[1] * 4] * 4}}}}
    assert winning_ranges(report, "even", "dense", "both sides") == [(.25, .25), (.75, .75)]
    assert winning_ranges(report, "even", "dense", "A, B dense") == [(.25, .5)]
    assert winning_ranges(report, "even", "dense", "B, A dense") == [(.25, .75)]
    assert winning_ranges(report, "even", "dense, per area", "both sides") == [
        (.25, .25), (.75, .75)]


def test_layers(tmp_path):
    """A profile, measured rows and a trace become points."""
    config = get_config("tiny")
    profile = {"config": {"name": "tiny"}, "file": "net.onnx", "layers": [
        {"name": "one", "density": {"a": .25, "b": .5}, "ohmma": {"dense": 12, "dual": 4}},
        {"name": "none", "density": {"a": 0, "b": .5}, "ohmma": {"dense": 12, "dual": 0}}]}
    path = tmp_path / "profile.json"
    path.write_text(json.dumps(profile), encoding="utf-8")
    one, none = read_layers(str(path), config)
    assert (one["network"], one["name"], one["a"], one["b"], one["speedup"]) == (
        "net.onnx", "one", .25, .5, 3.0)
    assert none["speedup"] is None
    path.write_text(json.dumps({"config": {"name": "tiny"}, "rows": [
        {"network": "n", "layer": "l", "density_x": .5, "density_w": .75, "dense_cycles": 90,
         "ready_cycles": 60}]}), encoding="utf-8")
    assert read_layers(str(path), config)[0]["speedup"] == 1.5
    mask = np.zeros((8, 36), bool)
    mask[:, ::2] = True
    trace = tmp_path / "trace.npz"
    np.savez(trace, **{"order": np.array(["conv"]), "conv/xshape": np.array([8, 6, 6]),
                       "conv/xbits": np.packbits(mask, axis=1),
                       "conv/wshape": np.array([16, 8, 1, 1]), "conv/stride_pad": np.array([1, 0])})
    assert [(row["a"], row["b"]) for row in read_layers(str(trace), config)] == [(.5, 1.0)]


@pytest.mark.parametrize("text, sentence", [
    ("{", "must be JSON"), ("[]", "must be what dstc profile --json prints"),
    ('{"config": {"name": "tiny"}}', "must be what dstc profile --json prints"),
    ('{"config": {"name": "small"}, "file": "x", "layers": []}',
     "must be of configuration tiny, not small")])
def test_refused_layers(tmp_path, text, sentence):
    path = tmp_path / "layers.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DstcError, match=sentence):
        read_layers(str(path), get_config("tiny"))


def test_command(tmp_path, monkeypatch, capsys):
    """Three files of one map; the JSON on standard output is the file's."""
    monkeypatch.setattr("dstc_sim.breakeven.grid.STEPS", 4)
    out = tmp_path / "map"
    assert main(["breakeven", "--config", "tiny", "-o", str(out), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report == json.loads((out / "breakeven.json").read_text(encoding="utf-8"))
    assert report["densities"] == [.25, .5, .75, 1] and report["config"]["name"] == "tiny"
    assert (out / "breakeven.png").read_bytes().startswith(b"\x89PNG")
    page = (out / "breakeven.html").read_text(encoding="utf-8")
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "").replace("http-equiv", "")
    assert main(["breakeven", "--layers", str(tmp_path / "none.json")]) == 2
    assert "none.json" in capsys.readouterr().err


@pytest.mark.parametrize("options, sentence", [
    (["--set", "tile_m"], "must be PARAMETER=VALUE, not 'tile_m'"),
    (["--set", "tile_m=12"], "tile_m must be a multiple of 8"),
    (["--set", "tiles=3"], "parameter must be one of"),
    (["--set", "status=verified"], "must change a parameter of the core"),
    (["--set", "dataflow=other"], "dataflow must be one of condensed"),
    (["--config", "none"], "must be one of paper")])
def test_refused_options(options, sentence, capsys):
    assert main(["breakeven", *options]) == 2
    assert sentence in capsys.readouterr().err


def test_changed_configuration(monkeypatch, capsys):
    """Another tile, another staircase; no area is known, and the layers of `paper` are refused."""
    monkeypatch.setattr("dstc_sim.breakeven.grid.STEPS", 4)
    words = ["breakeven", "--set", "tile_m=24", "--set", "array_rows=4", "--json"]
    assert main(words) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["config"]["name"] == "paper-tile_m.24-array_rows.4"
    assert report["operands"]["m"] == 240 and report["area"] is None
    assert "dense, per area" not in report["patterns"]["even"]["lines"]
    # 12 of 24 rows are 3 groups of 6; 32 of 32 columns both.
    assert report["patterns"]["even"]["speedup"]["dual-side"][1][3] == pytest.approx(2, abs=1e-4)
