"""Thousands of tile products on the emitted Verilog, every output compared in every bit."""

import itertools
import json

import numpy as np
import pytest

from dstc.config import CONFIGS
from dstc.formats import encode
from dstc.golden import matmul
from dstc.program import gemm_job
from dstc.skiprule import ohmma_counts
from dstc.torture import PATTERNS, torture_mask
from dstc.workloads import random_accumulators, random_matrix
from dstc_hdl.emit import emit_unit
from dstc_sim.cli import main
from dstc_sim.icarus import IcarusCore
from dstc_sim.runs import STREAMS, Stall
from dstc_sim.verilator import CoreModel

PAIRS = list(itertools.product(PATTERNS, PATTERNS))
FLOATS = ("bf16", "fp8_e4m3", "fp8_e5m2")
# Of each format: infinities, NaN, subnormal and largest numbers.  bf16: also numbers whose products
# are rounded among the subnormal ones, and too large.
SPECIALS = {
    "fp16": [0x7C00, 0xFC00, 0x7E01, 0x0001, 0x8001, 0x7BFF, 0xFBFF, 0x03FF, 0x0400],
    "bf16": [0x7F80, 0xFF80, 0x7F81, 0x0001, 0x807F, 0x7F7F, 0xFF7F, 0x1FFF, 0x9F55, 0x5FB5],
    "fp8_e4m3": [0x7F, 0xFF, 0x01, 0x87, 0x7E, 0xFE, 0x08, 0x78],
    "fp8_e5m2": [0x7C, 0xFC, 0x7D, 0xFF, 0x01, 0x83, 0x7B, 0xFB, 0x04],
}
SPECIAL_SUMS = np.array([0x80000000, 0x7F800000, 0xFF800000, 0xFFC12345, 0x00000001, 0x7F7FFFFF],
                        np.uint32).view(np.float32)
# Configurations with shapes in tiles: rows, columns, k-tiles; partial tiles come from cutting a
# little off.
CORES = {
    "tiny": (CONFIGS["tiny"], (3, 3, 6)), "small": (CONFIGS["small"], (2, 3, 6)),
    **{f"tiny-{element}": (CONFIGS["tiny"].replace(name=f"tiny-{element}", element=element),
                           (2, 2, 4)) for element in FLOATS},
}


def operands(config, tiles, patterns, seed, special):
    """A, B and a C that is never zero everywhere, with special values if asked for."""
    rng = np.random.default_rng(seed)
    rows, cols, deep = tiles
    m, n, k = (count * size - rng.integers(3) for count, size in
               ((rows, config.tile_m), (cols, config.tile_n), (deep, config.tile_k)))
    a, b = (random_matrix(shape, 1, config.element, rng) for shape in ((m, k), (k, n)))
    c = random_accumulators((m, n), config.element, rng)
    if special:
        codes = np.array(SPECIALS[config.element], f"u{config.element_bits // 8}")
        for array, values in ((a, codes.view(a.dtype)), (b, codes.view(a.dtype)),
                              (c, SPECIAL_SUMS)):
            where = rng.random(array.shape) < 0.02
            array[where] = rng.choice(values, where.sum())
    for matrix, side, pattern in ((a, "A", patterns[0]), (b, "B", patterns[1])):
        matrix[~torture_mask(pattern, matrix.shape, side, config, rng)] = 0
    return a, b, c, rng


def check_product(core, config, operands, stall, told):
    """One product on a core: every bit, and the counts of the skip rule."""
    a, b, c = operands
    encoded = encode(a, "A", config), encode(b, "B", config)
    job = gemm_job(*encoded, c, config=config)
    run = core.run(job, stall=stall)
    assert run.status.halted, f"{told}: {run.status}"
    out = job.assemble(run.d_data)
    wanted = matmul(a, b, c)
    wrong = np.flatnonzero(out.view(np.uint32) != wanted.view(np.uint32))
    assert not len(wrong), f"{told}: {len(wrong)} of {wanted.size} outputs differ"
    counts = ohmma_counts(*encoded, config)
    assert run.counters["issue"] == counts.executed, told
    assert run.counters["products"] == counts.products, told


@pytest.mark.parametrize("name", CORES)
def test_patterns(name):
    """Every pair of patterns, every other one with stalls, every third with special values."""
    config, shape = CORES[name]
    emitted, _ = emit_unit("core", config)
    tiles = 0
    with CoreModel(emitted, config) as core:
        for seed, patterns in enumerate(PAIRS):
            *matrices, rng = operands(config, shape, patterns, seed, seed % 3 == 0)
            stall = Stall(seed=seed, **{stream: float(rng.choice([0, 0.2, 0.7]))
                                        for stream in STREAMS}) if seed % 2 else None
            check_product(core, config, matrices, stall,
                          f"{name}, A and B {patterns}, seed {seed}, {stall}")
            tiles += int(np.prod(shape))
    assert tiles == len(PAIRS) * int(np.prod(shape))


@pytest.mark.parametrize("element", FLOATS)
def test_shipped(element, tmp_path, capsys):
    """The paper's machine with each element: products with stalls and special values.

    In Icarus: a few hundred cycles take less time than to compile a model of a million cells.
    """
    config = CONFIGS[f"paper-{element.replace('_', '-')}"]
    emitted, _ = emit_unit("core", config)
    *matrices, _ = operands(config, (2, 1, 2), ("half", "blocks"), 1, special=True)
    stall = Stall.everywhere(0.3, 1)
    check_product(IcarusCore(emitted, config), config, matrices, stall, f"{config.name}, {stall}")
    words = ["gemm", "--shape", "40x21x20", "--random-c", "--config", config.name, "--json"]
    rtl = ["--engine", "rtl", "--simulator", "icarus", "--stall", "0.2"]
    outputs = [tmp_path / "golden.npy", tmp_path / "rtl.npy"]
    assert main([*words, "--out", str(outputs[0])]) == 0
    assert main([*words, "--out", str(outputs[1]), *rtl]) == 0
    assert [json.loads(line)["bit_exact"] for line in capsys.readouterr().out.splitlines()] == [
        True, True]
    assert outputs[0].read_bytes() == outputs[1].read_bytes()


def test_enough_tiles():
    """Together more than ten thousand tile products."""
    assert len(PAIRS) * sum(int(np.prod(shape)) for _, shape in CORES.values()) > 10_000
