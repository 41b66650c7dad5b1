"""README.txt of a bundle."""

import textwrap
from collections.abc import Sequence
from typing import Any

from dstc.accelerator.c_header import HEADER_NAME
from dstc.accelerator.parameters import BURST_BYTES, VERSION, AcceleratorConfig
from dstc.accelerator.registers import SPACE_BYTES
from dstc.config import Config
from dstc_hdl.emit import Emitted

from .recorder import Vectors, base_address

__all__ = ["accelerator_readme", "core_readme"]

WIDTH = 96
CLOCK = """\
CLOCK AND RESET

One clock, clk. rst is synchronous to it and active high; hold it for at least one cycle. With an
AXI system's ARESETn, connect the inverse of the synchronised reset. There are no other clocks, no
latches, no tri-states and no clock gates.

{power_up}

SYNTHESIS

{file} is plain Verilog-2001 without vendor primitives, attributes or includes. Give it to
any tool with {top} as the top module, for example

  yosys -p "read_verilog {file}; synth -top {top}"

Memories have one clock and one write port. Those of tile values and records are read synchronously
(block RAM); those of accumulators and of queues are read combinationally (distributed RAM or
registers). There are no timing exceptions: constrain clk alone.
"""
ACCELERATOR = """\
dstc accelerator, configuration {name}
{rule}

{cores} of the dual-side sparse tensor core ({tile}, {array}, {element}), an AXI4 master of {data}
bits for memory, and an AXI4-Lite slave with an interrupt for control. Registers and memory layouts
have version {major}.{minor}; CONFIG_ID is {config_id:#010x}.

FILES

  {file:26}the device, top module {top}
  {manifest:26}its manifest: parameters, every port, tools, hash of the Verilog
  registers.md, .json       register map
  memory.md                 jobs, programs, directories and records in memory
  convolution-words.md      words for the im2col unit and the epilogue, which programs point to
  {header:26}registers and memory for C99: offsets, fields, packing of records
  bench.v, parameters.vh    self-checking bench in plain Verilog-2001
  axi4_memory.v             the memory of the bench, with checks of the AXI4 rules
  vectors/                  test vectors: memory.hex (before), script.hex (register accesses),
                            expected.hex (after; every other word must be unchanged)
  run.sh                    compiles the bench and runs all vectors

RUN

  sh run.sh

needs a shell and Icarus Verilog, takes from seconds (tiny) to minutes (paper), and ends with PASS
or FAIL; the exit code says the same. Names of vectors after it run those alone. One run by hand,
with waits of the memory or with a trace:

  vvp -n bench.vvp +vectors=vectors/gemm +stall=50 +latency=40 +jitter=20 +shuffle=30 +seed=3
  vvp -n bench.vvp +vectors=vectors/gemm +trace

The vectors (expected results were computed by the golden models of dstc, not by the device):

{vectors}

In the bench, memory starts at {base:#x}. Any other simulator for Verilog-2001 can run it:
compile bench.v, axi4_memory.v and {file} with this folder as include path.

INSTANTIATE

{instance}

PORTS

{ports}

{clock}
BUSES

s_axi is AXI4-Lite with 32-bit data and {space} bytes of registers. Bytes without strobe stay as
they are. An access outside of a register, and a write to one that is read only, is answered with
SLVERR and has no effect.

m_axi is AXI4, {data} bits, little-endian. Bursts are INCR, of full width, and end at multiples of
{burst} bytes. Read IDs are {{core[1:0], channel[3:0]}}; there is one write ID for each core. Reads
of different IDs may be answered in any order and interleaved. RREADY and BREADY are always 1: the
device asks only for what it can take. AxCACHE is 0011, AxPROT 000, AxLOCK and AxQOS 0; there are no
exclusive, fixed or wrapping accesses. Reads may touch up to a whole beat around what is used, but
nothing outside of the window in WINDOW_FIRST and WINDOW_LAST. Memory must be coherent
with the processor that prepares it, or caches must be cleaned before a job and invalidated after.

irq is a level: it stays high until software writes the reason to IRQ_STATUS.

A JOB

 1. Check ID, VERSION and CONFIG_ID: programs are made for one configuration.
 2. Set RING, RING_SIZE, WINDOW_FIRST, WINDOW_LAST and IRQ_ENABLE; write 1 to CONTROL.
 3. Put operands, programs and the job into memory (memory.md); write the number of jobs so far
    to TAIL.
 4. Wait for irq, write 1 to IRQ_STATUS, read STATUS and HEAD. All jobs before HEAD have ended
    and their results are in memory.
 5. If STATUS.error is set, ERROR and ERROR_ADDRESS tell why and where; write 3 to CONTROL, wait
    until CONTROL.clear reads as 0, and start again with 3.

vectors/*/script.hex is this sequence, access by access, with comments.
"""
CORE = """\
dstc core{kind}, configuration {name}
{rule}

The dual-side sparse tensor core ({tile}, {array}, {element}) without a bus: it takes programs and
encoded tiles as streams and gives result tiles as a stream.

FILES

  {file:26}the core, top module {top}
  {manifest:26}its manifest: parameters, every port, tools, hash of the Verilog
  isa.md                    instruction set
  bench.v                   a bench in plain Verilog-2001
  instr.hex, a.hex, b.hex, c.hex   what goes in, one beat a line (TLAST as the top bit)
  expected.hex              what has to come out: a sparse product with C, computed by the golden
                            model of dstc, not by the core
  run.sh                    compiles the bench, runs it and compares

RUN

  sh run.sh

needs a shell and Icarus Verilog, and ends with PASS or FAIL; the exit code says the same.

INSTANTIATE

{instance}

PORTS

{ports}

{streams}

{clock}"""
STREAMS = """\
A stream transfers a beat in every cycle in which valid and ready are 1; what is valid stays until
it is taken. The payload of a, b and d has `last`, the end of a tile record or result tile, as its
top bit. The fields of status and counters are in the manifest."""
AXIS = """\
Every stream is AXI4-Stream with TVALID, TREADY and TDATA; TLAST ends a tile record on A and B and
a result tile on D. There is no TKEEP or TSTRB: every byte counts. clk is ACLK, rst the inverse of
ARESETn, synchronised. error_address is the number of the program word that an error is about."""


