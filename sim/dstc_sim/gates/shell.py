"""A netlist behind the ports of a Verilog module, for benches that drive Verilator."""

from collections.abc import Mapping, Sequence
from typing import Any

from dstc_hdl.asic.flat import FlatNetlist
from dstc_hdl.asic.liberty import Cells
from dstc_hdl.emit import content_key, publish

from .model import engine_text
from .plan import PLAN, make_plan

__all__ = ["shell_sources"]

SHELL = """\
module {name}({ports});
{declarations}
  import "DPI-C" function void gates_open(input string path, input int unsigned seed);
  import "DPI-C" function void gates_edge(input bit reset);
  import "DPI-C" function void gates_settle(input bit [{inputs}:0] in,
                                            output bit [{outputs}:0] out);
  reg edges;
  bit [{outputs}:0] out;
  initial begin
    edges = 0;
    gates_open("{path}", $urandom);
  end
{clock}
  always_comb gates_settle({{{inputs_up}'(edges), {values}}}, out);
  assign {{{shown}}} = out[{last}:0];
endmodule
"""
CLOCK = """\
  always @(posedge clk) begin
    gates_edge({reset});
    edges <= ~edges;
  end"""


def shell_sources(name: str, ports: Sequence[Mapping[str, Any]], netlist: FlatNetlist,
                  cells: Cells) -> tuple[str, str]:
    """Verilog of a module with those ports, and the C++ behind it.

    Parameters
    ----------
    name : str
        Of the module.
    ports : sequence
        As in a manifest, with ``name``, ``width`` and ``direction``.
    """
    plan = make_plan(netlist, cells)
    file = publish("gates-plan", content_key(*(array.tobytes() for array in plan.arrays)),
                   plan.write) / PLAN
    ins, outs = ([port for port in ports if port["direction"] == way and port["name"] != "clk"]
                 for way in ("input", "output"))
    names = {port["name"] for port in ports}

    def numbers(some: Sequence[Mapping[str, Any]]) -> list[int]:
        return [int(net) for port in some
                for net in plan.number[netlist.ports[port["name"]][1]]]

    def together(some: Sequence[Mapping[str, Any]]) -> str:
        return ", ".join(port["name"] for port in reversed(some))

    watched = []
    for port in outs:
        stream, _, part = port["name"].rpartition("__")
        if part in ("valid", "ready"):
            watched += [(net, 1) for net in numbers([port])]
        elif part == "payload":
            valid = numbers([{"name": f"{stream}__valid"}])[0]
            watched += [(net, valid) for net in numbers([port])]
    wide_in, wide_out = (sum(port["width"] for port in some) for some in (ins, outs))
    text = SHELL.format(
        name=name, ports=", ".join(port["name"] for port in ports), path=file,
        declarations="\n".join(f"  {port['direction']} [{port['width'] - 1}:0] {port['name']};"
                               for port in ports),
        # Wide enough to be passed as words in any case.
        inputs=wide_in + 63, inputs_up=64, outputs=wide_out + 63, last=wide_out - 1,
        clock=CLOCK.format(reset="rst" if "rst" in names else "1'b0") if "clk" in names else "",
        values=together(ins), shown=together(outs))

    def listed(items: Sequence[Any]) -> str:
        return ", ".join(map(str, items))

    pairs = listed([f"{{{net}, {valid}}}" for net, valid in watched] or ["{1, 1}"])
    code = (f"#define INPUTS {listed(numbers(ins))}\n#define OUTPUTS {listed(numbers(outs))}\n"
            f"#define WATCHED {pairs}\n")
    return text, code + engine_text(plan, "shell.cpp")
