"""The core: programs against a reference that executes one instruction after the other."""

import random

import numpy as np
import pytest
from core_bench import CoreBench
from core_model import Program, Reference, random_program
from dispatcher_model import word
from records import Record
from unit_bench import CONFIGS

from dstc.formats import encode
from dstc.golden import matmul
from dstc.program import MODES, STYLES, gemm_job
from dstc.skiprule import ohmma_counts
from dstc.workloads import random_accumulators, random_matrix

TINY = CONFIGS["tiny"]
HALT = word("HALT")
FLOATS = [{"element": name} for name in ("bf16", "fp8_e4m3", "fp8_e5m2")]
# Every stream stalls on its own, some of them nearly always.
STALLED = {
    "none": {},
    "all": dict.fromkeys(("instr", "a", "b", "c", "d"), .5),
    "operands": {"a": .15, "b": .6},
    "results": {"d": .2, "c": .4},
    "program": {"instr": .2},
}


def beats_of(data):
    """Bytes of beats as integers."""
    return [int.from_bytes(row.tobytes(), "little") for row in data]


def operand_beats(data, last):
    return [{"data": beat, "last": int(end)}
            for beat, end in zip(beats_of(data), last, strict=True)]


def run_gemm(bench, shape, densities, *, seed, mode="sparse", style="tile", with_c=True):
    """A product on the core, checked in every bit and count; returns its counters."""
    config, (m, n, k) = bench.config, shape
    rng = np.random.default_rng(seed)
    a = random_matrix((m, k), densities[0], config.element, rng)
    b = random_matrix((k, n), densities[1], config.element, rng)
    c = random_accumulators((m, n), config.element, rng) if with_c else None
    encoded = encode(a, "A", config), encode(b, "B", config)
    job = gemm_job(*encoded, c, config=config, mode=mode, style=style)
    counts = ohmma_counts(*encoded, config)
    tokens, counters = run_program(
        bench, job.words.tolist(), operand_beats(job.a_data, job.a_last),
        operand_beats(job.b_data, job.b_last), beats_of(job.c_data),
        ohmma=counts.executed if mode == "sparse" else counts.dense, products=counts.products)
    assert [token["last"] for token in tokens] == [
        (n + 1) % config.c_beats == 0 for n in range(job.d_beats)]
    size = config.c_beat_bits // 8
    beats = b"".join(token["data"].to_bytes(size, "little") for token in tokens)
    got = job.assemble(np.frombuffer(beats, np.uint8).reshape(-1, size))
    assert np.array_equal(got.view(np.uint32), matmul(a, b, c).view(np.uint32))
    return counters


def run_program(bench, words, a=(), b=(), c=(), *, ohmma, products):
    """To ``HALT`` and past a resume; returns the D beats of the program and its counters."""
    taken, sent = len(bench.inputs["instr"].tokens), len(bench.d.tokens)
    bench.feed(words, a, b, c)
    assert bench.run() == {"busy": 0, "halted": 1, "error": 0, "code": 0,
                           "address": len(words) - 1}
    assert bench.idle
    counters = bench.check_counters(bench.inputs["instr"].cycles[taken], bench.bench.cycle - 1,
                                    ohmma, products)
    bench.resume()
    return bench.d.tokens[sent:], counters


@pytest.mark.parametrize("stalls", STALLED)
def test_gemm(stalls):
    """Styles and modes, one after the other, with partial tiles on every side."""
    bench = CoreBench(TINY, seed=1, **STALLED[stalls])
    runs = [(mode, style) for mode in MODES for style in STYLES]
    if stalls not in ("none", "all"):
        runs = [("sparse", "tile"), ("sparse", "micro"), ("dense", "spwmma")]
    for seed, (mode, style) in enumerate(runs):
        run_gemm(bench, (11, 8, 7), (.4, .5), seed=seed, mode=mode, style=style,
                 with_c=seed != 1)


def test_gemm_of_many_tiles():
    """Nine output tiles of four k-tiles."""
    run_gemm(CoreBench(TINY, seed=2, **STALLED["all"]), (19, 21, 14), (.4, .5), seed=2)


def test_densities():
    """Nothing, a little, everything, on either side."""
    bench = CoreBench(TINY, seed=3, a=.8, b=.8, c=.8, d=.8)
    for seed, densities in enumerate([(0, .5), (1, 1), (.03, .03), (.1, 1), (1, .1)]):
        run_gemm(bench, (16, 7, 12), densities, seed=seed, with_c=seed % 2)


