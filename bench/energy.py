"""Energy of the core and its twins per useful multiplication, from what switches in their cells.

64 products run side by side on the netlist of each design, the same ones on all; every result is
checked against the golden model.  Method and limits: docs/energy.md.

Usage: python bench/energy.py [--config NAME ...] [--json FILE] [--markdown FILE] [--plot FILE]
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from config_report import report_configs
from energy_page import page, plot
from rich.progress import track

from dstc.config import Config, get_config
from dstc.formats import encode
from dstc.golden import matmul
from dstc.program import gemm_job
from dstc.pruned_cnn import Network, load_digits
from dstc.pruned_cnn.operands import lower
from dstc.twin import twin_job
from dstc.workloads import random_accumulators, random_matrix
from dstc_hdl.asic.energy import SLEW_NS, energy_by_unit
from dstc_hdl.asic.flat import read_flat
from dstc_hdl.asic.liberty import read_cells
from dstc_hdl.asic.library import find_library
from dstc_hdl.asic.memories import unit_name
from dstc_hdl.asic.report import DESIGNS, GLUE
from dstc_hdl.asic.synthesis import synthesize
from dstc_hdl.asic.tools import SynthesisError, tool_versions
from dstc_hdl.emit import emit_unit
from dstc_hdl.twin.layouts import job_layout
from dstc_sim.gates import GateModel
from dstc_sim.verilator.streams import StreamInput

DENSITIES = (1, .5, .25, .1)
LANES, TILES, DEPTH, SEED = 64, 2, 128, 1
GROUP, KEPT = 4, 2
LAYER, DIGITS = "block2.conv2", 32


@dataclass(frozen=True, eq=False)
class Work:
    """Products of one kind: a title, operands of each, and whether B is 2:4 structured."""

    title: str
    operands: list[tuple[np.ndarray, np.ndarray, np.ndarray]]
    structured: bool


def structured_mask(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Two of every four k of each column, at random."""
    order = rng.random((shape[0] // GROUP, GROUP, shape[1])).argsort(axis=1)
    return (order < KEPT).reshape(shape)


def random_work(config: Config) -> Iterator[Work]:
    """Independent non-zeros; at most two of four k of B from one half downwards."""
    shape = TILES * config.tile_m, TILES * config.tile_n
    for density in DENSITIES:
        structured = density <= KEPT / GROUP
        products = []
        for lane in range(LANES):
            rng = np.random.default_rng((SEED, int(100 * density), lane))
            a = random_matrix((shape[0], DEPTH), density, config.element, rng)
            thinned = density * GROUP / KEPT if structured else density
            b = random_matrix((DEPTH, shape[1]), thinned, config.element, rng)
            if structured:
                b[~structured_mask(b.shape, rng)] = 0
            products.append((a, b, random_accumulators(shape, config.element, rng)))
        yield Work(f"random, A {density}, B {density}", products, structured)


def layer_work(config: Config) -> Work:
    """Blocks of rows of a layer of the pruned network, each with its bias, on several digits."""
    network, images = Network.load(), load_digits()[0]
    rows, products = TILES * config.tile_m, []
    for image in images[:DIGITS]:
        layer = lower(network, LAYER, network.capture(image, LAYER), config.format)
        columns = slice(0, TILES * config.tile_n)
        products += [(layer.a[first:first + rows], layer.b[:, columns],
                      layer.c[first:first + rows, columns])
                     for first in range(0, len(layer.a), rows)]
    return Work(f"pruned CNN, {LAYER}", products[:LANES], False)


def inputs(unit: str, config: Config, product: tuple) -> tuple[dict[str, StreamInput], object]:
    """Streams of a product for a design, and its job."""
    a, b, c = product
    if unit == "core":
        job = gemm_job(encode(a, "A", config), encode(b, "B", config), c, config=config)
        return {"instr": StreamInput(job.words.astype("<u8")),
                "a": StreamInput(job.a_data, job.a_last),
                "b": StreamInput(job.b_data, job.b_last), "c": StreamInput(job.c_data)}, job
    job = twin_job(a, b, c, config=config, structured=unit == "structured_twin")
    word = np.array([job_layout().const(job.job).as_value().value] * job.tiles, "<u4")
    return {"job": StreamInput(word), "a": StreamInput(job.a_data), "b": StreamInput(job.b_data),
            "c": StreamInput(job.c_data)}, job


class Design:
    """A design in cells, its model and the period of its own clock in nanoseconds."""

    def __init__(self, unit: str, config: Config, target: str):
        self.unit, self.config = unit, config
        library = find_library(target)
        self.cells = read_cells(library.liberty)
        emitted, _ = emit_unit(unit, config)
        netlist = synthesize(emitted, library)
        if netlist.timing is None:
            raise SynthesisError("Energies must have a clock, which OpenSTA is missing for "
                                 "(apt-get install opensta)")
        self.period = netlist.timing.delay
        self.netlist = read_flat(netlist, library, self.cells)
        self.model = GateModel(self.netlist, self.cells)
        self.verilog = emitted.sha256[:12]

    def measure(self, work: Work, seed: int = SEED) -> dict:
        """Energy of a work, by part and by unit."""
        streams, jobs = zip(*(inputs(self.unit, self.config, product)
                              for product in work.operands), strict=True)
        started = time.perf_counter()
        run = self.model.run(streams, [job.d_beats for job in jobs], seed=seed)
        seconds = time.perf_counter() - started
        size = self.config.c_beat_bits // 8
        useful = dense = 0
        for (a, b, c), job, out in zip(work.operands, jobs, run.outputs, strict=True):
            if job.assemble(out[:, :size]).tobytes() != matmul(a, b, c).tobytes():
                raise SystemExit(f"{self.config.name} {self.unit} is not bit-exact in {work.title}")
            useful += int((a != 0).sum(0, dtype=np.int64) @ (b != 0).sum(1, dtype=np.int64))
            dense += a.shape[0] * a.shape[1] * b.shape[1]
        found = energy_by_unit(self.netlist, self.cells, run.activity, self.period)
        units: dict[str, dict[str, float]] = {}
        for instance, parts in found.items():
            into = units.setdefault(unit_name(instance) if instance else GLUE, {})
            for part, energy in parts.items():
                into[part] = into.get(part, 0) + energy
        cycles = run.activity.cycles
        total = sum(sum(parts.values()) for parts in units.values())
        return {
            "work": work.title, "design": self.unit, "products": len(work.operands),
            "cycles": cycles, "useful": useful, "dense": dense,
            "pj": round(total), "pj_per_useful": round(total / useful, 3),
            "pj_per_dense": round(total / dense, 3), "period_ns": self.period,
            "mw": round(total / cycles / self.period, 1), "pj_per_cycle": {
                unit: {part: round(energy / cycles, 3) for part, energy in parts.items()}
                for unit, parts in sorted(units.items(), key=lambda each: -sum(each[1].values()))},
            "seconds": round(seconds, 1)}


def measure(name: str, target: str) -> dict:
    """Everything about one configuration."""
    config, rows = get_config(name), []
    works = [*random_work(config), layer_work(config)]
    verilog = {}
    for unit in DESIGNS:
        design = Design(unit, config, target)
        verilog[unit] = design.verilog
        possible = [work for work in works if work.structured or unit != "structured_twin"]
        rows += [design.measure(work) for work in track(possible, f"{name} {unit}")]
    return {"config": name, "target": target, "tools": tool_versions(find_library(target)),
            "verilog": verilog, "slew_ns": SLEW_NS, "rows": rows}


if __name__ == "__main__":
    report_configs(__doc__.split("\n")[0], measure,
                   lambda results: page(results, TILES, DEPTH), plot)
