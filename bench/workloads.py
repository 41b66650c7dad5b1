"""Real networks on the machines of dstc.models: cycles per layer, utilisation, and whole devices.

The pruned network comes with dstc.  The others are read from a folder of data: traces of
SqueezeNet and of a ResNet (masks of weights and activations), and masks of pruned weights of
ResNet-50 and a Transformer from the DLMC collection, whose activations are made up.

Usage: python bench/workloads.py [--data FOLDER] [--trace NAME=FILE.npz ...] [--json FILE]
                                 [--markdown FILE]
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import track
from workloads_report import page

from dstc.conv import encode_map, im2col, weight_matrix
from dstc.conv.chain import golden_chain
from dstc.elements import ELEMENTS
from dstc.fileio import atomic_write
from dstc.formats import encode
from dstc.models import (
    DEVICES,
    MODELS,
    MULTIPLIERS,
    Layer,
    Operands,
    fewest_cycles,
    gpu_time,
    zero_run_mask,
)
from dstc.models.accelerator import layer_time
from dstc.network import ConvWork, read_trace
from dstc.pruned_cnn import Network, load_digits
from dstc.pruned_cnn.chain import SOURCE, cnn_chain, cnn_input

TOKENS = 128
MADE_UP = 0.5
"""Density of made-up activations of ResNet-50."""
TRACES = {"SqueezeNet, pruned": "activation-traces/squeezenet_dc_chelsea.npz",
          "ResNet-50 thin": "activation-traces/opennsfw_resnet50thin_astronaut.npz"}
RESNET = {"ResNet-50, weights 80 % zero": "dlmc/rn50_magnitude_pruning_0.8.npz",
          "ResNet-50, weights 90 % zero": "dlmc/rn50_magnitude_pruning_0.9.npz"}
TRANSFORMER = {"Transformer, weights 90 % zero": "dlmc/transformer_magnitude_pruning_0.9.npz"}
POSITIONS = "dlmc/rn50_batchsizes.txt"
MEASURED = Path(__file__).resolve().parents[1] / "docs" / "results" / "system.json"


@dataclass(frozen=True, eq=False)
class Case:
    """One layer: A has the activations, B the weights."""

    name: str
    layer: Layer


def cnn() -> Iterator[Case]:
    """The pruned network on a held-out digit."""
    for layer, x in cnn_layers():
        yield Case(layer.name, _lowered(x != 0, layer.w != 0, layer.geometry))


def cnn_layers() -> Iterator[Any]:
    """Its layers, and what enters them."""
    layers, image = cnn_chain(Network.load()), cnn_input(load_digits()[0][0])
    maps = {SOURCE: image, **golden_chain(layers, SOURCE, image, ELEMENTS["fp16"])}
    for layer in layers:
        yield layer, maps[layer.x]


def trace(path: Path) -> Iterator[Case]:
    """Convolutions of a trace."""
    for work in read_trace(path):
        assert isinstance(work, ConvWork) and work.geometry.groups == 1
        yield Case(work.name, _lowered(work.x[0], work.w, work.geometry))


def _lowered(x: Any, w: Any, geometry: Any) -> Layer:
    operands = Operands.from_masks(im2col(x, geometry), weight_matrix(w, geometry))
    return Layer(operands=operands, x_elements=x.size, x_nonzeros=int(np.count_nonzero(x)),
                 lowered=geometry.taps > 1)


def pruned(path: Path, positions: dict[str, int], density: float) -> Iterator[Case]:
    """Masks of weights with activations that are made up."""
    archive = np.load(path)
    rng = np.random.default_rng(0)
    for key in sorted(name for name in archive.files if name.endswith("/bits")):
        name = key.removesuffix("/bits")
        rows, k = map(int, archive[f"{name}/shape"])
        weights = np.unpackbits(archive[key], axis=1, count=k).view(np.bool_)[:rows]
        m = positions.get(name, TOKENS)
        activations = zero_run_mask((m, k), density, rng)
        yield Case(name, Layer.of(Operands.from_masks(activations, weights.T)))


def workloads(folder: Path | None, traces: list[tuple[str, Path]]
              ) -> Iterator[tuple[str, str, Iterator[Case]]]:
    """Name, where its activations are from, layers."""
    yield "pruned CNN", "recorded, a digit", cnn()
    for name, path in traces:
        yield name, "recorded, a photograph", trace(path)
    if folder is None:
        return
    for name, file in TRACES.items():
        yield name, "recorded, a photograph", trace(folder / file)
    lines = (folder / POSITIONS).read_text(encoding="ascii").split()
    positions = {line.split(",")[0]: int(line.split(",")[1]) for line in lines}
    for name, file in RESNET.items():
        yield name, "all non-zero", pruned(folder / file, positions, 1.0)
        yield name, f"made up, {MADE_UP:.0%} zero in runs", pruned(folder / file, positions,
                                                                   1 - MADE_UP)
    for name, file in TRANSFORMER.items():
        yield name, f"all non-zero, {TOKENS} tokens", pruned(folder / file, {}, 1.0)


def measure(case: Case) -> dict[str, Any]:
    """One layer on every machine; each may have the operands either way round."""
    operands = case.layer.operands
    m, n, k = operands.shape
    cycles, swapped = fewest_cycles(operands)
    volta = DEVICES["volta"]
    times = {key: gpu_time(case.layer, volta, dense=dense)
             for key, dense in (("dense", True), ("dual-side", False))}
    return {"name": case.name, "shape": [m, n, k], "macs": m * n * k,
            "density": [float(side.mask.mean()) for side in (operands.a, operands.b)],
            "effectual_macs": operands.products, "cycles": cycles, "swapped": swapped,
            "least": -(-operands.products // MULTIPLIERS),
            "volta": {key: {"cycles": time.cycles, "without_launch": time.cycles - time.start,
                            "limit": time.limit} for key, time in times.items()}}


def total(layers: list[dict[str, Any]]) -> dict[str, Any]:
    """Sums over layers."""
    return {"cycles": {name: sum(layer["cycles"][name] for layer in layers) for name in MODELS},
            "least": sum(layer["least"] for layer in layers),
            "macs": sum(layer["macs"] for layer in layers),
            "effectual_macs": sum(layer["effectual_macs"] for layer in layers),
            "volta": {key: {
                **{part: sum(layer["volta"][key][part] for layer in layers)
                   for part in ("cycles", "without_launch")},
                "limits": dict(Counter(layer["volta"][key]["limit"] for layer in layers))}
                for key in ("dense", "dual-side")}}


def accelerators(folder: Path | None) -> Iterator[dict[str, Any]]:
    """Networks on the accelerator with 1 to 4 cores, beside what its Verilog took: layer by layer,
    from feature map to feature map, results behind ReLU."""
    rows = json.loads(MEASURED.read_text(encoding="utf-8"))["rows"]
    taken = {(row["kind"], row["name"], row["cores"]): row["cycles"] for row in rows
             if row["port_bits"] == 128}
    for network, name, x, w, geometry in accelerated(folder):
        config = DEVICES["accelerator-1"].core
        sides = [np.ascontiguousarray(each) for each in (im2col(x, geometry),
                                                         weight_matrix(w, geometry))]
        sums = sides[0].astype(np.float32) @ sides[1].astype(np.float32)
        y = (sums > 0).T.reshape(geometry.out_shape).astype(x.dtype)
        encoded = [encode_map(x, config), encode(sides[0], "A", config),
                   encode(sides[1], "B", config)]
        for cores in range(1, 5):
            time = layer_time(*encoded, geometry, encode_map(y, config),
                              DEVICES[f"accelerator-{cores}"])
            yield {"network": network, "name": name, "cores": cores, "cycles": time.cycles,
                   "limit": time.limit, "verilog": taken.get((network, name, cores))}


def accelerated(folder: Path | None) -> Iterator[tuple[str, str, Any, Any, Any]]:
    """Network, layer, feature map, weights, geometry: those that bench/system.py measures."""
    for layer, x in cnn_layers():
        yield "pruned CNN", layer.name, x, layer.w, layer.geometry
    if folder is not None:
        for work in read_trace(folder / TRACES["SqueezeNet, pruned"]):
            assert isinstance(work, ConvWork)
            x, w = (mask.astype(np.float16) for mask in (work.x[0], work.w))
            yield "SqueezeNet", work.name, x, w, work.geometry


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--trace", action="append", default=[], metavar="NAME=FILE.npz")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--markdown", type=Path)
    arguments = parser.parse_args()
    if arguments.data and not (arguments.data / POSITIONS).is_file():
        print(f"Folder of data must hold {POSITIONS}, which {arguments.data} does not",
              file=sys.stderr)
        return 2
    result: dict[str, Any] = {
        "tools": {name: version(name) for name in ("dstc", "numpy", "numba")},
        "data": arguments.data is not None, "workloads": [],
        "accelerators": list(track(accelerators(arguments.data), "accelerator", total=None))}
    traces = [(name, Path(file)) for name, _, file in (each.partition("=")
                                                       for each in arguments.trace)]
    for name, activations, cases in workloads(arguments.data, traces):
        layers = [measure(case) for case in track(cases, name, total=None)]
        result["workloads"].append({"name": name, "activations": activations, "layers": layers,
                                    "total": total(layers)})
        for path, text in ((arguments.json, json.dumps(result, indent=1) + "\n"),
                           (arguments.markdown, page(result))):
            if path:
                with atomic_write(path) as file:
                    file.write(text.encode())
    print(page(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
