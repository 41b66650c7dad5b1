"""What ``dstc sweep`` prints."""

from typing import Any

from rich.table import Table

__all__ = ["HEADS", "notes", "rows", "table"]

HEADS = ("config", "area, um2", "without operand buffers", "fmax, MHz", "cycles",
         "speedup over own dense", "us")


def rows(report: dict[str, Any]) -> list[tuple[str, ...]]:
    """A row of texts for each configuration, under :data:`HEADS`; best ones with a star."""
    found: list[tuple[str, ...]] = []
    for row in report["configs"]:
        area = row["area"] or {}
        found.append((row["config"] + (" *" if row["pareto"] else ""),
                      _number(area.get("area_um2")),
                      _number(area.get("without_operand_buffers_um2")),
                      _number(area.get("fmax_mhz"), 1), _number(row["cycles"]),
                      _number(row["speedup"], 2), _number(row["microseconds"], 1)))
    return found


def table(report: dict[str, Any]) -> Table:
    """The configurations, for a rich console."""
    shown = Table(box=None)
    for head in HEADS:
        shown.add_column(head, justify="left" if head == "config" else "right", no_wrap=True)
    for row in rows(report):
        shown.add_row(*row)
    return shown


def notes(report: dict[str, Any]) -> list[str]:
    """Lines about what the table means and what it lacks."""
    count = len(report["workloads"])
    lines = [f"Geometric means over {count} workload{'s' if count > 1 else ''}; {report['mode']}"
             + (f", {report['sample']} output tiles of each product sampled" if report["sample"]
                else "") + f"; cycle model {report['model']}."]
    if any(row["pareto"] for row in report["configs"]):
        less = "less time" if report["goal"] == "microseconds" else "fewer cycles"
        lines.append(f"* no other configuration has less area and {less}.")
    if missing := report["without_area"]:
        lines.append(f"No area is known of {len(missing)} of {len(report['configs'])} "
                     "configurations; --area synthesise makes them.")
    lines += [f"Refused: {one['config']}: {one['reason']}" for one in report["refused"]]
    lines += [f"Failed: {one['config']}, {one['workload']}: {one['reason']}"
              for one in report["failed"]]
    return lines


def _number(value: float | None, places: int = 0) -> str:
    return "" if value is None else f"{value:,.{places}f}"
