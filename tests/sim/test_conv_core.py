"""Convolutions on the Verilog of the core with im2col unit and epilogue, against the golden model.

The golden model itself is compared with ONNX Runtime on thousands of geometries in
tests/dstc/conv.
"""

import dataclasses

import numpy as np
import pytest

from dstc.beats import tile_records
from dstc.config import get_config
from dstc.conv import ConvGeometry, Epilogue, convolution, encode_map, weight_matrix
from dstc.conv.chain import ChainLayer, check_chain, golden_chain
from dstc.conv.featuremap import matrix_map
from dstc.conv.program import conv_job
from dstc.errors import DstcError
from dstc.formats import encode
from dstc.pruned_cnn import Network, load_digits
from dstc.pruned_cnn.chain import SOURCE, cnn_chain, cnn_input
from dstc_hdl.emit import emit_unit
from dstc_sim.conv import ConvEngine
from dstc_sim.runs import SimulationError, Stall
from dstc_sim.verilator.conv import ConvModel

TINY = get_config("tiny")
TINY_INT8 = TINY.replace(name="tiny-int8", element="int8", adder_latency=1)


@pytest.fixture(scope="module")
def engine():
    return ConvEngine()


def random_geometry(rng):
    while True:
        groups = int(rng.choice([1, 1, 1, 2, 3, 4]))
        try:
            return ConvGeometry(
                channels=groups * int(rng.integers(1, 8)), height=int(rng.integers(1, 14)),
                width=int(rng.integers(1, 14)), outputs=groups * int(rng.integers(1, 8)),
                kernel=tuple(rng.integers(1, 6, 2).tolist()),
                stride=tuple(rng.integers(1, 4, 2).tolist()),
                pads=tuple(rng.integers(0, 4, 4).tolist()),
                dilation=tuple(rng.integers(1, 3, 2).tolist()), groups=groups)
        except DstcError:
            continue


def random_values(rng, shape, config):
    if config.format.is_float:
        values = rng.standard_normal(shape).astype(config.format.dtype)
    else:
        values = rng.integers(-128, 128, shape).astype(np.int8)
    values[rng.random(shape) < rng.choice([0.0, 0.5, 0.9])] = 0
    return values


def random_epilogue(rng, geometry, config):
    raw = bool(rng.integers(2))
    bias = None
    if rng.integers(2):
        bias = rng.standard_normal(geometry.outputs).astype(np.float32)
        if not config.format.is_float:
            bias = (1000 * bias).astype(np.int32)
    scale = {}
    if not raw and not config.format.is_float:
        scale = {"multiplier": rng.integers(0, 1 << 16, geometry.outputs),
                 "shift": rng.integers(14, 28, geometry.outputs)}
    return Epilogue(bias=bias, relu=bool(rng.integers(2)), raw=raw, **scale)


def bits(array):
    return np.ascontiguousarray(array).view(f"u{array.itemsize}")


def check(engine, config, seed):
    rng = np.random.default_rng(seed)
    geometry = random_geometry(rng)
    x = random_values(rng, geometry.x_shape, config)
    w = random_values(rng, geometry.w_shape, config)
    epilogue = random_epilogue(rng, geometry, config)
    c = None
    if rng.integers(2):
        c = (100 * rng.standard_normal(geometry.out_shape)).astype(config.format.acc_dtype)
    golden = convolution(x, w, geometry, epilogue, c=c, element=config.format)
    engine.stall = Stall.everywhere(float(rng.choice([0.1, 0.5])), seed) if seed % 2 else None
    columns = [None, 1, 2][int(rng.integers(3))]
    result = engine.run(x, w, geometry, epilogue, c=c, columns=columns, config=config)
    np.testing.assert_array_equal(bits(result.out), bits(golden), err_msg=f"{seed} {geometry}")
    if not epilogue.raw:
        # Every beat is what the encoder in software makes of the golden result.
        wanted = tile_records(encode_map(golden, config), config)
        np.testing.assert_array_equal(result.y.data, wanted.data)
        np.testing.assert_array_equal(result.y.starts, wanted.starts)
    assert sum(result.bins.values()) == result.cycles


@pytest.mark.parametrize("block", range(8))
def test_random_geometries(engine, block):
    """400 geometries, half of them with random waiting on all eight streams."""
    for seed in range(50 * block, 50 * block + 50):
        check(engine, TINY, seed)


def test_random_geometries_of_integers(engine):
    for seed in range(1000, 1050):
        check(engine, TINY_INT8, seed)


def test_positions_beyond_a_window(engine):
    """Few output columns of a wide map: every row of a tile is in another tile of the map."""
    rng = np.random.default_rng(1)
    geometry = ConvGeometry(channels=5, height=12, width=40, outputs=9, kernel=(3, 2),
                            stride=(1, 39), pads=(1, 0, 1, 1))
    assert geometry.out_width == 2
    x = random_values(rng, geometry.x_shape, TINY)
    w = random_values(rng, geometry.w_shape, TINY)
    result = engine.run(x, w, geometry, Epilogue(), config=TINY)
    golden = convolution(x, w, geometry, Epilogue(), element=TINY.format)
    np.testing.assert_array_equal(bits(result.out), bits(golden))


