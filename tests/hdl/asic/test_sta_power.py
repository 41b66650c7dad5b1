"""Energies of real cells against OpenSTA's, for the same activities."""

import pytest
from sta_power import flat_design, propagated, sta_power

from dstc.config import get_config
from dstc.errors import DstcError
from dstc_hdl.arith import make_adder, make_multiplier
from dstc_hdl.asic.energy import energy_by_unit, net_loads
from dstc_hdl.asic.liberty import read_cells
from dstc_hdl.asic.library import find_library
from dstc_hdl.asic.synthesis import synthesize
from dstc_hdl.asic.tools import find_sta
from dstc_hdl.emit import emit

PERIOD, SLEW = 2.0, 0.02
MAKERS = {"multiplier": make_multiplier, "adder": make_adder}


@pytest.mark.skipif(find_sta() is None, reason="OpenSTA is not installed")
@pytest.mark.parametrize("activity, duty", [(0.2, 0.5), (0.4, 0.3)])
@pytest.mark.parametrize("unit", MAKERS)
def test_internal_switching_and_leakage(unit, activity, duty, tmp_path):
    try:
        library = find_library("asic45")
    except DstcError as error:
        pytest.skip(str(error))
    cells, config = read_cells(library.liberty), get_config("tiny")
    emitted = emit(MAKERS[unit](config), f"dstc_{unit}", config)
    netlist = flat_design(synthesize(emitted, library), library, cells, tmp_path)
    theirs = sta_power(emitted.name, tmp_path, PERIOD, SLEW, activity, duty)
    assumed = propagated(netlist, cells, activity, duty)
    [parts] = energy_by_unit(netlist, cells, assumed, PERIOD, slew=SLEW).values()
    watt = {part: energy / assumed.cycles / PERIOD * 1e-3 for part, energy in parts.items()}
    loads, half = net_loads(netlist, cells), 0.5 * cells.volts ** 2 / assumed.cycles / PERIOD * 1e-6
    driven = {int(net) for kind, found in netlist.cells.items() for pin, nets in found.pins.items()
              if cells.cells[kind].pins[pin].direction == "output" for net in nets if net >= 0}
    clock = int(netlist.ports["clk"][1][0])
    switching = sum(half * loads[net] * assumed.changes[net] for net in driven)
    # OpenSTA does not count the load of the clock's own net.
    internal = (watt["clock"] + watt["registers"] + watt["logic"] - switching
                - half * loads[clock] * assumed.changes[clock])
    print(f"{unit}: {internal / theirs.internal:.3f} {switching / theirs.switching:.4f} "
          f"{watt['leakage'] / theirs.leakage:.3f} of OpenSTA's")
    assert switching == pytest.approx(theirs.switching, rel=0.002)
    assert watt["leakage"] == pytest.approx(theirs.leakage, rel=0.06)
    # OpenSTA's shares of an output's energies do not sum to one.
    assert internal == pytest.approx(theirs.internal, rel=0.16)
