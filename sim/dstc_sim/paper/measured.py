"""Figures whose other half has been measured on the emitted Verilog (docs/results)."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from dstc.errors import DstcError

from .im2col import measure
from .published import HEADLINES, IM2COL_SLOWER, OVERHEAD, SOURCES

__all__ = ["im2col", "networks", "overhead"]

RESULTS = Path(__file__).resolve().parents[3] / "docs" / "results"
SUB_CORES = 320
"""Pairs of tensor cores of a V100, each with 128 multipliers: 80 SM of four."""
DIE_MM2 = 815.0
SHRINK = (12 / 45) ** 2
"""Area at 12 nm over that at 45 nm, if everything shrank with the name of the node."""

Advance = Callable[[int], None]


def _nothing(done: int) -> None:
    """Nobody watches."""


def _result(name: str) -> Any:
    """A file of docs/results of this checkout."""
    file = RESULTS / name
    if not file.is_file():
        raise DstcError(f"Figure must have docs/results/{name} of a checkout, which is not there")
    return json.loads(file.read_text(encoding="utf-8"))


def overhead(seed: int = 0, advance: Advance = _nothing) -> dict[str, Any]:
    """What the sparse core adds to a whole GPU, if every sub-core had one."""
    report = _result("area.json")["paper"]
    twin = report["dense_twin"]
    points = []
    for title, pick in (
            ("as synthesised", lambda design: design["area_um2"]),
            ("without operand buffers",
             lambda design: design["without_operand_buffers"]["area_um2"]),
            ("memories as macros and latches",
             lambda design: design["as_macros_and_latches"]["area_um2"])):
        added = (pick(report) - pick(twin)) / 1e6
        ours = added * SUB_CORES * SHRINK / DIE_MM2
        points.append({"area": title, "published": OVERHEAD["area"], "ours": ours,
                       "error": ours / OVERHEAD["area"] - 1, "added_mm2_45nm": added,
                       "over_twin": pick(report) / pick(twin)})
    return {"figure": "overhead", "title": "Area that the sparse core adds, share of the GPU",
            "source": SOURCES["readers"], "model": "docs/results/area.json, configuration paper",
            "tools": report["tools"], "points": points, "mean_error": _mean(points), "text": (
                f"Ours is the area over the dense twin at 45 nm, times {SUB_CORES} sub-cores, "
                f"scaled by (12 / 45) squared, over {DIE_MM2:.0f} mm2. Real shrinks are smaller "
                "for memories and wires, and our area has no wires; the paper has a GPU's operand "
                "storage already, so the row without operand buffers compares best. Published is "
                f"also {OVERHEAD['power']:.1%} of the GPU's power; no power of a whole GPU can be "
                "told from our netlists. Beside a tensor core alone the price is high: see the "
                "factor over the twin.")}


def im2col(seed: int = 0, advance: Advance = _nothing) -> dict[str, Any]:
    """Software im2col of three formats, and what the hardware unit costs."""
    rows = _result("convolution.json")["rows"]
    lowest, highest = IM2COL_SLOWER
    points = []
    for row in measure(advance):
        inside = min(max(row["csr"], lowest), highest)
        points.append({"density": row["density"], "format": "CSR", "published": [lowest, highest],
                       "ours": row["csr"], "error": row["csr"] / inside - 1,
                       "bitmap": row["bitmap"], "dense_seconds": row["dense_seconds"]})
    cycles, ready = (sum(row[key] for row in rows) for key in ("cycles", "ready_cycles"))
    return {"figure": "im2col", "title": "Implicit im2col, time over the dense one",
            "source": SOURCES["readers"], "model": "compiled loops on one core of the machine",
            "points": points, "mean_error": _mean(points),
            "hardware": {"layers": len(rows), "cycles": cycles, "tiles_ready": ready,
                         "over": cycles / ready},
            "text": (
                "Published is only the motivation, that a naive im2col on CSR takes 10 to 100 "
                "times as long as on dense data; the table of dense, CSR and bitmap was not at "
                "hand. Ours are loops of a processor, where the dense copy runs at the width of "
                "its vectors and a search for each position does not; a GPU's kernels differ. The "
                "error is the distance to the published range. In the accelerator a unit makes "
                "the tiles from bitmaps: over "
                f"{len(rows)} layers the core takes {cycles / ready:.3f} times the cycles that it "
                "would take if the tiles were there.")}


def networks(seed: int = 0, advance: Advance = _nothing) -> dict[str, Any]:
    """The largest speedup of a layer, beside the headline."""
    points = []
    for work in _result("workloads.json")["workloads"]:
        speed = {layer["name"]: layer["cycles"]["dense"] / layer["cycles"]["dual-side"]
                 for layer in work["layers"] if layer["cycles"]["dual-side"]}
        best = max(speed, key=lambda name: speed[name])
        sums = work["total"]["cycles"]
        points.append({"network": work["name"], "activations": work["activations"], "layer": best,
                       "published": HEADLINES["most"],
                       "ours": speed[best], "error": speed[best] / HEADLINES["most"] - 1,
                       "whole_network": sums["dense"] / sums["dual-side"]})
        advance(1)
    return {"figure": "networks", "title": "Largest speedup of a layer over dense",
            "source": SOURCES["isca"] + ", abstract: up to one order of magnitude",
            "model": "docs/results/workloads.json", "points": points, "mean_error": _mean(points),
            "text": (
                "The paper's networks, their pruning and its speedups by layer were not at hand; "
                "only the abstract's order of magnitude is. Ours are other networks with real "
                "masks, most pruned less. With tiles of 32 and groups of 8 and 16 no layer can be "
                "more than eight times faster than a dense one unless whole k-steps are empty.")}


def _mean(points: list[dict[str, Any]]) -> float:
    return float(np.mean([abs(point["error"]) for point in points]))