@pytest.mark.parametrize("changes", [
    {"collector_entries": 2, "adder_latency": 4},
    {"collector_entries": 8, "adder_latency": 1, "slots": 3},
    {"element": "int8", "adder_latency": 2, "slots": 8},
    {"tile_m": 24, "array_rows": 4, "tile_k": 12, "collector_entries": 3},
    {"tile_n": 16, "array_cols": 2, "tile_k": 8, "collector_entries": 5}, *FLOATS,
], ids=str)
def test_configurations(changes):
    config = TINY.replace(name="variant", **changes)
    run_gemm(CoreBench(config, seed=4, a=.8, d=.6),
             (config.tile_m + 3, config.tile_n, config.tile_k + 1), (.5, .4), seed=4)


def test_full_operands_issue_in_every_cycle():
    """No cycle is lost between the first OHMMA and the last, once loads are ahead."""
    bench = CoreBench(TINY)
    for mode in MODES:
        counters = run_gemm(bench, (8, 8, 8 * TINY.tile_k), (1, 1), seed=5, mode=mode)
        assert counters["issue"] == 8 * TINY.dense_ohmma_per_tile
        assert counters["conflict"] == 0
        assert counters["idle"] <= 2    # until the first word has become a load
        # A record and C before the first OHMMA, the pipeline and the result after the last.
        assert counters["operand_wait"] + counters["drain"] < 3 * TINY.c_beats


@pytest.mark.parametrize("stalls, seed", [("none", 0), ("all", 1), ("operands", 2), ("results", 3),
                                          ("none", 4)])
def test_random_programs(stalls, seed):
    """Two programs, one after the other; slots and contexts outlive each of them."""
    bench = CoreBench(TINY, seed, **STALLED[stalls])
    reference, executed = Reference(TINY), []
    for _ in range(2):
        program = random_program(TINY, bench.rng, reference, 25)
        executed += program.executed
        program.drain(0)
        program.emit("HALT")
        run_program(bench, program.words, program.a, program.b, program.c,
                    ohmma=reference.ohmma, products=reference.products)
        assert bench.d.tokens == reference.d
    assert len(set(executed)) >= 9


@pytest.mark.parametrize("changes", [{"element": "int8", "slots": 5, "tile_k": 8},
                                     {"tile_m": 24, "array_rows": 4, "collector_entries": 2},
                                     *FLOATS],
                         ids=str)
def test_random_programs_of_other_shapes(changes):
    config = TINY.replace(name="variant", **changes)
    bench, reference = CoreBench(config, 7, a=.8, b=.8, d=.7), Reference(config)
    program = random_program(config, bench.rng, reference, 12)
    for acc in (0, 1):
        program.drain(acc)
    program.emit("HALT")
    run_program(bench, program.words, program.a, program.b, program.c,
                ohmma=reference.ohmma, products=reference.products)
    assert bench.d.tokens == reference.d


def test_resume_and_counters():
    """Counters of a program do not depend on the one before; they stand still between."""
    bench, reference, finals = CoreBench(TINY, 3), Reference(TINY), []
    program = Program(TINY, bench.rng, reference)
    program.load("A", 0)
    program.load("B", 0)
    program.product(0, 0, 0, dense=True)
    program.drain(0)
    program.emit("HALT")
    for _ in range(2):
        bench.feed(program.words, program.a, program.b, program.c)
        bench.run()
        halted = bench.bench.cycle - 1
        bench.run_for(10)
        finals.append(bench.counters[-1])
        # Final in the cycle after `halted` rises.
        assert all(seen == finals[-1] for seen in bench.counters[halted + 1:])
        bench.resume()
        assert set(bench.counters[-1].values()) == {0}
        assert bench.status[-1] == dict.fromkeys(bench.status[-1], 0)
    assert finals[0] == finals[1]
    assert finals[0]["ohmma"] == TINY.dense_ohmma_per_tile
    assert bench.d.tokens == reference.d * 2


def test_a_context_outlives_halt():
    """What a program leaves in a context, the next one adds to; after ``STC`` it is +0."""
    bench, reference = CoreBench(TINY, 5), Reference(TINY)
    program = Program(TINY, bench.rng, reference)
    program.load("A", 1)
    program.load("B", 0)
    program.product(1, 1, 0, dense=False)
    program.emit("HALT")
    later = Program(TINY, bench.rng, reference)
    later.product(1, 1, 0, dense=False)
    later.drain(1)
    later.drain(1)
    later.emit("HALT")
    for part in (program, later):
        bench.feed(part.words, part.a, part.b, part.c)
        assert bench.run()["halted"]
        bench.resume()
    assert bench.d.tokens == reference.d
    assert all(token["data"] == 0 for token in bench.d.tokens[TINY.c_beats:])


