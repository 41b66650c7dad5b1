"""``dstc profile``: where the cycles of a network go, from its real zeros."""

from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dstc.errors import DstcError

from .common import AsJson, ConfigName, Seed, print_json, progress, require_ending

if TYPE_CHECKING:
    from dstc.network import ConvWork, MatMulWork, Skipped
    from dstc_sim.network import Source

__all__ = ["command"]

FEWEST_TILES = 24


def command(
    file: Annotated[str, typer.Argument(
        metavar="MODEL.onnx|TRACE.npz", show_default=False,
        help="An ONNX model, or a trace of masks.")],
    input_file: Annotated[str | None, typer.Option(
        "--input", help="What the model is fed with: .npy, or .npz with one array for each input. "
                        "A made-up sample when left out.", show_default=False)] = None,
    input_shape: Annotated[list[str] | None, typer.Option(
        metavar="NAME=1x3x224x224", show_default=False,
        help="Shape of an input of the sample; needed where the model leaves it open.")] = None,
    prune: Annotated[float | None, typer.Option(
        metavar="SHARE", show_default=False,
        help="First prune every layer's weights by magnitude to this share of zeros. What the "
             "network is worth afterwards is unknown.")] = None,
    config: ConfigName = "paper",
    sample: Annotated[int | None, typer.Option(
        metavar="TILES", show_default=False,
        help="Also run so many output tiles of each product on the cycle model, at least "
             f"{FEWEST_TILES}, and estimate the cycles.")] = None,
    rivals: Annotated[bool, typer.Option(
        "--rivals", help="Also cycles on other machines with as many multipliers "
                         "(docs/models.md).")] = False,
    seed: Seed = 0,
    html: Annotated[Path | None, typer.Option(
        help="Write a page with plots, *.html.", show_default=False)] = None,
    as_json: AsJson = False,
) -> None:
    """Tell for each layer of a network what the core makes of its zeros.

    The model runs once in ONNX Runtime; the zeros of what enters each convolution and matrix
    product, and of its weights, are counted exactly as the core would skip them. Every column is
    defined in docs/networks.md.

    Examples:

      dstc profile model.onnx --input image.npy

      dstc profile model.onnx --input-shape x=1x3x224x224 --prune 0.75

      dstc profile model.onnx --config small --json

      dstc profile model.onnx --sample 48 --html profile.html

      dstc profile trace.npz --rivals
    """
    from rich.console import Console

    from dstc.config import get_config
    from dstc.fileio import atomic_write
    from dstc.models import MULTIPLIERS
    from dstc_sim.network import profile_works

    target = get_config(config)
    require_ending(html, ".html")
    if sample is not None and sample < FEWEST_TILES:
        raise DstcError(f"Sample must have at least {FEWEST_TILES} output tiles, not {sample}")
    if rivals and target.multipliers != MULTIPLIERS:
        raise DstcError(f"Option --rivals must be given with a configuration of {MULTIPLIERS} "
                        f"multipliers, not with {config} of {target.multipliers}")
    if prune is not None and not 0 <= prune <= 1:
        raise DstcError(f"Share to prune must be from 0 to 1, not {prune}")
    if file.lower().endswith(".npz"):
        for option, given in (("--input", input_file), ("--input-shape", input_shape),
                              ("--prune", prune)):
            if given is not None:
                raise DstcError(f"Option {option} must be given with a model, not with the trace "
                                f"{file}")
        opened = _trace(file, None if sample is None else seed)
    else:
        with progress("model", None, as_json):
            opened = _model(file, input_file, input_shape or [], prune, seed)
    total, works, source, skipped = opened
    # The output is opened first: better refused now than after a long run.
    with atomic_write(html) if html else nullcontext() as page:
        with progress("layers", total, as_json) as advance:
            report = profile_works(works, target, source, skipped, sample=sample, seed=seed,
                                   rivals=rivals, advance=advance)
        if page:
            from dstc_sim.network.page import render

            page.write(render(report).encode())
    if as_json:
        print_json(report)
        return
    _print(Console(soft_wrap=True, markup=False, highlight=False), report)
    if html:
        print(f"\n{html}: the same with plots; open it in a browser")


Opened = tuple[int, "Iterator[ConvWork | MatMulWork]", "Source", "tuple[Skipped, ...]"]


def _trace(file: str, seed: int | None) -> Opened:
    from dstc.network import read_trace
    from dstc_sim.network import Source

    works = read_trace(file)
    return len(works), iter(works), Source(file=Path(file).name, kind="trace", seed=seed), ()


def _model(file: str, input_file: str | None, input_shape: list[str], prune: float | None,
           seed: int) -> Opened:
    """The layers of a model, whose work is captured when they are taken."""
    from dstc.network import (
        capture,
        find_layers,
        fix_shapes,
        graph_inputs,
        layer_work,
        load_model,
        parse_input_shapes,
        prune_layers,
        read_inputs,
        resolve_shapes,
        sample_inputs,
    )
    from dstc_sim.network import Source

    if input_file is not None and input_shape:
        raise DstcError("Option --input-shape must be given without --input, not with it")
    model = load_model(file)
    inputs = graph_inputs(model)
    if input_file is not None:
        feeds = read_inputs(input_file, inputs)
        shapes = resolve_shapes(inputs, {name: array.shape for name, array in feeds.items()})
    else:
        shapes = resolve_shapes(inputs, parse_input_shapes(input_shape, inputs))
        feeds = sample_inputs(model, inputs, shapes, seed)
    model = fix_shapes(model, shapes)
    network = find_layers(model)
    if prune is not None:
        prune_layers(model, network.layers, prune)
        network = find_layers(model)
    source = Source(
        file=Path(file).name, kind="model", input=input_file, pruned=prune,
        seed=seed if input_file is None else None,
        input_shapes={name: list(shape) for name, shape in shapes.items()})

    def works() -> Any:
        for layer, masks in capture(model, network.layers, feeds, keep=lambda x: x != 0):
            yield layer_work(layer, masks)

    return len(network.layers), works(), source, network.skipped


def _print(console: Any, report: dict[str, Any]) -> None:
    from dstc_sim.network.terminal import headline, layer_table, notes

    for line in (*headline(report), "", *layer_table(report), *notes(report)):
        console.print(line)
