"""A plain Verilog bench for the core: inputs by ``$readmemh``, outputs by ``$fwrite``.

It needs nothing but a Verilog-2001 simulator, so it also goes out with ``dstc verilog``.  It
checks that no output that means something is ever X or Z, and ends with a file that says how the
run ended.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dstc.config import Config

from .runs import COUNTERS, MAX_CYCLES, QUIET_LIMIT, STREAMS, CoreJob, Stall

__all__ = ["FILES", "bench_text", "d_lines", "plus_arguments", "totals_of", "write_inputs"]

FILES = {"instr": "instr.hex", "a": "a.hex", "b": "b.hex", "c": "c.hex"}
"""Input file of each stream: one payload per line, hexadecimal, ``last`` as the top bit."""

BENCH = """\
// Runs one program on {top}: reads instr.hex, a.hex, b.hex and c.hex, writes d.hex and end.txt.
// Lengths, limits and waiting are given by +name=value; see the plus arguments below.
`timescale 1ns / 1ps

module bench;
  localparam DEPTH = {depth};
{declarations}
  reg clk = 1'b0;
  reg rst = 1'b1;
  wire [38:0] status;
  wire [335:0] counters;
  reg [63:0] cycle = 64'd0;
  reg [63:0] quiet = 64'd0;
  reg [63:0] max_cycles;
  reg [63:0] quiet_limit;
  reg moved;
  reg running = 1'b1;
  integer d_file;
  integer end_file;

  always #5 clk = ~clk;

  {top} dut (
{connections},
    .clk(clk), .rst(rst), .resume(1'b0), {observed}
  );

  // splitmix64; a threshold of 0 takes no number.
  task draw;
    inout [63:0] state;
    input [31:0] threshold;
    output waits;
    reg [63:0] z;
    begin
      waits = 1'b0;
      if (threshold != 32'd0) begin
        state = state + 64'h9E3779B97F4A7C15;
        z = (state ^ (state >> 30)) * 64'hBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 64'h94D049BB133111EB;
        z = z ^ (z >> 31);
        waits = z[63:32] < threshold;
      end
    end
  endtask

  task finish_as;
    input [8*16-1:0] outcome;
    begin
      end_file = $fopen("end.txt", "w");
      $fwrite(end_file, "outcome %0s\\ncycles %0d\\nstatus %b\\n", outcome, cycle, status);
{report}
      // The counters are final one cycle after the core has stopped.
{withdraw}
      d_ready = 1'b0;
      @(posedge clk);
      #8 $fwrite(end_file, "counters %b\\n", counters);
      $fclose(end_file);
      $fclose(d_file);
      running = 1'b0;
    end
  endtask

  task check;
    begin
      if ((^{{status, counters, d_valid, {readies}}}) === 1'bx) finish_as("unknown_control");
      else if (d_valid && (^d_payload) === 1'bx) finish_as("unknown_data");
    end
  endtask

  initial begin
    max_cycles = 64'd{max_cycles};
    quiet_limit = 64'd{quiet_limit};
    if ($value$plusargs("max_cycles=%d", max_cycles)) begin end
    if ($value$plusargs("quiet_limit=%d", quiet_limit)) begin end
{setup}
    d_file = $fopen("d.hex", "w");
    repeat (2) @(posedge clk);
    #1 rst = 1'b0;
    while (running) begin
{drive}
      draw(d_state, d_stall, d_waits);
      d_ready = !d_waits;
      #7 check;
      if (!running) begin end
      else if (cycle == max_cycles) finish_as("cycle_limit");
      else if (status[2:1] != 2'b00) finish_as("stopped");
      else begin
        moved = d_valid && d_ready;
{fires}
        if (moved) quiet = 64'd0; else quiet = quiet + 64'd1;
        if (d_valid && d_ready) begin
          if (d_next == d_total) finish_as("too_many_beats");
          else begin
            $fwrite(d_file, "%h\\n", d_payload);
            d_next = d_next + 1;
          end
        end
        @(posedge clk);
        #1;
{taken}
        if (running) begin
          cycle = cycle + 64'd1;
          if (quiet == quiet_limit) begin
            #7 finish_as("no_progress");
          end
        end
      end
    end
    $finish;
  end
{dump}endmodule
"""
DECLARE = """\
  reg [{high}:0] {name}_memory [0:DEPTH-1];
  reg [{high}:0] {name}_payload;
  reg {name}_valid = 1'b0;
  wire {name}_ready;
  reg {name}_waits;
  reg {name}_fires;
  reg [63:0] {name}_state;
  reg [31:0] {name}_stall;
  integer {name}_next = 0;
  integer {name}_total;"""
DECLARE_D = """\
  wire [{high}:0] d_payload;
  wire d_valid;
  reg d_ready = 1'b0;
  reg d_waits;
  reg [63:0] d_state;
  reg [31:0] d_stall;
  integer d_next = 0;
  integer d_total;"""
SETUP = """\
    {name}_total = {total};
    {name}_stall = 32'd0;
    {name}_state = 64'd0;
    if ($value$plusargs("{name}_total=%d", {name}_total)) begin end
    if ($value$plusargs("{name}_stall=%d", {name}_stall)) begin end
    if ($value$plusargs("{name}_state=%h", {name}_state)) begin end"""
READ = """\
    if ({name}_total > 0) $readmemh("{file}", {name}_memory, 0, {name}_total - 1);"""
DRIVE = """\
      if (!{name}_valid && {name}_next < {name}_total) begin
        draw({name}_state, {name}_stall, {name}_waits);
        if (!{name}_waits) begin
          {name}_payload = {name}_memory[{name}_next];
          {name}_valid = 1'b1;
        end
      end"""
FIRES = """\
        {name}_fires = {name}_valid && {name}_ready;
        moved = moved || {name}_fires;"""
TAKEN = """\
        if ({name}_fires) begin
          {name}_next = {name}_next + 1;
          {name}_valid = 1'b0;
        end"""
REPORT = """\
      $fwrite(end_file, "{name} %0d %b%b\\n", {name}_next, {name}_ready, {name}_valid);"""
WITHDRAW = """\
      {name}_valid = 1'b0;"""
CORE_STREAMS = ",\n".join(f"    .{name}__payload({name}_payload), .{name}__valid({name}_valid), "
                          f".{name}__ready({name}_ready)" for name in STREAMS)
CORE_OBSERVED = ".status(status), .counters(counters)"
LASTS = "abd"
"""Streams whose top bit is ``last``."""
DUMP = """
  initial begin
    $dumpfile("trace.vcd");
    $dumpvars;
  end
"""


def bench_text(top: str, config: Config, depth: int, *, totals: dict[str, int] | None = None,
               trace: bool = False, axis: bool = False) -> str:
    """The bench for a core.

    Parameters
    ----------
    top : str
        The core's module.
    config : Config
        Gives the widths.
    depth : int
        Beats that the memories of the bench hold, at least those of the longest stream.
    totals : dict, optional
        Beats of each stream where no plus argument says otherwise; 0 by default.
    trace : bool
        Whether to write ``trace.vcd``.
    axis : bool
        The module is ``stream_core``, with AXI4-Stream ports, not ``core``.
    """
    totals = totals or {}
    sources = STREAMS[:-1]
    highs = {"instr": 63, "a": config.a_beat_bits, "b": config.b_beat_bits,
             "c": config.c_beat_bits - 1, "d": config.c_beat_bits}

    def each(template: str, names: tuple[str, ...] = sources) -> str:
        return "\n".join(template.format(name=name, high=highs[name], file=FILES.get(name),
                                         total=totals.get(name, 0)) for name in names)

    connections, observed = _axis_ports(highs) if axis else (CORE_STREAMS, CORE_OBSERVED)
    return BENCH.format(
        top=top, depth=depth, connections=connections, observed=observed, max_cycles=MAX_CYCLES,
        quiet_limit=QUIET_LIMIT, declarations=f"{each(DECLARE)}\n{each(DECLARE_D, ('d',))}",
        readies=", ".join(f"{name}_ready" for name in sources),
        setup=f"{each(SETUP, STREAMS)}\n{each(READ)}", drive=each(DRIVE), fires=each(FIRES),
        taken=each(TAKEN), report=each(REPORT, STREAMS), withdraw=each(WITHDRAW),
        dump=DUMP if trace else "")


def _axis_ports(highs: dict[str, int]) -> tuple[str, str]:
    """Connections of the streams of ``stream_core``, and of its status and counters."""
    lines = []
    for name in STREAMS:
        port, high = f"{'m' if name == 'd' else 's'}_axis_{name}", highs[name]
        data = f"{name}_payload"
        if name in LASTS:
            lines.append(f"    .{port}_tlast({data}[{high}])")
            data += f"[{high - 1}:0]"
        lines.append(f"    .{port}_tdata({data}), .{port}_tvalid({name}_valid), "
                     f".{port}_tready({name}_ready)")
    status = ("busy(status[0])", "halted(status[1])", "error(status[2])",
              "error_code(status[6:3])", "error_address(status[38:7])")
    counters = (f"counter_{name}(counters[{48 * n + 47}:{48 * n}])"
                for n, name in enumerate(COUNTERS))
    return ",\n".join(lines), ",\n    ".join(f".{each}" for each in (*status, *counters))


def totals_of(job: CoreJob) -> dict[str, int]:
    """Beats of each stream of a job."""
    return {"instr": len(job.words), "a": len(job.a_data), "b": len(job.b_data),
            "c": len(job.c_data), "d": job.d_beats}


def plus_arguments(job: CoreJob, stall: Stall, max_cycles: int, quiet_limit: int) -> list[str]:
    """Arguments of the simulation that belong to a job."""
    limits, states = stall.thresholds(), stall.states()
    per_stream = [f"+{name}_{what}={value}" for name, total in totals_of(job).items()
                  for what, value in (("total", total), ("stall", limits[name]),
                                      ("state", f"{states[name]:x}"))]
    return [*per_stream, f"+max_cycles={max_cycles}", f"+quiet_limit={quiet_limit}"]


def write_inputs(folder: Path, job: CoreJob) -> None:
    """Write the input files of a job."""
    streams = {"instr": (job.words.astype("<u8").view(np.uint8).reshape(-1, 8), None),
               "a": (job.a_data, job.a_last), "b": (job.b_data, job.b_last),
               "c": (job.c_data, None)}
    for name, (data, last) in streams.items():
        (folder / FILES[name]).write_text(_hex_lines(data, last), encoding="ascii")


def d_lines(beats: NDArray[np.uint8], config: Config) -> str:
    """The lines of ``d.hex`` for the beats of whole tiles."""
    last = np.arange(1, len(beats) + 1) % config.c_beats == 0
    return _hex_lines(beats, last)


def _hex_lines(data: NDArray[np.uint8], last: NDArray[np.bool_] | None) -> str:
    tops = ["" if last is None else f"{int(bit)}" for bit in (
        last if last is not None else np.zeros(len(data)))]
    return "".join(f"{top}{row.tobytes().hex()}\n"
                   for top, row in zip(tops, data[:, ::-1], strict=True))
