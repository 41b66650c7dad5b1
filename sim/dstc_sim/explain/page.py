"""The animation of a tile: one HTML file that needs nothing else."""

import json
from collections.abc import Mapping
from html import escape
from importlib.resources import files
from typing import Any

from ..bins import BIN_COLOURS, BIN_MEANINGS
from ..runs import BINS

__all__ = ["render"]

PARTS = ("style", "drawing", "panels", "player")
"""Style sheet and scripts, in the order of the page; each is a file beside this one."""


def render(report: Mapping[str, Any]) -> str:
    """The page.

    Parameters
    ----------
    report : mapping
        What ``dstc explain --json`` prints.

    Returns
    -------
    str
        HTML with everything inline; the report is in the element with the id ``report``.
    """
    folder = files(__package__)
    page = (folder / "page.html").read_text(encoding="utf-8")
    config = report["config"]
    data = json.dumps(report, allow_nan=False)
    for name, text in {
        **{part: (folder / f"{part}.html").read_text(encoding="utf-8").strip() for part in PARTS},
        "title": escape(f"Tile {','.join(map(str, report['tile']))}, {report['mode']}, on the "
                        f"{config['name']} core"),
        "colours": "".join(f"--{name}:{BIN_COLOURS[name]};" for name in BINS),
        "legend": _legend(report),
        "facts": _facts(report),
    }.items():
        page = page.replace(f"<!-- {name} -->", text)
    # No "<" is left that could end the element.
    return page.replace("<!-- report -->", data.replace("<", "\\u003c"))


def _legend(report: Mapping[str, Any]) -> str:
    config = report["config"]
    total = len(report["cycles"])
    lanes = {"rows": config["array_rows"], "cols": config["array_cols"]}
    return "".join(
        f'<div><dt><i class="dot" style="background:var(--{name})"></i>{name} '
        f'<b>{report["bins"][name]}</b> of {total}</dt>'
        f"<dd>{escape(BIN_MEANINGS[name].format(**lanes))}</dd></div>" for name in BINS)


def _facts(report: Mapping[str, Any]) -> str:
    config, executed = report["config"], len(report["ohmma"])
    dense = sum(len(step["executed"]) + len(step["skipped"]) for step in report["k_steps"])
    lanes = config["array_rows"] * config["array_cols"]
    used = f"{report['products'] / (executed * lanes):.0%}" if executed else "-"
    return "".join(
        f'<div><span class="value">{value}</span><span class="label">{label}</span></div>'
        for value, label in (
            (f"{executed} / {dense}", "OHMMA executed, of the dense"),
            (report["products"], "products of two non-zeros"),
            (used, f"of {lanes} multipliers used per OHMMA"),
            (len(report["cycles"]), "cycles, loads and drain included")))
