"""Chains of convolutions on the emitted accelerator, from memory to memory, in every bit."""

import numpy as np
import pytest
from accelerator_bench import ENGINES, TINY, adverse, bus_of

from dstc.accelerator.traffic import convolution_traffic
from dstc.conv import ConvGeometry, Epilogue, encode_map, weight_matrix
from dstc.conv.chain import ChainLayer, golden_chain
from dstc.formats import encode
from dstc.pruned_cnn import Network, load_digits
from dstc.pruned_cnn.chain import SOURCE, cnn_chain, cnn_input
from dstc.workloads import random_matrix

BINS = ("issue", "conflict", "operand_wait", "drain", "idle")


def random_map(shape, density, seed):
    rng = np.random.default_rng(seed)
    return random_matrix((shape[0], int(np.prod(shape[1:]))), density, TINY.element,
                         rng).reshape(shape)


def layer(name, x, shape, outputs, kernel, seed, *, c=None, raw=False, **geometry):
    size = ConvGeometry(channels=shape[0], height=shape[1], width=shape[2], outputs=outputs,
                        kernel=kernel, **geometry)
    w = random_map((outputs, shape[0], *kernel), 0.4, seed)
    bias = np.random.default_rng(seed + 1).standard_normal(outputs).astype(np.float32)
    return ChainLayer(name=name, x=x, c=c, w=w, geometry=size,
                      epilogue=Epilogue(bias=bias, relu=not raw, raw=raw))


def residual_chain():
    """Padding, stride, a branch with raw results that another layer starts from, one tap."""
    x = (9, 7, 6)
    first = layer("first", "x", x, 12, (3, 3), 1, pads=(1, 1, 1, 1))
    branch = layer("branch", "first", first.geometry.out_shape, 20, (1, 1), 3, raw=True,
                   stride=(2, 2))
    second = layer("second", "first", first.geometry.out_shape, 20, (3, 3), 5, c="branch",
                   stride=(2, 2), pads=(1, 1, 1, 1))
    last = layer("last", "second", second.geometry.out_shape, 40, (1, 1), 7)
    return [first, branch, second, last], random_map(x, 0.5, 11)


@pytest.mark.parametrize("cores, port", ENGINES)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_chain_under_adverse_memory(cores, port, seed):
    bus, device = bus_of(cores, port)
    bus.retime(adverse(seed))
    layers, x = residual_chain()
    run = device.run_chain(layers, "x", x, profile=True)
    golden = golden_chain(layers, "x", x, TINY.format)
    for each in layers:
        assert run.results[each.name].tobytes() == golden[each.name].tobytes(), each.name
        report = run.reports[each.name]
        for core in report.cores:
            assert sum(getattr(core, name) for name in BINS) == core.cycles <= report.cycles
    assert bus.model.quiet


def test_pruned_network():
    """The chain of the pruned network, all jobs submitted at once."""
    cores, port = ENGINES[0]
    bus, device = bus_of(cores, port)
    bus.retime(adverse(0))
    layers, x = cnn_chain(Network.load()), cnn_input(load_digits()[0][0])
    run = device.run_chain(layers, SOURCE, x)
    golden = golden_chain(layers, SOURCE, x, TINY.format)
    for name, want in golden.items():
        assert run.results[name].tobytes() == want.tobytes(), name


@pytest.mark.parametrize("cores, port", ENGINES)
def test_traffic(cores, port):
    """Exactly the beats of the formula, with the im2col unit and records that are written."""
    _, device = bus_of(cores, port)
    layers, x = residual_chain()
    golden = {"x": x, **golden_chain(layers, "x", x, TINY.format)}
    run = device.run_chain(layers, "x", x, profile=True)
    for each in layers[:3]:
        y = None if each.epilogue.raw else encode_map(golden[each.name], TINY)
        formula = convolution_traffic(
            encode_map(golden[each.x], TINY), encode(weight_matrix(each.w, each.geometry), "B",
                                                     TINY), each.geometry, each.epilogue, y=y,
            with_c=each.c is not None, accelerator=device.accelerator)
        beats = [(core.read_beats, core.write_beats) for core in run.reports[each.name].cores]
        want = [(part.read_beats, part.write_beats) for part in formula]
        assert beats == want + [(0, 0)] * (cores - len(want))
