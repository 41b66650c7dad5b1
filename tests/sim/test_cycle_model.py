"""The cycle model against the emitted Verilog: every counter, in thousands of streams."""

import json

import numpy as np
import pytest

from dstc.beats import BeatStream, tile_records
from dstc.config import CONFIGS, get_config
from dstc.errors import DstcError
from dstc.formats import encode
from dstc.golden import matmul
from dstc.isa import Instruction
from dstc.isa_stream import encode_program
from dstc.program import MODES, STYLES, gemm_job
from dstc.torture import PATTERNS, torture_mask
from dstc.workloads import random_accumulators, random_matrix
from dstc_hdl.emit import emit_unit
from dstc_sim.cli import main
from dstc_sim.cyclemodel import ModelCore, product
from dstc_sim.engine import ModelEngine
from dstc_sim.runs import STREAMS, SimulationError, Stall, StreamJob
from dstc_sim.verilator import CoreModel

TINY = CONFIGS["tiny"]
# Streams of each core in one test, and how many tests; at least 2,000 in all.
CORES = {
    "tiny": (TINY, 130, 10), "small": (CONFIGS["small"], 100, 8),
    "shallow": (TINY.replace(name="shallow", collector_entries=2, adder_latency=4), 60, 1),
    "odd": (TINY.replace(name="odd", tile_m=24, tile_n=16, array_rows=4, array_cols=2, tile_k=12,
                         collector_entries=5, adder_latency=1, slots=3), 60, 1),
    "paper": (CONFIGS["paper"], 24, 1),
}
CASES = [(name, seed) for name, (_, _, tests) in CORES.items() for seed in range(tests)]
DENSITIES = (0, .03, .1, .25, .5, .75, .9, 1)
STALLS = (0, 0, .1, .5, .9)


def test_enough_streams():
    assert sum(streams * tests for _, streams, tests in CORES.values()) >= 2000


def random_mask(shape, side, config, rng):
    """Independent zeros or a hard pattern."""
    if rng.random() < .5:
        return rng.random(shape) < rng.choice(DENSITIES)
    return torture_mask(str(rng.choice(list(PATTERNS))), shape, side, config, rng)


def random_job(config, rng):
    """A product of any small shape, in any mode and style, with or without C."""
    tiles = rng.integers(1, (4, 4, 7))
    m, n, k = tiles * (config.tile_m, config.tile_n, config.tile_k) - rng.integers(0, 4, 3)
    a, b = (np.where(random_mask(shape, side, config, rng),
                     random_matrix(shape, 1, config.element, rng), 0).astype(config.format.dtype)
            for shape, side in (((m, k), "A"), ((k, n), "B")))
    c = random_accumulators((m, n), config.element, rng) if rng.random() < .5 else None
    mode = str(rng.choice(["sparse", "sparse", *MODES]))
    style = str(rng.choice(["tile", "tile", *STYLES]))
    job = gemm_job(encode(a, "A", config), encode(b, "B", config), c, config=config, mode=mode,
                   style=style)
    return job, f"{m} x {n} x {k}, {mode}, {style}, C {'given' if c is not None else 'zero'}"


def random_stall(rng):
    """No waiting, or each stream with a probability of its own."""
    if rng.random() < .3:
        return Stall()
    return Stall(**{name: float(rng.choice(STALLS)) for name in STREAMS},
                 seed=int(rng.integers(1 << 32)))


def compare(core, job, stall, told):
    """One job on the Verilog and on the model."""
    rtl, model = core.run(job, stall=stall), ModelCore().run(job, stall=stall)
    assert model.counters == rtl.counters, f"{told}, {stall}"
    assert (model.clock_cycles, model.taken) == (rtl.clock_cycles, rtl.taken), f"{told}, {stall}"
    assert np.array_equal(model.d_last, rtl.d_last)
    return rtl


@pytest.fixture(scope="module")
def core():
    """Compiled cores by configuration."""
    cores = {}

    def get(config):
        if config not in cores:
            cores[config] = CoreModel(emit_unit("core", config)[0], config)
        return cores[config]

    return get


@pytest.mark.parametrize("name, seed", CASES)
def test_equal_to_rtl(core, name, seed):
    config, streams, _ = CORES[name]
    conflicts = 0
    for stream in range(streams):
        rng = np.random.default_rng((seed, stream))
        job, told = random_job(config, rng)
        run = compare(core(config), job, random_stall(rng), f"{name} ({seed}, {stream}): {told}")
        conflicts += run.counters["conflict"]
    assert conflicts, "the streams must make conflicts"


