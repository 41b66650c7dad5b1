"""OpenSTA's power report of a small flat netlist, and the activities that it makes up for it.

OpenSTA 2.0.17 keeps no activity of an inner pin: it works all of them out from those of the
inputs, as if nets were independent, and fails on netlists with hierarchy or many cells.  It adds
the rising and the falling energy of a cell for every change, where later releases take their mean,
so its internal energy comes halved here.  It takes a cell's leakage as one number.  The load that
the library's file assumes for wires by default is taken out of the copy that it reads.
"""

import json
import re
from dataclasses import dataclass

import numpy as np

from dstc_hdl.asic.energy import Activity
from dstc_hdl.asic.flat import flatten
from dstc_hdl.asic.functions import parse_function
from dstc_hdl.asic.tools import call, find_sta, find_yosys

__all__ = ["StaPower", "flat_design", "propagated", "sta_power"]

FLATTEN = """
read_verilog netlist.v
read_liberty -lib -overwrite cells.lib
hierarchy -top {top}
flatten
opt_clean -purge
write_json flat.json
splitnets
write_verilog -noattr -noexpr -nohex -nodec flat.v
"""
POWER = """
read_liberty cells.lib
read_verilog flat.v
link_design {top}
create_clock -name clk -period {period} [get_ports clk]
set_input_transition {slew} [all_inputs]
# Activity of a net counts by the period of its clock, which comes from where its paths begin.
set_input_delay 0 -clock clk [all_inputs]
set_power_activity -input -activity {activity} -duty {duty}
report_power -digits 8
exit
"""


@dataclass(frozen=True)
class StaPower:
    """Watt."""

    internal: float
    switching: float
    leakage: float


def flat_design(netlist, library, cells, folder):
    """A mapped design without its hierarchy; leaves its files in the folder."""
    (folder / "netlist.v").write_text((netlist.folder / "netlist.v").read_text())
    text = library.liberty.read_text(encoding="utf-8", errors="replace")
    (folder / "cells.lib").write_text(re.sub(r"\n\s*default_wire_load\s*:[^\n]*", "", text))
    (folder / "flatten.ys").write_text(FLATTEN.format(top=netlist.top))
    call([find_yosys(), "-q", "-l", "flatten.log", "-s", "flatten.ys"], folder)
    return flatten(json.loads((folder / "flat.json").read_text())["modules"], netlist.top, cells)


def sta_power(top, folder, period, slew, activity, duty):
    """What OpenSTA says of the design in the folder."""
    (folder / "power.tcl").write_text(POWER.format(top=top, period=period, slew=slew,
                                                   activity=activity, duty=duty))
    report = call([find_sta(), "-no_splash", "-exit", "power.tcl"], folder)
    rows = re.findall(r"^(?:Sequential|Combinational)\s+(\S+)\s+(\S+)\s+(\S+)", report, re.M)
    internal, switching, leakage = (sum(float(row[n]) for row in rows) for n in range(3))
    return StaPower(internal / 2, switching, leakage)


def propagated(netlist, cells, activity, duty, cycles=1000):
    """Activities of all nets from those of the inputs, by OpenSTA's rules; no feedback."""
    known = {0: (0.0, 0.0), 1: (0.0, 1.0)}
    for name, (way, nets) in netlist.ports.items():
        if way == "input":
            known |= dict.fromkeys(nets.tolist(), (2.0, 0.5) if name == "clk"
                                   else (activity, duty))
    waiting = []
    for kind, found in netlist.cells.items():
        cell = cells.cells[kind]
        for pin in cell.named("output"):
            function = cell.flop["next_state"] if cell.flop else cell.pins[pin].function
            inverse = bool(cell.flop) and cell.pins[pin].function == cell.flop["inverse"]
            for n, net in enumerate(found.pins.get(pin, np.zeros(0, int)).tolist()):
                if net >= 0:
                    waiting.append((net, parse_function(function), inverse,
                                    {name: int(nets[n]) for name, nets in found.pins.items()}))
    while waiting:
        later = []
        for net, function, inverse, pins in waiting:
            if all(pins[pin] in known for pin in function.pins):
                density, high = _density(function, {pin: known[pins[pin]]
                                                    for pin in function.pins})
                known[net] = density, 1 - high if inverse else high
            else:
                later.append((net, function, inverse, pins))
        assert len(later) < len(waiting), "feedback"
        waiting = later
    changes, high = np.zeros(netlist.nets), np.zeros(netlist.nets)
    for net, (density, level) in known.items():
        changes[net], high[net] = density * cycles, level
    differs = {}
    for kind, found in netlist.cells.items():
        if cells.cells[kind].flop:
            level = high[found.pins[cells.cells[kind].flop["next_state"]]]
            differs[kind] = 2 * level * (1 - level) * cycles
    return Activity(cycles, changes, high, differs)


def _density(function, pins):
    """Changes in a cycle and part of the time at 1."""
    sign, parts = function.sign, function.parts
    if not sign:
        return pins[parts[0]] if parts[0] in pins else (0.0, float(parts[0]))
    (one, high), *others = (_density(part, pins) for part in parts)
    if sign == "~":
        return one, 1 - high
    [(other, level)] = others
    if sign == "&":
        return one * level + other * high, high * level
    if sign == "|":
        return one * (1 - level) + other * (1 - high), 1 - (1 - high) * (1 - level)
    first, second = high * (1 - level), level * (1 - high)
    return one * first + other * second, first + second
