"""The space of a sweep: which configurations and workloads a description means, and what it must
not say."""

import json
import tomllib
from pathlib import Path

import numpy as np
import pytest

from dstc.config import CONFIGS, get_config
from dstc.errors import DstcError
from dstc_sim.sweep.space import KINDS, make_space, read_space
from dstc_sim.sweep.task import parameters

ONE = [{"shape": "8x8x8"}]


def names(space):
    return [config.name for config in space.configs]


def test_every_combination_of_every_base(tmp_path):
    space = make_space({"base": ["tiny", "small"], "workload": ONE,
                        "vary": {"slots": [2, 4], "adder_latency": [3, 1]}}, tmp_path)
    assert names(space) == [
        "tiny-slots-2-adder_latency-3", "tiny-slots-2-adder_latency-1",
        "tiny-slots-4-adder_latency-3", "tiny-slots-4-adder_latency-1",
        "small-slots-2-adder_latency-3", "small-slots-2-adder_latency-1",
        "small", "small-slots-4-adder_latency-1"]
    changed = space.configs[1]
    assert (changed.slots, changed.adder_latency, changed.tile_m) == (2, 1, 8)
    assert changed.status == "experimental" and space.refused == ()


def test_without_vary_the_bases_themselves(tmp_path):
    space = make_space({"base": list(CONFIGS), "workload": ONE}, tmp_path)
    assert space.configs == tuple(CONFIGS.values())
    assert make_space({"workload": ONE}, tmp_path).configs == (CONFIGS["paper"],)


def test_equal_parameters_are_taken_once(tmp_path):
    space = make_space({"base": ["paper", "paper-bf16"], "vary": {"element": ["bf16", "fp16"]},
                        "workload": ONE}, tmp_path)
    assert names(space) == ["paper-bf16", "paper"]
    assert len({json.dumps(parameters(config)) for config in space.configs}) == 2


def test_what_no_configuration_can_have_is_kept_with_its_reason(tmp_path):
    space = make_space({"base": "tiny", "workload": ONE,
                        "vary": {"collector_entries": [4, 17], "array_rows": [2, 3]}}, tmp_path)
    assert names(space) == ["tiny"]
    assert space.refused == (
        {"config": "tiny-collector_entries-4-array_rows-3",
         "reason": "Configuration array_rows must be a power of two of at least 2, not 3"},
        {"config": "tiny-collector_entries-17-array_rows-2",
         "reason": "Configuration collector_entries must be from 2 to 16, not 17"},
        {"config": "tiny-collector_entries-17-array_rows-3",
         "reason": "Configuration collector_entries must be from 2 to 16, not 17"})


def test_random_workloads_are_a_product(tmp_path):
    space = make_space({"workload": [{"shape": ["8x16x24", "8x8x8"], "density": ["0.25x1", 0.5],
                                      "pattern": ["iid", "clustered"], "seed": [0, 3]}]}, tmp_path)
    assert len(space.workloads) == 16
    assert [one.name for one in space.workloads[:5]] == [
        "8x16x24 0.25x1", "8x16x24 0.25x1 seed 3", "8x16x24 0.25x1 clustered",
        "8x16x24 0.25x1 clustered seed 3", "8x16x24 0.5x0.5"]
    for one in space.workloads:
        (a, b), = one.products(get_config("tiny"))
        assert a.shape == (one.shape[0], one.shape[2]) and b.shape == (one.shape[2], one.shape[1])
    assert len({json.dumps(one.identity()) for one in space.workloads}) == 16


def test_files_beside_the_description(tmp_path):
    rng = np.random.default_rng(1)
    x, w = rng.random((3, 5, 6)) < .5, rng.random((4, 3, 3, 3)) < .5
    np.savez(tmp_path / "t.npz", **{
        "order": np.array(["first"]), "first/xshape": np.array(x.shape),
        "first/xbits": np.packbits(x.reshape(3, 30), axis=1), "first/wshape": np.array(w.shape),
        "first/wbits": np.packbits(w.reshape(4, 27), axis=1), "first/stride_pad": np.array([1, 0])})
    a, b = (rng.random((7, 9)) < .3).astype(np.float32), rng.random((9, 3)).astype(np.float32)
    np.save(tmp_path / "a.npy", -a)
    np.save(tmp_path / "b.npy", b)
    (tmp_path / "space.toml").write_text(
        '[[workload]]\ntrace = "t.npz"\n[[workload]]\na = "a.npy"\nb = "b.npy"\n')
    layer, files = read_space(tmp_path / "space.toml").workloads
    assert (layer.name, files.name) == ("t first", "a.npy b.npy")
    (got_a, got_b), = files.products(get_config("small"))
    assert got_a.dtype == got_b.dtype == np.float16
    assert (got_a == a).all() and (got_b == (b != 0)).all()
    (lowered, weights), = layer.products(get_config("small"))
    want = np.array([[x[c, i + p, j + q] for c in range(3) for p in range(3) for q in range(3)]
                     for i in range(3) for j in range(4)])
    assert (np.sort(lowered, 1) == np.sort(want, 1)).all()
    assert (np.count_nonzero(weights, axis=0) == w.reshape(4, 27).sum(1)).all()


