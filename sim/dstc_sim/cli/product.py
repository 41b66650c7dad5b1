"""Running one product on an engine and telling about it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from dstc.config import Config
from dstc_sim.engine import BINS, GoldenEngine, RunResult, check

from .operands import Operands

__all__ = ["densities", "golden_run", "print_product", "product_report"]

BLOCKS = 50


def golden_run(operands: Operands, config: Config, mode: str, advance: Callable[[int], None]
               ) -> RunResult:
    """The golden engine on blocks of rows, so that somebody can watch.

    Parameters
    ----------
    operands : Operands
    config : Config
    mode : str
        ``sparse`` or ``dense``.
    advance : callable
        Called with the number of rows just done.
    """
    m, n, k = operands.shape
    # Whole tiles, so that the counts of the blocks add up to those of the product.
    step = -(-m // (BLOCKS * config.tile_m)) * config.tile_m
    results = []
    for row in range(0, m, step):
        rows = slice(row, row + step)
        results.append(GoldenEngine().run(
            operands.a[rows], operands.b, None if operands.c is None else operands.c[rows],
            config=config, mode=mode))
        advance(results[-1].shape[0])
    return replace(
        results[0], shape=(m, n, k), out=np.concatenate([result.out for result in results]),
        dense_cycles=sum(result.dense_cycles for result in results),
        ohmma={key: sum(result.ohmma[key] for result in results)
               for key in ("executed", "dense")},
        products=sum(result.products for result in results),
        seconds=sum(result.seconds for result in results))


def product_report(result: RunResult, golden: RunResult, operands: Operands, seed: int | None
                   ) -> dict[str, Any]:
    """What ``--json`` prints.

    Parameters
    ----------
    result, golden : RunResult
        Of the engine and of the golden model.
    operands : Operands
    seed : int or None
        None when nothing was random.
    """
    report = {
        "engine": result.engine, "simulator": result.simulator, "config": result.config.name,
        "mode": result.mode, "shape": list(result.shape),
        "density": densities(operands),
        "seed": seed, "rounded": operands.rounded, "bit_exact": check(result, golden),
        "cycles": result.cycles, "dense_cycles": result.dense_cycles, "speedup": result.speedup,
        "ohmma": dict(result.ohmma), "bins": dict(result.bins) if result.bins else None,
        "multiplier_utilization": result.multiplier_utilization, "seconds": result.seconds,
        "tools": dict(result.tools),
    }
    return report | ({"accelerator": dict(result.accelerator)} if result.accelerator else {})


def densities(operands: Operands) -> dict[str, float]:
    """Share of non-zeros on either side."""
    return {name: int(np.count_nonzero(matrix)) / matrix.size
            for name, matrix in (("a", operands.a), ("b", operands.b))}


def print_product(report: dict[str, Any]) -> None:
    """Print the report for a reader."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, show_header=False)
    table.add_column(style="bold")
    table.add_column()
    m, n, k = report["shape"]
    density, ohmma = report["density"], report["ohmma"]
    where = report["simulator"] or " ".join(next(iter(report["tools"].items())))
    rows = {
        "product": f"{m} x {n} x {k}, density {density['a']:.3f} x {density['b']:.3f}",
        "core": f"{report['config']}, {report['mode']}",
        "engine": f"{report['engine']} ({where}), {report['seconds']:.2f} s",
        "OHMMA": f"{ohmma['executed']:,} executed, {ohmma['dense']:,} dense",
    }
    if geometry := report.get("geometry"):
        shapes = [" x ".join(map(str, extents)) for extents in (
            (geometry["channels"], geometry["height"], geometry["width"]), geometry["kernel"],
            (geometry["outputs"], geometry["out_height"], geometry["out_width"]))]
        rows = {"convolution": f"{geometry['images']} of {shapes[0]}, kernel {shapes[1]}, to "
                               f"{shapes[2]}", **rows}
    if report["cycles"] is not None:
        cores = report.get("accelerator", {}).get("cores", 1)
        dense = f"dense on {cores} cores" if cores > 1 else "dense"
        rows["cycles"] = (f"{report['cycles']:,}, {dense} {report['dense_cycles']:,}: "
                          f"{report['speedup']:.2f}x faster")
        bins = report["bins"] or {}
        for name, cycles in bins.items():
            rows[f"  {name}"] = f"{cycles:,} ({cycles / sum(bins.values()):.1%})"
    rows |= _accelerator_rows(report.get("accelerator"))
    if estimate := report.get("estimate"):
        rows["estimate"] = (f"{estimate['low']:,} to {estimate['high']:,} cycles with "
                            f"{estimate['confidence']:.0%} confidence, from "
                            f"{estimate['sampled']:,} of {estimate['tiles']:,} output tiles")
    if report["multiplier_utilization"] is not None:
        rows["multipliers"] = f"{report['multiplier_utilization']:.1%} used in issue cycles"
    rounded = {name: count for name, count in report["rounded"].items() if count}
    if rounded:
        rows["rounded"] = ", ".join(f"{count:,} values of {name.upper()}"
                                    for name, count in rounded.items())
    rows["result"] = {True: "bit-exact", False: "not bit-exact", None: "not computed"}[
        report["bit_exact"]]
    for name, text in rows.items():
        table.add_row(name, text)
    Console(soft_wrap=True, markup=False, highlight=False).print(table)


def _accelerator_rows(accelerator: dict[str, Any] | None) -> dict[str, str]:
    """Lines about the memory port and the cores that shared it."""
    if accelerator is None:
        return {}
    rows = {"memory": f"{accelerator['port_bits']} bits, latency {accelerator['latency']}"}
    for name in ("read", "write"):
        rows[f"  {name}"] = (f"{accelerator[f'{name}_bytes']:,} bytes, port busy "
                             f"{accelerator['port_utilization'][name]:.1%}")
    if accelerator["cores"] > 1:
        rows["cores"] = f"{accelerator['cores']}, bins above are their sums"
        for core, bins in enumerate(accelerator["core_bins"]):
            rows[f"  core {core}"] = ", ".join(f"{name} {bins[name]:,}"
                                               for name in ("cycles", *BINS))
    return rows
