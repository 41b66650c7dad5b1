"""The profile as one HTML page that needs nothing else."""

import math
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from dstc.network import LIMITS

from ..report.document import document
from .terminal import headline, short

__all__ = ["render"]

Row = Mapping[str, Any]

OWN_STYLE = """
:root { --dual: #1d5fa8; --a: #17808a; --b: #c06a1e; --rest: #d9d6cf; }
@media (prefers-color-scheme: dark) { :root { --dual: #6fb1f2; --a: #3fb6c1; --b: #e8954a;
  --rest: #3a3f46; } }
h1, .head b { overflow-wrap: anywhere; }
.sum { display: grid; grid-template-columns: 5.2rem 1fr; gap: .3rem .6rem; align-items: center;
  font-size: .85rem; }
.sum .strip { height: 1.25rem; }
.layer { margin: .75rem 0; font-size: .85rem; }
.head { display: flex; flex-wrap: wrap; gap: 0 .7rem; margin: 0; }
.head .dim { color: var(--dim); }
.head .end { margin-left: auto; font-weight: 600; font-variant-numeric: tabular-nums; }
.strip { position: relative; height: .9rem; }
.strip i { position: absolute; top: 0; bottom: 0; left: 0; border-radius: .2rem; }
.strip i.tick { width: 3px; margin-left: -1.5px; border-radius: 1px; }
.key { display: flex; flex-wrap: wrap; gap: .2rem 1.1rem; font-size: .85rem; color: var(--dim); }
.scroll { overflow-x: auto; }
.scroll td, .scroll th { white-space: nowrap; }
svg { display: block; width: 100%; max-width: 30rem; height: auto; margin: 0 auto; }
svg text { fill: var(--dim); font-size: 11px; }
svg line { stroke: var(--line); }
svg circle { fill: var(--dual); fill-opacity: .35; stroke: var(--dual); }
"""

COMPARED = (("dense", "dense", "--rest", "nothing is skipped"),
            ("half", "2:4", "--rest", "half of it: 2:4 structured sparsity at its best"),
            ("b_only", "B only", "--b", "zeros of B (weights) are skipped"),
            ("a_only", "A only", "--a", "zeros of A (activations) are skipped"),
            ("dual", "dual-side", "--dual", "zeros of both are skipped: this core"),
            ("least", "bound", "--rest", "effectual MACs over multipliers: no packing needs fewer"))


def render(report: Row) -> str:
    """The page.

    Parameters
    ----------
    report : mapping
        What ``dstc profile --json`` prints.
    """
    title = f"{report['file']} on the {report['config']['name']} core"
    parts = [_header(report, title)]
    if report["totals"] is not None:
        parts += [_compared(report), _layers(report), _densities(report), _table(report),
                  _limits(report)]
    if report["skipped"]:
        parts.append(_skipped(report))
    parts.append(_particulars(report))
    body = "\n".join(parts)
    return document(f"{title} - dstc profile", body, style=OWN_STYLE)


def _header(report: Row, title: str) -> str:
    lead = "".join(f"<p>{escape(line)}.</p>" for line in headline(dict(report))[1:])
    totals, figures = report["totals"], ""
    if totals is not None:
        facts = [(f"{totals['speedup']:.2f}x" if totals["speedup"] else "-",
                  "faster than dense, at best"),
                 (short(totals["ohmma"]["dual"]), f"OHMMA of {short(totals['ohmma']['dense'])}"),
                 (f"{totals['effectual_macs'] / totals['macs']:.1%}",
                  f"of {short(totals['macs'])} MACs are effectual"),
                 (f"{totals['multiplier_utilization']:.0%}", "of the multipliers used per OHMMA")]
        if totals["estimate"]:
            facts.insert(1, (short(totals["estimate"]["cycles"]), "cycles, sampled"))
        figures = '<div class="figures">' + "".join(
            f'<div><span class="value">{value}</span><span class="label">{escape(label)}</span>'
            "</div>" for value, label in facts) + "</div>"
    return (f'<header><p class="over">dstc, dual-side sparse tensor core</p><h1>{escape(title)}'
            f"</h1>{lead}{figures}</header>")


