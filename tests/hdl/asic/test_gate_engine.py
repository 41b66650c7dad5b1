"""The engine for netlists, against cells evaluated one by one on names: outputs and counts."""

import random

import numpy as np
import pytest
from netlists import flatten
from power_cells import power_cells, streaming_netlist

from dstc.errors import DstcError
from dstc_hdl.asic import flat
from dstc_sim.gates import GateModel, make_plan
from dstc_sim.runs import SimulationError
from dstc_sim.verilator.streams import StreamInput

MODELS = {
    "GATE": lambda pins: 1 - (pins["A"] & pins["B"]), "BUF": lambda pins: pins["I"],
    "HIGH": lambda pins: 1}


class Reference:
    """One run of a flat netlist in which a net is a name."""

    def __init__(self, modules):
        self.cells, self.ports = flatten({"modules": modules}, "shell")
        self.values = {f"constant {value}": value for value in (0, 1)}
        self.flops = [cell for cell in self.cells if cell.kind == "FLOP"]
        self.state = {cell.path: 0 for cell in self.flops}
        self.enabled = {cell.path: 1 for cell in self.cells}

    def put(self, port, value):
        for n, net in enumerate(self.ports[port]):
            self.values[net] = value >> n & 1

    def get(self, port):
        return sum(self.values[net] << n for n, net in enumerate(self.ports[port]))

    def settle(self):
        for flop in self.flops:
            for pin, value in (("Q", self.state[flop.path]), ("QN", 1 - self.state[flop.path])):
                if pin in flop.nets:
                    self.values[flop.nets[pin]] = value
        waiting = [cell for cell in self.cells if cell.kind in MODELS and cell.path != "/leaf"]
        while waiting:
            later = []
            for cell in waiting:
                ins = {pin: self.values.get(net) for pin, net in cell.nets.items()
                       if pin not in "YZ"}
                if None in ins.values():
                    later.append(cell)
                else:
                    self.values[cell.nets["Z" if "Z" in cell.nets else "Y"]] = (
                        MODELS[cell.kind](ins))
            assert len(later) < len(waiting)
            waiting = later

    def fresh(self):
        """Forget what logic makes, so that the next pass is in order of what is known."""
        keep = {net for port in ("rst", "i__valid", "i__payload", "d__ready", "clk")
                for net in self.ports[port]} | {"constant 0", "constant 1"}
        self.values = {net: value for net, value in self.values.items() if net in keep}

    def edge(self):
        opener = next(cell for cell in self.cells if cell.kind == "OPENER")
        open_now = self.values[opener.nets["E"]]
        after = {flop.path: self.values[flop.nets["D"]] & 1 - self.values[flop.nets["R"]]
                 for flop in self.flops if flop.path != "/gated" or open_now}
        self.state.update(after)
        return open_now


def by_hand(modules, beats):
    """Beats out, and changes and ones of every net from the end of reset to the last of them."""
    one = Reference(modules)
    for port, value in (("clk", 0), ("i__valid", 0), ("i__payload", 0), ("d__ready", 1),
                        ("rst", 1)):
        one.put(port, value)
    for _ in range(2):
        one.fresh()
        one.settle()
        one.edge()
    one.put("rst", 0)
    one.put("i__valid", 1)
    one.put("i__payload", beats[0])
    one.fresh()
    one.settle()
    out, changes, ones, opened, left, cycles = [], {}, {}, 0, beats[1:], 0
    while len(out) < len(beats):
        if one.get("d__valid"):
            out.append(one.get("d__payload"))
        before = dict(one.values)
        opened += one.edge()
        cycles += 1
        if left:
            one.put("i__payload", left[0])
            left = left[1:]
        else:
            one.put("i__valid", 0)
        one.fresh()
        one.settle()
        for net, value in one.values.items():
            changes[net] = changes.get(net, 0) + (value != before[net])
            ones[net] = ones.get(net, 0) + value
    return out, cycles, changes, ones, opened


