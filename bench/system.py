"""The accelerator from memory to memory: cycles, bins, bytes and the bound of the port.

Square products and the layers of bench/convolution.py run on the emitted accelerator with 1 to 4
cores, the memory never waiting, and are checked in every bit.  Before that, products and the chain
of the pruned network run on the smallest configuration with a memory that waits at random and
answers in any order.

Usage: python bench/system.py [--config NAME] [--devices CORESxPORT ...] [--sizes N ...]
                              [--checked CORESxPORT ...] [--trace FILE.npz] [--json FILE]
                              [--markdown FILE]
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from convolution import cnn_cases, trace_cases
from rich.progress import track
from system_report import ALL, page

from dstc.beats import tile_records
from dstc.config import Config, get_config
from dstc.conv import Epilogue, convolution, encode_map, weight_matrix
from dstc.conv.chain import golden_chain
from dstc.fileio import atomic_write
from dstc.formats import EncodedMatrix, encode
from dstc.golden import matmul
from dstc.pruned_cnn import Network, load_digits
from dstc.pruned_cnn.chain import SOURCE, cnn_chain, cnn_input
from dstc.workloads import random_accumulators, random_matrix
from dstc_sim.accelerator.engine import AcceleratorEngine
from dstc_sim.accelerator.timing import MemoryTiming
from dstc_sim.engine import BINS
from dstc_sim.results import RunResult

DENSITIES = (0.1, 0.25, 0.5, 1.0)
SIZES = (64, 128, 256, 512)
CHECKED = "tiny"
STALLED = ("1x128", "2x64", "4x128")
STALL, SEED = 0.3, 1
NARROW = 256
"""The size that also runs with a port of 64 bits."""


def stalled(device: str) -> dict[str, Any]:
    """Products and a chain of convolutions with everything about the memory random."""
    config = get_config(CHECKED)
    cores, port = parse(device)
    engine = AcceleratorEngine(cores=cores, data_bits=port,
                               timing=MemoryTiming.adverse(STALL, SEED))
    rng = np.random.default_rng(SEED)
    products = 0
    for shape in ((8, 16, 4), (20, 33, 17), (40, 40, 300), (64, 64, 64)):
        for density in (0.0, 0.05, 0.5, 1.0):
            for mode in ("sparse", "dense"):
                m, n, k = shape
                a, b = (random_matrix(size, density, config.element, rng)
                        for size in ((m, k), (k, n)))
                c = random_accumulators((m, n), config.element, rng)
                _require(engine.run(a, b, c, config=config, mode=mode), matmul(a, b, c),
                         f"{m}x{n}x{k} at density {density}, {mode}")
                products += 1
    layers, image = cnn_chain(Network.load()), cnn_input(load_digits()[0][0])
    golden = golden_chain(layers, SOURCE, image, config.format)
    for name, run in engine.run_chain(layers, SOURCE, image, config=config).items():
        _require(run, golden[name], name)
    engine.close()
    return {"config": CHECKED, "cores": cores, "port_bits": port, "stall": STALL,
            "products": products, "layers": len(layers)}


def squares(sizes: list[int], engine: AcceleratorEngine, config: Config) -> Iterator[dict]:
    """Square products of random operands."""
    for size in sizes:
        for density in DENSITIES:
            rng = np.random.default_rng((SEED, size, int(100 * density)))
            a, b = (random_matrix((size, size), density, config.element, rng) for _ in range(2))
            golden = matmul(a, b)
            encoded = encode(a, "A", config), encode(b, "B", config)
            for mode in ("sparse", "dense") if density == 1 else ("sparse",):
                run = engine.run(*encoded, config=config, mode=mode)
                _require(run, golden, f"{size} at density {density}")
                yield {"kind": "square", "name": f"{size}", "density": density, "mode": mode,
                       **_costs(run, encoded, config)}


def layers(cases: list, engine: AcceleratorEngine, config: Config) -> Iterator[dict]:
    """Layers, from encoded feature map to encoded feature map."""
    for network, name, geometry, x, w in track(cases, "layers"):
        epilogue = Epilogue(relu=True, raw=False)
        run = engine.convolve(x, w, geometry, epilogue, config=config)
        _require(run, convolution(x, w, geometry, epilogue, element=config.format), name)
        encoded = encode_map(x, config), encode(weight_matrix(w, geometry), "B", config)
        yield {"kind": network, "name": name, "density": [
            float(np.count_nonzero(values)) / values.size for values in (x, w)],
            "mode": "sparse", **_costs(run, encoded, config)}


def _require(run: RunResult, golden: np.ndarray, what: str) -> None:
    if run.out.tobytes() != golden.tobytes():
        raise SystemExit(f"{what} is not bit-exact on {(run.accelerator or {})['name']}")


def _costs(run: RunResult, operands: tuple[EncodedMatrix, EncodedMatrix], config: Config) -> dict:
    """What a run cost, beside what it cannot be faster than."""
    costs = dict(run.accelerator or {})
    beat = costs["port_bits"] // 8
    ohmma = max(core["ohmma"] for core in costs["core_bins"])
    beats = {name: costs[f"{name}_bytes"] // beat for name in ("read", "write")}
    bound = max(ohmma, *beats.values())
    cycles = run.cycles or 0
    return {
        "cores": costs["cores"], "port_bits": costs["port_bits"], "latency": costs["latency"],
        "cycles": cycles, "dense_cycles": run.dense_cycles,
        "bins": {name: (run.bins or {})[name] for name in BINS},
        "core_bins": costs["core_bins"], "most_ohmma": ohmma,
        "read_bytes": costs["read_bytes"], "write_bytes": costs["write_bytes"],
        "encoded_bytes": sum(tile_records(each, config).data.nbytes for each in operands),
        "port_utilization": costs["port_utilization"],
        "bound": bound, "limit": "array" if bound == ohmma else "port",
        "over_bound": cycles / bound}


def parse(device: str) -> tuple[int, int]:
    """Cores and bits of the memory port."""
    cores, port = device.split("x")
    return int(cores), int(port)


def main() -> None:
    """Measure, print, write after every device."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--config", default="paper")
    parser.add_argument("--devices", nargs="+", default=ALL)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--checked", nargs="+", default=list(STALLED))
    parser.add_argument("--trace", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--markdown", type=Path)
    arguments = parser.parse_args()
    config = get_config(arguments.config)
    cases = list(cnn_cases(config))
    traced = list(trace_cases(arguments.trace, config)) if arguments.trace else []
    result: dict[str, Any] = {
        "config": config.to_dict(), "tools": AcceleratorEngine.tools(),
        "trace": arguments.trace.name if arguments.trace else None,
        "devices": arguments.devices,
        **({"sizes": arguments.sizes} if arguments.sizes != list(SIZES) else {}),
        "checked": [stalled(each) for each in track(arguments.checked, "random stalls")],
        "rows": []}
    for cores, port in map(parse, arguments.devices):
        engine = AcceleratorEngine(cores=cores, data_bits=port)
        engine.prepare(config)
        wide = port == 128
        result["rows"] += squares(arguments.sizes if wide else [NARROW], engine, config)
        result["rows"] += layers(cases if wide else [], engine, config)
        # A large network takes an hour on several simulated cores.
        result["rows"] += layers(traced if wide and cores == 1 else [], engine, config)
        engine.close()
        write(result, arguments.json, arguments.markdown)
    print(page(result))


def write(result: dict[str, Any], as_json: Path | None, markdown: Path | None) -> None:
    """Write what has been measured so far."""
    for path, text in ((as_json, json.dumps(result, indent=1) + "\n"), (markdown, page(result))):
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)
            with atomic_write(path) as file:
                file.write(text.encode())


if __name__ == "__main__":
    main()
