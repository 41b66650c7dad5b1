"""Steps of every mapping to cells that Yosys would do otherwise: reads of memories, enables.

A memory of flip-flops reads a word by decoding its address once and taking the OR of all words,
each with its line of the decoder: two words share an AND-OR cell, where a tree of multiplexers
takes one for each word.  Registers with an enable share a clock gate where the library has one; a
multiplexer in front of each flip-flop is what is saved.
"""

from .library import CellLibrary

__all__ = ["FILES", "memories", "registers"]

FILES = {"memory.v": """\
(* techmap_celltype = "$mem_v2" *)
module _read_by_and_or (RD_CLK, RD_EN, RD_ARST, RD_SRST, RD_ADDR, RD_DATA,
                        WR_CLK, WR_EN, WR_ADDR, WR_DATA);
parameter MEMID = "", INIT = 0;
parameter SIZE = 1, OFFSET = 0, ABITS = 1, WIDTH = 1, RD_PORTS = 1, WR_PORTS = 1;
parameter RD_CLK_ENABLE = 0, RD_CLK_POLARITY = 0, RD_TRANSPARENCY_MASK = 0;
parameter RD_COLLISION_X_MASK = 0, RD_WIDE_CONTINUATION = 0, RD_CE_OVER_SRST = 0;
parameter RD_ARST_VALUE = 0, RD_SRST_VALUE = 0, RD_INIT_VALUE = 0;
parameter WR_CLK_ENABLE = 0, WR_CLK_POLARITY = 0, WR_PRIORITY_MASK = 0, WR_WIDE_CONTINUATION = 0;
input [RD_PORTS-1:0] RD_CLK, RD_EN, RD_ARST, RD_SRST;
input [RD_PORTS*ABITS-1:0] RD_ADDR;
output [RD_PORTS*WIDTH-1:0] RD_DATA;
input [WR_PORTS-1:0] WR_CLK;
input [WR_PORTS*WIDTH-1:0] WR_EN, WR_DATA;
input [WR_PORTS*ABITS-1:0] WR_ADDR;
// Anything but one write port, and reads in the same cycle, is left to Yosys.
wire _TECHMAP_FAIL_ = OFFSET != 0 || RD_CLK_ENABLE != 0 || WR_PORTS != 1 || WR_CLK_ENABLE != 1
                      || WR_CLK_POLARITY != 1;
genvar n, p, b;
wire [WIDTH*SIZE-1:0] columns;
generate
  for (n = 0; n < SIZE; n = n + 1) begin : words
    reg [WIDTH-1:0] word;
    wire here = WR_ADDR == n;
    for (b = 0; b < WIDTH; b = b + 1) begin : bits
      always @(posedge WR_CLK[0]) if (here && WR_EN[b]) word[b] <= WR_DATA[b];
      assign columns[b*SIZE + n] = word[b];
    end
  end
  for (p = 0; p < RD_PORTS; p = p + 1) begin : reads
    wire [SIZE-1:0] line;
    for (n = 0; n < SIZE; n = n + 1) assign line[n] = RD_ADDR[p*ABITS +: ABITS] == n;
    for (b = 0; b < WIDTH; b = b + 1)
      assign RD_DATA[p*WIDTH + b] = |(line & columns[b*SIZE +: SIZE]);
  end
endgenerate
endmodule
"""}
"""What the scripts need beside the design, by file name."""

GATED = 4
"""The fewest flip-flops that share a clock gate: three multiplexers are as large as one."""


def memories() -> str:
    """Commands between the hierarchy and ``synth``: memories to flip-flops that read by AND-OR.

    Memories are taken as they are in the Verilog, before registers behind a read port are made
    part of them.
    """
    return "\n".join(("proc", "opt_expr", "opt_clean", "memory_collect",
                      "techmap -autoproc -map memory.v"))


def registers(library: CellLibrary) -> str:
    """Commands after ``synth``: registers to flip-flops of the library, enables to clock gates."""
    gates = []
    if library.gate:
        cell, pins = library.gate
        # With reset and enable both, reset becomes an AND and the enable passes it.
        gates = ["dfflegalize -cell $_DFF_P_ 01 -cell $_DFFE_PP_ 01", "opt_clean",
                 f"clockgate -pos {cell} {pins} -min_net_size {GATED}"]
    return "\n".join([*gates, "dfflibmap -liberty cells.lib"])
