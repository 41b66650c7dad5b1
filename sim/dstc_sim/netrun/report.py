"""What ``dstc run`` tells."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .network_run import LayerOutcome

__all__ = ["largest_difference", "layer_rows", "print_run", "total_row"]


def layer_rows(runs: Sequence[Sequence[LayerOutcome]]) -> list[dict[str, Any]]:
    """One row for each layer, over all runs: cycles are sums, differences the largest."""
    rows = []
    for outcomes in zip(*runs, strict=True):
        share = max(outcome.of_bound for outcome in outcomes)
        rows.append({
            "name": outcomes[0].name,
            "bit_exact": all(outcome.bit_exact for outcome in outcomes),
            "difference": _finite(max(outcome.difference for outcome in outcomes)),
            "of_bound": _finite(share), "within_bound": share <= 1,
            "rounded": sum(outcome.rounded for outcome in outcomes),
            **_costs([outcome.cycles for outcome in outcomes],
                     [outcome.dense for outcome in outcomes]),
            "ohmma": _sum([outcome.ohmma for outcome in outcomes]),
            "tiles": sum(outcome.tiles for outcome in outcomes),
            "rtl_tiles": sum(outcome.rtl_tiles for outcome in outcomes)})
    return rows


def total_row(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """All layers together."""
    return {**_costs([row["cycles"] for row in rows], [row["dense_cycles"] for row in rows]),
            "bit_exact": all(row["bit_exact"] for row in rows),
            "within_bound": all(row["within_bound"] for row in rows)}


def largest_difference(core: Sequence[NDArray[Any]], host: Sequence[NDArray[Any]]
                       ) -> float | None:
    """Between outputs; None if they differ in shape or one of two values is no number."""
    worst = 0.0
    for a, b in zip(core, host, strict=True):
        if a.shape != b.shape:
            return None
        with np.errstate(all="ignore"):
            left, right = a.astype(np.float64), b.astype(np.float64)
            same = (left == right) | (np.isnan(left) & np.isnan(right))
            # Not max(): it would lose a NaN.
            worst = float(np.max(np.where(same, 0, np.abs(left - right)), initial=worst))
    return _finite(worst)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _sum(values: Sequence[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _costs(cycles: Sequence[int | None], dense: Sequence[int]) -> dict[str, Any]:
    spent = _sum(cycles)
    return {"cycles": spent, "dense_cycles": sum(dense),
            "speedup": sum(dense) / spent if spent else None}


def print_run(report: dict[str, Any]) -> None:
    """Print the report for a reader."""
    from rich.console import Console
    from rich.table import Table

    console = Console(soft_wrap=True, markup=False, highlight=False)
    # A table cut at the width of a pipe would hide digits.
    console.width = max(console.width, 200)
    timed = report["total"]["cycles"] is not None
    titles = ["layer", *(["cycles", "dense", "speedup"] if timed else []), "bit-exact",
              "difference", "of bound"]
    sampled = any(row["rtl_tiles"] for row in report["layers"])
    table = Table(box=None, pad_edge=False)
    for title in (*titles, *(["tiles on Verilog"] if sampled else [])):
        table.add_column(title, justify="left" if title == "layer" else "right")
    for row in (*report["layers"], {"name": "total", **report["total"]}):
        cells = [row["name"]]
        if timed:
            cells += [f"{row['cycles']:,}", f"{row['dense_cycles']:,}", f"{row['speedup']:.2f}x"]
        cells.append("yes" if row["bit_exact"] else "NO")
        if "tiles" in row:
            cells += [_shown(row["difference"], ".2e"), _shown(row["of_bound"], ".1%")]
            if sampled:
                cells.append(f"{row['rtl_tiles']} of {row['tiles']:,}")
        table.add_row(*cells)
    console.print(table if report["layers"] else "no layer of this model runs on the core")
    for skipped in report["skipped"]:
        console.print(f"on the host: {skipped['name']} ({skipped['op']}): {skipped['reason']}")
    for line in _summary(report):
        console.print(line)


def _shown(value: float | None, form: str) -> str:
    return "no number" if value is None else format(value, form)


def _summary(report: dict[str, Any]) -> list[str]:
    samples, output = report["samples"], report["output"]
    same = "" if output["same_top1"] is None else \
        f", same first choice in {output['same_top1']:.1%} of {samples}"
    lines = ["output against ONNX Runtime: largest difference "
             f"{_shown(output['difference'], '.3g')}{same}"]
    if report["accuracy"] is not None:
        lines.append(f"accuracy on {samples} samples: {report['accuracy']['core']:.1%}, "
                     f"ONNX Runtime {report['accuracy']['onnxruntime']:.1%}")
    if report["resumed"]:
        lines.append(f"layers from an earlier run that was interrupted: {report['resumed']}")
    made_up = "" if report["input"] == "file" else \
        "; the input is made up (--input gives a real one)"
    return [*lines, f"engine {report['engine']}, configuration {report['config']}, "
                    f"{report['seconds']:.1f} s{made_up}"]
