"""Products on the emitted accelerator, from memory to memory, in every bit."""

import numpy as np
import pytest
from accelerator_bench import ENGINES, TINY, adverse, bus_of

from dstc.accelerator.program import product_costs
from dstc.accelerator.registers import register
from dstc.accelerator.traffic import CHANNELS, product_traffic
from dstc.device import Device
from dstc.formats import encode
from dstc.golden import matmul
from dstc.workloads import random_accumulators, random_matrix
from dstc_sim.accelerator.bus import MEMORY
from dstc_sim.accelerator.engine import AcceleratorEngine
from dstc_sim.accelerator.timing import MemoryTiming

BINS = ("issue", "conflict", "operand_wait", "drain", "idle")
SHAPES = [(1, 1, 1), (8, 16, 4), (20, 33, 17), (9, 8, 300), (40, 24, 530)]
"""One tile; a pair; edges; single columns; more k-tiles than one and four chunks of a bitmap."""


def operands(shape, density, seed, with_c=True):
    m, n, k = shape
    rng = np.random.default_rng(seed)
    a, b = (random_matrix(size, density, TINY.element, rng) for size in ((m, k), (k, n)))
    return a, b, random_accumulators((m, n), TINY.element, rng) if with_c else None


@pytest.mark.parametrize("cores, port", ENGINES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_adverse_memory(cores, port, shape):
    """Random stalls everywhere, answers in any order; sparse, dense, empty; with and without C."""
    bus, device = bus_of(cores, port)
    for seed, (density, mode, with_c) in enumerate([
            (0.3, "sparse", True), (1.0, "sparse", False), (0.0, "sparse", True),
            (0.05, "dense", True)]):
        bus.retime(adverse(seed))
        a, b, c = operands(shape, density, seed, with_c)
        run = device.gemm(a, b, c, mode=mode)
        assert run.result.tobytes() == matmul(a, b, c).tobytes()
        for core in run.report.cores:
            assert sum(getattr(core, name) for name in BINS) == core.cycles <= run.report.cycles
        assert bus.model.quiet


@pytest.mark.parametrize("cores, port", ENGINES)
@pytest.mark.parametrize("density, mode, with_c", [
    (0.02, "sparse", True), (0.4, "sparse", False), (0.4, "dense", True)])
def test_traffic(cores, port, density, mode, with_c):
    """Exactly the beats of the formula, in every channel of every core."""
    bus, device = bus_of(cores, port)
    bus.retime(adverse(1))
    a, b, c = operands((40, 33, 530), density, 5, with_c)
    encoded = encode(a, "A", TINY), encode(b, "B", TINY)
    dense = mode == "dense"
    formula = product_traffic(*encoded, with_c=with_c, dense=dense,
                              costs=product_costs(*encoded, dense, TINY),
                              accelerator=device.accelerator)
    bus.statistics(clear=True)
    counters = device.gemm(*encoded, c, mode=mode).report.cores
    seen = bus.statistics()
    assert len(formula) == len(counters) == cores
    for number, (want, core) in enumerate(zip(formula, counters, strict=True)):
        channels = seen.read_beats_of[16 * number:][:len(CHANNELS)]
        assert dict(zip(CHANNELS, channels, strict=True)) == dict(want.reads)
        assert (core.read_beats, core.write_beats) == (want.read_beats, want.write_beats)
        assert seen.write_beats_of[16 * number] == want.write_beats
    # Besides, the job itself.
    assert seen.read_beats == sum(each.read_beats for each in formula) + 64 * 8 // port


@pytest.mark.parametrize("interrupt, jobs", [(True, 70), (False, 4)])
def test_ring_of_jobs(interrupt, jobs):
    """Jobs submitted ahead, more than the ring has entries; waited for by interrupt or polling."""
    cores, port = ENGINES[0]
    bus, _ = bus_of(cores, port)
    bus.retime(adverse(2))
    bus.reset()
    device = Device(bus, MEMORY, config=TINY, interrupt=interrupt, timeout=None)
    cases = [operands((12, 20, 9), 0.5, seed) for seed in range(5)]
    tasks = [device.prepare_gemm(*case) for case in cases]
    numbers = [device.queue.submit(tasks[n % 5].jobs["d"], 1000 + n) for n in range(jobs)]
    device.queue.wait(numbers[-1])
    assert device.queue.report().tag == 999 + jobs
    assert bus.read32(register("HEAD").offset) == bus.read32(register("TAIL").offset) == jobs
    for case, task in zip(cases[:jobs], tasks, strict=False):
        assert device.read(task, "d").tobytes() == matmul(*case).tobytes()


@pytest.mark.parametrize("cycles", [3, 40, 150, 400, 900])
def test_reset_in_a_job(cycles):
    """After a reset in any cycle the next job has the right bits."""
    cores, port = ENGINES[0]
    bus, device = bus_of(cores, port)
    bus.retime(adverse(3))
    a, b, c = operands((33, 20, 40), 0.5, 7)
    task = device.prepare_gemm(a, b, c)
    device.queue.submit(task.jobs["d"], 1)
    bus.step(cycles)
    bus.reset()
    assert not bus.interrupt
    device = Device(bus, MEMORY, config=TINY, timeout=None)
    assert device.gemm(a, b, c).result.tobytes() == matmul(a, b, c).tobytes()


def test_engine():
    """The engine's report is that of the device; the bins are sums over the cores."""
    cores, port = ENGINES[0]
    a, b, c = operands((24, 40, 36), 0.4, 9)
    run = AcceleratorEngine(cores=cores, data_bits=port).run(a, b, c, config=TINY)
    assert run.out.tobytes() == matmul(a, b, c).tobytes()
    accelerator = run.accelerator
    assert (accelerator["cores"], accelerator["port_bits"]) == (cores, port)
    assert accelerator["name"] == f"tiny-x{cores}-{port}"
    assert accelerator["latency"] == MemoryTiming().latency
    assert len(accelerator["core_bins"]) == cores
    for name in BINS:
        assert run.bins[name] == sum(core[name] for core in accelerator["core_bins"])
    for core in accelerator["core_bins"]:
        assert core["cycles"] == sum(core[name] for name in BINS) < run.cycles
    for name in ("read", "write"):
        share = accelerator[f"{name}_bytes"] * 8 / port / run.cycles
        assert accelerator["port_utilization"][name] == pytest.approx(share)
