"""An accumulator bank that forwards sums, for its cells and path; not a part of the core."""

from amaranth import Module, Mux, Signal

from dstc_hdl.accumulator import AccumulatorBank
from dstc_hdl.arith import make_adder

__all__ = ["ForwardingBank"]


class ForwardingBank(AccumulatorBank):
    """An :class:`AccumulatorBank` whose hazard distance is ``adder_latency``.

    A product for the accumulator whose sum leaves the adder in this cycle takes that sum instead
    of the stored value.  Costs a comparison of indices and a multiplexer in front of the adder.
    """

    def elaborate(self, platform):
        m = Module()
        m.submodules.adder = adder = make_adder(self._config)
        valid, acc, index = self.i.valid, self.i.acc, self.i.index
        for n in range(adder.latency):
            stage_valid, stage_acc = Signal(name=f"valid_{n}"), Signal(name=f"acc_{n}")
            stage_index = Signal.like(self.i.index, name=f"index_{n}")
            m.d.sync += [stage_valid.eq(valid), stage_acc.eq(acc), stage_index.eq(index)]
            valid, acc, index = stage_valid, stage_acc, stage_index
        values = [self._context(m, n, adder.o, valid, acc, index) for n in range(2)]
        forward = Signal()
        m.d.comb += [
            forward.eq(valid & (acc == self.i.acc) & (index == self.i.index)),
            adder.a.eq(Mux(forward, adder.o, Mux(self.i.acc, values[1], values[0]))),
            adder.b.eq(self.i.product),
            self.read.eq(Mux(self.read_acc, values[1], values[0])),
        ]
        return m
