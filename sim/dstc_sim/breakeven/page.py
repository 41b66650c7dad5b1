"""The map as one HTML page that needs nothing else."""

import json
from html import escape
from importlib.resources import files
from typing import Any

from rich.table import Table

from ..report.style import STYLE
from .picture import COLOURS
from .terminal import layer_table, notes, table

__all__ = ["render"]


def render(report: dict[str, Any]) -> str:
    """The page.

    Parameters
    ----------
    report : dict
        What ``dstc breakeven --json`` prints.
    """
    folder = files(__package__)
    page = (folder / "page.html").read_text(encoding="utf-8")
    for name, text in {
        "style": f"<style>{STYLE}</style>",
        "title": escape(f"Break-even map of the {report['config']['name']} core"),
        "patterns": _patterns(report), "lines": _lines(report),
        "table": _table(table(report), "ranges"),
        "layers": _layers(report),
        "notes": "".join(f"<li>{escape(line)}</li>" for line in notes(report)),
        "script": (folder / "map.html").read_text(encoding="utf-8").strip(),
    }.items():
        page = page.replace(f"<!-- {name} -->", text)
    data = json.dumps({**report, "colours": COLOURS}, allow_nan=False)
    # No "<" is left that could end the element.
    return page.replace("<!-- report -->", data.replace("<", "\\u003c"))


def _patterns(report: dict[str, Any]) -> str:
    return "".join(
        f'<label><input type="radio" name="pattern" value="{escape(name)}"'
        f'{"" if number else " checked"}> {escape(name)}</label>'
        for number, name in enumerate(report["patterns"]))


def _lines(report: dict[str, Any]) -> str:
    names = next(iter(report["patterns"].values()))["lines"]
    return "".join(
        f'<label><input type="checkbox" name="line" value="{escape(name)}" checked> '
        f'<i class="dot" style="background:var(--line-{number})"></i>beats {escape(name)}</label>'
        for number, name in enumerate(names))


def _layers(report: dict[str, Any]) -> str:
    if not report["layers"]:
        return ""
    return (f'<section><h2>Layers</h2><div class="scroll" tabindex="0">'
            f'{_table(layer_table(report), "layers")}</div></section>')


def _table(shown: Table, name: str) -> str:
    head = "".join(f'<th scope="col">{escape(str(column.header))}</th>' for column in shown.columns)
    rows = "".join("<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>"
                   for row in zip(*(column.cells for column in shown.columns), strict=True))
    return f'<table class="{name}"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'
