"""A small product as files, for whoever simulates the emitted core without dstc."""

from pathlib import Path

import numpy as np

from dstc.beats import result_beats
from dstc.config import Config
from dstc.formats import encode
from dstc.golden import matmul
from dstc.program import gemm_job
from dstc_hdl.emit import Emitted

from .verilog_bench import FILES, bench_text, d_lines, totals_of, write_inputs

__all__ = ["write_sample"]

DENSITY_A, DENSITY_B = 0.5, 0.3


def write_sample(folder: Path, emitted: Emitted, config: Config, seed: int) -> list[Path]:
    """Write a bench, the inputs of ``A B + C`` with random sparse operands, and its output.

    The product has two rows and two columns of output tiles, partial ones among them, and three
    k-tiles.  ``expected.hex`` is computed by the golden model, not by the core.

    Returns
    -------
    list of Path
        The files.
    """
    rng = np.random.default_rng(seed)
    m, n, k = 2 * config.tile_m - 3, 2 * config.tile_n - 1, 3 * config.tile_k - 1
    a, b = (_sparse(rng, shape, density, config)
            for shape, density in (((m, k), DENSITY_A), ((k, n), DENSITY_B)))
    c = rng.integers(-999, 1000, (m, n)).astype(config.format.acc_dtype)
    job = gemm_job(encode(a, "A", config), encode(b, "B", config), c, config=config)
    totals = totals_of(job)
    write_inputs(folder, job)
    expected = result_beats(matmul(a, b, c), config)
    texts = {"bench.v": bench_text(emitted.name, config, max(totals.values()), totals=totals,
                                   axis=emitted.manifest["component"] == "StreamCore"),
             "expected.hex": d_lines(expected, config)}
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="ascii")
    return [folder / name for name in (*texts, *FILES.values())]


def _sparse(rng: np.random.Generator, shape: tuple[int, int], density: float,
            config: Config) -> np.ndarray:
    values = (rng.standard_normal(shape) if config.format.is_float
              else rng.integers(-127, 128, shape))
    return np.where(rng.random(shape) < density, values, 0).astype(config.format.dtype)