def test_compute_goes_on_while_a_result_waits():
    """Nobody takes D for long: the other context computes meanwhile."""
    bench, reference = CoreBench(TINY, 6), Reference(TINY)
    program = Program(TINY, bench.rng, reference)
    program.load("A", 0)
    program.load("B", 0)
    program.product(0, 0, 0, dense=True)
    program.drain(0)
    for _ in range(3):
        program.product(1, 0, 0, dense=True)
    program.drain(1)
    program.emit("HALT")
    bench.feed(program.words, program.a, program.b, program.c)
    bench.d.p = 0
    bench.run_for(250)
    assert bench.counters[-1]["issue"] == 4 * TINY.dense_ohmma_per_tile
    assert bench.status[-1]["busy"]
    bench.d.p = 1
    bench.run()
    assert bench.d.tokens == reference.d


@pytest.mark.parametrize("seed, cycles", [(0, 25), (1, 60), (2, 150)])
def test_reset(seed, cycles):
    """In the middle of anything: contexts are +0 and slots empty, though memories are not."""
    bench = CoreBench(TINY, seed, a=.9, b=.9, d=.5)
    for _ in range(2):
        broken = random_program(TINY, bench.rng, Reference(TINY), 20)
        bench.feed(broken.words, broken.a, broken.b, broken.c)
        bench.run_for(cycles)
        bench.reset()
    unloaded = [word("SPWMMA", a=0, b=1, acc=0), word("WMMA", a=1, b=1, acc=1),
                word("BOHMMA", a=1, b=0, k=2), word("OHMMA", acc=0, g=0, h=1, pred=0)]
    tokens, _ = run_program(bench, [*unloaded, word("STC", acc=0), word("STC", acc=1), HALT],
                            ohmma=TINY.dense_ohmma_per_tile + 1, products=0)
    assert [token["data"] for token in tokens] == [0] * 2 * TINY.c_beats
    run_gemm(bench, (9, 7, 6), (.6, .6), seed=seed, style="spwmma")


def test_reset_after_an_error():
    bench = CoreBench(TINY)
    bench.feed([word("TILE", acc=0, dense=0, ktiles=1), 1 << 1])
    assert bench.run()["error"]
    bench.reset()
    run_gemm(bench, (8, 8, 6), (.6, .6), seed=1)


def error_of(words, code, address, a=(), b=()):
    """The core stops with that status, takes nothing more, and ignores resume."""
    bench = CoreBench(TINY, 9)
    bench.feed([*words, *[word("LDA", slot=0)] * 3], a, b)
    bench.run(2000)
    taken = len(bench.inputs["instr"].tokens)
    bench.resume()
    bench.run_for(20)
    assert bench.status[-1] == {"busy": 0, "halted": 0, "error": 1, "code": code,
                                "address": address}
    assert len(bench.inputs["instr"].tokens) == taken
    return bench


@pytest.mark.parametrize("words, code", [
    ([word("LDC", acc=0), 0], 1), ([word("LDA", slot=0) | 1 << 40], 2),
    ([word("BOHMMA", a=0, b=0, k=TINY.tile_k)], 3), ([word("OHMMA", acc=0, g=0, h=0, pred=0)], 4),
    ([word("LDA", slot=0), word("POPC"), word("OHMMA", acc=0, g=0, h=0, pred=1)], 4),
    ([word("TILE", acc=0, dense=0, ktiles=40), 0, 1 << 63], 7),
])
def test_illegal_words(words, code):
    error_of(words, code, len(words) - 1)


def test_ohmma_needs_a_bohmma_after_resume():
    bench, reference = CoreBench(TINY, 11), Reference(TINY)
    program = Program(TINY, bench.rng, reference)
    program.load("A", 0)
    program.load("B", 0)
    program.micro(0, 0, 0, 1, [(0, 0, 1), (1, 1, 0)])
    program.emit("HALT")
    bench.feed(program.words, program.a, program.b)
    assert bench.run()["halted"]
    bench.resume()
    bench.feed([word("BARRIER"), word("OHMMA", acc=0, g=0, h=0, pred=0), HALT])
    assert bench.run() == {"busy": 0, "halted": 0, "error": 1, "code": 4, "address": 1}


@pytest.mark.parametrize("side, code", [("A", 5), ("B", 6)])
@pytest.mark.parametrize("late", [False, True])
def test_wrong_record(side, code, late):
    """``last`` in a wrong place in the second record."""
    first, second = (Record(TINY, side, random.Random(seed), 1) for seed in (1, 2))
    beats = [dict(beat) for beat in second.beats]
    beats[-1 if late else 0]["last"] ^= 1
    name = "LDA" if side == "A" else "LDB"
    error_of([word(name, slot=0), word(name, slot=1), word("BARRIER")], code, 1,
             **{side.lower(): first.beats + beats})
