# amaranth: UnusedElaboratable=no
"""What was emitted does what was elaborated: pysim against Verilator and Icarus."""

import subprocess

import numpy as np
import pytest
from amaranth.hdl import ClockDomain, Module
from amaranth.sim import Simulator
from emit_samples import Constants, Lanes, RandomLogic, WideSelects

from dstc_hdl.emit import emit
from dstc_hdl.emit.tools import find_icarus
from dstc_sim.verilator import VectorModel

VECTORS = 300


def pysim(component, inputs, outputs):
    """Output values in every cycle, inputs set after the edge before."""
    top = Module()
    top.domains.sync = ClockDomain()
    top.submodules.component = component
    simulator = Simulator(top)
    simulator.add_clock(1e-6)
    seen = {name: [] for name in outputs}

    async def bench(ctx):
        for n in range(VECTORS):
            for name, values in inputs.items():
                ctx.set(getattr(component, name), int(values[n]))
            await ctx.delay(1e-9)
            for name, signal in outputs.items():
                seen[name].append(ctx.get(signal))
            await ctx.tick()

    simulator.add_testbench(bench)
    simulator.run()
    return seen


def test_merged_lanes_sum_as_the_original():
    rng = np.random.default_rng(3)
    starts = [0, 0, 9, 0, 9]
    words = rng.integers(0, 1 << 60, VECTORS, np.uint64)
    b = rng.integers(0, 256, VECTORS, np.uint8)
    original = Lanes(starts)
    want = pysim(original, {"a": words, "b": b},
                 {"o": original.o, "looked_up": original.looked_up})
    emitted = emit(Lanes(starts), "lanes")
    assert emitted.manifest["modules"] == 1 + 2 + 1  # top, two lanes, one mixer
    got = VectorModel(emitted).run({"a": words, "b": b})
    assert got["o"].tolist() == want["o"]
    assert got["looked_up"].tolist() == want["looked_up"]


@pytest.mark.parametrize("seed", [1, 2])
def test_random_conditions(seed):
    rng = np.random.default_rng(seed)
    inputs = {name: rng.integers(0, 1 << 16, VECTORS, np.uint16) for name in "xy"}
    original = RandomLogic(seed)
    want = pysim(original, inputs, {f"o__{n}": o for n, o in enumerate(original.o)})
    got = VectorModel(emit(RandomLogic(seed), "random_logic")).run(inputs)
    for name, values in want.items():
        assert got[name].tolist() == values, name
    # The sample is only worth its time if conditions decide something.
    assert len({value for values in want.values() for value in values}) > 100


def test_selections_from_wide_signals():
    rng = np.random.default_rng(4)
    wide = rng.integers(0, 1 << 32, (VECTORS, 4), np.uint32)
    wide[:, 3] &= 15
    inputs = {"x": rng.integers(0, 128, VECTORS, np.uint8),
              "y": rng.integers(0, 16, VECTORS, np.uint8)}
    numbers = [int.from_bytes(row.tobytes(), "little") for row in wide]
    original = WideSelects()
    outputs = {name: getattr(original, name) for name in ("bits", "word", "part", "most", "filled")}
    want = pysim(original, {"wide": numbers, **inputs}, outputs)
    emitted = emit(WideSelects(), "wide_selects")
    # The one with 90 bits and the signed one stay shifts.
    assert emitted.verilog.count(" >> ") == 2
    got = VectorModel(emitted).run({"wide": wide, **inputs})
    for name in ("bits", "word", "part", "filled"):
        assert got[name].tolist() == want[name], name
    assert [int.from_bytes(row.tobytes(), "little") for row in got["most"]] == want["most"]


BENCH = """\
module bench;
  wire [8:0] payload;
  wire [4:0] q;
  wire valid;
  constants dut(.select({select}), .o__payload(payload), .o__valid(valid), .o__ready(1'b1),
                .q(q));
  initial begin
    #1 $display("%b %b %b", payload, valid, q);
  end
endmodule
"""


@pytest.mark.parametrize("language", ["2001", "2005", "2012"])
@pytest.mark.parametrize("select, want", [
    ("2'd0", "10_0000_101 1 10010"), ("2'd2", "10_1001_101 1 10011")])
def test_no_x_at_time_zero_in_icarus(tmp_path, language, select, want):
    paths = emit(Constants(), "constants").write(tmp_path)
    bench = tmp_path / "bench.v"
    bench.write_text(BENCH.format(select=select))
    program = tmp_path / "bench.vvp"
    built = subprocess.run([find_icarus(), f"-g{language}", "-Wall", "-o", program, bench,
                            paths[0]], check=True, capture_output=True, text=True)
    assert "never trigger" not in built.stderr
    shown = subprocess.run(["vvp", "-n", program], check=True, capture_output=True, text=True)
    assert shown.stdout.split() == want.replace("_", "").split()
