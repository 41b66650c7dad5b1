// Self-checking bench of the accelerator, in plain Verilog-2001; see README.txt.
//
// Loads VECTORS/memory.hex, plays the register accesses of VECTORS/script.hex, and compares the
// whole memory with VECTORS/expected.hex.  The last line says PASS or FAIL.
//
// Plus arguments: +vectors=FOLDER  (required)
//                 +limit=N         cycles of any one wait (default below)
//                 +trace           write trace.vcd
//                 and those of axi4_memory.v

`timescale 1ns / 1ps

module bench;
  `include "parameters.vh"
  localparam BYTES = DATA_BITS / 8;

  // Operations of the script: four words each, operation, offset, value, mask.
  localparam [31:0] END = 32'd0;        // nothing follows
  localparam [31:0] WRITE = 32'd1;      // write value
  localparam [31:0] CHECK = 32'd2;      // read; the bits of mask must be those of value
  localparam [31:0] POLL = 32'd3;       // read until the bits of mask are those of value
  localparam [31:0] INTERRUPT = 32'd4;  // wait for the interrupt
  localparam [31:0] QUIET = 32'd5;      // the interrupt must be low

  reg clk = 1'b0;
  reg rst = 1'b1;
  always #5 clk = ~clk;

  reg [11:0] s_awaddr = 0;
  reg s_awvalid = 1'b0;
  wire s_awready;
  reg [31:0] s_wdata = 0;
  reg s_wvalid = 1'b0;
  wire s_wready;
  wire [1:0] s_bresp;
  wire s_bvalid;
  reg s_bready = 1'b0;
  reg [11:0] s_araddr = 0;
  reg s_arvalid = 1'b0;
  wire s_arready;
  wire [31:0] s_rdata;
  wire [1:0] s_rresp;
  wire s_rvalid;
  reg s_rready = 1'b0;
  wire irq;

  wire [5:0] awid, bid, arid, rid;
  wire [ADDRESS_BITS-1:0] awaddr, araddr;
  wire [7:0] awlen, arlen;
  wire [2:0] awsize, arsize;
  wire [1:0] awburst, arburst, bresp, rresp;
  wire [DATA_BITS-1:0] wdata, rdata;
  wire [BYTES-1:0] wstrb;
  wire awvalid, awready, wlast, wvalid, wready, bvalid, bready;
  wire arvalid, arready, rlast, rvalid, rready;

  dstc_accelerator dut (
    .clk(clk), .rst(rst), .irq(irq),
    .s_axi_awaddr(s_awaddr), .s_axi_awprot(3'b000), .s_axi_awvalid(s_awvalid),
    .s_axi_awready(s_awready), .s_axi_wdata(s_wdata), .s_axi_wstrb(4'b1111),
    .s_axi_wvalid(s_wvalid), .s_axi_wready(s_wready), .s_axi_bresp(s_bresp),
    .s_axi_bvalid(s_bvalid), .s_axi_bready(s_bready),
    .s_axi_araddr(s_araddr), .s_axi_arprot(3'b000), .s_axi_arvalid(s_arvalid),
    .s_axi_arready(s_arready), .s_axi_rdata(s_rdata), .s_axi_rresp(s_rresp),
    .s_axi_rvalid(s_rvalid), .s_axi_rready(s_rready),
    .m_axi_awid(awid), .m_axi_awaddr(awaddr), .m_axi_awlen(awlen), .m_axi_awsize(awsize),
    .m_axi_awburst(awburst), .m_axi_awlock(), .m_axi_awcache(), .m_axi_awprot(), .m_axi_awqos(),
    .m_axi_awvalid(awvalid), .m_axi_awready(awready),
    .m_axi_wdata(wdata), .m_axi_wstrb(wstrb), .m_axi_wlast(wlast), .m_axi_wvalid(wvalid),
    .m_axi_wready(wready), .m_axi_bid(bid), .m_axi_bresp(bresp), .m_axi_bvalid(bvalid),
    .m_axi_bready(bready),
    .m_axi_arid(arid), .m_axi_araddr(araddr), .m_axi_arlen(arlen), .m_axi_arsize(arsize),
    .m_axi_arburst(arburst), .m_axi_arlock(), .m_axi_arcache(), .m_axi_arprot(), .m_axi_arqos(),
    .m_axi_arvalid(arvalid), .m_axi_arready(arready),
    .m_axi_rid(rid), .m_axi_rdata(rdata), .m_axi_rresp(rresp), .m_axi_rlast(rlast),
    .m_axi_rvalid(rvalid), .m_axi_rready(rready)
  );

  axi4_memory #(
    .DATA_BITS(DATA_BITS), .ADDRESS_BITS(ADDRESS_BITS), .ID_BITS(6), .BASE(BASE), .DEPTH(DEPTH)
  ) memory (
    .clk(clk), .rst(rst),
    .awid(awid), .awaddr(awaddr), .awlen(awlen), .awsize(awsize), .awburst(awburst),
    .awvalid(awvalid), .awready(awready),
    .wdata(wdata), .wstrb(wstrb), .wlast(wlast), .wvalid(wvalid), .wready(wready),
    .bid(bid), .bresp(bresp), .bvalid(bvalid), .bready(bready),
    .arid(arid), .araddr(araddr), .arlen(arlen), .arsize(arsize), .arburst(arburst),
    .arvalid(arvalid), .arready(arready),
    .rid(rid), .rdata(rdata), .rresp(rresp), .rlast(rlast), .rvalid(rvalid), .rready(rready)
  );

  reg [8*256-1:0] vectors;
  reg [8*280-1:0] name;
  reg [DATA_BITS-1:0] expected [0:DEPTH-1];
  reg [31:0] script [0:4*SCRIPT_LINES-1];
  integer limit;
  integer line;
  integer waited;
  integer wrong;
  integer checked;
  integer word;
  integer lane;
  reg bad;
  reg [31:0] value;
  reg [31:0] value_high;

  // Every way to the end.  $finish has no exit code, so run.sh looks at the last line.
  task finish_as;
    input pass;
    input [8*48-1:0] why;
    begin
      if (pass) $display("PASS");
      else $display("FAIL: %0s", why);
      $finish;
      // Nothing of the script follows.
      forever @(posedge clk);
    end
  endtask

  task fail;
    input [8*48-1:0] why;
    begin
      $display("at cycle %0d, line %0d of the script", memory.cycle, line);
      finish_as(1'b0, why);
    end
  endtask

  // AXI4-Lite: address and data at once, and whichever is taken first waits for the other.
  task write32;
    input [11:0] offset;
    input [31:0] data;
    begin
      s_awaddr <= offset;
      s_awvalid <= 1'b1;
      s_wdata <= data;
      s_wvalid <= 1'b1;
      s_bready <= 1'b1;
      waited = 0;
      @(posedge clk);
      while (!(s_bvalid === 1'b1 && s_bready)) begin
        if (s_awready === 1'b1) s_awvalid <= 1'b0;
        if (s_wready === 1'b1) s_wvalid <= 1'b0;
        waited = waited + 1;
        if (waited > limit) fail("a register write is not answered");
        @(posedge clk);
      end
      s_bready <= 1'b0;
      if (s_bresp !== 2'b00) fail("a register write is refused");
    end
  endtask

  task read32;
    input [11:0] offset;
    output [31:0] data;
    begin
      s_araddr <= offset;
      s_arvalid <= 1'b1;
      s_rready <= 1'b1;
      waited = 0;
      @(posedge clk);
      while (!(s_rvalid === 1'b1 && s_rready)) begin
        if (s_arready === 1'b1) s_arvalid <= 1'b0;
        waited = waited + 1;
        if (waited > limit) fail("a register read is not answered");
        @(posedge clk);
      end
      data = s_rdata;
      s_rready <= 1'b0;
      if (s_rresp !== 2'b00) fail("a register read is refused");
      if ((^data) === 1'bx) fail("a register is not known");
    end
  endtask

  task show_error;
    reg [31:0] code, low, high;
    begin
      read32(REG_ERROR, code);
      read32(REG_ERROR_ADDRESS_LO, low);
      read32(REG_ERROR_ADDRESS_HI, high);
      $display("register ERROR %h (code %0d, core %0d), ERROR_ADDRESS %h%h",
               code, code[7:0], code[15:8], high, low);
    end
  endtask

  task wait_interrupt;
    integer started;
    begin
      started = memory.cycle;
      while (irq !== 1'b1) begin
        if (irq !== 1'b0) fail("irq is not known");
        if (memory.cycle - started > limit) begin
          show_error;
          fail("no interrupt");
        end
        @(posedge clk);
      end
    end
  endtask

  task poll;
    input [11:0] offset;
    input [31:0] want;
    input [31:0] mask;
    integer started;
    begin
      started = memory.cycle;
      read32(offset, value);
      while ((value & mask) !== want) begin
        if (memory.cycle - started > limit) begin
          show_error;
          fail("a register does not get its value");
        end
        read32(offset, value);
      end
    end
  endtask

  task check_register;
    input [11:0] offset;
    input [31:0] want;
    input [31:0] mask;
    begin
      read32(offset, value);
      if ((value & mask) !== want) begin
        $display("register %h is %h, but %h is expected under mask %h", offset, value, want, mask);
        show_error;
        fail("a register has another value");
      end
    end
  endtask

  task play;
    begin
      line = 0;
      while (script[4*line] !== END) begin
        case (script[4*line])
          WRITE: write32(script[4*line+1], script[4*line+2]);
          CHECK: check_register(script[4*line+1], script[4*line+2], script[4*line+3]);
          POLL: poll(script[4*line+1], script[4*line+2], script[4*line+3]);
          INTERRUPT: wait_interrupt;
          QUIET: if (irq !== 1'b0) fail("irq must be low");
          default: fail("unknown operation in the script");
        endcase
        line = line + 1;
      end
    end
  endtask

  // Bits that are X in expected.hex may be anything.
  task compare;
    begin
      wrong = 0;
      checked = 0;
      for (word = 0; word < DEPTH; word = word + 1) begin
        if (expected[word] !== memory.words[word]) begin
          bad = 1'b0;
          for (lane = 0; lane < DATA_BITS; lane = lane + 1)
            if (expected[word][lane] !== 1'bx
                && expected[word][lane] !== memory.words[word][lane]) bad = 1'b1;
          if (bad) begin
            wrong = wrong + 1;
            if (wrong <= 10)
              $display("address %h: %h, but %h is expected", BASE + word * BYTES,
                       memory.words[word], expected[word]);
          end
        end
        checked = checked + 1;
      end
      $display("memory: %0d of %0d words of %0d bytes are wrong", wrong, checked, BYTES);
    end
  endtask

  initial begin
    limit = LIMIT;
    line = 0;
    if ($value$plusargs("limit=%d", limit)) begin end
    if ($test$plusargs("trace")) begin
      $dumpfile("trace.vcd");
      $dumpvars;
    end
    if (!$value$plusargs("vectors=%s", vectors)) finish_as(1'b0, "+vectors=FOLDER is missing");
    // The files name only what is not zero.
    for (word = 0; word < DEPTH; word = word + 1) begin
      memory.words[word] = 0;
      expected[word] = 0;
    end
    $sformat(name, "%0s/memory.hex", vectors);
    $readmemh(name, memory.words);
    $readmemh(name, expected);
    $sformat(name, "%0s/expected.hex", vectors);
    $readmemh(name, expected);
    $sformat(name, "%0s/script.hex", vectors);
    $readmemh(name, script);
    if ((^script[0]) === 1'bx) finish_as(1'b0, "no script");
    repeat (4) @(posedge clk);
    rst <= 1'b0;
    @(posedge clk);
    play;
    read32(REG_JOB_CYCLES_LO, value);
    read32(REG_JOB_CYCLES_HI, value_high);
    $display("last job: %0d cycles; in all %0d cycles, %0d beats read, %0d beats written",
             {value_high, value}, memory.cycle, memory.read_beats, memory.write_beats);
    compare;
    if (memory.violations != 0) finish_as(1'b0, "a rule of AXI4 was broken");
    else if (wrong != 0) finish_as(1'b0, "results differ");
    else finish_as(1'b1, "");
  end
endmodule
