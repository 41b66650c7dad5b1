"""Memories of a design, and their prices as flip-flops, latches and macros."""

import random
import re
import shutil
import subprocess

import pytest

from dstc.errors import DstcError
from dstc_hdl.asic import cacti
from dstc_hdl.asic.cacti import Macro, find_cacti, macro
from dstc_hdl.asic.library import find_library
from dstc_hdl.asic.memories import Memory, MemoryShape, list_memories, unit_name
from dstc_hdl.asic.storage import memory_verilog, storage_areas
from dstc_hdl.emit import Emitted
from dstc_hdl.emit.tools import find_icarus

DESIGN = """
module leaf (input clk, input we, input [2:0] at, input [3:0] d, output [3:0] q, output [3:0] r);
  reg [3:0] words [7:0];
  always @(posedge clk) if (we) words[at] <= d;
  assign q = words[at];
  assign r = words[d[2:0]];
endmodule
module table_ (input clk, input we, input re, input [3:0] at, input [4:0] d, output reg [4:0] q);
  reg [4:0] rows_0 [15:0];
  always @(posedge clk) if (we) rows_0[at] <= d;
  always @(posedge clk) if (re) q <= rows_0[at];
endmodule
module pair (input clk, input we, input [2:0] at, input [3:0] d, output [3:0] q, output [3:0] r);
  wire [3:0] x;
  wire [3:0] y;
  leaf one (.clk(clk), .we(we), .at(at), .d(d), .q(x), .r(q));
  leaf two (.clk(clk), .we(we), .at(at), .d(x), .q(r), .r(y));
endmodule
module design_ (input clk, input we, input re, input [3:0] at, input [4:0] d, output [4:0] q,
               output [3:0] r, output [3:0] s, output [3:0] t, output [3:0] u);
  pair bank_0 (.clk(clk), .we(we), .at(at[2:0]), .d(d[3:0]), .q(r), .r(s));
  leaf bank_1 (.clk(clk), .we(re), .at(at[2:0]), .d(d[3:0]), .q(t), .r(u));
  table_ load_queue (.clk(clk), .we(we), .re(re), .at(at), .d(d), .q(q));
endmodule
"""


def installed(target):
    try:
        return find_library(target)
    except DstcError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("instance, name", [
    ("bank_0_12", "bank"), ("dot_3", "dot"), ("drain$117", "drain"), ("buffer_a", "buffer_a"),
    ("load_a_queue", "queues"), ("drain_queue", "queues")])
def test_names_of_units(instance, name):
    assert unit_name(instance) == name


def test_memories_are_counted_through_the_hierarchy():
    library = installed("asic45")
    found = list_memories(Emitted("design_", DESIGN, {}), library)
    assert found == (Memory("bank", "words", MemoryShape(4, 8, 2, 1, False), 3),
                     Memory("queues", "rows", MemoryShape(5, 16, 1, 1, True), 1))


SHAPES = [MemoryShape(5, 8, 1, 1, False), MemoryShape(3, 6, 2, 1, False),
          MemoryShape(4, 16, 1, 1, True), MemoryShape(4, 4, 1, 2, True)]


@pytest.mark.parametrize("latches", [False, True])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_priced_memories_are_memories(shape, latches, tmp_path):
    """What is mapped to cells reads what was written; with latches, late in the cycle."""
    rng = random.Random(7)
    words = [None] * shape.depth
    steps, expected, held = [], [], [None] * shape.reads
    for _ in range(200):
        drive = []
        ats = [rng.randrange(shape.depth) for _ in range(shape.reads)]
        for n, at in enumerate(ats):
            enabled = shape.registered and rng.random() < 0.7
            drive += [f"raddr{n} = {at};"] + ([f"re{n} = {int(enabled)};"] if shape.registered
                                              else [])
            if enabled:
                held[n] = words[at]
        expected.append(list(held) if shape.registered else [words[at] for at in ats])
        places = rng.sample(range(shape.depth), shape.writes)
        for n, at in enumerate(places):
            write, value = rng.random() < 0.6, rng.getrandbits(shape.width)
            drive += [f"we{n} = {int(write)}; waddr{n} = {at}; wdata{n} = {value};"]
            if write:
                words[at] = value
        order = ("#1 {drive} #8 clk = 1; #1 ; $display({show}); #4 clk = 0; #6 ;"
                 if shape.registered else
                 "#1 {drive} #8 $display({show}); clk = 1; #5 clk = 0; #6 ;")
        steps.append(order.format(drive=" ".join(drive), show=_show(shape)))
    (tmp_path / "bench.v").write_text(memory_verilog(shape, "memory", latches=latches) + _bench(
        shape, steps))
    program = tmp_path / "bench.vvp"
    subprocess.run([str(find_icarus()), "-g2012", "-s", "bench", "-o", str(program),
                    str(tmp_path / "bench.v")], check=True, capture_output=True)
    said = subprocess.run([shutil.which("vvp"), "-n", str(program)], check=True,
                          capture_output=True, text=True).stdout
    got = [[None if "x" in word else int(word, 2) for word in line.split()]
           for line in said.splitlines()]
    assert got == expected
    assert sum(word is not None for row in got for word in row) > 100


