"""What a Liberty file says of cells: functions, state, capacitances and energies.

Only the part of the language that a power calculation and a simulation need; the file stays where
its package put it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dstc.errors import DstcError

__all__ = ["Cell", "CellPin", "Cells", "Energy", "Group", "Table", "parse_liberty", "read_cells"]

TOKEN = re.compile(r'/\*.*?\*/|\\\r?\n|"(?P<text>[^"]*)"|(?P<mark>[(){}:;,])'
                   r'|(?P<word>[^\s(){}:;,"]+)', re.S)


@dataclass
class Group:
    """A group of the file: its kind, its arguments, what it holds.

    Attributes
    ----------
    values : dict
        Arguments of each attribute, of the last one where a name comes again.
    """

    kind: str
    arguments: list[str]
    values: dict[str, list[str]] = field(default_factory=dict)
    groups: list["Group"] = field(default_factory=list)

    def all(self, kind: str) -> Iterator["Group"]:
        """Groups of a kind directly inside."""
        return (group for group in self.groups if group.kind == kind)

    def get(self, name: str, default: str = "") -> str:
        """A simple attribute."""
        return self.values[name][0] if name in self.values else default

    def numbers(self, name: str) -> list[float]:
        """Every number of an attribute."""
        return [float(number) for text in self.values.get(name, ())
                for number in text.replace(",", " ").split()]


@dataclass(frozen=True)
class Table:
    """Energy by the slew of the input and the load of the output, or by one of them, or constant.

    Attributes
    ----------
    axes : tuple of arrays
        What the numbers stand at; slew in nanoseconds, load in femtofarad.
    values : array
        Of as many dimensions, in femtojoule.
    """

    axes: tuple[NDArray[np.float64], ...]
    values: NDArray[np.float64]

    def at(self, slew: float, loads: NDArray[np.float64]) -> NDArray[np.float64]:
        """On straight lines between the numbers, at the border beyond them."""
        if not self.axes:
            return np.full(loads.shape, float(self.values))
        row = np.array([np.interp(slew, self.axes[0], column)
                        for column in self.values.reshape(len(self.axes[0]), -1).T])
        return np.interp(loads, self.axes[1], row) if len(self.axes) > 1 else np.full(
            loads.shape, row[0])


@dataclass(frozen=True)
class Energy:
    """What one change of a pin costs inside of its cell, under a condition.

    Attributes
    ----------
    related : str
        The input whose change made an output's; empty for an input.
    when : str
        Condition on other pins, empty for any.
    rise, fall : Table
    """

    related: str
    when: str
    rise: Table
    fall: Table


@dataclass(frozen=True)
class CellPin:
    """A pin: direction, capacitance in femtofarad, function of an output, energies of a change."""

    direction: str
    capacitance: float
    function: str
    energies: tuple[Energy, ...]


@dataclass(frozen=True)
class Cell:
    """A cell.

    Attributes
    ----------
    area : float
    pins : dict
    flop : dict or None
        Attributes of the state group of a flip-flop, with ``state`` and ``inverse``, the names
        that functions of outputs use.
    gate : tuple or None
        Pins clock, enable and output of an integrated clock gate that is transparent for its
        enable while the clock is 0.
    leakage : float
        Nanowatt, mean of all states unless the file says it.
    leakages : tuple of (str, float)
        Condition and nanowatt.
    """

    area: float
    pins: dict[str, CellPin]
    flop: dict[str, str] | None
    gate: tuple[str, str, str] | None
    leakage: float
    leakages: tuple[tuple[str, float], ...]

    def named(self, direction: str) -> list[str]:
        """Pins of a direction."""
        return [name for name, pin in self.pins.items() if pin.direction == direction]


@dataclass(frozen=True)
class Cells:
    """A library: its cells, and the supply in volt."""

    cells: dict[str, Cell]
    volts: float


def parse_liberty(text: str) -> Group:
    """The outermost group of a file.

    Raises
    ------
    DstcError
        If it is not one group.
    """
    top = Group("", [])
    open_groups, words, arguments = [top], [], None
    for match in TOKEN.finditer(text):
        word = match["text"] if match["text"] is not None else match["word"]
        mark = match["mark"]
        if word is not None:
            (words if arguments is None else arguments).append(word)
        elif mark == "(":
            arguments = []
        elif mark == "{":
            inner = Group(words[-1], arguments or [])
            open_groups[-1].groups.append(inner)
            open_groups.append(inner)
            words, arguments = [], None
        elif mark == "}":
            open_groups.pop()
            words, arguments = [], None
            if not open_groups:
                break
        elif mark == ":" and arguments is None:
            arguments = []
        elif mark == ";" or (mark == ")" and text[match.end():match.end() + 1] == "\n"
                             and not re.match(r"\s*[{;]", text[match.end():match.end() + 40])):
            if words and arguments is not None:
                open_groups[-1].values[words[-1]] = arguments
            words, arguments = [], None
    if len(open_groups) != 1 or len(top.groups) != 1:
        raise DstcError("Liberty file must be one group with all braces closed, not "
                        f"{len(top.groups)} groups and {len(open_groups) - 1} open braces")
    return top.groups[0]


def read_cells(path: Path) -> Cells:
    """Every cell of a library.

    Raises
    ------
    DstcError
        If the file is no library, or counts time, voltage or leakage in other units than
        nanosecond, volt and nanowatt.
    """
    library = parse_liberty(path.read_text(encoding="utf-8", errors="replace"))
    wanted = {"time_unit": "1ns", "voltage_unit": "1V", "leakage_power_unit": "1nW"}
    for name, unit in wanted.items():
        if library.get(name) != unit:
            raise DstcError(f"{name} of {path.name} must be {unit}, not {library.get(name)!r}")
    number, farad = library.values["capacitive_load_unit"]
    unit = float(number) * {"f": 1.0, "p": 1000.0}[farad[0].lower()]
    return Cells({cell.arguments[0]: _cell(cell, unit) for cell in library.all("cell")},
                 float(library.get("nom_voltage")))


def _cell(cell: Group, unit: float) -> Cell:
    pins = {name: CellPin(pin.get("direction"), float(pin.get("capacitance", "0")) * unit,
                          pin.get("function"),
                          tuple(_energy(power, unit) for power in pin.all("internal_power")))
            for pin in cell.all("pin") for name in pin.arguments}
    flop = None
    for state in cell.all("ff"):
        flop = {"state": state.arguments[0], "inverse": state.arguments[1],
                **{name: values[0] for name, values in state.values.items()}}
    gate = None
    if cell.get("clock_gating_integrated_cell") == "latch_posedge":
        marked = [next(pin.arguments[0] for pin in cell.all("pin") if f"clock_gate_{what}_pin" in
                       pin.values) for what in ("clock", "enable", "out")]
        gate = marked[0], marked[1], marked[2]
    leakages = tuple((group.get("when"), float(group.get("value")))
                     for group in cell.all("leakage_power"))
    mean = sum(value for _, value in leakages) / max(len(leakages), 1)
    return Cell(float(cell.get("area", "0")), pins, flop, gate,
                float(cell.get("cell_leakage_power", str(mean))), leakages)


def _energy(power: Group, unit: float) -> Energy:
    both = next(power.all("power"), None)
    tables = [_table(both or next(power.all(name), None), unit)
              for name in ("rise_power", "fall_power")]
    return Energy(power.get("related_pin"), power.get("when"), *tables)


def _table(group: Group | None, unit: float) -> Table:
    """Energies are in units of capacitance times square volt, so in femtojoule times ``unit``."""
    if group is None:
        return Table((), np.zeros(()))
    axes = [np.array(numbers) for name in ("index_1", "index_2")
            if (numbers := group.numbers(name))]
    values = np.array(group.numbers("values")).reshape([len(axis) for axis in axes]) * unit
    if len(axes) > 1:
        axes[1] = axes[1] * unit
    return Table(tuple(axes), values)
