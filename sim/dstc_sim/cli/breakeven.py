"""``dstc breakeven``: at which densities the core beats its rivals."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dstc.errors import DstcError

from .common import AsJson, ConfigName, Seed, print_json, progress

if TYPE_CHECKING:
    from dstc.config import Config

__all__ = ["command"]


def command(
    config: ConfigName = "paper",
    change: Annotated[list[str] | None, typer.Option(
        "--set", metavar="PARAMETER=VALUE", show_default=False,
        help="Change a parameter of the configuration; repeatable.")] = None,
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

      dstc breakeven --set tile_m=16 --set array_rows=4 -o build/breakeven

      dstc breakeven --layers profile.json --layers trace.npz -o build/breakeven

      dstc breakeven --json
    """
    from dstc.config import get_config
    from dstc_sim.breakeven import PATTERNS, break_even, read_layers
    from dstc_sim.breakeven.area import area_ratio
    from dstc_sim.breakeven.grid import STEPS

    target = _changed(get_config(config), change or [])
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


def _changed(config: "Config", changes: list[str]) -> "Config":
    """A variant, with a name of its own."""
    values: dict[str, Any] = {}
    for text in changes:
        name, _, value = text.partition("=")
        if not (name and value):
            raise DstcError(f"Option --set must be PARAMETER=VALUE, not {text!r}")
        if name in ("name", "status"):
            raise DstcError(f"Option --set must change a parameter of the core, not its {name}")
        values[name] = int(value) if value.isascii() and value.isdigit() else value
    if not values:
        return config
    name = "-".join([config.name, *(f"{key}.{value}" for key, value in values.items())])
    return config.replace(**values, name=name, status="experimental")


def _print(report: dict[str, Any]) -> None:
    from rich.console import Console

    from dstc_sim.breakeven.terminal import layer_table, notes, table

    console = Console(soft_wrap=True, markup=False, highlight=False)
    console.print(table(report))
    for line in notes(report):
        console.print(line)
    if report["layers"]:
        console.print(layer_table(report))
