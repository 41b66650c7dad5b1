"""Running units with named operands, one set per cycle, in pysim or compiled by Verilator."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator

from dstc_hdl.emit import emit
from dstc_sim.verilator import VectorModel

__all__ = ["Compiled", "simulate"]


def simulate(dut, latency=None, wrap=lambda dut: dut, **operands):
    """What ``o`` shows ``latency`` cycles after each set of operands, as integers.

    Parameters
    ----------
    dut : Component
        Its ``latency`` decides, unless one is given.
    wrap : function, optional
        Gives the design to simulate in place of ``dut``, which it contains.
    **operands
        Input port to a sequence; all of one length.
    """
    latency = dut.latency if latency is None else latency
    count, results = len(next(iter(operands.values()))), []

    async def testbench(ctx):
        for n in range(count + latency):
            for name, values in operands.items():
                # After the last set come others: a result must not depend on later ones.
                ctx.set(getattr(dut, name), int(values[n % count]))
            *_, o = await ctx.tick().sample(dut.o)
            if n >= latency:
                results.append(o)

    simulator = Simulator(wrap(dut))
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()
    return results


class Compiled:
    """Units of one latency with the same operands, compiled from their emitted Verilog.

    Parameters
    ----------
    units : dict
        Name of a result to its unit, whose result is ``o``.
    name : str
        Name of the Verilog module.

    Attributes
    ----------
    emitted : Emitted
    """

    def __init__(self, units, name):
        self._latency, = {unit.latency for unit in units.values()}
        self.emitted = emit(_Bundle(units), name)
        self._model = VectorModel(self.emitted)

    def run(self, **operands):
        """Every result to an array, aligned with the operands."""
        return self._model.run(operands, latency=self._latency)


class _Bundle(wiring.Component):
    """Units beside each other, with the same operands."""

    def __init__(self, units):
        self._units = units
        first = next(iter(units.values()))
        self._operands = [name for name, member in first.signature.members.items()
                          if member.flow == In]
        super().__init__({**{name: In(len(Value.cast(getattr(first, name))))
                             for name in self._operands},
                          **{name: Out(len(unit.o)) for name, unit in units.items()}})

    def elaborate(self, platform):
        m = Module()
        for name, unit in self._units.items():
            m.submodules[f"unit_{name}"] = unit
            m.d.comb += getattr(self, name).eq(unit.o)
            m.d.comb += [getattr(unit, operand).eq(getattr(self, operand))
                         for operand in self._operands]
        return m