@pytest.mark.parametrize("seed", range(20))
def test_window_is_read_before_it_is_filled_again(engine, seed):
    """One record for each tile and raw results: the unit waits with a window's last span ready."""
    rng = np.random.default_rng(seed)
    geometry = ConvGeometry(channels=3, height=4, width=16, outputs=1, kernel=1,
                            pads=(0, 0, seed % 2, 0))
    x = random_values(rng, geometry.x_shape, TINY)
    w = random_values(rng, geometry.w_shape, TINY) + np.float16(0.5)
    engine.stall = Stall(d=0.9, seed=seed) if seed >= 10 else None
    result = engine.run(x, w, geometry, Epilogue(), config=TINY)
    golden = convolution(x, w, geometry, Epilogue(), element=TINY.format)
    np.testing.assert_array_equal(bits(result.out), bits(golden))


@pytest.mark.parametrize("config", ["tiny", "paper"])
def test_network_in_a_chain(engine, config):
    """All convolutions of the pruned network, encoded results passed on as they were sent."""
    config = get_config(config)
    layers = cnn_chain(Network.load())
    image = cnn_input(load_digits()[0][3])
    golden = golden_chain(layers, SOURCE, image, config.format)
    engine.stall = None
    results = engine.run_chain(layers, SOURCE, image, config=config)
    assert list(results) == [layer.name for layer in layers]
    for layer in layers:
        np.testing.assert_array_equal(bits(results[layer.name].out), bits(golden[layer.name]))
        if not layer.epilogue.raw:
            wanted = tile_records(encode_map(golden[layer.name], config), config)
            np.testing.assert_array_equal(results[layer.name].y.data, wanted.data)
    # Not all zeros: a chain of nothing would be equal as well.
    assert np.count_nonzero(golden["block2.conv2"]) > 500


def test_broken_records_are_reported(engine):
    """A record that ends too early stops the core with its own code."""
    geometry = ConvGeometry(channels=4, height=4, width=4, outputs=8, kernel=3, pads=1)
    rng = np.random.default_rng(2)
    records = tile_records(encode_map(np.ones(geometry.x_shape, np.float16), TINY), TINY)
    starts = records.starts.copy()
    starts[1] -= 1
    engine.stall = None
    with pytest.raises(SimulationError, match=r"error 8 \(a tile record of the feature map has"):
        engine.run(dataclasses.replace(records, starts=starts),
                   random_values(rng, geometry.w_shape, TINY) + np.float16(1), geometry,
                   Epilogue(), config=TINY)


def test_jobs_follow_each_other_without_a_reset():
    """What one job leaves in windows, tables and parameters does not reach the next."""
    model = ConvModel(emit_unit("conv_core", TINY)[0], TINY)
    for seed in range(40):
        rng = np.random.default_rng(seed)
        geometry = random_geometry(rng)
        x = random_values(rng, geometry.x_shape, TINY)
        w = random_values(rng, geometry.w_shape, TINY)
        epilogue = random_epilogue(rng, geometry, TINY)
        job = conv_job(tile_records(encode_map(x, TINY), TINY),
                       encode(np.ascontiguousarray(weight_matrix(w, geometry)), "B", TINY),
                       geometry, epilogue, config=TINY)
        run = model.run(job, stall=Stall.everywhere(0.2, seed), resume=seed > 0)
        golden = convolution(x, w, geometry, epilogue, element=TINY.format)
        if epilogue.raw:
            np.testing.assert_array_equal(bits(matrix_map(
                job.assemble(run.d_data), golden.shape[1:])), bits(golden))
        else:
            wanted = tile_records(encode_map(golden, TINY), TINY)
            np.testing.assert_array_equal(run.y.data, wanted.data)


def chain_of(**changes):
    geometry = ConvGeometry(channels=4, height=4, width=4, outputs=4, kernel=3, pads=1)
    one = ChainLayer(name="one", x="in", w=np.ones(geometry.w_shape, np.float16),
                     geometry=geometry, epilogue=Epilogue(raw=False))
    two = dataclasses.replace(one, name="two", x="one")
    return [one, dataclasses.replace(two, **changes)]


@pytest.mark.parametrize("changes, sentence", [
    ({"name": "one"}, "Layers of a chain must have different names, not 'one' twice"),
    ({"x": "three"}, "Layer two must take its feature map from an earlier layer, not from "
                     "'three'"),
    ({"c": "one"}, r"Layer two must take a C that is raw and of shape \(4, 4, 4\), not one, which "
                   r"is encoded and \(4, 4, 4\)"),
    ({"geometry": ConvGeometry(channels=4, height=5, width=4, outputs=4, kernel=3, pads=1)},
     r"Layer two must take a feature map that is encoded and of shape \(4, 5, 4\), not one, which "
     r"is encoded and \(4, 4, 4\)"),
])
def test_chains_that_do_not_fit(changes, sentence):
    check_chain(chain_of(), "in")
    with pytest.raises(DstcError, match=f"^{sentence}$"):
        check_chain(chain_of(**changes), "in")