@pytest.mark.parametrize("seed", range(6))
def test_outputs_and_counts(seed, tmp_path):
    modules, cells = streaming_netlist(seed), power_cells(tmp_path)
    netlist = flat.flatten(modules, "shell", cells)
    rng = random.Random(seed)
    runs = [[rng.getrandbits(6) for _ in range(rng.randint(1, 40))] for _ in range(5)]
    model = GateModel(netlist, cells)
    got = model.run([{"i": StreamInput(np.array(beats, np.uint8))} for beats in runs],
                    [len(beats) for beats in runs])
    want = [by_hand(modules, beats) for beats in runs]
    assert [out.ravel().tolist() for out in got.outputs] == [out for out, *_ in want]
    assert got.cycles == [cycles for _, cycles, *_ in want]
    activity, total = got.activity, sum(got.cycles)
    assert activity.cycles == total
    names = flatten({"modules": modules}, "shell")[1]
    for name, net in ((name, int(net)) for port, (_, nets) in netlist.ports.items()
                      for name, net in zip(names[port], nets, strict=True)):
        if name in ("clk 0", "constant 0", "constant 1"):
            continue
        assert activity.changes[net] == sum(changes.get(name, 0) for *_, changes, _, _ in want)
        assert activity.high[net] * total == pytest.approx(
            sum(ones.get(name, 0) for *_, ones, _ in want))
    # The multiset of changes covers the nets inside, whatever their names.
    inside = sorted(sum(changes.get(name, 0) for *_, changes, _, _ in want)
                    for name in {name for *_, changes, _, _ in want for name in changes}
                    if name.split()[-1] in ("Y", "Q", "QN"))
    outs = {int(net) for kind, pin in (("GATE", "Y"), ("FLOP", "Q"), ("FLOP", "QN"))
            for net in netlist.cells[kind].pins[pin] if net >= 0}
    assert sorted(activity.changes[sorted(outs)].astype(int).tolist()) == inside
    opened = sum(each[-1] for each in want)
    for kind, pin in (("OPENER", "GCK"), ("BUF", "Z")):
        assert activity.changes[netlist.cells[kind].pins[pin]].tolist() == [2 * opened]
    assert activity.changes[netlist.ports["clk"][1]].tolist() == [2 * total]


def test_a_loop_is_refused(tmp_path):
    modules, cells = streaming_netlist(1), power_cells(tmp_path)
    modules["shell"]["cells"]["enable"]["connections"]["A"] = [29]
    with pytest.raises(DstcError, match=r"^Logic of a netlist must have no loop"):
        make_plan(flat.flatten(modules, "shell", cells), cells)


def test_an_asynchronous_flop_is_refused(tmp_path):
    modules, cells = streaming_netlist(1), power_cells(tmp_path)
    modules["shell"]["cells"]["async"] = {"type": "ASYNC", "connections": {
        "D": [3], "CK": [1], "RN": [2], "Q": [99]}}
    with pytest.raises(DstcError, match=r"^Cell ASYNC must have a rising clock edge and nothing"):
        make_plan(flat.flatten(modules, "shell", cells), cells)


def test_a_clock_from_elsewhere_is_refused(tmp_path):
    modules, cells = streaming_netlist(1), power_cells(tmp_path)
    modules["shell"]["cells"]["valid"]["connections"]["CK"] = [3]
    with pytest.raises(DstcError, match=r"^Clock of cell FLOP must come from clk"):
        make_plan(flat.flatten(modules, "shell", cells), cells)


def test_an_unknown_cell_is_refused(tmp_path):
    modules = streaming_netlist(1)
    modules["shell"]["cells"]["odd"] = {"type": "LATCH", "connections": {}}
    with pytest.raises(DstcError, match=r"^Cell odd must be of the library, not 'LATCH'$"):
        flat.flatten(modules, "shell", power_cells(tmp_path))


def test_a_job_without_an_end_is_reported(tmp_path):
    modules, cells = streaming_netlist(1), power_cells(tmp_path)
    model = GateModel(flat.flatten(modules, "shell", cells), cells)
    with pytest.raises(SimulationError, match=r"^Netlist must end its jobs: no end within"):
        model.run([{"i": StreamInput(np.array([1, 2], np.uint8))}], [3], max_cycles=50)
