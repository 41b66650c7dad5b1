// AXI4 memory for simulation, in plain Verilog-2001.
//
// Answers reads in order within an ID and in any order, beats interleaved, between IDs.  Waits at
// random on all five channels.  What the master does is checked: every broken rule of AXI4 is told
// and counted in `violations`.
//
// Plus arguments: +latency=N   cycles from an address to its first answer, at least (8)
//                 +jitter=N    further cycles, at random from 0 to N (0)
//                 +stall=N     percent of cycles in which each channel waits (0)
//                 +shuffle=N   percent of beats after which another read may go on (0)
//                 +seed=N      of everything random (1)

`timescale 1ns / 1ps

module axi4_memory #(
  parameter DATA_BITS = 128,
  parameter ADDRESS_BITS = 40,
  parameter ID_BITS = 6,
  parameter [63:0] BASE = 64'd0,        // address of the first word
  parameter DEPTH = 1024,               // words of DATA_BITS
  parameter QUEUE = 16                  // reads, and writes, under way
) (
  input clk,
  input rst,

  input [ID_BITS-1:0] awid,
  input [ADDRESS_BITS-1:0] awaddr,
  input [7:0] awlen,
  input [2:0] awsize,
  input [1:0] awburst,
  input awvalid,
  output reg awready,

  input [DATA_BITS-1:0] wdata,
  input [DATA_BITS/8-1:0] wstrb,
  input wlast,
  input wvalid,
  output reg wready,

  output reg [ID_BITS-1:0] bid,
  output reg [1:0] bresp,
  output reg bvalid,
  input bready,

  input [ID_BITS-1:0] arid,
  input [ADDRESS_BITS-1:0] araddr,
  input [7:0] arlen,
  input [2:0] arsize,
  input [1:0] arburst,
  input arvalid,
  output reg arready,

  output reg [ID_BITS-1:0] rid,
  output reg [DATA_BITS-1:0] rdata,
  output reg [1:0] rresp,
  output reg rlast,
  output reg rvalid,
  input rready
);
  localparam BYTES = DATA_BITS / 8;
  localparam [1:0] OKAY = 2'b00;
  localparam [1:0] DECERR = 2'b11;
  localparam NONE = -1;

  reg [DATA_BITS-1:0] words [0:DEPTH-1];

  integer latency;
  integer jitter;
  integer stall;
  integer shuffle;
  integer seed;
  integer violations;
  integer read_beats;
  integer write_beats;
  integer cycle;

  // Reads under way.
  reg [QUEUE-1:0] read_used;
  reg [ID_BITS-1:0] read_id [0:QUEUE-1];
  reg [63:0] read_address [0:QUEUE-1];
  integer read_left [0:QUEUE-1];        // beats
  integer read_due [0:QUEUE-1];         // cycle
  integer read_number [0:QUEUE-1];      // order of arrival
  integer reads;
  integer current;

  // Writes: addresses whose data come next, in a ring, then answers.
  reg [ID_BITS-1:0] write_id [0:QUEUE-1];
  reg [63:0] write_address [0:QUEUE-1];
  integer write_left [0:QUEUE-1];
  integer write_first;
  integer write_count;
  reg [1:0] write_response;
  reg [QUEUE-1:0] answer_used;
  reg [ID_BITS-1:0] answer_id [0:QUEUE-1];
  reg [1:0] answer_response [0:QUEUE-1];
  integer answer_due [0:QUEUE-1];
  integer answer_number [0:QUEUE-1];
  integer answers;

  // What was offered in the last cycle and not taken.
  reg aw_kept, w_kept, ar_kept;
  reg [ID_BITS+ADDRESS_BITS+12:0] aw_was, ar_was;
  reg [DATA_BITS+BYTES:0] w_was;

  reg found;
  integer slot;
  integer lane;
  integer n;
  integer other;
  integer start;

  initial begin
    latency = 8;
    jitter = 0;
    stall = 0;
    shuffle = 0;
    seed = 1;
    violations = 0;
    read_beats = 0;
    write_beats = 0;
    cycle = 0;
    if ($value$plusargs("latency=%d", latency)) begin end
    if ($value$plusargs("jitter=%d", jitter)) begin end
    if ($value$plusargs("stall=%d", stall)) begin end
    if ($value$plusargs("shuffle=%d", shuffle)) begin end
    if ($value$plusargs("seed=%d", seed)) begin end
    forget;
  end

  task forget;
    begin
      read_used = 0;
      answer_used = 0;
      reads = 0;
      answers = 0;
      write_first = 0;
      write_count = 0;
      write_response = OKAY;
      current = NONE;
      aw_kept = 1'b0;
      w_kept = 1'b0;
      ar_kept = 1'b0;
      {awready, wready, bvalid, arready, rvalid, rlast} <= 6'd0;
    end
  endtask

  function draw;        // 1 in `percent` of all calls
    input integer percent;
    draw = ({$random(seed)} % 100) < percent;
  endfunction

  function in_memory;
    input [63:0] address;
    in_memory = address >= BASE && address < BASE + DEPTH * BYTES;
  endfunction

  function integer index;
    input [63:0] address;
    index = (address - BASE) / BYTES;
  endfunction

  task violation;
    input [8*64-1:0] what;
    begin
      violations = violations + 1;
      if (violations <= 10) $display("AXI4 rule broken at %0t: %0s", $time, what);
    end
  endtask

  task check_address;
    input [63:0] address;
    input [7:0] len;
    input [2:0] size;
    input [1:0] burst;
    begin
      if (burst != 2'b01) violation("burst must be INCR");
      if ((1 << size) != BYTES) violation("size must be that of the bus");
      if ((address & 64'hFFF) + ((len + 1) << size) - (address & (BYTES - 1)) > 4096)
        violation("burst crosses 4 KiB");
    end
  endtask

  // A read that may go on now: due, and the oldest of its ID.
  task pick_read;
    begin
      current = NONE;
      start = {$random(seed)} % QUEUE;
      for (n = 0; n < QUEUE && current == NONE; n = n + 1) begin
        slot = (start + n) % QUEUE;
        if (read_used[slot] && read_due[slot] <= cycle) begin
          found = 1'b1;
          for (other = 0; other < QUEUE; other = other + 1)
            if (read_used[other] && read_id[other] == read_id[slot]
                && read_number[other] < read_number[slot]) found = 1'b0;
          if (found) current = slot;
        end
      end
    end
  endtask

  task pick_answer;
    begin
      found = 1'b0;
      start = {$random(seed)} % QUEUE;
      for (n = 0; n < QUEUE && !found; n = n + 1) begin
        slot = (start + n) % QUEUE;
        if (answer_used[slot] && answer_due[slot] <= cycle) begin
          found = 1'b1;
          for (other = 0; other < QUEUE; other = other + 1)
            if (answer_used[other] && answer_id[other] == answer_id[slot]
                && answer_number[other] < answer_number[slot]) found = 1'b0;
        end
      end
    end
  endtask

  task free_slot;
    input [QUEUE-1:0] used;
    begin
      slot = 0;
      while (used[slot]) slot = slot + 1;
    end
  endtask

  task take_read;
    begin
      check_address(araddr, arlen, arsize, arburst);
      free_slot(read_used);
      read_used[slot] = 1'b1;
      read_id[slot] = arid;
      read_address[slot] = araddr;
      read_left[slot] = arlen + 1;
      read_due[slot] = cycle + latency + {$random(seed)} % (jitter + 1);
      read_number[slot] = reads;
      reads = reads + 1;
    end
  endtask

  task give_read;
    begin
      if (draw(shuffle)) current = NONE;
      if (current == NONE) pick_read;
      if (current == NONE || draw(stall)) rvalid <= 1'b0;
      else begin
        rvalid <= 1'b1;
        rid <= read_id[current];
        rlast <= read_left[current] == 1;
        if (in_memory(read_address[current])) begin
          rdata <= words[index(read_address[current])];
          rresp <= OKAY;
        end else begin
          rdata <= {DATA_BITS / 32{32'hDEADBEEF}};
          rresp <= DECERR;
        end
        read_address[current] = read_address[current] + BYTES;
        read_left[current] = read_left[current] - 1;
        read_beats = read_beats + 1;
        if (read_left[current] == 0) begin
          read_used[current] = 1'b0;
          current = NONE;
        end
      end
    end
  endtask

  task take_write;
    begin
      check_address(awaddr, awlen, awsize, awburst);
      slot = (write_first + write_count) % QUEUE;
      write_id[slot] = awid;
      write_address[slot] = awaddr;
      write_left[slot] = awlen + 1;
      write_count = write_count + 1;
    end
  endtask

  task take_data;
    begin
      slot = write_first;
      if (in_memory(write_address[slot])) begin
        for (lane = 0; lane < BYTES; lane = lane + 1)
          if (wstrb[lane] === 1'b1)
            words[index(write_address[slot])][8*lane +: 8] = wdata[8*lane +: 8];
          else if (wstrb[lane] !== 1'b0) violation("WSTRB is not known");
      end else write_response = DECERR;
      write_address[slot] = write_address[slot] + BYTES;
      write_left[slot] = write_left[slot] - 1;
      write_beats = write_beats + 1;
      if (wlast !== (write_left[slot] == 0)) violation("WLAST is on the wrong beat");
      if (write_left[slot] == 0) begin
        free_slot(answer_used);
        answer_used[slot] = 1'b1;
        answer_id[slot] = write_id[write_first];
        answer_response[slot] = write_response;
        answer_due[slot] = cycle + latency + {$random(seed)} % (jitter + 1);
        answer_number[slot] = answers;
        answers = answers + 1;
        write_first = (write_first + 1) % QUEUE;
        write_count = write_count - 1;
        write_response = OKAY;
      end
    end
  endtask

  task give_answer;
    begin
      pick_answer;
      bvalid <= 1'b0;
      if (found && !draw(stall)) begin
        bvalid <= 1'b1;
        bid <= answer_id[slot];
        bresp <= answer_response[slot];
        answer_used[slot] = 1'b0;
      end
    end
  endtask

  // Nothing that counts is unknown; what is offered stays until taken.
  task check_master;
    begin
      if ((^{awvalid, wvalid, arvalid, bready, rready}) === 1'bx)
        violation("a VALID or READY is not known");
      if (awvalid === 1'b1 && (^{awid, awaddr, awlen, awsize, awburst}) === 1'bx)
        violation("a write address is not known");
      if (arvalid === 1'b1 && (^{arid, araddr, arlen, arsize, arburst}) === 1'bx)
        violation("a read address is not known");
      if (aw_kept && !(awvalid === 1'b1 && aw_was === {awid, awaddr, awlen, awsize, awburst}))
        violation("a write address did not stay until taken");
      if (w_kept && !(wvalid === 1'b1 && w_was === {wdata, wstrb, wlast}))
        violation("write data did not stay until taken");
      if (ar_kept && !(arvalid === 1'b1 && ar_was === {arid, araddr, arlen, arsize, arburst}))
        violation("a read address did not stay until taken");
      aw_kept = awvalid && !awready;
      w_kept = wvalid && !wready;
      ar_kept = arvalid && !arready;
      aw_was = {awid, awaddr, awlen, awsize, awburst};
      w_was = {wdata, wstrb, wlast};
      ar_was = {arid, araddr, arlen, arsize, arburst};
    end
  endtask

  always @(posedge clk) begin
    cycle = cycle + 1;
    if (rst) forget;
    else begin
      check_master;
      if (wvalid && wready) take_data;
      if (awvalid && awready) take_write;
      if (arvalid && arready) take_read;
      if (!rvalid || rready) give_read;
      if (!bvalid || bready) give_answer;
      // Data are taken once their address is known; an answer needs a place.
      wready <= write_count > 0 && !(&answer_used) && !draw(stall);
      awready <= write_count < QUEUE && !draw(stall);
      arready <= !(&read_used) && !draw(stall);
    end
  end
endmodule
