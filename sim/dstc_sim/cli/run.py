"""``dstc run``: a network layer by layer on an engine."""

import sys
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer

from .common import AsJson, ConfigName, Seed, print_json, progress, require_ending

__all__ = ["command"]

INTERRUPTED = 130
"""Exit code after Ctrl-C, as of a shell."""


def command(
    model: Annotated[str, typer.Argument(help="ONNX file.", metavar="MODEL.onnx")],
    input: Annotated[str | None, typer.Option(
        help=".npy, or .npz with an array for each input; the first dimension counts samples. "
             "Made up from the seed without.", show_default=False)] = None,
    labels: Annotated[str | None, typer.Option(
        help=".npy with the right class of each sample, for the accuracy.", show_default=False)
        ] = None,
    samples: Annotated[int | None, typer.Option(
        help="Run only the first so many.", min=1, show_default=False)] = None,
    engine: Annotated[str, typer.Option(help="golden, model or rtl.")] = "model",
    rtl_tiles: Annotated[int | None, typer.Option(
        help="Also run so many output tiles of each layer, drawn at random, on the Verilog.",
        min=1, show_default=False)] = None,
    rtl_layers: Annotated[str | None, typer.Option(
        help="Only of these layers, with commas between them.", show_default=False)] = None,
    input_shape: Annotated[list[str] | None, typer.Option(
        help="Shape of a made-up input, NAME=1x3x224x224.", show_default=False)] = None,
    checkpoint: Annotated[Path | None, typer.Option(
        help="Folder for what is finished, from which an interrupted run continues; by default "
             "one that belongs to the model, its inputs and the options.", show_default=False)
        ] = None,
    out: Annotated[Path | None, typer.Option(
        "--out", "-o", help="Write the network's outputs, *.npz.", show_default=False)] = None,
    config: ConfigName = "paper",
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Run a network: convolutions and matrix products on the core, everything else on the host.

    Every layer is compared with the golden model in every bit, and with ONNX Runtime by a bound
    that follows from the roundings of both. After Ctrl-C the same command continues where it was.

    Examples:

      dstc run model.onnx --input images.npy --labels labels.npy

      dstc run model.onnx --input image.npy --engine rtl --config small

      dstc run model.onnx --input image.npy --rtl-tiles 2 --json

      dstc run model.onnx --input-shape x=1x3x32x32 --engine golden -o outputs.npz
    """
    from dstc.errors import DstcError
    from dstc.fileio import atomic_write
    from dstc_sim.netrun.session import Session, SessionOptions
    from dstc_sim.runs import SimulationError

    require_ending(out, ".npz")
    if rtl_layers is not None and rtl_tiles is None:
        raise DstcError("Option --rtl-layers must be given with --rtl-tiles, not without")
    started = time.perf_counter()
    session = Session(model, SessionOptions(
        engine=engine, config=config, input=input, labels=labels, samples=samples,
        input_shapes=tuple(input_shape or ()), seed=seed, rtl_tiles=rtl_tiles or 0,
        rtl_layers=None if rtl_layers is None else tuple(
            name.strip() for name in rtl_layers.split(",")),
        checkpoint=checkpoint))
    # The output is opened first: better refused now than after a long run.
    with atomic_write(out) if out else nullcontext() as file:
        try:
            with progress("compiling", None, as_json):
                session.prepare()
            with progress("layers", session.work, as_json) as advance:
                report, outputs = session.run(advance)
        except SimulationError as error:
            print(f"dstc: {error}", file=sys.stderr)
            raise typer.Exit(1) from None
        except KeyboardInterrupt:
            print("dstc: interrupted; the same command continues after the last finished layer",
                  file=sys.stderr)
            raise typer.Exit(INTERRUPTED) from None
        report["seconds"] = time.perf_counter() - started
        _tell(report, as_json)
        if file is not None:
            _save(file, outputs)


def _tell(report: dict[str, Any], as_json: bool) -> None:
    """Print the report; exit with 1 if a comparison failed."""
    if as_json:
        print_json(report)
    else:
        from dstc_sim.netrun.report import print_run

        print_run(report)
    for key, verdict in (("bit_exact", "differs from the golden model"), ("within_bound", (
            "differs from ONNX Runtime by more than roundings explain"))):
        wrong = [row["name"] for row in report["layers"] if not row[key]]
        if wrong:
            others = f" and {len(wrong) - 1} more" if wrong[1:] else ""
            print(f"dstc: layer {wrong[0]}{others} {verdict}", file=sys.stderr)
            raise typer.Exit(1)


def _save(file: BinaryIO, outputs: dict[str, list[Any]]) -> None:
    """An array for each output, runs one after the other; one for each run if shapes differ."""
    import zipfile

    import numpy as np
    from numpy.lib import format as npy

    arrays = {}
    for name, values in outputs.items():
        several = [np.atleast_1d(value) for value in values]
        if len({value.shape[1:] for value in several}) == 1:
            arrays[name] = np.concatenate(several)
        else:
            arrays |= {f"{name}[{n}]": value for n, value in enumerate(several)}
    # Not numpy.savez: a model may call an output "file", which is the name of its argument.
    with zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                npy.write_array(member, array, allow_pickle=False)
