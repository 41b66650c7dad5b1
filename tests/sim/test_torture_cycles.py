"""The torture set and the worst streams on record: the Verilog and the cycle model take the cycles
that are committed, to the bit and to the bin."""

import json
from pathlib import Path

import numpy as np
import pytest

from dstc.config import get_config
from dstc.formats import encode
from dstc.program import gemm_job
from dstc.torture import CASES, bound_cycles, hazard_cycles, worst_ratio
from dstc.workloads import random_accumulators, random_matrix
from dstc_sim.cyclemodel import ModelCore
from dstc_sim.engine import RtlEngine, check, get_engine
from dstc_sim.runs import BINS

RESULTS = Path(__file__).parents[2] / "docs" / "results"
TORTURE, ADVERSARY = (json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
                      for name in ("torture", "adversary"))
EXPECTED = {(row["config"], row["case"]): row for row in TORTURE["rows"]}
NAMES = ("paper", "small", "tiny")
# Of the paper's machine, whose Verilog is slow to run: a closed form of each kind, and the rest
# where the collector's run-ahead matters.
PAPER_CASES = ("one bank", "same accumulator", "just over", "disjoint stream", "bursts",
               "clustered")


def model_bins(a, b, c, config):
    job = gemm_job(encode(a, "A", config), encode(b, "B", config), c, config=config)
    counters = ModelCore().run(job).counters
    return {name: counters[name] for name in BINS}


def stream_operands(row, config):
    """The operands of a worst stream: one output tile, random values at its non-zeros."""
    rng = np.random.default_rng(3)
    depth = row["tiles"] * config.tile_k
    sides = []
    for side, span in ((0, config.tile_m), (1, config.tile_n)):
        codes = [int(step[side], 16) for step in row["steps"]]
        mask = np.array([[codes[k % len(codes)] >> n & 1 for n in range(span)]
                         for k in range(depth)], bool)
        matrix = random_matrix((depth, span), 1, config.element, rng)
        matrix[~mask] = 0
        sides.append(matrix)
    return np.ascontiguousarray(sides[0].T), sides[1]


@pytest.mark.parametrize("result", [TORTURE, ADVERSARY], ids=["torture", "adversary"])
def test_committed_for_these_configurations(result):
    """The committed numbers are those of the configurations as they are."""
    for name in NAMES:
        assert result["configs"][name] == get_config(name).to_dict(), \
            "remake docs/results with bench/torture.py and bench/adversary.py"


def test_complete():
    """Every case has its number for every configuration."""
    assert EXPECTED.keys() == {(name, case) for name in NAMES for case in CASES}


@pytest.mark.parametrize("name", NAMES)
def test_model(name):
    """Every case on the cycle model; closed forms give the same cycles."""
    config = get_config(name)
    for case in CASES.values():
        row = EXPECTED[name, case.name]
        a, b, c = case.operands(config)
        bins = model_bins(a, b, c, config)
        assert bins == row["bins"], f"{name}, {case.name}"
        assert sum(bins.values()) == row["cycles"], f"{name}, {case.name}"
        assert case.cycles(config) in (None, row["cycles"]), f"{name}, {case.name}"
        assert (case.cycles(config) is not None) == row["closed_form"]
        assert bins["issue"] + bins["conflict"] <= row["bound"] == bound_cycles(
            a != 0, b != 0, config)


@pytest.mark.parametrize("entries", [4, 16])
@pytest.mark.parametrize("latency", [1, 2, 3, 4])
@pytest.mark.parametrize("name", ["small", "tiny"])
def test_closed_forms(name, latency, entries):
    """Closed forms are functions of the configuration."""
    config = get_config(name).replace(name="variant", adder_latency=latency,
                                      collector_entries=entries)
    for case in CASES.values():
        if case.work is not None:
            bins = model_bins(*case.operands(config), config)
            assert sum(bins.values()) == case.cycles(config), f"{case.name}, {config}"


@pytest.mark.parametrize("name", NAMES)
def test_verilog(name):
    """Every bit and every bin on the Verilated core."""
    config, engine = get_config(name), RtlEngine()
    for case in [CASES[case] for case in PAPER_CASES] if name == "paper" else CASES.values():
        operands = case.operands(config)
        result = engine.run(*operands, config=config)
        wanted = get_engine("golden").run(*operands, config=config)
        assert check(result, wanted), f"{name}, {case.name}"
        assert result.bins == EXPECTED[name, case.name]["bins"], f"{name}, {case.name}"


@pytest.mark.parametrize("name", NAMES)
def test_worst_streams(name):
    """The streams that the search found: the same bins in the model and in the Verilog, every bit
    right, within the bound; and the search comes to it."""
    config, engine = get_config(name), RtlEngine()
    rows = [row for row in ADVERSARY["rows"] if row["config"] == name]
    for row in rows:
        a, b = stream_operands(row, config)
        told = f"{name}, {row['kind']}, {row['goal']}"
        assert model_bins(a, b, None, config) == row["bins"], told
        assert row["busy"] == row["bins"]["issue"] + row["bins"]["conflict"] <= row["bound"], told
        assert row["bound"] == bound_cycles(a != 0, b != 0, config), told
        assert row["steady"] <= worst_ratio(config), told
        if name == "paper" and row["kind"] != "one tile":
            continue
        c = random_accumulators((len(a), b.shape[1]), config.element, np.random.default_rng(4))
        result = engine.run(a, b, c, config=config)
        assert check(result, get_engine("golden").run(a, b, c, config=config)), told
        assert result.bins == model_bins(a, b, c, config), told
        # C delays the start, which the bins of waiting tell.
        for bin_name in ("issue", "conflict"):
            assert result.bins[bin_name] == row["bins"][bin_name], told
    assert max(row["steady"] for row in rows) == worst_ratio(config)


def test_no_slower_than_dense():
    """The regular cases come as close to max(UV, h) cycles per k-step as their ends allow."""
    for name in NAMES:
        config = get_config(name)
        row = EXPECTED[name, "one bank"]
        per_step = max(config.bank_depth, hazard_cycles(config))
        assert row["bound"] == row["shape"][1] * per_step == (
            config.dense_ohmma_per_step * row["shape"][1])
