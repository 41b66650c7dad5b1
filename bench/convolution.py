"""Convolutions on the emitted Verilog: does the im2col unit keep the core busy?

Every layer runs on the core with im2col unit and epilogue, from encoded feature map to encoded
feature map, and on the cycle model of the bare core, whose A tiles are there before it asks.  The
pruned network comes with dstc, the layers of SqueezeNet from a trace of its non-zeros.

Usage: python bench/convolution.py [--trace FILE.npz] [--config NAME] [--json FILE]
                                   [--markdown FILE]
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from rich.progress import track

from dstc.config import Config, get_config
from dstc.conv import ConvGeometry, Epilogue, convolution
from dstc.conv.chain import golden_chain
from dstc.network import read_trace
from dstc.pruned_cnn import Network, load_digits
from dstc.pruned_cnn.chain import SOURCE, cnn_chain, cnn_input
from dstc_sim.conv import ConvEngine
from dstc_sim.engine import ModelEngine
from dstc_sim.lowered import lowered_convolution

Case = tuple[str, str, ConvGeometry, np.ndarray, np.ndarray]


def cnn_cases(config: Config) -> Iterator[Case]:
    """The pruned network on a held-out digit, activations as the layers before leave them."""
    layers = cnn_chain(Network.load())
    image = cnn_input(load_digits()[0][0])
    maps = {SOURCE: image, **golden_chain(layers, SOURCE, image, config.format)}
    for layer in layers:
        yield "pruned CNN", layer.name, layer.geometry, maps[layer.x], layer.w


def trace_cases(path: Path, config: Config) -> Iterator[Case]:
    """SqueezeNet on a photograph: real non-zeros, random values where there is one."""
    rng = np.random.default_rng(1)
    for work in read_trace(path):
        x, w = ((mask * rng.uniform(0.5, 1.5, mask.shape)).astype(config.format.dtype)
                for mask in (work.x[0], work.w))
        yield "SqueezeNet", work.name, work.geometry, x, w


def measure(case: Case, config: Config, engine: ConvEngine, model: ModelEngine) -> dict:
    """One layer on both, checked in every bit."""
    network, name, geometry, x, w = case
    epilogue = Epilogue(relu=True, raw=False)
    run = engine.run(x, w, geometry, epilogue, config=config)
    golden = convolution(x, w, geometry, epilogue, element=config.format)
    if run.out.tobytes() != golden.tobytes():
        raise SystemExit(f"{network} {name} is not bit-exact")
    ready = lowered_convolution(model, x, w, geometry, epilogue, config=config)
    return {
        "network": network, "layer": name, "channels": geometry.channels,
        "size": [geometry.height, geometry.width], "outputs": geometry.outputs,
        "kernel": list(geometry.kernel), "stride": list(geometry.stride),
        "density_x": float(np.count_nonzero(x)) / x.size,
        "density_w": float(np.count_nonzero(w)) / w.size,
        "cycles": run.cycles, "bins": dict(run.bins), "spans": run.spans,
        "dense_cycles": run.ohmma["dense"], "ready_cycles": ready.cycles,
        "ready_bins": dict(ready.bins or {}), "over_ready": run.cycles / ready.cycles,
        "added_wait": (run.bins["operand_wait"] - (ready.bins or {})["operand_wait"]) / run.cycles}


def is_regular(row: dict) -> bool:
    """A 3x3 layer of stride 1 with 16 or more channels."""
    return row["kernel"] == [3, 3] and row["stride"] == [1, 1] and row["channels"] >= 16


def table(rows: list[dict], config: Config, tools: dict, trace: Path | None) -> str:
    """The page docs/results/convolution.md."""
    lines = ["# Convolutions on the emitted Verilog", "",
             "Cycles of each layer from encoded feature map to encoded feature map, bit-exact,",
             "beside the same core with A tiles that are there before it asks (the cycle model).",
             "*added wait*: cycles of `operand_wait` more, of all cycles.", "",
             f"Made by `make convolution{f' TRACE={trace.name}' if trace else ''}` with "
             + ", ".join(f"{name} {version}" for name, version in tools.items())
             + f"; configuration `{config.name}`: " + ", ".join(
                 f"{key}={value}" for key, value in config.to_dict().items() if key != "name")
             + ".", ""]
    for network in dict.fromkeys(row["network"] for row in rows):
        lines += [f"## {network}", "",
                  "| layer | input | kernel | density x, w | cycles | dense | A tiles ready | over "
                  "| added wait |", "|---|---|---|---|--:|--:|--:|--:|--:|"]
        mine = [row for row in rows if row["network"] == network]
        for row in mine:
            size = "x".join(map(str, (row["channels"], *row["size"])))
            kernel = "x".join(map(str, row["kernel"])) + (
                f"/{row['stride'][0]}" if row["stride"] != [1, 1] else "")
            lines.append(
                f"| {row['layer']} | {size} | {row['outputs']} of {kernel} | "
                f"{row['density_x']:.2f}, {row['density_w']:.2f} | {row['cycles']:,} | "
                f"{row['dense_cycles']:,} | {row['ready_cycles']:,} | {row['over_ready']:.3f} | "
                f"{row['added_wait']:.1%} |")
        cycles, dense, ready = (sum(row[key] for row in mine)
                                for key in ("cycles", "dense_cycles", "ready_cycles"))
        lines += ["", f"All layers: {cycles:,} cycles, {dense / cycles:.2f} times faster than "
                  f"dense, {cycles / ready:.3f} of A tiles ready.", ""]
    regular = [row for row in rows if is_regular(row)]
    worst = max(regular, key=lambda row: row["added_wait"])
    lines += [f"Of the {len(regular)} layers of 3x3, stride 1 and 16 or more channels, the most "
              f"added wait is {worst['added_wait']:.1%} ({worst['network']} {worst['layer']}).",
              ""]
    return "\n".join(lines)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--config", default="paper")
    parser.add_argument("--trace", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--markdown", type=Path)
    arguments = parser.parse_args()
    config = get_config(arguments.config)
    engine, model = ConvEngine(), ModelEngine()
    engine.prepare(config)
    cases = list(cnn_cases(config))
    if arguments.trace:
        cases += trace_cases(arguments.trace, config)
    rows = [measure(case, config, engine, model) for case in track(cases, "layers")]
    tools = engine.tools()
    text = table(rows, config, tools, arguments.trace)
    print(text)
    for path in filter(None, (arguments.json, arguments.markdown)):
        path.parent.mkdir(parents=True, exist_ok=True)
    if arguments.json:
        arguments.json.write_text(json.dumps({"config": config.to_dict(), "tools": tools,
                                              "rows": rows}, indent=1) + "\n")
    if arguments.markdown:
        arguments.markdown.write_text(text)


if __name__ == "__main__":
    main()
