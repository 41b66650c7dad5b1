"""Test vectors of an accelerator: memory before, accesses to registers, memory after.

Memory and accesses are what the driver makes; what must be in memory afterwards comes from the
golden models.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dstc.accelerator.parameters import AcceleratorConfig
from dstc.accelerator.registers import counter_offset
from dstc.config import Config
from dstc.conv.chain import ChainLayer, golden_chain
from dstc.conv.epilogue import Epilogue, fixed_point
from dstc.conv.geometry import ConvGeometry
from dstc.formats import encode
from dstc.golden import matmul
from dstc.skiprule import ohmma_counts
from dstc.workloads import random_accumulators, random_matrix

from .recorder import Recorder, Vectors
from .script import Action, Operation

__all__ = ["make_vectors"]


def make_vectors(accelerator: AcceleratorConfig, seed: int) -> list[Vectors]:
    """The vectors of a bundle; the same for the same seed.

    Parameters
    ----------
    accelerator : AcceleratorConfig
    seed : int
        Of all random operands.
    """
    rng = np.random.default_rng(seed)
    return [_gemm(accelerator, rng), _ring(accelerator, rng), _chain(accelerator, rng)]


def _operands(config: Config, rng: np.random.Generator, shape: tuple[int, int, int]
              ) -> tuple[NDArray[Any], NDArray[Any]]:
    """Sparse A and B, with whole tiles of zeros that are never to be fetched."""
    m, n, k = shape
    a = random_matrix((m, k), 0.4, config.element, rng)
    b = random_matrix((k, n), 0.3, config.element, rng)
    a[:config.tile_m, :config.tile_k] = 0
    b[config.tile_k:2 * config.tile_k, -1 % config.tile_n:] = 0
    return a, b


def _shape(config: Config, rows: int, columns: int, k_tiles: int) -> tuple[int, int, int]:
    """So many tiles, the last ones partial."""
    return (rows * config.tile_m - 3, columns * config.tile_n - 1, k_tiles * config.tile_k - 1)


def _gemm(accelerator: AcceleratorConfig, rng: np.random.Generator) -> Vectors:
    config = accelerator.core
    m, n, k = _shape(config, 2, 3, 3)
    a, b = _operands(config, rng, (m, n, k))
    c = random_accumulators((m, n), config.element, rng)
    recorder = Recorder(accelerator)
    recorder.add(recorder.device.prepare_gemm(a, b, c), {"d": matmul(a, b, c)})
    checks = []
    if accelerator.cores == 1:
        counts = ohmma_counts(encode(a, "A", config), encode(b, "B", config), config)
        checks = [Action(Operation.CHECK, counter_offset(0, name), value, 0xFFFFFFFF,
                         f"counter {name} of core 0")
                  for name, value in (("ohmma", counts.executed), ("products", counts.products))]
    return recorder.finish("gemm", f"sparse {m} x {n} x {k} product with C", checks)


def _ring(accelerator: AcceleratorConfig, rng: np.random.Generator) -> Vectors:
    config = accelerator.core
    recorder = Recorder(accelerator)
    for shape, mode in ((_shape(config, 1, 2, 2), "sparse"), (_shape(config, 2, 1, 1), "dense"),
                        (_shape(config, 1, 1, 4), "sparse")):
        a, b = _operands(config, rng, shape)
        recorder.add(recorder.device.prepare_gemm(a, b, mode=mode), {"d": matmul(a, b)})
    return recorder.finish("ring", "three products without C, one of them in dense mode, as three "
                           "jobs in the ring", [])


def _chain(accelerator: AcceleratorConfig, rng: np.random.Generator) -> Vectors:
    config = accelerator.core
    channels, height, width, middle = config.tile_k + 1, 5, 6, config.tile_n + 2
    first = ConvGeometry(channels=channels, height=height, width=width, outputs=middle, kernel=3,
                         pads=1)
    second = ConvGeometry(channels=middle, height=height, width=width, outputs=5, kernel=1)
    x = random_matrix((channels, height * width), 0.5, config.element, rng)
    layers = [
        ChainLayer(name="conv3x3", x="x", geometry=first, w=_weights(first, config, rng),
                   epilogue=_epilogue(middle, config, rng)),
        ChainLayer(name="conv1x1", x="conv3x3", geometry=second, w=_weights(second, config, rng),
                   epilogue=_epilogue(5, config, rng)),
    ]
    feature_map = x.reshape(channels, height, width)
    recorder = Recorder(accelerator)
    recorder.add(recorder.device.prepare_chain(layers, "x", feature_map),
                 golden_chain(layers, "x", feature_map, config.format))
    return recorder.finish(
        "chain", f"convolution 3 x 3 of {channels} x {height} x {width} to {middle} channels, and "
        "one of 1 x 1 that takes its encoded results, both with bias and ReLU", [])


def _weights(geometry: ConvGeometry, config: Config, rng: np.random.Generator) -> NDArray[Any]:
    shape = geometry.w_shape
    weights = random_matrix((shape[0], int(np.prod(shape[1:]))), 0.4, config.element, rng)
    if config.format.is_float:
        # Results of two layers stay below the largest element, 448 of fp8_e4m3.
        weights = (weights.astype(np.float32) / 16).astype(weights.dtype)
    return weights.reshape(shape)


def _epilogue(outputs: int, config: Config, rng: np.random.Generator) -> Epilogue:
    """Bias, ReLU and conversion to elements."""
    bias = random_accumulators((1, outputs), config.element, rng)[0]
    if config.format.is_float:
        return Epilogue(bias=bias / np.float32(16), relu=True, raw=False)
    multiplier, shift = fixed_point(rng.uniform(0.0005, 0.005, outputs))
    return Epilogue(bias=bias >> 8, relu=True, raw=False, multiplier=multiplier, shift=shift)
