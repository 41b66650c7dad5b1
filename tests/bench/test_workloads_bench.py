"""Real networks on the models: counts against golden files of the data collection."""

import csv
from pathlib import Path

import numpy as np
import pytest

from dstc.models import MODELS, Operands

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data"
TRACE = DATA / "activation-traces" / "squeezenet_dc_chelsea.npz"
DLMC = DATA / "dlmc"
LAYERS = ("fire2.conv1x1_1", "fire9.conv3x3_2", "conv_final")
"""Of SqueezeNet, that are compared."""


@pytest.fixture(autouse=True)
def scripts(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "bench")


@pytest.fixture(scope="module")
def measured():
    """The pruned network that comes with dstc."""
    import sys

    sys.path.insert(0, str(ROOT / "bench"))
    try:
        from workloads import cnn, measure, total
        layers = [measure(case) for case in cnn()]
        return layers, total(layers)
    finally:
        sys.path.remove(str(ROOT / "bench"))


def test_pruned_cnn(measured):
    """Nobody is faster than the limit, nor has fewer than its bound; sums are sums."""
    layers, sums = measured
    assert [layer["name"] for layer in layers][:2] == ["stem", "block1.skip"]
    for layer in layers:
        for name, model in MODELS.items():
            if not model.bound:
                assert layer["cycles"][name] >= layer["least"] > 0
        assert layer["cycles"]["dual-side"] < layer["cycles"]["dense"]
    assert sums["cycles"]["dense"] == sum(layer["cycles"]["dense"] for layer in layers)
    assert sums["effectual_macs"] < sums["macs"]


@pytest.fixture(scope="module")
def accelerated(measured):
    """The same network on the accelerator, 1 to 4 cores; ``measured`` has the path set."""
    import sys

    return list(sys.modules["workloads"].accelerators(None))


def test_accelerator_is_near_the_hardware(accelerated):
    """One and two cores against the emitted Verilog: within what the page states."""
    errors = [abs(row["cycles"] / row["verilog"] - 1) for row in accelerated if row["verilog"]]
    assert len(errors) == 14
    assert sum(errors) / 14 < 0.06 and max(errors) < 0.25


def test_page(measured, accelerated):
    """Every model and layer is on the page."""
    from workloads_report import page

    layers, sums = measured
    text = page({"tools": {"dstc": "0"}, "data": False, "accelerators": accelerated,
                 "workloads": [{"name": "N", "activations": "x", "layers": layers,
                                "total": sums}]})
    for word in ("RM-STC", "Uni-STC", "block2.conv2", "## The accelerator", "without launches"):
        assert word in text


def test_vgg_convolution():
    """The trace's convolution is scipy's correlation with zeros around, behind bias and ReLU."""
    from scipy.signal import correlate
    from vgg_trace import convolve

    rng = np.random.default_rng(0)
    x, kernel, bias = (rng.standard_normal(shape).astype(np.float32)
                       for shape in ((6, 8, 3), (3, 3, 3, 4), (4,)))
    for out, values in enumerate(convolve(x, kernel, bias).transpose(2, 0, 1)):
        sums = sum(correlate(x[:, :, c], kernel[:, :, c, out], "same", "direct")
                   for c in range(3))
        np.testing.assert_allclose(values, np.maximum(sums + bias[out], 0), atol=1e-4)


@pytest.mark.skipif(not TRACE.exists(), reason="the recorded traces are not here")
def test_squeezenet_counts():
    """Effectual MACs and OHMMA, both ways round, as an independent program counted them."""
    from workloads import trace

    with open(TRACE.with_name("golden_squeezenet_dc_chelsea.csv"), encoding="ascii") as file:
        golden = {row["layer"]: row for row in csv.DictReader(file)}
    found = {case.name: case.layer.operands for case in trace(TRACE) if case.name in LAYERS}
    assert set(found) == set(LAYERS)
    for name, operands in found.items():
        row, model = golden[name], MODELS["dual-side"]
        assert operands.products == int(row["effectual_macs"])
        assert model.cost(operands).cycles == int(row["instr_w16_a8"])
        assert model.cost(operands.swapped).cycles == int(row["instr_w8_a16"])


@pytest.mark.skipif(not DLMC.exists(), reason="the pruned masks are not here")
def test_dlmc_counts():
    """A full group of columns of activations leaves the groups of the weights, as counted."""
    from workloads import RESNET, pruned

    file = next(iter(RESNET.values()))
    with open(DLMC / "golden_tile_counts.csv", encoding="ascii") as table:
        golden = {row["layer"]: row for row in csv.DictReader(table) if row["file"] in file}
    cases = pruned(DATA / file, {}, 1.0)
    for _ in range(4):
        case = next(cases)
        weights = case.layer.operands.b.mask
        operands = Operands.from_masks(weights, np.ones((weights.shape[1], 16), bool))
        row = golden[case.name]
        assert np.count_nonzero(weights) == int(row["nnz"])
        assert MODELS["dual-side"].cost(operands).cycles == int(row["sum_ceil_pop_over_8"])
