"""``dstc paper``: published figures beside ours."""

from typing import Annotated, Any

import typer

from dstc.errors import DstcError

from .common import AsJson, Seed, print_json, progress
from .profile import FEWEST_TILES

__all__ = ["cell", "command"]


def command(
    figure: Annotated[str, typer.Option(
        help="21: SpGEMM over densities. layers: layers of ResNet-50. networks: largest speedups. "
             "break-even. im2col: dense, CSR, bitmap. overhead: area. averages: rivals.")] = "21",
    size: Annotated[int | None, typer.Option(
        help="Rows, columns and K of figure 21 instead of 4096.", show_default=False)] = None,
    sample: Annotated[int | None, typer.Option(
        metavar="TILES", show_default=False,
        help="Of figure 21, also run so many output tiles of each point on the cycle model, at "
             f"least {FEWEST_TILES}.")] = None,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Remake a figure of a published paper with our models, and tell the error of each point.

    What is published, with its sources, is in docs/models.md; ours is counted now, or read from
    docs/results where it was measured on the Verilog.

    Examples:

      dstc paper --figure 21

      dstc paper --figure 21 --json

      dstc paper --figure 21 --sample 24

      dstc paper --figure averages
    """
    from dstc_sim.paper import FIGURES

    if figure not in FIGURES:
        raise DstcError(f"Figure must be one of {', '.join(FIGURES)}, not {figure!r}")
    options: dict[str, Any] = {}
    for option, given in (("--size", size), ("--sample", sample)):
        if given is not None and figure != "21":
            raise DstcError(f"Option {option} must be given with figure 21, not with {figure}")
    if sample is not None:
        if sample < FEWEST_TILES:
            raise DstcError(f"Sample must have at least {FEWEST_TILES} output tiles, not {sample}")
        options["sample"] = sample
    if size is not None:
        if not 32 <= size <= 8192:
            raise DstcError(f"Size must be from 32 to 8192, not {size}")
        options["size"] = size
    with progress(f"figure {figure}", None, as_json) as advance:
        report = FIGURES[figure](seed=seed, advance=advance, **options)
    if as_json:
        print_json(report)
        return
    _print(report)


def _print(report: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(soft_wrap=True, markup=False, highlight=False)
    table = Table(title=report["title"], box=None)
    names = [name for name in report["points"][0] if name not in ("reference", "seconds")]
    for name in names:
        table.add_column(name.replace("_", " "), justify="right")
    for point in report["points"]:
        table.add_row(*(cell(name, point[name]) for name in names))
    console.print(table)
    console.print(f"mean error {report['mean_error']:.1%}"
                  + (f", with independent zeros {report['mean_error_iid']:.1%}"
                     if "mean_error_iid" in report else "")
                  + (f", with conflicts {report['mean_error_sampled']:.1%}"
                     if "mean_error_sampled" in report else ""))
    console.print(f"published: {report['source']}\nours: {report['model']}\n\n{report['text']}")


def cell(name: str, value: Any) -> str:
    """A value as a table shows it."""
    if isinstance(value, list):
        return ", ".join(f"{each:g}" for each in value)
    if name.startswith("error"):
        return f"{value:+.1%}"
    return f"{value:.3g}" if isinstance(value, float) else str(value)
