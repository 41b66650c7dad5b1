"""Products and sums of integers."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .pipeline import check_latency, cut

__all__ = ["Int32Adder", "IntMultiplier"]


class IntMultiplier(wiring.Component):
    """int8 multiplier.

    ``o`` is ``a * b`` in two's complement; 16 bits hold it, the rest repeats the sign.

    Timing: operands of cycle t give the result in cycle t + ``latency``; a new pair is taken in
    every cycle.  Registers have neither enable nor reset.

    Parameters
    ----------
    latency : int
        Registers between inputs and output: 0 is combinational, 1 registers the output, 2 also
        cuts the multiplication.

    Members
    -------
    a, b : ``In(8)``
        Operands, two's complement.
    o : ``Out(32)``
        Product, two's complement.

    Raises
    ------
    DstcError
        If ``latency`` is not an integer from 0 to 2.
    """

    def __init__(self, latency=1):
        self._latency = check_latency("IntMultiplier", latency, 0, 2)
        super().__init__({"a": In(8), "b": In(8), "o": Out(32)})

    @property
    def latency(self):
        """Cycles from operands to result."""
        return self._latency

    def elaborate(self, platform):
        m = Module()
        a = self.a.as_signed()
        if self.latency == 2:
            half = cut(m, True, low=a * self.b[:4], high=a * self.b[4:].as_signed())
            product = half.low + (half.high << 4)
        else:
            product = a * self.b.as_signed()
        result = cut(m, self.latency >= 1, product=product[:16].as_signed())
        m.d.comb += self.o.eq(result.product)
        return m


class Int32Adder(wiring.Component):
    """32-bit integer adder.

    ``o`` is ``a + b`` modulo 2**32.

    Timing: operands of cycle t give the result in cycle t + ``latency``; a new pair is taken in
    every cycle.  Registers have neither enable nor reset.

    Parameters
    ----------
    latency : int
        Registers between inputs and output, 1 to 4; the carry crosses as many equal parts of
        the word, one per cycle.

    Members
    -------
    a, b : ``In(32)``
        Operands, two's complement or unsigned.
    o : ``Out(32)``
        Sum, of the same kind.

    Raises
    ------
    DstcError
        If ``latency`` is not an integer from 1 to 4.
    """

    def __init__(self, latency):
        self._latency = check_latency("Int32Adder", latency, 1, 4)
        super().__init__({"a": In(32), "b": In(32), "o": Out(32)})

    @property
    def latency(self):
        """Cycles from operands to result."""
        return self._latency

    def elaborate(self, platform):
        m = Module()
        part = -(-32 // self.latency)
        # Sum so far, its carry, and what is left of the operands.
        done, carry, a, b = None, C(0, 1), self.a, self.b
        for _ in range(self.latency):
            here = Signal(min(part, len(a)) + 1)
            m.d.comb += here.eq(a[:part] + b[:part] + carry)
            known = here[:-1] if done is None else Cat(done, here[:-1])
            stage = cut(m, True, done=known, carry=here[-1], a=a[part:], b=b[part:])
            done, carry, a, b = stage.done, stage.carry, stage.a, stage.b
        m.d.comb += self.o.eq(done)
        return m
