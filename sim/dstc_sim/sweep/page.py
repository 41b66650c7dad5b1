"""The sweep as one HTML page that needs nothing else."""

import base64
from html import escape
from typing import Any

from ..report.document import document
from .picture import draw
from .terminal import HEADS, notes, rows

__all__ = ["render"]

OWN_STYLE = """
main { max-width: 60rem; }
.scroll { overflow-x: auto; }
.scroll td, .scroll th { white-space: nowrap; }
.points td:nth-child(2), .points th:nth-child(2) { text-align: left; }
"""


def render(report: dict[str, Any]) -> str:
    """The page.

    Parameters
    ----------
    report : dict
        What ``dstc sweep --json`` prints.
    """
    title = (f"{len(report['configs'])} configurations on {len(report['workloads'])} "
             f"workload{'s' if len(report['workloads']) > 1 else ''}")
    lines = "".join(f"<li>{escape(line)}</li>" for line in notes(report))
    body = f"""<header><p class="over">dstc, dual-side sparse tensor core</p>
<h1>{title}</h1></header>
{_picture(report)}
<section><h2>Configurations</h2>
{_table(HEADS, rows(report))}
<ul>{lines}</ul></section>
<section class="points"><h2>Points</h2>
{_table(("config", "workload", "cycles", "speedup over own dense", "multipliers used"),
        _points(report))}</section>"""
    return document(f"{title} - dstc sweep", body, style=OWN_STYLE)


def _picture(report: dict[str, Any]) -> str:
    drawn = draw(report)
    if drawn is None:
        return "<p>No configuration has a known area, so there is no picture.</p>"
    alt = "Area against time of every configuration with a known area; the best ones are joined."
    return (f'<img class="wide" alt="{alt}" src="data:image/svg+xml;base64,'
            f'{base64.b64encode(drawn).decode()}">')


def _points(report: dict[str, Any]) -> list[tuple[str, ...]]:
    size = {row["config"]: row["parameters"]["array_rows"] * row["parameters"]["array_cols"]
            for row in report["configs"]}
    return [(point["config"], point["workload"], f"{point['cycles']:,}",
             f"{point['speedup']:.2f}",
             f"{point['products'] / (point['cycles'] * size[point['config']]):.1%}")
            for point in report["points"]]


def _table(heads: tuple[str, ...], body: list[tuple[str, ...]]) -> str:
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in heads)
    lines = "".join("<tr>" + f'<th scope="row">{escape(row[0])}</th>'
                    + "".join(f"<td>{escape(text)}</td>" for text in row[1:]) + "</tr>"
                    for row in body)
    return (f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody>'
            "</table></div>")
