"""``dstc explain``: one warp tile, step by step."""

import re
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dstc.errors import DstcError

from .common import AsJson, ConfigName, RandomC, Seed, print_json, progress, require_ending

if TYPE_CHECKING:
    from dstc_sim.explain import Explanation

__all__ = ["command"]

DEFAULT_DENSITIES = (0.3, 0.5)


def command(
    a: Annotated[str | None, typer.Argument(
        metavar="A", show_default=False,
        help="M x K matrix: .npy, .npz (one array of several: FILE.npz:NAME), .smtx, .mtx, "
             ".mtx.gz or a container.  A random tile when left out.")] = None,
    b: Annotated[str | None, typer.Argument(
        metavar="B", show_default=False, help="K x N matrix, likewise.")] = None,
    c: Annotated[str | None, typer.Option(
        help="M x N matrix to start from; its tile is loaded first.", show_default=False)] = None,
    tile: Annotated[str, typer.Option(
        metavar="I,J,K", help="Row and column of the output tile, and k-tile, from 0.")] = "0,0,0",
    shape: Annotated[str | None, typer.Option(
        help="Without files: MxNxK of random operands; one tile when left out.",
        show_default=False)] = None,
    density_a: Annotated[float | None, typer.Option(
        help=f"Share of non-zeros in a random A; {DEFAULT_DENSITIES[0]} when left out.",
        show_default=False)] = None,
    density_b: Annotated[float | None, typer.Option(
        help=f"Share of non-zeros in a random B; {DEFAULT_DENSITIES[1]} when left out.",
        show_default=False)] = None,
    seed: Seed = 0,
    random_c: RandomC = False,
    config: ConfigName = "paper",
    mode: Annotated[str, typer.Option(
        help="sparse: skip zeros. dense: execute every OHMMA.")] = "sparse",
    kstep: Annotated[int, typer.Option(
        metavar="K", help="The k-step to show in full, from 0.")] = 0,
    cycles: Annotated[str | None, typer.Option(
        metavar="FROM-TO", help="Cycles to show instead of the first; a single one shows the "
                                "product of every bank.", show_default=False)] = None,
    html: Annotated[Path | None, typer.Option(
        help="Write an animation for the browser, *.html.", show_default=False)] = None,
    as_json: AsJson = False,
) -> None:
    """Show what the core does with one warp tile, cycle by cycle.

    The tile runs alone in the cycle model: bitmaps and packed values, OHMMA executed and
    skipped, lanes used, the bank of every product, what the operand collector holds, and the bin
    of every cycle (docs/explain.md).

    Examples:

      dstc explain

      dstc explain weights.smtx activations.npy --tile 0,0,1 --kstep 3

      dstc explain --config tiny --seed 5 --cycles 18

      dstc explain --mode dense --html tile.html
    """
    from rich.console import Console

    from dstc.config import get_config
    from dstc.fileio import atomic_write
    from dstc_sim.explain import cut_tile, explain_tile, render

    from .operands import chosen_operands, with_c

    target = get_config(config)
    require_ending(html, ".html")
    index = _tile(tile)
    if a is None and shape is None:
        shape = f"{target.tile_m}x{target.tile_n}x{target.tile_k}"
    operands = with_c(
        chosen_operands(a, b, shape, (density_a, density_b), DEFAULT_DENSITIES, seed, target),
        c, random_c, seed, target)
    part = cut_tile((operands.a, operands.b, operands.c), index, target)
    _check_kstep(kstep, target.tile_k)
    # The first time ever, the model is compiled.
    with progress("cycle model", None, as_json):
        told = explain_tile(*part, config=target, mode=mode)
    span = _span(cycles, len(told.cycles))
    report = {"shape": list(operands.shape), "tile": list(index),
              "seed": seed if a is None or random_c else None, "rounded": operands.rounded,
              **asdict(told)}
    with atomic_write(html) if html else nullcontext() as file:
        if file:
            file.write(render(report).encode())
    if as_json:
        print_json(report)
        return
    console = Console(soft_wrap=True, markup=False, highlight=False)
    _print(console, told, _title(report), kstep, span)
    if html:
        console.print(f"\n{html}: the same as an animation; open it in a browser")


def _tile(text: str) -> tuple[int, int, int]:
    match = re.fullmatch(r"(\d{1,9}),(\d{1,9}),(\d{1,9})", text, re.ASCII)
    if not match:
        raise DstcError(f"Tile must be I,J,K with three integers from 0, not {text!r}")
    i, j, k = map(int, match.groups())
    return i, j, k


def _check_kstep(kstep: int, tile_k: int) -> None:
    if not 0 <= kstep < tile_k:
        raise DstcError(f"K-step must be from 0 to {tile_k - 1}, not {kstep}")


def _span(text: str | None, total: int) -> tuple[int, int] | None:
    """First and last cycle to show."""
    if text is None:
        return None
    match = re.fullmatch(r"(\d{1,9})(?:-(\d{1,9}))?", text, re.ASCII)
    if not match:
        raise DstcError(f"Cycles must be FROM-TO or a single one, not {text!r}")
    first, last = int(match[1]), int(match[2] or match[1])
    if not first <= last < total:
        raise DstcError(f"Cycles must be inside 0-{total - 1} and ascend, not {text}")
    return first, last


def _title(report: dict[str, Any]) -> str:
    config, (m, n, k) = report["config"], report["shape"]
    source = "" if report["seed"] is None else f", seed {report['seed']}"
    return (f"tile {','.join(map(str, report['tile']))} of {m} x {n} x {k}{source}: "
            f"{report['mode']} on {config['name']}, {config['array_rows']} x "
            f"{config['array_cols']} multipliers, each with its bank")


def _print(console: Any, told: "Explanation", title: str, kstep: int,
           span: tuple[int, int] | None) -> None:
    from dstc_sim.explain import SHOWN_CYCLES, cycle_table, kstep_details, kstep_table, summary

    first, last = span or (0, len(told.cycles) - 1)
    parts = (summary(told, title), kstep_table(told), kstep_details(told, kstep),
             cycle_table(told, first, last, None if span else SHOWN_CYCLES))
    for n, part in enumerate(parts):
        if n:
            console.print()
        for line in part:
            console.print(line)
