"""Running arithmetic units: one pair of operands per cycle, in pysim or compiled by Verilator."""

import numpy as np
from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator
from arith_oracles import kind_of

from dstc_hdl.emit import emit
from dstc_sim.verilator import VectorModel

__all__ = ["UnitBundle", "Verilated", "simulate"]


def simulate(dut, a, b, latency=None, wrap=lambda dut: dut):
    """Results of a unit in pysim: what ``o`` shows ``latency`` cycles after each pair.

    Parameters
    ----------
    dut : Component
        Its ``latency`` decides, unless one is given.
    wrap : function, optional
        Gives the design to simulate in place of ``dut``, which it contains.
    """
    latency = dut.latency if latency is None else latency
    results = []

    async def testbench(ctx):
        for n in range(len(a) + latency):
            # After the last pair the operands change: a result must not depend on later ones.
            ctx.set(dut.a, int(a[n % len(a)]))
            ctx.set(dut.b, int(b[n % len(b)]))
            if dut.latency:
                *_, o = await ctx.tick().sample(dut.o)
            else:
                o = ctx.get(dut.o)
            if n >= latency:
                results.append(o)

    simulator = Simulator(wrap(dut))
    if dut.latency:
        simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()
    return np.array(results, np.uint32)


class UnitBundle(wiring.Component):
    """Several units beside each other: one compilation instead of many.

    Members
    -------
    a, b : ``In(32)``
        Operands; narrower units take the lower bits.
    o0, o1, ... : ``Out(32)``
        Result of each unit, with its own latency.
    """

    def __init__(self, units):
        self.units = units
        super().__init__({"a": In(32), "b": In(32),
                          **{f"o{n}": Out(32) for n in range(len(units))}})

    def elaborate(self, platform):
        m = Module()
        for n, unit in enumerate(self.units):
            m.submodules[f"unit_{n}"] = unit
            m.d.comb += [unit.a.eq(self.a), unit.b.eq(self.b),
                         getattr(self, f"o{n}").eq(unit.o)]
        return m


class Verilated:
    """Units compiled from their emitted Verilog; arrays of operands in, arrays of results out.

    Parameters
    ----------
    units : list
        Units with ``a``, ``b``, ``o`` and ``latency``.
    name : str
        Name of the Verilog module.
    """

    def __init__(self, units, name):
        self.units = units
        self._model = VectorModel(emit(UnitBundle(units), name))

    def run(self, a, b, kind):
        """Latency to results, aligned with the operands, of each unit of a kind."""
        longest = max(unit.latency for unit in self.units)
        # The model counts from the operands of one cycle; the units' results come later.
        a, b = (np.concatenate([side, np.resize(side, longest)]) for side in (a, b))
        out = self._model.run({"a": a, "b": b})
        count = len(a) - longest
        return {unit.latency: out[f"o{n}"][unit.latency:unit.latency + count]
                for n, unit in enumerate(self.units) if kind_of(unit) == kind}
