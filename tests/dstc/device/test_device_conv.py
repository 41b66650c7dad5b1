"""Convolutions and chains through the driver on the reference device, every bit of them."""

from itertools import pairwise

import numpy as np
import pytest
from device_bench import device_of, random_elements
from hypothesis import given, settings
from hypothesis import strategies as st
from random_geometries import random_geometry

from dstc.conv import ConvGeometry, Epilogue, convolution
from dstc.conv.chain import ChainLayer, golden_chain


def random_epilogue(rng, outputs, config, raw):
    """Bias and ReLU or not; int8 is scaled so that few results saturate."""
    form = config.format
    bias = rng.integers(-50, 50, outputs).astype(form.acc_dtype) if rng.random() < .7 else None
    scale = {} if raw or form.is_float else {
        "multiplier": rng.integers(1, 100, outputs), "shift": rng.integers(6, 12, outputs)}
    return Epilogue(bias=bias, relu=bool(rng.random() < .5), raw=raw, **scale)


def random_layer(rng, name, x, geometry, config, raw):
    w = random_elements(rng, geometry.w_shape, rng.choice([.1, .5, 1]), config, 3)
    return ChainLayer(name=name, x=x, w=w, geometry=geometry,
                      epilogue=random_epilogue(rng, geometry.outputs, config, raw))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1 << 30), cores=st.integers(1, 4), raw=st.booleans(),
       name=st.sampled_from(["tiny", "tiny", "small", "paper-int8"]))
def test_convolutions_are_golden(seed, cores, raw, name):
    rng = np.random.default_rng(seed)
    device, bus = device_of(name, cores)
    geometry = random_geometry(rng, side=10, channels=9)
    layer = random_layer(rng, "y", "x", geometry, bus.config, raw)
    x = random_elements(rng, geometry.x_shape, .4, bus.config)
    c = (rng.integers(-99, 99, geometry.out_shape).astype(bus.config.format.acc_dtype)
         if rng.random() < .5 else None)
    run = device.convolve(x, layer.w, geometry, layer.epilogue, c=c)
    want = convolution(x, layer.w, geometry, layer.epilogue, c=c, element=bus.config.format)
    assert run.result.dtype == want.dtype
    np.testing.assert_array_equal(run.result, want)
    assert run.result.tobytes() == want.tobytes()


def pointwise(channels, outputs, size=(5, 7)):
    return ConvGeometry(channels=channels, height=size[0], width=size[1], outputs=outputs, kernel=1)


def residual_chain(rng, config):
    """Two branches that meet: 3x3 and 1x1 layers, strides, raw results that become C."""
    shapes = {
        "first": ConvGeometry(channels=3, height=9, width=9, outputs=20, kernel=3, pads=1),
        "down": ConvGeometry(channels=20, height=9, width=9, outputs=12, kernel=1, stride=2),
        "body": ConvGeometry(channels=20, height=9, width=9, outputs=12, kernel=3, stride=2,
                             pads=1),
        "last": pointwise(12, 40, (5, 5)), "raw": pointwise(40, 5, (5, 5))}
    sources = {"first": "x", "down": "first", "body": "first", "last": "body", "raw": "last"}
    layers = [random_layer(rng, name, sources[name], geometry, config, name in ("down", "raw"))
              for name, geometry in shapes.items()]
    body = layers[2]
    layers[2] = ChainLayer(name="body", x=body.x, w=body.w, geometry=body.geometry,
                           epilogue=body.epilogue, c="down")
    return layers


@pytest.mark.parametrize("cores", [1, 2, 4])
@pytest.mark.parametrize("name", ["tiny", "paper-int8"])
@pytest.mark.parametrize("profile", [False, True])
def test_chains_are_golden(name, cores, profile):
    device, bus = device_of(name, cores)
    rng = np.random.default_rng(cores)
    layers = residual_chain(rng, bus.config)
    x = random_elements(rng, layers[0].geometry.x_shape, .6, bus.config)
    run = device.run_chain(layers, "x", x, profile=profile)
    want = golden_chain(layers, "x", x, bus.config.format)
    assert list(run.results) == list(want)
    for layer, result in want.items():
        assert run.results[layer].tobytes() == result.tobytes(), layer
    assert list(run.reports) == (list(want) if profile else ["raw"])
    assert run.report.tag == len(layers) - 1


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1 << 30), cores=st.integers(1, 4),
       channels=st.lists(st.integers(1, 140), min_size=2, max_size=4))
def test_pointwise_chains(seed, cores, channels):
    """Maps of the device are operands A, by the warp bitmaps that it wrote itself."""
    rng = np.random.default_rng(seed)
    device, bus = device_of(cores=cores)
    layers = [random_layer(rng, f"layer{n}", f"layer{n - 1}" if n else "x", pointwise(*pair),
                           bus.config, False)
              for n, pair in enumerate(pairwise(channels))]
    x = random_elements(rng, layers[0].geometry.x_shape, .3, bus.config)
    run = device.run_chain(layers, "x", x)
    for layer, result in golden_chain(layers, "x", x, bus.config.format).items():
        assert run.results[layer].tobytes() == result.tobytes(), layer


@pytest.mark.parametrize("outputs, parts", [(40, 1), (260, 3), (130, 2)])
def test_columns_of_a_map_are_cut_between_warp_words(outputs, parts):
    """One row of tiles: cores share it only where their records have different words."""
    device, bus = device_of(cores=4)
    rng = np.random.default_rng(outputs)
    geometry = pointwise(6, outputs, (2, 3))
    layer = random_layer(rng, "y", "x", geometry, bus.config, False)
    x = random_elements(rng, geometry.x_shape, .5, bus.config)
    run = device.convolve(x, layer.w, geometry, layer.epilogue)
    want = convolution(x, layer.w, geometry, layer.epilogue, element=bus.config.format)
    assert run.result.tobytes() == want.tobytes()
    assert bus.programs_run == [parts]
