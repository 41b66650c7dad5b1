"""``dstc conv``: one convolution on an engine, checked against the golden model."""

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .common import AsJson, ConfigName, Seed, print_json, progress, require_ending
from .top import Cores, Latency, Port, Top, TopOptions

if TYPE_CHECKING:
    from dstc.config import Config
    from dstc_sim.engine import RunResult

    from .conv_operands import ConvOperands

__all__ = ["command"]

DEFAULT_DENSITY = 0.5


def command(
    x: Annotated[str | None, typer.Argument(
        metavar="X", show_default=False,
        help="Feature map (C, H, W), or a batch (N, C, H, W): .npy, .npz (one array of several: "
             "FILE.npz:NAME).")] = None,
    w: Annotated[str | None, typer.Argument(
        metavar="W", show_default=False,
        help="Weights (M, C / groups, KH, KW), likewise.")] = None,
    shape: Annotated[str | None, typer.Option(
        help="Without files: CxHxW or NxCxHxW of a random X.", show_default=False)] = None,
    kernel: Annotated[str | None, typer.Option(
        help="Without files: MxKHxKW of random weights.", show_default=False)] = None,
    density_x: Annotated[float | None, typer.Option(
        help=f"Share of non-zeros in a random X; {DEFAULT_DENSITY} when left out.",
        show_default=False)] = None,
    density_w: Annotated[float | None, typer.Option(
        help=f"Share of non-zeros in random weights; {DEFAULT_DENSITY} when left out.",
        show_default=False)] = None,
    seed: Seed = 0,
    stride: Annotated[str, typer.Option(
        help="Step: one integer, or two (down,right).")] = "1",
    pad: Annotated[str, typer.Option(
        help="Zeros around X: one integer, two (above and below,left and right), or four "
             "(top,left,bottom,right).")] = "0",
    dilation: Annotated[str, typer.Option(
        help="Distance of the kernel's taps: one integer, or two (down,right).")] = "1",
    groups: Annotated[int, typer.Option(
        help="Groups of channels that do not see each other.")] = 1,
    bias: Annotated[str | None, typer.Option(
        help="Array of M values, added to the sums.", show_default=False)] = None,
    relu: Annotated[bool, typer.Option("--relu", help="Negative results become +0.")] = False,
    encode: Annotated[bool, typer.Option(
        "--encode", help="Round the results to elements of the next feature map.")] = False,
    scale: Annotated[float | None, typer.Option(
        help="Of --encode with int8: factor of the results, rounded to multiplier / 2**shift.",
        show_default=False)] = None,
    engine: Annotated[str, typer.Option(
        help="golden: the golden model in numpy. model: the cycle model of a core that is fed "
             "with the lowered feature map. rtl: the emitted Verilog of the core with im2col unit "
             "and epilogue.")] = "golden",
    config: ConfigName = "paper",
    stall: Annotated[float | None, typer.Option(
        help="Of the rtl engine: probability that each stream waits, below 1; with --top "
             "accelerator each channel of the bus, and the order of answers is random.",
        show_default=False)] = None,
    top: Top = "core",
    cores: Cores = None,
    port: Port = None,
    latency: Latency = None,
    out: Annotated[Path | None, typer.Option(
        "--out", "-o", help="Write the result, (M, OH, OW) or with the batch before, *.npy: FP32 "
                            "or INT32; FP16 or INT8 with --encode.", show_default=False)] = None,
    as_json: AsJson = False,
) -> None:
    """Convolve a feature map with weights, as ONNX Conv does.

    The result is compared with the golden model in every bit (docs/numerics.md); if it differs,
    the exit code is 1 and nothing is written.

    Examples:

      dstc conv image.npy weights.npy --stride 2 --pad 1 --bias bias.npy --relu -o map.npy

      dstc conv --shape 64x14x14 --kernel 64x3x3 --pad 1 --density-w 0.25 --engine model

      dstc conv --shape 32x12x12 --kernel 32x3x3 --groups 32 --pad 1,0,1,2 --config small --json

      dstc conv --shape 8x6x6 --kernel 8x3x3 --pad 1 --relu --encode --config tiny --engine rtl

      dstc conv --shape 8x6x6 --kernel 8x3x3 --pad 1 --relu --encode --config tiny --engine rtl
      --top accelerator --cores 2 --stall 0.3
    """
    import numpy as np

    from dstc.config import get_config
    from dstc.fileio import atomic_write
    from dstc_sim.runs import SimulationError, Stall

    from .conv_operands import Layer, conv_operands
    from .conv_product import accelerator_conv, conv_report, golden_conv
    from .product import print_product

    target = get_config(config)
    _check_engine(engine, stall)
    whole = TopOptions(top=top, cores=cores, port=port, latency=latency)
    whole.check(engine)
    waiting = None if stall is None else Stall.everywhere(stall, seed)
    device = whole.engine(target, stall, seed) if whole.accelerator else None
    require_ending(out, ".npy")
    operands = conv_operands(
        (x, w), (shape, kernel), (density_x, density_w), DEFAULT_DENSITY, seed,
        Layer(stride=stride, pad=pad, dilation=dilation, groups=groups, bias=bias, relu=relu,
              encode=encode, scale=scale), target)
    # The output is opened first: better refused now than after a long run.
    with atomic_write(out) if out else nullcontext() as file:
        with progress("golden model", len(operands.x), as_json) as advance:
            result = golden = golden_conv(operands, target, advance)
        if engine != golden.engine:
            with progress(f"{engine} engine", len(operands.x), as_json) as advance:
                try:
                    result = (accelerator_conv(operands, target, device, advance) if device
                              else _run(engine, operands, target, waiting, advance))
                except SimulationError as error:
                    print(f"dstc: {error}", file=sys.stderr)
                    raise typer.Exit(1) from None
        report = conv_report(result, golden, operands, seed if x is None or stall else None)
        if file and report["bit_exact"]:
            # numpy cannot name the types of ml_dtypes in a file; binary32 holds their numbers.
            named = result.out.dtype.isbuiltin == 1
            np.save(file, result.out if named else result.out.astype(np.float32))
        (print_json if as_json else print_product)(report)
        if not report["bit_exact"]:
            print("dstc: the result differs from the golden model", file=sys.stderr)
            raise typer.Exit(1)


def _check_engine(name: str, stall: float | None) -> None:
    from dstc.errors import DstcError
    from dstc_sim.engine import ENGINES

    if name not in ENGINES:
        raise DstcError(f"Engine must be one of {', '.join(ENGINES)}, not {name!r}")
    if stall is not None and name != "rtl":
        raise DstcError(f"Option --stall must be given with --engine rtl, not {name}")


def _run(engine: str, operands: "ConvOperands", config: "Config", stall: Any, advance: Any
         ) -> "RunResult":
    from .conv_product import model_conv, rtl_conv

    if engine == "rtl":
        return rtl_conv(operands, config, stall, advance)
    return model_conv(operands, config, advance)
