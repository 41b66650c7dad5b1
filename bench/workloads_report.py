"""The page of bench/workloads.py."""

from typing import Any

from dstc.models import DEVICES, MODELS

__all__ = ["page"]

RIVALS = [name for name in MODELS if name != "dense"]
MOST_LAYERS = 60


def page(result: dict[str, Any]) -> str:
    """docs/results/workloads.md."""
    data = " DATA=FOLDER" if result["data"] else ""
    if any(work["name"] == "VGG-16" for work in result["workloads"]):
        data += " VGG=TRACE.npz"
    return "\n".join([
        "# Real networks on the sparse tensor cores", "",
        "Times faster than a dense inner-product core with as many multipliers (128), by the "
        "models of [models.md](../models.md): multipliers busy, streams never waiting. A has the "
        "activations, B the weights; every machine has the operands the way round that takes it "
        "fewer cycles, layer by layer. **2:4** and **vector-wise** are what the network could have "
        "if it had been pruned so, whatever its masks are; its accuracy would be another. "
        "**limit**: effectual MACs over multipliers, which no packing of these masks exceeds. "
        "**used**: share of the multipliers of the dual-side core that multiply two non-zeros.",
        "", f"Made by `make workloads{data}` with " + ", ".join(
            f"{name} {number}" for name, number in result["tools"].items()) + ".", "",
        "## Totals", "", *_totals(result["workloads"]), "", "## A GPU of the Volta class", "",
        *_volta(result["workloads"]), "", "## The accelerator", "",
        *_accelerators(result["accelerators"]), "",
        *(line for work in result["workloads"] for line in _layers(work))])


def _header(first: list[str], last: list[str]) -> list[str]:
    names = [*first, *(MODELS[name].title for name in RIVALS), *last]
    return ["| " + " | ".join(names) + " |",
            "|" + "---|" * len(first) + "--:|" * (len(names) - len(first))]


def _speedups(cycles: dict[str, int], least: int) -> list[str]:
    dense = cycles["dense"]
    return [*(f"{dense / cycles[name]:.2f}" if cycles[name] else "-" for name in RIVALS),
            f"{dense / least:.2f}" if least else "-",
            f"{least / cycles['dual-side']:.0%}" if cycles["dual-side"] else "-"]


def _totals(works: list[dict[str, Any]]) -> list[str]:
    lines = _header(["network", "activations", "GMAC"], ["limit", "used"])
    for work in works:
        sums = work["total"]
        lines.append("| " + " | ".join([work["name"], work["activations"],
                                        f"{sums['macs'] / 1e9:.3f}",
                                        *_speedups(sums["cycles"], sums["least"])]) + " |")
    return lines


def _volta(works: list[dict[str, Any]]) -> list[str]:
    device = DEVICES["volta"]
    lines = [f"{device.sms} multiprocessors of {device.sub_cores} sub-cores at "
             f"{device.clock_hz / 1e9:.2f} GHz, 900 GB/s, one layer after the other, one image; "
             f"each layer begins with {device.launch:,} cycles of launch. How many layers each "
             "part limits is in brackets.", "",
             "| network | activations | dense, us | dual-side, us | faster | without launches | "
             "dense limited by | dual-side limited by |", "|---|---|--:|--:|--:|--:|---|---|"]
    for work in works:
        times = work["total"]["volta"]
        dense, dual = times["dense"], times["dual-side"]
        micro = [each["cycles"] / device.clock_hz * 1e6 for each in (dense, dual)]
        limits = [", ".join(f"{name} ({count})" for name, count in sorted(
            each["limits"].items(), key=lambda item: -item[1])) for each in (dense, dual)]
        lines.append(f"| {work['name']} | {work['activations']} | {micro[0]:,.0f} | "
                     f"{micro[1]:,.0f} | {micro[0] / micro[1]:.2f} | "
                     f"{dense['without_launch'] / dual['without_launch']:.2f} | {limits[0]} | "
                     f"{limits[1]} |")
    return lines


def _accelerators(rows: list[dict[str, Any]]) -> list[str]:
    checked = [abs(row["cycles"] / row["verilog"] - 1) for row in rows if row["verilog"]]
    lines = ["Configuration `paper` behind a port of 128 bits, layer by layer: the model's cycles "
             "and, in brackets, the error against the emitted Verilog ([system.md](system.md)) "
             f"where that was run: {sum(checked) / len(checked):.1%} on average over "
             f"{len(checked)} layers, {max(checked):.1%} at most.", "",
             "| network | layer | 1 core | 2 cores | 3 cores | 4 cores | limited by |",
             "|---|---|--:|--:|--:|--:|---|"]
    for network, name in dict.fromkeys((row["network"], row["name"]) for row in rows):
        mine = [row for row in rows if (row["network"], row["name"]) == (network, name)]
        cells = [f"{row['cycles']:,}" + (f" ({row['cycles'] / row['verilog'] - 1:+.1%})"
                                         if row["verilog"] else "") for row in mine]
        limits = ", ".join(dict.fromkeys(row["limit"] for row in mine))
        lines.append(f"| {network} | {name} | " + " | ".join(cells) + f" | {limits} |")
    return lines


def _layers(work: dict[str, Any]) -> list[str]:
    lines = [f"## {work['name']}, activations {work['activations']}", "",
             *_header(["layer", "M x N x K", "A, B"], ["limit", "used"])]
    shown = work["layers"][:MOST_LAYERS]
    for layer in shown:
        lines.append("| " + " | ".join([
            layer["name"], " x ".join(map(str, layer["shape"])),
            ", ".join(f"{each:.2f}" for each in layer["density"]),
            *_speedups(layer["cycles"], layer["least"])]) + " |")
    if len(shown) < len(work["layers"]):
        lines += ["", f"{len(work['layers']) - len(shown)} more layers are in workloads.json."]
    return [*lines, ""]