def _strip(parts: Iterable[tuple[str, float]], ticks: Iterable[tuple[str, float]] = ()) -> str:
    """Bars from the left over each other, the longest first, and ticks; lengths from 0 to 1."""
    bars = "".join(f'<i style="width:{100 * length:.2f}%;background:var({colour})"></i>'
                   for colour, length in parts)
    marks = "".join(f'<i class="tick" style="left:{100 * place:.2f}%;background:var({colour})"></i>'
                    for colour, place in ticks)
    return f'<div class="strip">{bars}{marks}</div>'


def _compared(report: Row) -> str:
    ohmma = report["totals"]["ohmma"]
    rows = "".join(
        f'<span>{label}</span><div>{_strip([(colour, ohmma[key] / ohmma["dense"])])}'
        f'<span class="note">{ohmma[key]:,}: {note}</span></div>'
        for key, label, colour, note in COMPARED)
    return (f'<section><h2>OHMMA of all layers</h2><p>An OHMMA is one issue of the '
            f"{report['config']['array_rows']} x {report['config']['array_cols']} multipliers; the "
            f'core issues at most one per cycle.</p><div class="sum">{rows}</div></section>')


def _layers(report: Row) -> str:
    top = max(row["ohmma"]["dense"] for row in report["layers"])
    rows = "".join(_layer(row, _strip(
        [("--rest", row["ohmma"]["dense"] / top), ("--dual", row["ohmma"]["dual"] / top)],
        [("--b", row["ohmma"]["b_only"] / top), ("--a", row["ohmma"]["a_only"] / top)]),
        f"{row['speedup']:.2f}x" if row["speedup"] else "-") for row in report["layers"])
    return ("<section><h2>OHMMA of each layer</h2>" + _key(
        ("--rest", "dense"), ("--dual", "dual-side"), ("--b", "zeros of B only (mark)"),
        ("--a", "zeros of A only (mark)")) + rows + "</section>")


def _layer(row: Row, strip: str, end: str) -> str:
    return (f'<div class="layer"><p class="head"><b>{escape(row["name"])}</b>'
            f'<span class="dim">{escape(_shape(row))}</span><span class="end">{end}</span></p>'
            f"{strip}</div>")


def _shape(row: Row) -> str:
    shape = row["shape"]
    batch = f"{shape['batch']} * " if shape["batch"] > 1 else ""
    kernel = f"{'x'.join(map(str, shape['kernel']))}, " if "kernel" in shape else ""
    groups = f", {shape['groups']} groups" if shape.get("groups", 1) > 1 else ""
    return f"{kernel}{batch}{shape['m']} x {shape['n']} x {shape['k']}{groups}"


def _key(*entries: tuple[str, str]) -> str:
    return '<p class="key">' + "".join(
        f'<span><i class="dot" style="background:var({colour})"></i>{escape(text)}</span>'
        for colour, text in entries) + "</p>"


