"""``dstc sweep``: cycles and area of many configurations on many workloads."""

import os
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dstc.errors import DstcError

from .common import AsJson, print_json, progress, require_ending

if TYPE_CHECKING:
    from dstc_sim.sweep import Space

__all__ = ["command"]


def command(
    space: Annotated[Path | None, typer.Argument(
        metavar="SPACE.toml|.json", show_default=False,
        help="Description of the space (docs/sweep.md), instead of options.")] = None,
    base: Annotated[list[str] | None, typer.Option(
        metavar="NAME,NAME", show_default=False,
        help="Configurations to start from; paper when left out.")] = None,
    vary: Annotated[list[str] | None, typer.Option(
        metavar="PARAMETER=V,V", show_default=False,
        help="Values of a parameter; every combination is applied to every base.")] = None,
    shape: Annotated[list[str] | None, typer.Option(
        metavar="MxNxK,..", show_default=False, help="Of random operands.")] = None,
    density: Annotated[list[str] | None, typer.Option(
        metavar="AxB,..", show_default=False,
        help="Of random operands; 0.5x0.5 when left out.")] = None,
    pattern: Annotated[list[str] | None, typer.Option(
        metavar="NAME,..", show_default=False,
        help="Of random zeros: iid (when left out) or clustered.")] = None,
    seed: Annotated[list[str] | None, typer.Option(
        metavar="N,N", show_default=False, help="Of random operands; 0 when left out.")] = None,
    trace: Annotated[list[str] | None, typer.Option(
        metavar="TRACE.npz", show_default=False,
        help="Each layer of a trace of masks; repeatable.")] = None,
    network: Annotated[list[str] | None, typer.Option(
        metavar="MODEL.onnx,INPUT", show_default=False,
        help="Each layer of a network that runs on an input; repeatable.")] = None,
    matrices: Annotated[list[str] | None, typer.Option(
        metavar="A,B", show_default=False,
        help="The non-zeros of two matrix files; repeatable.")] = None,
    mode: Annotated[str | None, typer.Option(
        help="sparse (when left out) or dense.", show_default=False)] = None,
    sample: Annotated[int | None, typer.Option(
        metavar="TILES", show_default=False,
        help="Estimate the cycles from so many output tiles of each product.")] = None,
    area: Annotated[str, typer.Option(
        help="cached: areas of synthesis runs that are done, and those of docs/results. "
             "synthesise: also synthesise the others, minutes for each. none.")] = "cached",
    target: Annotated[str, typer.Option(help="Cells of the areas; see dstc area.")] = "asic45",
    store: Annotated[Path | None, typer.Option(
        help="Folder of finished tasks; build/sweep when left out.", show_default=False)] = None,
    jobs: Annotated[int | None, typer.Option(
        help="Processes of this machine; one per core when left out.", min=1,
        show_default=False)] = None,
    scheduler: Annotated[str | None, typer.Option(
        metavar="ADDRESS", show_default=False,
        help="Run on the workers of this Dask scheduler instead.")] = None,
    html: Annotated[Path | None, typer.Option(
        help="Write a page with the plot, *.html.", show_default=False)] = None,
    as_json: AsJson = False,
) -> None:
    """Run workloads on many configurations with the cycle model and tell which are best.

    Each finished task is kept, so the same command goes on where an earlier one ended. The
    result does not depend on who ran what. Combinations that no configuration can have are
    listed with the reason; so are configurations whose area is unknown.

    Examples:

      dstc sweep --vary collector_entries=6,8,10 --vary adder_latency=2,3 --shape 128x128x256

      dstc sweep --base paper,small --shape 256x256x256 --density 0.25x0.5,0.1x0.1 --html s.html

      dstc sweep --vary slots=2,4 --trace trace.npz --sample 48 --json

      dstc sweep --base paper,small --network model.onnx,image.npy

      dstc sweep space.toml --scheduler tcp://127.0.0.1:8786

      dstc sweep space.toml --area synthesise
    """
    from dstc.fileio import atomic_write
    from dstc_hdl.asic.library import TARGETS
    from dstc_hdl.emit import build_folder
    from dstc_sim.sweep import Store, sweep
    from dstc_sim.sweep.area import AREAS, area_of
    from dstc_sim.sweep.run import cluster, processes

    options = {"base": base, "vary": vary, "shape": shape, "density": density,
               "pattern": pattern, "seed": seed, "trace": trace, "network": network,
               "matrices": matrices, "mode": mode, "sample": sample}
    chosen = _space(space, {name: value for name, value in options.items() if value is not None})
    for name, value, allowed in (("Area", area, AREAS), ("Target", target, tuple(TARGETS))):
        if value not in allowed:
            raise DstcError(f"{name} must be one of {', '.join(allowed)}, not {value!r}")
    if jobs is not None and scheduler is not None:
        raise DstcError("Option --jobs must be given without --scheduler, not with it")
    require_ending(html, ".html")
    kept = Store(store or build_folder() / "sweep")
    step = (lambda name: None) if as_json else (lambda name: _tell(f"synthesising {name}"))
    total = len(chosen.configs) * len(chosen.workloads)
    # The output is opened first: better refused now than after a long run.
    with atomic_write(html) if html else nullcontext() as page:
        with progress("tasks", total, as_json) as advance:
            report = sweep(
                chosen, kept,
                lambda: cluster(scheduler) if scheduler else processes(jobs or os.cpu_count() or 1),
                lambda config: area_of(config, target, area, step), _tell, advance)
        if page:
            from dstc_sim.sweep.page import render

            page.write(render(report).encode())
    if as_json:
        print_json(report)
    else:
        _print(report)
    if report["failed"]:
        raise typer.Exit(1)


