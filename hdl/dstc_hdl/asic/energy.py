"""Energy of a netlist from what switched in it: charge of nets, energies of cells, leakage.

Every change of a net charges or discharges the pins on it: half of their capacitance times the
square of the supply.  What a change costs inside of a cell, and what a cell leaks, the library
tells by conditions on its pins; they are weighted with how often they held.  An output's energies
are shared out among its inputs by how often each changed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from .flat import FlatCells, FlatNetlist
from .functions import parse_function
from .liberty import Cell, CellPin, Cells, Energy

__all__ = ["PARTS", "SLEW_NS", "Activity", "energy_by_unit", "net_loads"]

SLEW_NS = 0.02
"""Slew of every input: the median of OpenSTA's own for a multiplier-adder, to a digit."""

PARTS = ("clock", "registers", "logic", "leakage")
"""What an energy is for: the clock pins, clock gates and clock nets; the rest of the flip-flops
with the nets that they drive; all other cells with theirs; leakage of everything."""

Numbers = NDArray[np.float64]
State = dict[str, int]


@dataclass(frozen=True, eq=False)
class Activity:
    """What switched.

    Attributes
    ----------
    cycles : int
    changes : array
        Of each net, in all cycles.
    high : array
        Part of the time that each net was 1.
    differs : dict
        Of each flip-flop of a kind, cycles that ended with another value at its input than in it.
    """

    cycles: int
    changes: Numbers
    high: Numbers
    differs: dict[str, Numbers]


def net_loads(netlist: FlatNetlist, cells: Cells) -> Numbers:
    """Femtofarad of the pins on each net."""
    loads = np.zeros(netlist.nets)
    for kind, found in netlist.cells.items():
        for pin, nets in found.pins.items():
            of = cells.cells[kind].pins[pin]
            if of.direction == "input":
                np.add.at(loads, nets[nets >= 0], of.capacitance)
    return loads


def energy_by_unit(netlist: FlatNetlist, cells: Cells, activity: Activity, period_ns: float, *,
                   slew: float = SLEW_NS) -> dict[str, dict[str, float]]:
    """Picojoule of all cycles, by unit and by part.

    A net belongs to the cell that drives it, the clock of the top module to the cells that it
    reaches; what drives other inputs of the top module is not counted.

    Parameters
    ----------
    period_ns : float
        Of the clock, for leakage.
    slew : float
        Of every input, in nanoseconds.
    """
    loads = net_loads(netlist, cells)
    total = {part: np.zeros(len(netlist.units)) for part in PARTS}
    root = int(netlist.ports["clk"][1][0]) if "clk" in netlist.ports else -1
    for kind, found in netlist.cells.items():
        one = _Kind(cells.cells[kind], found, activity, activity.differs.get(kind), slew)
        half = 0.5 * cells.volts ** 2
        for pin, nets in found.pins.items():
            of = one.cell.pins[pin]
            energy = one.inside(pin, of, loads)
            if of.direction == "output":
                energy += np.where(nets >= 0, half * loads[nets] * activity.changes[nets], 0)
            else:
                energy += np.where(nets == root, half * of.capacitance
                                   * activity.changes[nets], 0)
            total[one.part(pin)] += np.bincount(found.unit, energy, len(netlist.units)) / 1000
        leaked = one.leakage() * activity.cycles * period_ns / 1000
        total["leakage"] += np.bincount(found.unit, leaked, len(netlist.units)) / 1000
    return {unit: {part: float(total[part][n]) for part in PARTS}
            for n, unit in enumerate(netlist.units)}


