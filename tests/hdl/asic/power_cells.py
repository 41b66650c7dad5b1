"""A library written by hand, with functions, states and energies; netlists with streams of it."""

import random
from pathlib import Path

from netlists import Cells, random_netlist

from dstc_hdl.asic.liberty import read_cells

__all__ = ["POWER", "power_cells", "streaming_netlist"]

POWER = r"""
/* Not a real library. */
library (by_hand) {
  time_unit : "1ns"; voltage_unit : "1V"; leakage_power_unit : "1nW";
  capacitive_load_unit (1,ff);
  nom_voltage : 2.0;
  cell (GATE) {
    area : 2;
    cell_leakage_power : 9.0;
    leakage_power () { when : "A & B"; value : 4.0; }
    leakage_power () { when : "!A & B"; value : 2.0; }
    pin (A) { direction : input; capacitance : 3.0; }
    pin (B) {
      direction : input; capacitance : 2.0;
      internal_power () { when : "!A"; rise_power (scalar) { values ("3.0"); }
                                       fall_power (scalar) { values ("1.0"); } }
    }
    pin (Y) {
      direction : output; function : "!(A & B)";
      internal_power () {
        related_pin : "A";
        rise_power (grid) { index_1 ("0.01, 0.03"); index_2 ("0.0, 10.0");
                            values ("1.0, 2.0", \
                                    "3.0, 4.0"); }
        fall_power (grid) { index_1 ("0.01, 0.03"); index_2 ("0.0, 10.0");
                            values ("1.0, 2.0", "3.0, 4.0"); }
      }
      internal_power () {
        related_pin : "B";
        power (scalar) { values ("10.0"); }
      }
    }
  }
  cell (FLOP) {
    area : 7;
    ff (IQ, IQN) { next_state : "D & !R"; clocked_on : "CK"; }
    cell_leakage_power : 5.0;
    pin (D) { direction : input; capacitance : 1.0; }
    pin (R) { direction : input; capacitance : 1.0; }
    pin (CK) {
      direction : input; clock : true; capacitance : 4.0;
      internal_power () { power (scalar) { values ("6.0"); } }
    }
    pin (Q) { direction : output; function : "IQ"; }
    pin (QN) { direction : output; function : "IQN"; }
  }
  cell (KEEP) {
    area : 7;
    ff (IQ, IQN) { next_state : "D"; clocked_on : "CK"; }
    cell_leakage_power : 5.0;
    pin (D) { direction : input; capacitance : 1.0; }
    pin (CK) {
      direction : input; clock : true; capacitance : 4.0;
      internal_power () { when : "D & !Q | !D & Q"; power (scalar) { values ("8.0"); } }
      internal_power () { when : "D & Q | !D & !Q"; power (scalar) { values ("2.0"); } }
    }
    pin (Q) { direction : output; function : "IQ";
              internal_power () { related_pin : CK; power (scalar) { values ("1.0"); } } }
    pin (QN) { direction : output; function : "IQN"; }
  }
  cell (ASYNC) {
    ff (IQ, IQN) { next_state : "D"; clocked_on : "CK"; clear : "!RN"; }
    pin (D) { direction : input; } pin (CK) { direction : input; } pin (RN) { direction : input; }
    pin (Q) { direction : output; function : "IQ"; }
  }
  cell (OPENER) {
    clock_gating_integrated_cell : latch_posedge;
    cell_leakage_power : 1.0;
    pin (CK) { direction : input; capacitance : 1.0; clock_gate_clock_pin : true; }
    pin (E) { direction : input; capacitance : 1.0; clock_gate_enable_pin : true; }
    pin (GCK) { direction : output; clock_gate_out_pin : true;
                internal_power () { related_pin : CK; power (scalar) { values ("5.0"); } } }
  }
  cell (BUF) {
    cell_leakage_power : 1.0;
    pin (I) { direction : input; capacitance : 2.0; }
    pin (Z) { direction : output; function : "I"; }
  }
  cell (HIGH) { pin (Z) { direction : output; function : "1"; } }
}
"""


def power_cells(folder: Path, text: str = POWER):
    """The library, read."""
    path = folder / "power.lib"
    path.write_text(text)
    return read_cells(path)


def _cell(kind, **connections):
    return {"type": kind, "connections": {pin: [net] if isinstance(net, int | str) else net
                                          for pin, net in connections.items()}}


def streaming_netlist(seed):
    """Modules with a stream ``i`` of six bits into random logic and a stream ``d`` of eight out.

    A beat goes out one cycle after the one that came in.  One flip-flop has a gated clock behind
    a buffer, one has only its inverse in use.
    """
    parts = Cells(("GATE", "A", "B", "Y"), ("FLOP", "D", "CK", "Q"))
    modules = random_netlist(random.Random(seed), parts)["modules"]
    for module in modules.values():
        module["ports"]["rst"] = {"direction": "input", "bits": [9999]}
        for cell in module["cells"].values():
            cell["connections"]["R" if cell["type"] == "FLOP" else "rst"] = [9999]
            if cell["type"] == "GATE":
                del cell["connections"]["rst"]
    beat, out = list(range(10, 16)), [20, 21, 22, 23]
    modules["shell"] = {
        "ports": {
            "clk": {"direction": "input", "bits": [1]}, "rst": {"direction": "input", "bits": [2]},
            "i__valid": {"direction": "input", "bits": [3]},
            "i__ready": {"direction": "output", "bits": [4]},
            "i__payload": {"direction": "input", "bits": beat},
            "d__valid": {"direction": "output", "bits": [5]},
            "d__ready": {"direction": "input", "bits": [6]},
            "d__payload": {"direction": "output", "bits": [*out, 31, 33, "0", "1"]}},
        "cells": {
            "high": _cell("HIGH", Z=4),
            "valid": _cell("FLOP", D=3, R=2, CK=1, Q=5),
            "logic": _cell("top", clk=1, rst=2, i=beat, o=out),
            "not_rst": _cell("GATE", A=2, B=2, Y=28),
            "enable": _cell("GATE", A=28, B=10, Y=29),
            "opener": _cell("OPENER", CK=1, E=29, GCK=30),
            "leaf": _cell("BUF", I=30, Z=32),
            "gated": _cell("FLOP", D=11, R=2, CK=32, Q=31),
            "inverse": _cell("FLOP", D=12, R=2, CK=1, QN=33)}}
    return modules
