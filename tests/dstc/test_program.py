"""Jobs run by a slow interpreter give the golden bits, in every style and mode."""

import re

import numpy as np
import pytest
from float_formats import special_codes
from interpreter import Interpreter

from dstc import golden
from dstc.asm import assemble, disassemble
from dstc.config import CONFIGS, Config
from dstc.errors import DstcError
from dstc.formats import encode
from dstc.program import MODES, STYLES, gemm_job

# Three row groups, three slots, bitmaps of 24 bits that fill a beat and a bit.
ODD = Config(name="odd", tile_m=24, tile_n=8, tile_k=12, array_rows=8, array_cols=4, slots=3)
CONFIGURATIONS = [*CONFIGS.values(), ODD]


def operand(rng, shape, density, config, special=True):
    """A matrix with clustered zeros: whole blocks of 8 x 8 are empty now and then."""
    mask = rng.random(shape) < density
    coarse = rng.random([-(-n // 8) for n in shape]) < 0.7
    if density < 1:
        mask &= np.kron(coarse, np.ones((8, 8), bool))[:shape[0], :shape[1]]
    if config.element == "int8":
        return np.where(mask, rng.integers(-128, 128, shape), 0).astype(np.int8)
    dtype = config.format.dtype
    values = rng.standard_normal(shape).astype(dtype)
    if special:
        odd = rng.random(shape) < 0.02
        values[odd] = rng.choice(special_codes(config.element), int(odd.sum())).view(dtype)
    # Zeros of both signs.
    zeros = np.where(rng.random(shape) < 0.5, -0.0, 0.0).astype(dtype)
    return np.where(mask, values, zeros)


def c_matrix(rng, shape, config):
    if config.element == "int8":
        return rng.integers(-10**6, 10**6, shape, dtype=np.int32)
    c = rng.standard_normal(shape).astype(np.float32)
    c.flat[0] = -0.0
    return c


def interpret(job):
    core = Interpreter(job.config, job.words, (job.a_data, job.a_last), (job.b_data, job.b_last),
                       job.c_data).run()
    assert len(core.d) == job.d_beats
    beats = np.frombuffer(b"".join(core.d), np.uint8).reshape(job.d_beats, -1)
    return core, job.assemble(beats)


def check(a, b, c, config, mode, style):
    job = gemm_job(encode(a, "A", config), encode(b, "B", config), c, config=config, mode=mode,
                   style=style)
    core, got = interpret(job)
    want = golden.matmul(a, b, c)
    assert got.dtype == want.dtype
    assert got.shape == want.shape
    assert got.tobytes() == want.tobytes()
    return job, core


@pytest.mark.parametrize("config", CONFIGURATIONS, ids=lambda c: c.name)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("style", STYLES)
def test_random_jobs(config, mode, style):
    rng = np.random.default_rng(7)
    shape_m, shape_n, shape_k = config.tile_m + 5, 2 * config.tile_n + 1, 2 * config.tile_k + 3
    for density_a, density_b, with_c in ((0.5, 0.3, True), (0.2, 1, False), (1, 0.1, True)):
        a = operand(rng, (shape_m, shape_k), density_a, config)
        b = operand(rng, (shape_k, shape_n), density_b, config)
        c = c_matrix(rng, (shape_m, shape_n), config) if with_c else None
        check(a, b, c, config, mode, style)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("shape", [(1, 1, 1), (8, 8, 4), (9, 1, 5), (3, 17, 140), (8, 8, 128)])
def test_shapes(shape, mode, style):
    config, rng = CONFIGS["tiny"], np.random.default_rng(list(shape))
    a = operand(rng, (shape[0], shape[2]), 0.4, config)
    b = operand(rng, (shape[2], shape[1]), 0.6, config)
    check(a, b, c_matrix(rng, shape[:2], config), config, mode, style)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("density_a, density_b", [(0, 0), (0, 1), (1, 0)])
def test_empty_operands(density_a, density_b, mode, style):
    """Nothing to multiply: C still goes through the core."""
    config, rng = CONFIGS["tiny"], np.random.default_rng(3)
    a = operand(rng, (10, 9), density_a, config)
    b = operand(rng, (9, 20), density_b, config)
    job, core = check(a, b, c_matrix(rng, (10, 20), config), config, mode, style)
    assert core.products == 0
    # 2 x 3 output tiles, 3 k-tiles each.
    assert len(job.a.order) == len(job.b.order) == (0 if mode == "sparse" else 18)


def test_styles_execute_the_same_ohmma():
    config, rng = CONFIGS["small"], np.random.default_rng(11)
    a = operand(rng, (33, 30), 0.3, config)
    b = operand(rng, (30, 20), 0.4, config)
    for mode in MODES:
        counts = {(core.ohmma, core.products) for style in STYLES
                  for _, core in [check(a, b, None, config, mode, style)]}
        assert len(counts) == 1


def job_of(config, m, n, k, c=None, **options):
    ones = np.ones((m, k), config.format.dtype), np.ones((k, n), config.format.dtype)
    return gemm_job(encode(ones[0], "A", config), encode(ones[1], "B", config), c, config=config,
                    **options)


def test_words_of_a_small_job():
    config = CONFIGS["tiny"]
    c = np.ones((8, 9), np.float32)
    assert disassemble(job_of(config, 8, 9, 132, c).words, config) == """\
LDC acc=0
TILE acc=0, dense=0, ktiles=33
    .warp a=0xffffffff, b=0xffffffff
    .warp a=0x00000001, b=0x00000001
STC acc=0
LDC acc=1
TILE acc=1, dense=0, ktiles=33
    .warp a=0xffffffff, b=0xffffffff
    .warp a=0x00000001, b=0x00000001
STC acc=1
HALT
"""
    assert disassemble(job_of(config, 8, 9, 5, mode="dense").words, config) == """\
TILE acc=0, dense=1, ktiles=2
    .warp a=0x00000003, b=0x00000003
STC acc=0
TILE acc=1, dense=1, ktiles=2
    .warp a=0x00000003, b=0x00000003
STC acc=1
HALT
"""
    assert disassemble(job_of(config, 1, 1, 9, c[:1, :1], style="spwmma").words, config) == """\
LDC acc=0
LDA slot=0
LDB slot=0
SPWMMA a=0, b=0, acc=0
LDA slot=1
LDB slot=1
SPWMMA a=1, b=1, acc=0
LDA slot=0
LDB slot=0
SPWMMA a=0, b=0, acc=0
STC acc=0
HALT
"""


@pytest.mark.parametrize("config", CONFIGURATIONS, ids=lambda c: c.name)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("style", STYLES)
def test_words_are_legal(config, mode, style):
    words = job_of(config, config.tile_m + 1, 1, 40, mode=mode, style=style).words
    assert words.dtype == np.uint64
    assert np.array_equal(assemble(disassemble(words, config), config), words)


def test_longest_k():
    config = CONFIGS["tiny"]
    assert job_of(config, 1, 1, 4 * 65535).words.size == 1 + 2048 + 2
    message = "K must be at most 262140 for configuration tiny, not 65536 k-tiles of 4"
    with pytest.raises(DstcError, match=f"^{message}$"):
        job_of(config, 1, 1, 4 * 65535 + 1)
    assert job_of(config, 1, 1, 4 * 65535 + 1, style="spwmma").words.size == 3 * 65536 + 2


@pytest.mark.parametrize("c, message", [
    (np.zeros((2, 2), np.float32), "C must be of shape (2, 3), not (2, 2)"),
    (np.zeros((2, 3), np.float64), "C must be of type float32, not float64"),
])
def test_wrong_c(c, message):
    with pytest.raises(DstcError, match=f"^{re.escape(message)}$"):
        job_of(CONFIGS["tiny"], 2, 3, 4, c)


def test_wrong_arguments():
    config = CONFIGS["tiny"]
    a = encode(np.ones((2, 4), np.float16), "A", config)
    b = encode(np.ones((4, 3), np.float16), "B", config)
    for operands, options, message in [
        ((a, b), {"mode": "fast"}, "Mode must be one of sparse, dense, not 'fast'"),
        ((a, b), {"style": "x"}, "Style must be one of tile, spwmma, micro, not 'x'"),
        ((b, a), {}, "Operands must be encoded as sides A and B, not B and A"),
        ((a, encode(np.ones((5, 3), np.float16), "B", config)), {},
         "Columns of A must be as many as the 5 rows of B, not 4"),
        ((a, b), {"config": CONFIGS["small"]}, "Operand A must be encoded in tiles of 16 x 8 fp16 "
         "for configuration small, not 8 x 4 fp16"),
        ((encode(np.ones((2, 4), np.int8), "A", config.replace(element="int8")), b), {},
         "Operand A must be encoded in tiles of 8 x 4 fp16 for configuration tiny, "
         "not 8 x 4 int8"),
    ]:
        with pytest.raises(DstcError, match=f"^{re.escape(message)}$"):
            gemm_job(*operands, **{"config": config} | options)


def test_wrong_number_of_d_beats():
    job = job_of(CONFIGS["tiny"], 9, 8, 4)
    with pytest.raises(DstcError, match=r"^D beats must be uint8 of shape \(32, 16\), "
                                        r"not uint8 of shape \(31, 16\)$"):
        job.assemble(np.zeros((31, 16), np.uint8))
