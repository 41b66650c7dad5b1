"""Buffers in netlists: loads bounded, connections and function as before."""

import copy
import random
import subprocess
from collections import defaultdict

import pytest
from netlists import Cells, flatten, hand_made_library, random_netlist, to_verilog

from dstc.errors import DstcError
from dstc_hdl.asic.fanout import buffer_nets
from dstc_hdl.asic.library import find_library
from dstc_hdl.emit.tools import find_icarus

HAND_MADE = Cells(("GATE", "A", "B", "Y"), ("FLOP", "D", "CK", "Q"))
REAL = {"asic45": Cells(("XNOR2_X1", "A", "B", "ZN"), ("DFF_X1", "D", "CK", "Q")),
        "asic180": Cells(("XNOR2X1", "A", "B", "Y"), ("DFFPOSX1", "D", "CLK", "Q"))}
SEEDS = range(12)


def buffered(netlist, library):
    after = copy.deepcopy(netlist)
    return after, buffer_nets(after, "top", library)


def without_buffers(cells, buffer, into, out):
    """What each sink is driven by, buffers walked through."""
    above = {cell.nets[out]: cell.nets[into] for cell in cells if cell.kind == buffer}

    def source(net):
        while net in above:
            net = above[net]
        return net

    return {cell.path: (cell.kind, {pin: source(net) for pin, net in cell.nets.items()})
            for cell in cells if cell.kind != buffer}, source


@pytest.mark.parametrize("seed", SEEDS)
def test_connections_are_those_of_before(seed, tmp_path):
    library = hand_made_library(tmp_path)
    netlist = random_netlist(random.Random(seed), HAND_MADE)
    after, _ = buffered(netlist, library)
    cells, ports = flatten(netlist)
    cells_after, ports_after = flatten(after)
    found, source = without_buffers(cells_after, "BUF", "I", "Z")
    assert found == {cell.path: (cell.kind, cell.nets) for cell in cells}
    assert {name: [source(net) for net in nets] for name, nets in ports_after.items()} == ports


@pytest.mark.parametrize("seed", SEEDS)
def test_loads_are_bounded_and_buffers_counted(seed, tmp_path):
    library = hand_made_library(tmp_path)
    netlist = random_netlist(random.Random(seed), HAND_MADE, through=False)
    after, count = buffered(netlist, library)
    load = {("GATE", "A"): 3.0, ("GATE", "B"): 2.0, ("FLOP", "D"): 1.5, ("BUF", "I"): 2.5}
    worst = []
    for design in (netlist, after):
        cells, ports = flatten(design)
        loads = defaultdict(float)
        for cell in cells:
            for pin, net in cell.nets.items():
                loads[net] += load.get((cell.kind, pin), 0.0)
        behind = {cell.nets["Z"] for cell in cells if cell.kind == "BUF"}
        clock = ports["clk"][0]
        worst.append([max((loads[net] for net in loads
                           if (net in behind) is inside and net != clock
                           and not net.startswith("constant")), default=0.0)
                      for inside in (False, True)])
    assert count == sum(cell.kind == "BUF" for cell in cells)
    assert worst[0][0] > 40 and count > 0      # there was something to do
    # An output of a module has a load inside of it and one in each module above.
    assert worst[1][0] <= 3 * library.load
    assert worst[1][1] <= 2 * library.load


def test_the_clock_is_left_alone(tmp_path):
    netlist = random_netlist(random.Random(1), HAND_MADE)
    after, _ = buffered(netlist, hand_made_library(tmp_path))
    cells, ports = flatten(after)
    flops = [cell for cell in cells if cell.kind == "FLOP"]
    assert len(flops) > 20
    assert {cell.nets["CK"] for cell in flops} == {ports["clk"][0]}


def test_nothing_is_added_where_loads_are_small(tmp_path):
    netlist = random_netlist(random.Random(2), HAND_MADE)
    after, count = buffered(netlist, hand_made_library(tmp_path, load=1e6))
    assert (after, count) == (netlist, 0)


BENCH = """
module bench;
  reg clk = 0;
  reg [5:0] i;
  wire [3:0] plain, changed;
  integer n, changes = 0, seed = 5;
  reg [3:0] last;
  top one (.clk(clk), .i(i), .o(plain));
  top_buffered two (.clk(clk), .i(i), .o(changed));
  initial begin
    for (n = 0; n < 400; n = n + 1) begin
      i = $random(seed);
      #5 if (plain !== changed) begin $display("DIFFERENT %0d", n); $finish; end
      if (n > 100 && (^plain) !== 1'bx && plain !== last) changes = changes + 1;
      last = plain;
      clk = 1; #5 clk = 0;
    end
    $display("SAME %0d", changes);
  end
endmodule
"""


@pytest.mark.parametrize("target", REAL)
def test_the_function_is_that_of_before(target, tmp_path):
    """Flip-flops start unknown on both sides; an output that changes shows that they do not stay
    so."""
    try:
        library = find_library(target)
    except DstcError as error:
        pytest.skip(str(error))
    rng = random.Random(3)
    netlist = random_netlist(rng, REAL[target])
    after, count = buffered(netlist, library)
    assert count > 5
    renamed = {f"{name}_buffered": module for name, module in after["modules"].items()}
    for module in renamed.values():
        for cell in module["cells"].values():
            if cell["type"] in after["modules"]:
                cell["type"] += "_buffered"
    (tmp_path / "both.v").write_text(to_verilog(netlist) + to_verilog({"modules": renamed})
                                     + BENCH)
    subprocess.run([str(find_icarus()), "-g2012", "-gno-specify", "-s", "bench", "-o",
                    str(tmp_path / "bench.vvp"), str(tmp_path / "both.v"), str(library.models)],
                   check=True, capture_output=True)
    said = subprocess.run(["vvp", "-n", str(tmp_path / "bench.vvp")], check=True,
                          capture_output=True, text=True).stdout
    verdict, number = said.split()[-2:]
    assert verdict == "SAME" and int(number) > 50, said
