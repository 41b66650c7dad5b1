"""From a flat netlist to what the engine reads: logic in levels, flip-flops, clock gates.

No delays.  Everything that a clock edge causes is settled before the next one, so a net changes at
most once in a cycle and glitches do not exist.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dstc.errors import DstcError
from dstc_hdl.asic.flat import CONSTANTS, FlatNetlist
from dstc_hdl.asic.functions import parse_function
from dstc_hdl.asic.liberty import Cell, Cells

__all__ = ["PLAN", "Plan", "make_plan"]

PLAN = "plan.bin"

Nets = NDArray[np.int32]


@dataclass
class _Logic:
    """All logic of one function: nets out, and nets in, one row for each."""

    outs: list[Nets] = field(default_factory=list)
    ins: list[NDArray[np.int32]] = field(default_factory=list)


@dataclass(frozen=True)
class Plan:
    """A netlist for the engine.

    Attributes
    ----------
    kinds : list of (int, str)
        Inputs and expression of each kind of logic, in C, of ``a[0]``, ``a[1]``, ...
    arrays : list of arrays
        What the engine's constructor reads, in that order.
    number : array
        The engine's number of each net of the flat netlist.
    flops : dict
        Of each kind of flip-flop, where its own begin in the engine's list.
    clocks : dict
        Domain of each net that carries the clock, 0 without a gate in front.
    """

    kinds: list[tuple[int, str]]
    arrays: list[NDArray[np.int32]]
    number: Nets
    flops: dict[str, int]
    clocks: dict[int, int]

    def write(self, folder: Path) -> None:
        """The file :data:`PLAN`, which the engine reads."""
        with (folder / PLAN).open("wb") as file:
            for array in self.arrays:
                file.write(np.int64(array.nbytes).tobytes())
                file.write(np.ascontiguousarray(array, np.int32).tobytes())


def make_plan(netlist: FlatNetlist, cells: Cells) -> Plan:
    """Order a netlist.

    Raises
    ------
    DstcError
        If the logic has a loop, or a cell is none that the engine knows: logic, flip-flops on the
        rising edge without asynchronous inputs, clock gates.
    """
    return _Planner(netlist, cells).run()


class _Planner:
    def __init__(self, netlist: FlatNetlist, cells: Cells):
        self._netlist, self._cells = netlist, cells
        self._logic: dict[tuple[int, str], _Logic] = {}
        self._nets = netlist.nets
        self._constant: dict[int, int] = {}
        self._clocks: dict[int, int] = {}
        self._domains: list[tuple[int, int]] = [(-1, 0)]

    def run(self) -> Plan:
        self._find_clocks()
        flops: dict[str, int] = {}
        columns: tuple[list[Nets], ...] = ([], [], [])
        for kind, cells in self._netlist.cells.items():
            cell = self._cells.cells[kind]
            if cell.gate:
                continue
            if cell.flop:
                flops[kind] = sum(len(nets) for nets in columns[0])
                for column, nets in zip(columns, self._flops(kind, cell), strict=True):
                    column.append(nets)
            else:
                for pin in cell.named("output"):
                    if pin in cells.pins:
                        self._add(cell.pins[pin].function, cells.pins, cells.pins[pin])
        table = [np.concatenate(column) if column else np.zeros(0, np.int32)
                 for column in columns]
        inputs = [nets for way, nets in self._netlist.ports.values() if way == "input"]
        sources = np.concatenate([*inputs, table[0]])
        order = self._ordered(np.concatenate([*inputs, sources[:0]]))
        number = np.zeros(self._nets, np.int32)
        number[1] = 1
        ordered = np.concatenate([sources, *(outs for _, outs, *_ in order)])
        number[ordered] = np.arange(CONSTANTS, CONSTANTS + len(ordered))
        for constant, value in self._constant.items():
            number[constant] = value
        first = begin = CONSTANTS + len(sources)
        rows, used = [], 0
        for sort, outs, ins, direct in order:
            rows.append((sort, first, len(outs), used, direct))
            first += len(outs)
            used += ins.size
        read = [number[ins].T.ravel() for _, _, ins, _ in order]
        arrays = [np.array([first, begin], np.int32), np.array(rows, np.int32),
                  np.concatenate(read or [sources[:0]]),
                  np.stack([number[table[0]], number[table[1]], table[2]], 1),
                  np.array([(parent, number[enable]) for parent, enable in self._domains],
                           np.int32)]
        return Plan(sorted(self._logic), arrays, number[:self._netlist.nets], flops, self._clocks)

    def _find_clocks(self) -> None:
        """Nets that carry the clock, through gates and buffers."""
        waiting = [(int(enable), int(clock), int(out))
                   for kind, cells in self._netlist.cells.items()
                   if (gate := self._cells.cells[kind].gate)
                   for clock, enable, out in zip(*(cells.pins[pin] for pin in gate), strict=True)]
        buffers = [(-1, int(into), int(out))
                   for kind, cells in self._netlist.cells.items()
                   for into, out in self._buffers(kind, cells.pins)]
        if "clk" in self._netlist.ports:
            self._clocks[int(self._netlist.ports["clk"][1][0])] = 0
        waiting += buffers
        while True:
            found = [each for each in waiting if each[1] in self._clocks]
            if not found:
                return
            waiting = [each for each in waiting if each[1] not in self._clocks]
            for enable, source, out in found:
                domain = self._clocks[source]
                if enable >= 0:
                    self._domains.append((domain, enable))
                    domain = len(self._domains) - 1
                self._clocks[out] = domain

    def _buffers(self, kind: str, pins: dict[str, Nets]) -> list[tuple[int, int]]:
        cell = self._cells.cells[kind]
        inputs = cell.named("input")
        outputs = [pin for pin in cell.named("output") if cell.pins[pin].function in inputs]
        if len(inputs) != 1 or len(outputs) != 1 or cell.flop or cell.gate:
            return []
        return list(zip(pins[inputs[0]].tolist(), pins[outputs[0]].tolist(), strict=True))

    def _flops(self, kind: str, cell: Cell) -> tuple[Nets, Nets, Nets]:
        """Nets of the states and of what they become, and domains of their clocks."""
        flop, pins = cell.flop or {}, self._netlist.cells[kind].pins
        if {"clear", "preset"} & set(flop) or flop["clocked_on"] not in pins:
            raise DstcError(f"Cell {kind} must have a rising clock edge and nothing asynchronous "
                            "to be simulated")
        clocks = pins[flop["clocked_on"]]
        wrong = [int(net) for net in clocks if int(net) not in self._clocks]
        if wrong:
            raise DstcError(f"Clock of cell {kind} must come from clk, which net {wrong[0]} "
                            "does not")
        domains = np.array([self._clocks[int(net)] for net in clocks], np.int32)
        states = self._fresh(len(clocks))
        for pin in cell.named("output"):
            if cell.pins[pin].function == flop["state"] and pin in pins:
                states = np.where(pins[pin] >= 0, pins[pin], states).astype(np.int32)
        for pin in cell.named("output"):
            if cell.pins[pin].function == flop["inverse"] and pin in pins:
                self._add("!state", {"state": states}, pins[pin])
        following = flop["next_state"]
        if following in pins:
            return states, np.maximum(pins[following], 0), domains
        nets = self._fresh(len(clocks))
        self._add(following, pins, nets)
        return states, nets, domains

    def _fresh(self, count: int) -> Nets:
        self._nets += count
        return np.arange(self._nets - count, self._nets, dtype=np.int32)

    def _add(self, function: str, pins: dict[str, Nets], outs: Nets) -> None:
        """Logic with its outputs; what is not connected or carries the clock is left out."""
        parsed = parse_function(function)
        if not parsed.pins:
            self._constant.update(dict.fromkeys(outs[outs >= 0].tolist(), parsed.value({})))
            return
        text = parsed.text({pin: f"a[{n}]" for n, pin in enumerate(parsed.pins)})
        ins = np.stack([np.maximum(pins.get(pin, np.zeros_like(outs)), 0)
                        for pin in parsed.pins], 1)
        kept = (outs >= 0) & ~np.isin(outs, list(self._clocks))
        logic = self._logic.setdefault((len(parsed.pins), text), _Logic())
        logic.outs.append(outs[kept])
        logic.ins.append(ins[kept])

    def _ordered(self, inputs: Nets) -> list[tuple[int, Nets, Nets, int]]:
        """Logic level by level, in each level by kind: what it reads is in earlier levels.

        In front is what sees an input without a flip-flop in between; the last number counts it.
        """
        direct = np.zeros(self._nets, bool)
        direct[inputs] = True
        known = np.ones(self._nets, bool)
        waiting = []
        for kind, (_, logic) in enumerate(sorted(self._logic.items())):
            outs, ins = np.concatenate(logic.outs), np.concatenate(logic.ins)
            known[outs] = False
            waiting.append((kind, outs, ins))
        order = []
        while waiting:
            ready, later = [], []
            for kind, outs, ins in waiting:
                now = known[ins].all(1)
                if now.any():
                    seeing = direct[ins[now]].any(1)
                    first = np.argsort(~seeing, kind="stable")
                    direct[outs[now]] = seeing
                    ready.append((kind, outs[now][first], ins[now][first], int(seeing.sum())))
                if not now.all():
                    later.append((kind, outs[~now], ins[~now]))
            if not ready:
                raise DstcError("Logic of a netlist must have no loop, which "
                                f"{sum(len(outs) for _, outs, _ in later)} outputs are part of")
            for _, outs, *_ in ready:
                known[outs] = True
            order += ready
            waiting = later
        return order