def _show(shape):
    return f'"{" ".join(["%b"] * shape.reads)}", ' + ", ".join(
        f"rdata{n}" for n in range(shape.reads))


def _bench(shape, steps):
    names = [f"{name}{n}" for n in range(shape.writes) for name in ("we", "waddr", "wdata")]
    names += [f"{name}{n}" for n in range(shape.reads)
              for name in (("re", "raddr") if shape.registered else ("raddr",))]
    lines = ["module bench;", "  reg clk = 0;"]
    for name in names:
        width = {"we": 1, "re": 1, "wdata": shape.width}.get(
            name[:-1], (shape.depth - 1).bit_length())
        lines.append(f"  reg [{width - 1}:0] {name} = 0;")
    lines += [f"  wire [{shape.width - 1}:0] rdata{n};" for n in range(shape.reads)]
    names += [f"rdata{n}" for n in range(shape.reads)]
    ports = ", ".join(f".{name}({name})" for name in ["clk", *names])
    return "\n".join([*lines, f"  memory dut ({ports});", "  initial begin", *steps, "  end",
                      "endmodule", ""])


def test_latches_are_smaller_than_flip_flops():
    """Bits decide: twice the words are about twice the area, of either kind."""
    library = installed("asic45")
    small, large = MemoryShape(8, 8, 1, 1, False), MemoryShape(8, 16, 1, 1, False)
    areas = storage_areas([small, large], library)
    for flops, latches in areas.values():
        assert 0.4 * flops < latches < 0.9 * flops
    assert 1.7 < areas[large][0] / areas[small][0] < 2.2
    # No smaller than its flip-flops alone.
    assert areas[small][0] > small.bits * library.areas()["DFF_X1"]


def test_a_latch_without_an_area_has_no_price():
    shape = MemoryShape(4, 4, 1, 1, False)
    library = installed("asic180")
    assert library.areas()["LATCH"] == 0
    flops, latches = storage_areas([shape], library)[shape]
    assert flops > shape.bits * library.areas()["DFFPOSX1"] and latches is None


def test_what_is_no_macro_says_why(monkeypatch, tmp_path):
    monkeypatch.setattr(cacti, "find_cacti", lambda: None)
    assert macro(MemoryShape(8, 64, 1, 1, False), "asic45") == "read without a register"
    assert macro(MemoryShape(8, 64, 1, 2, True), "asic45") == "2 write ports"
    assert macro(MemoryShape(8, 64, 1, 1, True), "asic180") == "CACTI has no model of asic180"
    with pytest.raises(DstcError, match=re.escape("(scripts/area_tools.sh builds it)")):
        macro(MemoryShape(8, 64, 1, 1, True), "asic45")


def test_macros_grow_with_their_bits():
    if find_cacti() is None:
        pytest.skip("CACTI is not built (scripts/area_tools.sh builds it)")
    assert macro(MemoryShape(8, 4, 1, 1, True), "asic45") == "too small for CACTI"
    small, large = (macro(MemoryShape(32, depth, 1, 1, True), "asic45") for depth in (64, 4096))
    assert isinstance(small, Macro) and isinstance(large, Macro)
    # A cell of the 45 nm node is between 0.3 and 0.8 um2 with two ports.
    assert 0.3 * 32 * 4096 < large.area < 1.6 * 32 * 4096
    assert 30 < large.area / small.area < 64 and large.access > small.access > 0.2
    copies = macro(MemoryShape(32, 64, 3, 1, True), "asic45")
    assert copies.area == pytest.approx(3 * small.area)