def _densities(report: Row) -> str:
    """Every layer at its densities, as large as its dense work."""
    left, edge, size = 56, 20, 300
    top = max(row["ohmma"]["dense"] for row in report["layers"])
    grid = "".join(
        f'<line x1="{left + at}" y1="{edge}" x2="{left + at}" y2="{edge + size}"/>'
        f'<line x1="{left}" y1="{edge + at}" x2="{left + size}" y2="{edge + at}"/>'
        f'<text x="{left + at}" y="{edge + size + 18}" text-anchor="middle">{at // 3}%</text>'
        f'<text x="{left - 8}" y="{edge + size - at + 4}" text-anchor="end">{at // 3}%</text>'
        for at in range(0, size + 1, size // 4))
    circles = "".join(
        f'<circle cx="{left + size * row["density"]["a"]:.1f}" '
        f'cy="{edge + size * (1 - row["density"]["b"]):.1f}" '
        f'r="{max(2.0, 16 * math.sqrt(row["ohmma"]["dense"] / top)):.1f}">'
        f'<title>{escape(row["name"])}: A {row["density"]["a"]:.1%}, B {row["density"]["b"]:.1%}'
        "</title></circle>" for row in report["layers"])
    return (f'<section><h2>Non-zeros</h2><p>A circle is a layer: non-zeros of A, padding included, '
            f"to the right, those of B upwards; the larger, the more dense work.</p>"
            f'<svg viewBox="0 0 {left + size + edge} {size + edge + 42}" role="img" '
            f'aria-label="Densities of the layers">{grid}{circles}'
            f'<text x="{left + size // 2}" y="{edge + size + 36}" text-anchor="middle">'
            f'non-zeros of A</text><text x="14" y="{edge + size // 2}" text-anchor="middle" '
            f'transform="rotate(-90 14 {edge + size // 2})">non-zeros of B</text></svg></section>')


def _table(report: Row) -> str:
    sampled = report["totals"]["estimate"] is not None
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in (
        "layer", "rows x columns x K", "input", "A", "B", "A tiles", "B tiles", "MACs",
        "effectual", *(label for _, label, _, _ in COMPARED), "sides exchanged", "cycles at least",
        *(["cycles, sampled"] if sampled else []), "faster", "lanes used", "limited by"))
    rows = "".join(_table_row(row, row["name"], _shape(row), row["limit"], sampled)
                   for row in report["layers"])
    total = _table_row(report["totals"], "total", "", "", sampled)
    return (f'<section><h2>Every layer</h2><div class="scroll"><table><thead><tr>{head}</tr>'
            f"</thead><tbody>{rows}</tbody><tfoot>{total}</tfoot></table></div></section>")


def _table_row(row: Row, name: str, shape: str, limit: str, sampled: bool) -> str:
    density, tiles = row["density"], row["tile_density"]
    cells = [shape, *(f"{share:.1%}" for share in (density["x"], density["a"], density["b"],
                                                   tiles["a"], tiles["b"])),
             f"{row['macs']:,}", f"{row['effectual_macs'] / row['macs']:.1%}",
             *(f"{row['ohmma'][key]:,}" for key, *_ in COMPARED), f"{row['ohmma']['swapped']:,}",
             f"{row['at_least']['cycles']:,}",
             *([f"{row['estimate']['cycles']:,}"] if sampled else []),
             f"{row['speedup']:.2f}x" if row["speedup"] else "-",
             f"{row['multiplier_utilization']:.1%}", limit]
    return (f'<tr><th scope="row">{escape(name)}</th>'
            + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>")


def _limits(report: Row) -> str:
    rows: dict[str, list[Row]] = {}
    for row in report["layers"]:
        rows.setdefault(row["limit"], []).append(row)
    told = "".join(
        f"<dt>{escape(name)}: {len(rows[name])} layers, "
        f"{sum(row['ohmma']['dual'] for row in rows[name]) / report['totals']['ohmma']['dual']:.0%}"
        f" of the OHMMA</dt><dd>{escape(LIMITS[name])}</dd>"
        for name in LIMITS if name in rows and report["totals"]["ohmma"]["dual"])
    return f"<section><h2>What limits them</h2><dl>{told}</dl></section>"


def _skipped(report: Row) -> str:
    told = "".join(f"<dt>{escape(one['op'])} {escape(one['name'])}</dt>"
                   f"<dd>{escape(one['reason'])}</dd>" for one in report["skipped"])
    return f"<section><h2>Not on the core, and not in the totals</h2><dl>{told}</dl></section>"


def _particulars(report: Row) -> str:
    facts = "".join(f'<tr><th scope="row">{escape(str(name))}</th><td>{escape(str(value))}</td>'
                    "</tr>" for name, value in report["config"].items())
    return ("<section><h2>The core</h2><p>What every figure means is in docs/networks.md.</p>"
            f'<div class="columns"><table><caption>Configuration</caption>{facts}</table></div>'
            "</section>")
