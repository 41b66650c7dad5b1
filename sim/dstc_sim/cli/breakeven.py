"""``dstc breakeven``: at which densities the core beats its rivals."""

from pathlib import Path
from typing import Annotated, Any

import typer

from .common import AsJson, ConfigName, Seed, print_json, progress

__all__ = ["command"]


def command(
    config: ConfigName = "paper",
    layers: Annotated[list[str] | None, typer.Option(
        metavar="FILE", show_default=False,
        help="Layers as dots: output of dstc profile --json, a trace of masks (*.npz), or "
             "docs/results/convolution.json; repeatable.")] = None,
    out: Annotated[Path | None, typer.Option(
        "-o", "--out", metavar="FOLDER", show_default=False,
        help="Write breakeven.html, breakeven.png and breakeven.json there.")] = None,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Map the densities of A and B: where the dual-side core beats dense, 2:4 and RM-STC.

    Every machine has as many multipliers and gets the same masks, in three patterns of zeros;
    docs/breakeven.md says what is counted.

    Examples:

      dstc breakeven

      dstc breakeven --config small -o build/breakeven

      dstc breakeven --layers profile.json --layers trace.npz -o build/breakeven

      dstc breakeven --json
    """
    from dstc.config import get_config
    from dstc_sim.breakeven import PATTERNS, break_even, read_layers
    from dstc_sim.breakeven.area import area_ratio
    from dstc_sim.breakeven.grid import STEPS

    target = get_config(config)
    dots = [row for file in layers or () for row in read_layers(file, target)]
    if out is not None:
        # Better refused now than after the work.
        out.mkdir(parents=True, exist_ok=True)
    with progress("densities", len(PATTERNS) * STEPS, as_json) as advance:
        report = break_even(target, layers=dots, area=area_ratio(target), seed=seed,
                            steps=STEPS, advance=advance)
    if out is not None:
        from dstc_sim.breakeven.files import write

        write(out, report)
    if as_json:
        print_json(report)
        return
    _print(report)
    if out is not None:
        print(f"\n{out / 'breakeven.html'}: the map; open it in a browser")


def _print(report: dict[str, Any]) -> None:
    from rich.console import Console

    from dstc_sim.breakeven.terminal import layer_table, notes, table

    console = Console(soft_wrap=True, markup=False, highlight=False)
    console.print(table(report))
    for line in notes(report):
        console.print(line)
    if report["layers"]:
        console.print(layer_table(report))