def accelerator_readme(emitted: Emitted, accelerator: AcceleratorConfig,
                       vectors: Sequence[Vectors]) -> str:
    """The README of an accelerator's bundle."""
    cores = f"{accelerator.cores} cores" if accelerator.cores > 1 else "One core"
    return _filled(ACCELERATOR.format(
        **_common(emitted, accelerator.name, accelerator.core), cores=cores,
        data=accelerator.data_bits, major=VERSION[0], minor=VERSION[1],
        config_id=accelerator.config_id, base=base_address(accelerator), space=SPACE_BYTES,
        burst=BURST_BYTES, header=HEADER_NAME,
        vectors="\n".join(_entry(each.name, each.about) for each in vectors)))


def core_readme(emitted: Emitted, config: Config) -> str:
    """The README of a bare core's bundle."""
    axis = emitted.manifest["component"] == "StreamCore"
    return _filled(CORE.format(**_common(emitted, config.name, config),
                               kind=" with AXI4-Stream ports" if axis else "",
                               streams=AXIS if axis else STREAMS))


def _common(emitted: Emitted, name: str, config: Config) -> dict[str, str]:
    file, manifest = f"{emitted.name}.v", f"{emitted.name}.json"
    return {
        "name": name, "rule": "=" * WIDTH, "file": file, "manifest": manifest, "top": emitted.name,
        "tile": f"{config.tile_m} x {config.tile_n} x {config.tile_k} tiles",
        "array": f"{config.array_rows} x {config.array_cols} multipliers",
        "element": config.element,
        "instance": _instance(emitted.name, emitted.ports()),
        "ports": _port_table(emitted.ports()),
        "clock": CLOCK.format(file=file, top=emitted.name,
                              power_up=emitted.manifest["power_up"]),
    }


def _filled(text: str) -> str:
    """Paragraphs that are not indented, as wide as the page."""
    return "\n\n".join(
        paragraph.rstrip() if "\n " in f"\n{paragraph}" or "===" in paragraph
        else textwrap.fill(paragraph, WIDTH) for paragraph in text.strip().split("\n\n")) + "\n"


def _entry(name: str, about: str) -> str:
    return textwrap.fill(about, WIDTH, initial_indent=f"  {name:8}", subsequent_indent=" " * 10)


def _port_table(ports: Sequence[dict[str, Any]]) -> str:
    rows = (f"  {port['direction']:8}{port['width']:>6}  {port['name']}\n" for port in ports)
    return "            bits  name\n" + "".join(rows)


def _instance(top: str, ports: Sequence[dict[str, Any]]) -> str:
    """An instance with a signal of the same name at every port."""
    connections = ",\n".join(f"    .{port['name']}({port['name']})" for port in ports)
    return f"  {top} u_dstc (\n{connections}\n  );"
