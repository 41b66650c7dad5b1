"""Energy from activity, against sums done by hand."""

import numpy as np
import pytest
from power_cells import power_cells

from dstc_hdl.asic.energy import Activity, energy_by_unit, net_loads
from dstc_hdl.asic.flat import FlatCells, FlatNetlist

CLK, X, N, Q, GCK = range(2, 7)


def nets(*numbers):
    return np.array(numbers, np.int32)


def design(flop_clock=CLK, **more):
    """A gate of ``x`` and ``q`` in a unit, and a flip-flop of what it makes, in the top module."""
    cells = {"GATE": FlatCells({"A": nets(X), "B": nets(Q), "Y": nets(N)}, nets(1)),
             "KEEP": FlatCells({"D": nets(N), "CK": nets(flop_clock), "Q": nets(Q)}, nets(0)),
             **more}
    return FlatNetlist(cells, {"clk": ("input", nets(CLK)), "x": ("input", nets(X))},
                       ["", "unit"], 7)


def activity(**others):
    changes, high = np.zeros(7), np.zeros(7)
    changes[[CLK, X, N, Q]] = 20, 4, 6, 3
    high[[CLK, X, N, Q]] = 0.5, 0.5, 0.4, 0.25
    for net, value in others.items():
        changes[int(net[1:])], high[int(net[1:])] = value
    return Activity(10, changes, high, {"KEEP": np.array([4.0])})


def test_loads(tmp_path):
    assert net_loads(design(), power_cells(tmp_path)).tolist() == [0, 0, 4, 3, 1, 2, 0]


def test_every_part_by_hand(tmp_path):
    found = energy_by_unit(design(), power_cells(tmp_path), activity(), 2.0, slew=0.02)
    femto = {unit: {part: 1000 * value for part, value in parts.items()}
             for unit, parts in found.items()}
    # B changes three times, half of them at A = 0, for (3 + 1) / 2; Y six times, 4/7 of them by A
    # for 2.1 at a load of 1, the others by B for 10; 2 square volt over two, 1 fF.
    assert femto["unit"]["logic"] == pytest.approx(
        3 * 0.5 * 2 + 6 * (4 / 7 * 2.1 + 3 / 7 * 10) + 2 * 1 * 6)
    assert femto["unit"]["leakage"] == pytest.approx((0.125 * 4 + 0.125 * 2 + 0.75 * 9) * 20 / 1000)
    # Three of ten edges change the state, for 8 at both edges of the clock, the others for 2.
    assert femto[""]["clock"] == pytest.approx(20 * (0.3 * 8 + 0.7 * 2) + 2 * 4 * 20)
    assert femto[""]["registers"] == pytest.approx(3 * 1 + 2 * 2 * 3)
    assert femto[""]["leakage"] == pytest.approx(5 * 20 / 1000)
    assert femto[""]["logic"] == femto["unit"]["clock"] == femto["unit"]["registers"] == 0


def test_behind_a_clock_gate(tmp_path):
    gate = FlatCells({"CK": nets(CLK), "E": nets(X), "GCK": nets(GCK)}, nets(0))
    found = energy_by_unit(design(GCK, OPENER=gate), power_cells(tmp_path),
                           activity(n6=(6, 0.15)), 2.0, slew=0.02)
    # Every one of the three edges changes the state: 8.  The gate: 5 and a load of 4 on its net,
    # a load of 1 on the clock.
    assert 1000 * found[""]["clock"] == pytest.approx(6 * 8 + 6 * (5 + 2 * 4) + 2 * 1 * 20)


def test_no_activity_leaves_leakage(tmp_path):
    still = Activity(10, np.zeros(7), np.zeros(7), {"KEEP": np.zeros(1)})
    found = energy_by_unit(design(), power_cells(tmp_path), still, 2.0)
    assert all(found[unit][part] == 0 for unit in found for part in ("clock", "registers", "logic"))
    assert found["unit"]["leakage"] == pytest.approx(9 * 20 / 1e6)