def random_program(config, rng, tiles):
    """A legal program in no order that a compiler would write, and the loads that it takes."""
    items, loads = [], {"A": 0, "B": 0, "C": 0, "D": 0}
    slot, acc = lambda: int(rng.integers(config.slots)), lambda: int(rng.integers(2))
    items.append(Instruction.of("BOHMMA", a=slot(), b=slot(), k=0))
    for _ in range(tiles):
        kind = rng.integers(11)
        if kind < 3:
            side = "AB"[kind % 2]
            items.append(Instruction.of(f"LD{side}", slot=slot()))
            loads[side] += 1
        elif kind == 3:
            items.append(Instruction.of("LDC", acc=acc()))
            loads["C"] += 1
        elif kind == 4:
            items.append(Instruction.of("STC", acc=acc()))
            loads["D"] += 1
        elif kind == 5:
            items.append(Instruction.of("WMMA", a=slot(), b=slot(), acc=acc()))
        elif kind == 6:
            items.append(Instruction.of("BOHMMA", a=slot(), b=slot(),
                                        k=int(rng.integers(config.tile_k))))
            if rng.random() < .7:
                items.append(Instruction.of("POPC"))
        elif kind == 7:
            items.append(Instruction.of("OHMMA", acc=acc(), g=int(rng.integers(config.row_groups)),
                                        h=int(rng.integers(config.col_groups)),
                                        pred=int(rng.integers(2))))
        elif kind == 8 and rng.random() < .3:
            items.append(Instruction.of("BARRIER"))
        else:
            items.append(Instruction.of("SPWMMA", a=slot(), b=slot(), acc=acc()))
    items.append(Instruction.of("HALT"))
    return encode_program(items, config), loads


def random_records(config, side, count, rng):
    """So many tiles of ones as they go over the wire."""
    shape = ((config.tile_m * max(count, 1), config.tile_k) if side == "A" else
             (config.tile_k, config.tile_n * max(count, 1)))
    tiles = encode(random_mask(shape, side, config, rng).astype(config.format.dtype), side, config)
    return BeatStream(records=tile_records(tiles, config), order=np.arange(count, dtype=np.int32))


@pytest.mark.parametrize("seed", range(4))
def test_programs_of_any_order(core, seed):
    """Unloaded slots, contexts in any order, micro-operations between tiles."""
    for stream in range(40):
        rng = np.random.default_rng((seed, stream))
        words, loads = random_program(TINY, rng, 60)
        a, b = (random_records(TINY, side, loads[side], rng) for side in "AB")
        c = rng.integers(0, 256, (loads["C"] * TINY.c_beats, TINY.c_beat_bits // 8), np.uint8)
        job = StreamJob(config=TINY, words=words, a_data=a.data, a_last=a.last, b_data=b.data,
                        b_last=b.last, c_data=c, d_beats=loads["D"] * TINY.c_beats)
        compare(core(TINY), job, random_stall(rng), f"program ({seed}, {stream})")


@pytest.mark.parametrize("element", ["fp16", "bf16", "fp8_e4m3", "fp8_e5m2", "int8"])
def test_values(element):
    """The values of the model are its own arithmetic on the encoded operands."""
    config = TINY.replace(element=element)
    rng = np.random.default_rng(5)
    codes = rng.integers(0, 1 << config.element_bits, (2, 45 * 37),
                         f"u{config.element_bits // 8}")
    a, b = codes[0].view(config.format.dtype)[:30 * 37], codes[1].view(config.format.dtype)
    a, b = a.reshape(30, 37), b.reshape(37, 45)
    a, b = (np.where(rng.random(x.shape) < .6, x, np.zeros((), x.dtype)) for x in (a, b))
    c = random_accumulators((30, 45), element, rng)
    wanted = matmul(a, b, c)
    got = product(encode(a, "A", config), encode(b, "B", config), c, config)
    assert got.dtype == wanted.dtype
    assert np.array_equal(got.view(np.uint32), wanted.view(np.uint32))


def test_same_report_as_rtl(capsys):
    """``dstc gemm --json`` differs in the engine, its tools and the time only."""
    reports = {}
    for engine in ("model", "rtl"):
        assert main(["gemm", "--shape", "45x70x50", "--density-a", ".4", "--density-b", ".3",
                     "--random-c", "--seed", "3", "--stall", ".3", "--engine", engine,
                     "--config", "tiny", "--json"]) == 0
        reports[engine] = json.loads(capsys.readouterr().out)
    assert reports["model"]["bit_exact"] is True
    for key in reports["rtl"].keys() - {"engine", "simulator", "tools", "seconds"}:
        assert reports["model"][key] == reports["rtl"][key], key


def test_refusals():
    with pytest.raises(DstcError, match=r"^Style must be one of tile, spwmma, micro, not 'x'$"):
        ModelEngine(style="x")
    with pytest.raises(DstcError, match=r"^Mode must be one of sparse, dense, not 'x'$"):
        ModelEngine().run(np.ones((2, 2), "f2"), np.ones((2, 2), "f2"), config=TINY, mode="x")
    job = gemm_job(encode(np.ones((8, 4), "f2"), "A", TINY),
                   encode(np.ones((4, 8), "f2"), "B", TINY), config=get_config("tiny"))
    with pytest.raises(SimulationError, match=r"^Core did not halt within 9 cycles; status busy"):
        ModelCore().run(job, max_cycles=9)
    hungry = StreamJob.of(job, a_data=job.a_data[:0], a_last=job.a_last[:0])
    with pytest.raises(SimulationError, match=r"^Core moved nothing for 300 cycles"):
        ModelCore().run(hungry, quiet_limit=300)