def _tell(sentence: str) -> None:
    print(f"dstc: {sentence}", file=sys.stderr)


def _space(file: Path | None, options: dict[str, Any]) -> "Space":
    """The space of a file or of options."""
    from dstc_sim.sweep import read_space
    from dstc_sim.sweep.space import make_space

    if file is not None:
        if options:
            raise DstcError(f"Option --{next(iter(options))} must be given without a file, not "
                            f"with {file}")
        return read_space(file)
    described: dict[str, Any] = {key: options[key] for key in ("mode", "sample") if key in options}
    if "base" in options:
        described["base"] = _split(options["base"])
    described["vary"] = dict(_parameter(text) for text in options.get("vary", []))
    described["workload"] = []
    random: dict[str, Any] = {key: _split(options[key]) for key in ("shape", "density", "pattern")
                              if key in options}
    if "seed" in options:
        random["seed"] = [_number(text) for text in _split(options["seed"])]
    if random and "shape" not in random:
        raise DstcError(f"Option --{next(iter(random))} must be given with --shape, not without "
                        "it")
    described["workload"] += [random] if random else []
    described["workload"] += [{"trace": name} for name in options.get("trace", [])]
    for option, keys in (("network", ("network", "input")), ("matrices", ("a", "b"))):
        described["workload"] += [dict(zip(keys, _pair(option, text), strict=True))
                                  for text in options.get(option, [])]
    return make_space(described, Path())


def _split(texts: list[str]) -> list[str]:
    return [part for text in texts for part in text.split(",")]


def _pair(option: str, text: str) -> tuple[str, str]:
    first, _, second = text.partition(",")
    if not (first and second):
        raise DstcError(f"Option --{option} must be two files with a comma between them, "
                        f"not {text!r}")
    return first, second


def _number(text: str) -> Any:
    """An integer where it is one; what it must be is said where it is used."""
    return int(text) if text.isascii() and text.isdigit() else text


def _parameter(text: str) -> tuple[str, list[Any]]:
    name, _, values = text.partition("=")
    if not (name and values):
        raise DstcError(f"Option --vary must be PARAMETER=VALUE,VALUE, not {text!r}")
    return name, [_number(value) for value in values.split(",")]


def _print(report: dict[str, Any]) -> None:
    from rich.console import Console

    from dstc_sim.sweep.terminal import notes, table

    shown, wide = table(report), Console(width=10_000)
    # Names of configurations are long; a narrow terminal shall wrap lines and not cut them.
    width = max(Console().width, wide.measure(shown).maximum)
    console = Console(width=width, soft_wrap=True, markup=False, highlight=False)
    console.print(shown)
    for line in notes(report):
        console.print(line)