def test_json_says_the_same_as_toml(tmp_path):
    described = {"base": ["tiny"], "mode": "dense", "sample": 24, "vary": {"slots": [2, 3]},
                 "workload": [{"shape": "8x8x8", "density": "0.1x0.2"}]}
    (tmp_path / "s.json").write_text(json.dumps(described))
    (tmp_path / "s.toml").write_text(
        'base = ["tiny"]\nmode = "dense"\nsample = 24\n[vary]\nslots = [2, 3]\n'
        '[[workload]]\nshape = "8x8x8"\ndensity = "0.1x0.2"\n')
    assert read_space(tmp_path / "s.json") == read_space(tmp_path / "s.toml")
    assert read_space(tmp_path / "s.json").sample == 24


@pytest.mark.parametrize("described, message", [
    ({"bases": []}, "Space must have only base, vary, mode, sample, workload, not 'bases'"),
    ({"mode": "both"}, "Mode must be one of sparse, dense, not 'both'"),
    ({"sample": 3}, "Sample must have at least 24 output tiles, not 3"),
    ({"sample": True}, "Sample must have at least 24 output tiles, not True"),
    ({"base": ["huge"]}, "Configuration must be one of "),
    ({"base": []}, "Space must have from 1 to 10000 configurations, not 0"),
    ({"vary": {"name": ["x"]}}, "Vary must have only tile_m, "),
    ({"vary": [2]}, "Vary must be an object, not [2]"),
    ({"vary": {"slots": []}}, "Vary slots must have at least one value, not none"),
    ({"vary": {"slots": list(range(10_001))}},
     "Space must have from 1 to 10000 configurations, not 10001"),
    ({"vary": {"slots": [9, 10]}}, "Space must have at least one configuration that can be built, "
     "not only such as paper-slots-9: Configuration slots must be from 2 to 8, not 9"),
    ({"workload": []}, "Space must have from 1 to 1000 workloads, not 0"),
    ({"workload": ["x"]}, "Workload must be an object, not 'x'"),
    ({"workload": [{"density": 1}]}, "Workload must have a shape, a trace, a network, or files a "
     "and b, not density"),
    ({"workload": [{"shape": "8x8"}]}, "Shape must be MxNxK with three positive integers, "),
    ({"workload": [{"shape": "8x8x8", "a": "x"}]}, "Workload of a shape must have only shape, "),
    ({"workload": [{"shape": "8x8x8", "density": "0.1x2"}]}, "Density must be from 0 to 1, not 2"),
    ({"workload": [{"shape": "8x8x8", "density": "nan"}]}, "Density must be from 0 to 1, not nan"),
    ({"workload": [{"shape": "8x8x8", "density": "a"}]},
     "Densities must be two numbers like 0.25x0.5, or one for both, not 'a'"),
    ({"workload": [{"shape": "8x8x8", "pattern": "odd"}]},
     "Pattern must be one of iid, clustered, not 'odd'"),
    ({"workload": [{"shape": "8x8x8", "seed": -1}]}, "Seed must be an integer from 0, not -1"),
    ({"workload": ONE * 2}, "Workloads must have different names, not '8x8x8 0.5x0.5' twice"),
    ({"workload": [{"a": "a.npy"}]}, "Files must be given for A and B, not only a.npy"),
    ({"workload": [{"network": "n.onnx"}]},
     "Network n.onnx must be given with an input, not without one"),
    ({"workload": [{"trace": "no.npz"}]}, "Input must be an existing file, not "),
])
def test_one_sentence_for_each_mistake(tmp_path, described, message):
    with pytest.raises(DstcError) as raised:
        make_space({"workload": ONE, **described}, tmp_path)
    assert str(raised.value).startswith(message)


@pytest.mark.parametrize("name, text, message", [
    ("s.toml", "base = ", "s.toml must be valid TOML: "),
    ("s.json", "{", "s.json must be valid JSON: "),
    ("s.json", "[" * 100_000, "s.json must be valid JSON: "),
    ("s.json", "[1]", "s.json must be an object, not a list"),
    ("s.toml", b"\xff", "s.toml must be valid TOML: "),
])
def test_a_file_that_is_no_space(tmp_path, name, text, message):
    (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DstcError, match=r"^Space ") as raised:
        read_space(tmp_path / name)
    assert message in str(raised.value)


def test_the_page_shows_a_space(tmp_path):
    """The TOML of docs/sweep.md: every key is known, and what needs no files is understood."""
    page = (Path(__file__).parents[3] / "docs/sweep.md").read_text()
    described = tomllib.loads(page.split("```toml\n")[1].split("```")[0])
    assert {kind: set(keys) for kind, keys in KINDS.items()} == {
        next(iter(entry)): set(entry) for entry in described["workload"]}
    space = make_space({**described, "workload": described["workload"][:1]}, tmp_path)
    assert (len(space.configs), len(space.workloads), space.sample) == (12, 16, 48)