class _Kind:
    """All cells of one kind with their activity."""

    def __init__(self, cell: Cell, found: FlatCells, activity: Activity, differs: Numbers | None,
                 slew: float):
        self.cell = cell
        self._found, self._activity, self._slew = found, activity, slew
        self._differs = differs
        self._count = len(found.unit)
        self._states: dict[bool, list[tuple[State, Numbers]]] = {}

    def part(self, pin: str) -> str:
        """Which part of the energy that of a pin belongs to."""
        if self.cell.gate or (self.cell.flop and pin == self.cell.flop["clocked_on"]):
            return "clock"
        return "registers" if self.cell.flop else "logic"

    def inside(self, pin: str, of: CellPin, loads: Numbers) -> Numbers:
        """Femtojoule of all changes of a pin inside of the cells."""
        nets = self._found.pins[pin]
        changes = self._changes(pin)
        if of.direction == "input":
            at = np.zeros(self._count)
            shares = [self._holds(energy.when, self.part(pin) == "clock")
                      for energy in of.energies]
        else:
            at = np.where(nets >= 0, loads[nets], 0.0)
            shares = [self._changes(energy.related) * self._holds(energy.when, False)
                      for energy in of.energies]
            whole = sum(shares, np.zeros(self._count))
            shares = [np.divide(share, whole, out=np.full(self._count, 1 / len(shares)),
                                where=whole > 0) for share in shares]
        return changes * sum((share * self._mean(energy, at) for share, energy
                              in zip(shares, of.energies, strict=True)), np.zeros(self._count))

    def leakage(self) -> Numbers:
        """Nanowatt."""
        shares = [self._holds(when, False) for when, _ in self.cell.leakages]
        known = sum(shares, np.zeros(self._count))
        return (1 - known) * self.cell.leakage + sum(
            (share * value for share, (_, value) in zip(shares, self.cell.leakages, strict=True)),
            np.zeros(self._count))

    def _mean(self, energy: Energy, loads: Numbers) -> Numbers:
        return (energy.rise.at(self._slew, loads) + energy.fall.at(self._slew, loads)) / 2

    def _net(self, pin: str, values: Numbers) -> Numbers:
        nets = self._found.pins.get(pin, np.full(self._count, -1))
        return np.where(nets >= 0, values[nets], 0.0)

    def _changes(self, pin: str) -> Numbers:
        """Changes of a pin; of a flip-flop's outputs both change with its state."""
        if self.cell.flop and self.cell.pins[pin].direction == "output":
            return np.maximum.reduce([self._net(other, self._activity.changes)
                                      for other in self.cell.named("output")])
        return self._net(pin, self._activity.changes)

    def _holds(self, when: str, clocked: bool) -> Numbers:
        """Part of the time that a condition holds; in cycles with a clock edge, or in all."""
        if not when:
            return np.ones(self._count)
        if clocked not in self._states:
            self._states[clocked] = list(self._all_states(clocked))
        function = parse_function(when)
        return sum((share for state, share in self._states[clocked] if function.value(state)),
                   np.zeros(self._count))

    def _all_states(self, clocked: bool) -> Iterator[tuple[State, Numbers]]:
        """Values of all pins, and the part of the time for which they stood."""
        cell = self.cell
        free = [pin for pin in cell.named("input")
                if not (cell.flop and pin == cell.flop["next_state"])]
        high = {pin: self._net(pin, self._activity.high) for pin in free}
        for values in product((0, 1), repeat=len(free)):
            state = dict(zip(free, values, strict=True))
            share = np.ones(self._count)
            for pin, value in state.items():
                share = share * (high[pin] if value else 1 - high[pin])
            for hidden, part in self._hidden(clocked):
                names = state | hidden
                if cell.gate:
                    clock, enable, out = cell.gate
                    names[out] = names[clock] & names[enable]
                for pin in cell.named("output"):
                    if function := cell.pins[pin].function:
                        names[pin] = parse_function(function).value(names)
                yield names, share * part

    def _hidden(self, clocked: bool) -> list[tuple[State, Numbers]]:
        """Input and state of a flip-flop, which are seldom independent."""
        flop = self.cell.flop
        if not flop or self._differs is None:
            return [({}, np.ones(self._count))]
        outputs = self.cell.named("output")
        state = np.maximum.reduce([
            self._net(pin, self._activity.high) if self.cell.pins[pin].function == flop["state"]
            else np.where(self._found.pins.get(pin, np.full(self._count, -1)) >= 0,
                          1 - self._net(pin, self._activity.high), 0) for pin in outputs])
        if flop["next_state"] not in self.cell.pins:
            return [({flop["state"]: q, flop["inverse"]: 1 - q}, state if q else 1 - state)
                    for q in (0, 1)]
        if clocked:
            # A state rises as often as it falls.
            edges = self._net(flop["clocked_on"], self._activity.changes) / 2
            unequal = np.divide(self._changes(outputs[0]), edges, out=np.zeros(self._count),
                                where=edges > 0)
            shares = {(1, 0): unequal / 2, (0, 1): unequal / 2,
                      (1, 1): (1 - unequal) * state, (0, 0): (1 - unequal) * (1 - state)}
        else:
            data = self._net(flop["next_state"], self._activity.high)
            unequal = self._differs / max(self._activity.cycles, 1)
            shares = {(1, 0): (unequal + data - state) / 2, (0, 1): (unequal - data + state) / 2,
                      (1, 1): (data + state - unequal) / 2,
                      (0, 0): 1 - (data + state + unequal) / 2}
        return [({flop["next_state"]: d, flop["state"]: q, flop["inverse"]: 1 - q}, share)
                for (d, q), share in shares.items()]
