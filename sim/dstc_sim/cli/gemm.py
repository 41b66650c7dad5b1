"""``dstc gemm``: one matrix product on an engine, checked against the golden model."""

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .common import AsJson, ConfigName, RandomC, Seed, print_json, progress, require_ending
from .top import Cores, Latency, Port, Top, TopOptions

if TYPE_CHECKING:
    from dstc.config import Config
    from dstc_sim.engine import Engine

__all__ = ["command"]

DEFAULT_DENSITY = 0.5


def command(
    a: Annotated[str | None, typer.Argument(
        metavar="A", show_default=False,
        help="M x K matrix: .npy, .npz (one array of several: FILE.npz:NAME), .smtx, .mtx, "
             ".mtx.gz or a container.")] = None,
    b: Annotated[str | None, typer.Argument(
        metavar="B", show_default=False, help="K x N matrix, likewise.")] = None,
    c: Annotated[str | None, typer.Option(
        help="M x N matrix to start from, instead of +0.", show_default=False)] = None,
    shape: Annotated[str | None, typer.Option(
        help="Without files: MxNxK of random operands.", show_default=False)] = None,
    density_a: Annotated[float | None, typer.Option(
        help=f"Share of non-zeros in a random A; {DEFAULT_DENSITY} when left out.",
        show_default=False)] = None,
    density_b: Annotated[float | None, typer.Option(
        help=f"Share of non-zeros in a random B; {DEFAULT_DENSITY} when left out.",
        show_default=False)] = None,
    seed: Seed = 0,
    random_c: RandomC = False,
    engine: Annotated[str, typer.Option(
        help="golden: the golden model in numpy. model: the cycle model, as exact as rtl and much "
             "faster. rtl: the emitted Verilog.")] = "golden",
    config: ConfigName = "paper",
    mode: Annotated[str, typer.Option(
        help="sparse: skip zeros. dense: execute every OHMMA; same result.")] = "sparse",
    simulator: Annotated[str | None, typer.Option(
        help="Of the rtl engine: verilator (when left out), icarus or pysim.",
        show_default=False)] = None,
    stall: Annotated[float | None, typer.Option(
        help="Of the model and rtl engines: probability that each stream waits, below 1; with "
             "--top accelerator each channel of the bus, and the order of answers is random.",
        show_default=False)] = None,
    trace: Annotated[Path | None, typer.Option(
        help="Of the rtl engine: write a VCD file.", show_default=False)] = None,
    top: Top = "core",
    cores: Cores = None,
    port: Port = None,
    latency: Latency = None,
    sample: Annotated[int | None, typer.Option(
        help="Of the model engine: simulate only so many output tiles, at least 24, and estimate "
             "the cycles; no result.", show_default=False)] = None,
    out: Annotated[Path | None, typer.Option(
        "--out", "-o", help="Write the result (FP32 or INT32), *.npy.", show_default=False)] = None,
    as_json: AsJson = False,
) -> None:
    """Multiply two sparse matrices: A B, or A B + C.

    The result is compared with the golden model in every bit (docs/numerics.md); if it differs,
    the exit code is 1 and nothing is written.

    Examples:

      dstc gemm weights.smtx activations.npy -o result.npy

      dstc gemm --shape 96x80x112 --density-a 0.4 --density-b 0.3 --seed 7 --engine rtl

      dstc gemm --shape 1024x1024x1024 --engine model

      dstc gemm --shape 4096x4096x4096 --density-a 0.1 --engine model --sample 64

      dstc gemm a.npy b.npy --c c.npy --config small --engine rtl --json

      dstc gemm --shape 64x64x64 --config tiny --engine rtl --top accelerator --cores 2

      dstc gemm --shape 256x256x256 --engine rtl --top accelerator --port 64 --latency 100
    """
    import numpy as np

    from dstc.config import get_config
    from dstc.fileio import atomic_write
    from dstc_sim.runs import SimulationError

    from .operands import chosen_operands, with_c
    from .product import golden_run, print_product, product_report

    target = get_config(config)
    whole = TopOptions(top=top, cores=cores, port=port, latency=latency)
    device = _engine(engine, target, simulator, stall, seed, trace, whole)
    if sample is not None:
        _check_sample(engine, c, random_c, stall, out)
    require_ending(out, ".npy")
    operands = with_c(
        chosen_operands(a, b, shape, (density_a, density_b), (DEFAULT_DENSITY,) * 2, seed, target),
        c, random_c, seed, target)
    if sample is not None:
        from .estimate import estimate_report

        report = estimate_report(operands, target, mode, sample, seed, as_json)
        (print_json if as_json else print_product)(report)
        return
    # The output is opened first: better refused now than after a long run.
    with atomic_write(out) if out else nullcontext() as file:
        with progress("golden model", operands.shape[0], as_json) as advance:
            result = golden = golden_run(operands, target, mode, advance)
        if engine != golden.engine:
            with progress(f"{engine} engine", None, as_json):
                try:
                    result = device.run(operands.a, operands.b, operands.c, config=target,
                                        mode=mode)
                except SimulationError as error:
                    print(f"dstc: {error}", file=sys.stderr)
                    raise typer.Exit(1) from None
        report = product_report(result, golden, operands,
                                seed if a is None or random_c or stall else None)
        if file and report["bit_exact"]:
            np.save(file, result.out)
        if as_json:
            print_json(report)
        else:
            print_product(report)
        if not report["bit_exact"]:
            print("dstc: the result differs from the golden model", file=sys.stderr)
            raise typer.Exit(1)


def _check_sample(engine: str, c: str | None, random_c: bool, stall: float | None,
                  out: Path | None) -> None:
    """An estimate has no result, and is that of a stream that never waits."""
    from dstc.errors import DstcError

    if engine != "model":
        raise DstcError(f"Option --sample must be given with --engine model, not {engine}")
    for option, given in (("--c", c is not None), ("--random-c", random_c),
                          ("--stall", stall is not None), ("--out", out is not None)):
        if given:
            raise DstcError(f"Option --sample must be given without {option}, not with it")


def _engine(name: str, config: "Config", simulator: str | None, stall: float | None, seed: int,
            trace: Path | None, top: TopOptions) -> "Engine":
    """The engine; options that it does not have are refused."""
    from dstc.errors import DstcError
    from dstc_sim.engine import ENGINES, Stall, get_engine

    for option, value, engines in (("simulator", simulator, ("rtl",)), ("trace", trace, ("rtl",)),
                                   ("stall", stall, ("model", "rtl"))):
        if value is not None and name in ENGINES and name not in engines:
            raise DstcError(f"Option --{option} must be given with --engine "
                            f"{' or '.join(engines)}, not {name}")
    if trace is not None and (trace.is_dir() or not trace.absolute().parent.is_dir()):
        raise DstcError(f"Trace must be a file in an existing folder, not {trace}")
    top.check(name)
    if top.accelerator:
        if simulator not in (None, "verilator"):
            raise DstcError("Simulator must be verilator with --top accelerator, "
                            f"not {simulator!r}")
        return top.engine(config, stall, seed, trace)
    return get_engine(name, simulator=simulator or "verilator", trace=trace,
                      stall=None if stall is None else Stall.everywhere(stall, seed))
