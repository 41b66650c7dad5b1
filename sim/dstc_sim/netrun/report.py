"""What ``dstc run`` tells."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .network_run import LayerOutcome

__all__ = ["accuracy", "layer_rows", "output_report", "print_run"]


def layer_rows(samples: Sequence[Sequence[LayerOutcome]]) -> list[dict[str, Any]]:
    """One row for each layer, over all samples: cycles are sums, differences the largest."""
    rows = []
    for outcomes in zip(*samples, strict=True):
        cycles = [outcome.cycles for outcome in outcomes if outcome.cycles is not None]
        ohmma = [outcome.ohmma for outcome in outcomes if outcome.ohmma is not None]
        dense = sum(outcome.dense for outcome in outcomes)
        rows.append({
            "name": outcomes[0].name,
            "bit_exact": all(outcome.bit_exact for outcome in outcomes),
            "difference": max(outcome.difference for outcome in outcomes),
            "of_bound": max(outcome.of_bound for outcome in outcomes),
            "within_bound": all(outcome.of_bound <= 1 for outcome in outcomes),
            "rounded": sum(outcome.rounded for outcome in outcomes),
            "cycles": sum(cycles) if cycles else None,
            "dense_cycles": dense,
            "speedup": dense / sum(cycles) if cycles and sum(cycles) else None,
            "ohmma": sum(ohmma) if ohmma else None,
            "rtl_tiles": sum(outcome.rtl_tiles for outcome in outcomes)})
    return rows


def output_report(core: Sequence[NDArray[Any]], host: Sequence[NDArray[Any]]) -> dict[str, Any]:
    """How the network's first output compares with ONNX Runtime's.

    ``same_top1`` is the share of samples whose largest value is at the same place; None where an
    output is no list of values.
    """
    difference = max(float(np.max(np.abs(a.astype(np.float64) - b.astype(np.float64)), initial=0))
                     for a, b in zip(core, host, strict=True))
    tops = [_top(a) == _top(b) for a, b in zip(core, host, strict=True)]
    listed = all(_top(array) is not None for array in core)
    return {"difference": difference, "same_top1": sum(tops) / len(tops) if listed else None}


def accuracy(outputs: Sequence[NDArray[Any]], labels: NDArray[np.integer]) -> float:
    """Share of samples whose largest value is at the label's place."""
    tops = [_top(output) for output in outputs]
    return sum(top == label for top, label in zip(tops, labels.tolist(), strict=True)) / len(tops)


def _top(output: NDArray[Any]) -> int | None:
    flat = output.reshape(-1)
    return int(flat.argmax()) if output.shape[:1] == (1,) and flat.size > 1 else None


def print_run(report: dict[str, Any]) -> None:
    """Print the report for a reader."""
    from rich.console import Console
    from rich.table import Table

    console = Console(soft_wrap=True, markup=False, highlight=False)
    # A table cut at the width of a pipe would hide digits.
    console.width = max(console.width, 100)
    table = Table(box=None, pad_edge=False)
    for title in ("layer", "cycles", "dense", "speedup", "bit-exact", "difference", "of bound",
                  "on RTL"):
        table.add_column(title, justify="left" if title == "layer" else "right")
    for row in (*report["layers"], {"name": "total", **report["total"]}):
        shown = row.get("cycles") is not None
        table.add_row(
            row["name"], f"{row['cycles']:,}" if shown else "", f"{row['dense_cycles']:,}",
            f"{row['speedup']:.2f}x" if shown else "",
            {True: "yes", False: "NO"}[row["bit_exact"]],
            f"{row['difference']:.2e}" if "difference" in row else "",
            f"{row['of_bound']:.1%}" if "of_bound" in row else "",
            f"{row['rtl_tiles']} tiles" if row.get("rtl_tiles") else "")
    console.print(table)
    for skipped in report["skipped"]:
        console.print(f"on the host: {skipped['name']} ({skipped['op']}): {skipped['reason']}")
    outputs, samples = report["output"], report["samples"]
    same = "" if outputs["same_top1"] is None else \
        f", same first choice in {outputs['same_top1']:.1%} of {samples}"
    console.print(f"output against ONNX Runtime: largest difference {outputs['difference']:.3g}"
                  f"{same}")
    if report["accuracy"] is not None:
        console.print(f"accuracy on {samples} samples: {report['accuracy']['core']:.1%}, "
                      f"ONNX Runtime {report['accuracy']['onnxruntime']:.1%}")
    console.print(f"{report['engine']}, {report['config']}, {report['seconds']:.1f} s"
                  + ("" if report["input"] == "file" else
                     "; the input is made up (--input gives a real one)"))
