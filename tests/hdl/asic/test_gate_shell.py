"""A netlist behind Verilog ports, under Verilator: what comes out, and what the reset missed."""

import subprocess

from power_cells import power_cells

from dstc_hdl.asic.flat import flatten
from dstc_hdl.emit.tools import find_verilator, verilator_environment
from dstc_sim.gates.shell import shell_sources

# Bit 1 of a beat is a flip-flop that keeps what it starts with: nobody resets it.
CELLS = {
    "valid": ("FLOP", {"D": [3], "R": [2], "CK": [1], "Q": [5]}),
    "payload": ("FLOP", {"D": [4], "R": [2], "CK": [1], "Q": [6]}),
    "lost": ("KEEP", {"D": [7], "CK": [1], "Q": [7]}),
    "not": ("GATE", {"A": [4], "B": [4], "Y": [8]})}
PORTS = {"clk": ("input", [1]), "rst": ("input", [2]), "i__valid": ("input", [3]),
         "i__payload": ("input", [4]), "d__valid": ("output", [5]),
         "d__payload": ("output", [6, 7]), "opposite": ("output", [8])}
MAIN = r"""
#include <cstdio>
#include "Vunit.h"
#include "verilated.h"
int main() {
    Vunit top;
    for (int cycle = 0; cycle < 12; ++cycle) {
        top.clk = 0;
        top.rst = cycle < 2;
        top.i___05Fvalid = cycle == 8;
        top.i___05Fpayload = cycle & 1;
        top.eval();
        std::printf("%d%d%d%d ", cycle & 1, top.d___05Fvalid, top.d___05Fpayload & 1, top.opposite);
        std::fflush(stdout);
        top.clk = 1;
        top.eval();
    }
}
"""


def test_values_and_a_state_that_the_reset_misses(tmp_path):
    modules = {"unit": {
        "ports": {name: {"direction": way, "bits": bits} for name, (way, bits) in PORTS.items()},
        "cells": {name: {"type": kind, "connections": pins}
                  for name, (kind, pins) in CELLS.items()}}}
    cells = power_cells(tmp_path)
    ports = [{"name": name, "direction": way, "width": len(bits)}
             for name, (way, bits) in PORTS.items()]
    text, code = shell_sources("unit", ports, flatten(modules, "unit", cells), cells)
    (tmp_path / "unit.v").write_text(text)
    (tmp_path / "gates.cpp").write_text(code)
    (tmp_path / "main.cpp").write_text(MAIN)
    subprocess.run([str(find_verilator()), "--cc", "--exe", "--build", "-Wno-fatal", "-O0",
                    "-MAKEFLAGS", "OPT_FAST=-O0 OPT_SLOW=-O0 OPT_GLOBAL=-O0", "--top-module",
                    "unit", "unit.v", "gates.cpp", "main.cpp"], cwd=tmp_path, check=True,
                   env=verilator_environment(), capture_output=True)
    done = subprocess.run([tmp_path / "obj_dir/Vunit"], capture_output=True, text=True, check=False)
    shown = [tuple(map(int, each)) for each in done.stdout.split() if each.isdigit()]
    # The beat of cycle 8 is on offer in cycle 9, whose edge finds the bit that is not known.
    assert len(shown) == 10 and done.returncode
    assert "A stream depends on the state before the reset" in done.stdout + done.stderr
    assert [opposite for *_, opposite in shown] == [1 - now for now, *_ in shown]
    assert [valid for _, valid, *_ in shown[1:]] == [0] * 8 + [1]
    assert [low for _, _, low, _ in shown[3:]] == [now for now, *_ in shown[2:-1]]
