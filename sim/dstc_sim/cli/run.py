"""``dstc run``: a network layer by layer on an engine."""

import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from .common import AsJson, ConfigName, Seed, print_json, progress, require_ending

__all__ = ["command"]


def command(
    model: Annotated[str, typer.Argument(help="ONNX file.", metavar="MODEL.onnx")],
    input: Annotated[str | None, typer.Option(
        help=".npy, or .npz with an array for each input; the first dimension counts samples.")
        ] = None,
    labels: Annotated[str | None, typer.Option(
        help=".npy with the right class of each sample, for the accuracy.")] = None,
    samples: Annotated[int | None, typer.Option(help="Only the first so many.", min=1)] = None,
    engine: Annotated[str, typer.Option(help="golden, model or rtl.")] = "model",
    rtl_layers: Annotated[str | None, typer.Option(
        help="Layers (with commas between) of which tiles run on the Verilog besides; all.")
        ] = None,
    rtl_tiles: Annotated[int | None, typer.Option(
        help="Output tiles of each such layer, drawn at random.", min=1)] = None,
    input_shape: Annotated[list[str] | None, typer.Option(
        help="Shape of a made-up input, NAME=1x3x224x224.")] = None,
    checkpoint: Annotated[Path | None, typer.Option(
        help="Folder from which an interrupted run continues; one for each run by default.")
        ] = None,
    out: Annotated[Path | None, typer.Option(
        help="Write the network's outputs to this .npz file.")] = None,
    config: ConfigName = "paper",
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Run a network: convolutions and matrix products on the core, everything else on the host.

    Every layer is compared with the golden model in every bit, and with ONNX Runtime by a bound
    that follows from the roundings of both.  An interrupted run continues where it was.

    Examples:

      dstc run model.onnx --input images.npy --labels labels.npy

      dstc run model.onnx --input image.npy --engine rtl --config small

      dstc run model.onnx --input image.npy --rtl-tiles 2 --json
    """
    from dstc.errors import DstcError
    from dstc_sim.netrun.session import Session, SessionOptions
    from dstc_sim.runs import SimulationError

    require_ending(out, ".npz")
    if rtl_layers is not None and rtl_tiles is None:
        raise DstcError("Option --rtl-layers must be given with --rtl-tiles, not without")
    started = time.perf_counter()
    session = Session(model, SessionOptions(
        engine=engine, config=config, input=input, labels=labels, samples=samples,
        input_shapes=tuple(input_shape or ()), seed=seed, rtl_tiles=rtl_tiles or 0,
        rtl_layers=None if rtl_layers is None else tuple(rtl_layers.split(",")),
        checkpoint=checkpoint))
    with progress("compiling", None, as_json):
        session.prepare()
    try:
        with progress("running", session.work, as_json) as advance:
            report, outputs = session.run(advance)
    except SimulationError as error:
        print(f"dstc: {error}", file=sys.stderr)
        raise typer.Exit(1) from None
    report["seconds"] = time.perf_counter() - started
    if out is not None:
        _save(out, outputs)
    if as_json:
        print_json(report)
    else:
        from dstc_sim.netrun.report import print_run

        print_run(report)
    if not report["total"]["bit_exact"]:
        print("dstc: a layer differs from the golden model", file=sys.stderr)
        raise typer.Exit(1)
    if not report["total"]["within_bound"]:
        print("dstc: a layer differs from ONNX Runtime by more than roundings explain",
              file=sys.stderr)
        raise typer.Exit(1)


def _save(path: Path, outputs: dict[str, Any]) -> None:
    import numpy as np

    from dstc.fileio import atomic_write

    with atomic_write(path) as file:
        np.savez(file, **outputs)
