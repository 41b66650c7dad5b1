"""Devices: the accelerator against its RTL (docs/results), the GPU against closed forms."""

import json
from pathlib import Path

import numpy as np
import pytest

from dstc.accelerator.parameters import AcceleratorConfig
from dstc.config import get_config
from dstc.conv import encode_map, im2col, weight_matrix
from dstc.conv.chain import golden_chain
from dstc.elements import ELEMENTS
from dstc.formats import encode
from dstc.models import MODELS, Operands, independent_mask
from dstc.models.accelerator import layer_time, product_time
from dstc.models.device import makespan
from dstc.models.gpu import VOLTA, Layer, gpu_time
from dstc.pruned_cnn import Network, load_digits
from dstc.pruned_cnn.chain import SOURCE, cnn_chain, cnn_input
from dstc.workloads import random_matrix

RESULTS = Path(__file__).parents[3] / "docs" / "results"
SIZES = ("64", "128", "256")
LONG = 10_000
MEAN, MEAN_LONG, WORST, WORST_LONG = 0.05, 0.03, 0.25, 0.16
"""Errors that docs/models.md allows for products: of all, and of those above 10,000 cycles."""


def squares():
    """Measured products, with operands as bench/system.py makes them."""
    for name in ("system", "system-small"):
        report = json.loads((RESULTS / f"{name}.json").read_text())
        config = get_config(report["config"]["name"])
        operands = {}
        for row in report["rows"]:
            if row["kind"] != "square" or row["name"] not in SIZES:
                continue
            size, density = int(row["name"]), row["density"]
            if (size, density) not in operands:
                rng = np.random.default_rng((1, size, int(100 * density)))
                a, b = (random_matrix((size, size), density, config.element, rng)
                        for _ in range(2))
                operands[size, density] = encode(a, "A", config), encode(b, "B", config)
            accelerator = AcceleratorConfig(core=config, cores=row["cores"],
                                            data_bits=row["port_bits"])
            yield row, product_time(*operands[size, density], accelerator,
                                    dense=row["mode"] == "dense", latency=row["latency"])


@pytest.fixture(scope="module")
def measured():
    """Rows and modelled times, all of them."""
    return list(squares())


def test_counts_are_the_hardware_s(measured):
    """Beats and OHMMA are those that were counted on the Verilog, exactly."""
    assert len(measured) > 70
    for row, time in measured:
        beat = row["port_bits"] // 8
        assert time.parts["array"] == row["most_ohmma"]
        assert time.parts["reads"] * beat == row["read_bytes"]
        assert time.parts["writes"] * beat == row["write_bytes"]


def test_cycles_are_near_the_hardware_s(measured):
    """Within the tolerance that the page states."""
    errors = np.array([abs(time.cycles / row["cycles"] - 1) for row, time in measured])
    long = np.array([row["cycles"] > LONG for row, _ in measured])
    assert errors.mean() < MEAN and errors.max() < WORST
    assert errors[long].mean() < MEAN_LONG and errors[long].max() < WORST_LONG


def test_im2col_is_the_unit_s():
    """Spans of the pruned network's layers are those of the runs on the Verilog, and the OHMMA."""
    rows = {row["layer"]: row for row in
            json.loads((RESULTS / "convolution.json").read_text())["rows"]
            if row["network"] == "pruned CNN"}
    accelerator = AcceleratorConfig(core=get_config("paper"))
    layers = cnn_chain(Network.load())
    maps = golden_chain(layers, SOURCE, cnn_input(load_digits()[0][0]), ELEMENTS["fp16"])
    for layer in layers[1:4]:
        sides = [np.ascontiguousarray(each) for each in (
            im2col(maps[layer.x], layer.geometry), weight_matrix(layer.w, layer.geometry))]
        y = np.ones(layer.geometry.out_shape, np.float16)
        time = layer_time(
            encode_map(maps[layer.x], accelerator.core),
            *(encode(side, name, accelerator.core) for side, name in zip(sides, "AB",
                                                                         strict=True)),
            layer.geometry, encode_map(y, accelerator.core), accelerator)
        assert time.parts["im2col"] == rows[layer.name]["spans"]
        assert time.parts["array"] == rows[layer.name]["bins"]["issue"]


@pytest.mark.parametrize("costs, cores, cycles", [
    ([3, 3, 3, 3], 2, 6), ([5, 1, 1, 1], 2, 5), ([1, 1, 1, 5], 2, 6), ([7], 4, 7), ([], 3, 0),
    ([0, 4, 0, 4], 1, 8)])
def test_makespan(costs, cores, cycles):
    """Small schedules, worked out by hand; what costs nothing takes no core."""
    assert makespan(np.array(costs, np.int64), cores) == cycles


def test_gpu_dense_product():
    """4096 cubed: 128 x 128 tiles of 4096 x 8 cycles on 320 cores, 52 rounds."""
    full = np.ones((4096, 4096), bool)
    time = gpu_time(Layer.of(Operands.from_masks(full, full)), dense=True)
    assert VOLTA.cores == 320 and VOLTA.multipliers == 40960
    assert time.parts["array"] == 52 * 4096 * 8
    assert time.limit == "array"
    assert time.cycles == 5000 + 52 * 4096 * 8
    assert 0.97 < time.utilization * time.cycles / time.parts["array"] < 1


def test_gpu_memory_bound():
    """A thin product reads its operands once: 2 bytes each, 900 GB/s."""
    rng = np.random.default_rng(0)
    operands = Operands.from_masks(independent_mask((32, 2048), 1.0, rng),
                                   independent_mask((2048, 1024), 1.0, rng))
    time = gpu_time(Layer.of(operands), dense=True)
    moved = 2 * (32 * 2048 + 2048 * 1024 + 32 * 1024)
    assert time.parts["memory"] == -(-moved * 1.38e9 // 900e9)


def test_gpu_sparse_is_the_skip_rule_on_one_core():
    """On a device of one core the array takes as many cycles as the core's model."""
    from dataclasses import replace

    rng = np.random.default_rng(1)
    operands = Operands.from_masks(independent_mask((100, 64), 0.5, rng),
                                   independent_mask((64, 90), 0.5, rng))
    one = replace(VOLTA, sms=1, sub_cores=1)
    assert gpu_time(Layer.of(operands), one).parts["array"] == MODELS["dual-side"].cost(
        operands).cycles


def test_gpu_empty_tiles_cost_nothing():
    """An operand of zeros leaves only its bits to be read, and the results."""
    operands = Operands.from_masks(np.zeros((64, 64), bool), np.ones((64, 64), bool))
    time = gpu_time(Layer.of(operands))
    assert time.parts["array"] == 0 and time.products == 0 and time.limit == "start"
