"""Dot products of four elements, added to an accumulator."""

from amaranth import *
from amaranth.lib import wiring

from dstc.twin.shape import DOT

from ..arith import MULTIPLIER_LATENCY, make_adder, make_multiplier
from ..arith.pipeline import cut
from .fused_dot import FusedDot
from .layouts import DotTiming, dot_signature

__all__ = ["ChainedDot", "IntDot", "dot_class"]

MINUS_ZERO = 0x80000000


def dot_class(config, numerics):
    """The class of dot-product units of a configuration.

    Parameters
    ----------
    config : Config
    numerics : str
        One of :data:`dstc.twin.NUMERICS`; integers are summed by the same unit in either.

    Returns
    -------
    type
        Made from ``config``, with the members of :func:`dot_signature`; its class method
        ``timing(config)`` gives the :class:`DotTiming`.
    """
    if not config.format.is_float:
        return IntDot
    return FusedDot if numerics == "fused" else ChainedDot


class ChainedDot(wiring.Component):
    """Dot product by the numerics contract: four sums, one after the other.

    ``o`` is ``acc`` to which the four products are added in order, each sum rounded once.  A pair
    in which either operand is a zero adds nothing: its product is replaced by -0, which changes
    no sum.

    Timing: a dot product per cycle, by :meth:`timing`; element e is given ``e * skew`` cycles after
    element 0, so that no product waits for the sums before it.  Registers have neither enable nor
    reset.

    Parameters
    ----------
    config : Config

    Members
    -------
    a, b : ``In(ArrayLayout(element_layout(config), 4))``
    acc : ``In(acc_bits)``
    o : ``Out(acc_bits)``
    """

    def __init__(self, config):
        self._config = config
        super().__init__(dot_signature(config))

    @classmethod
    def timing(cls, config):
        """When the unit of a configuration takes and gives what."""
        return DotTiming(config.adder_latency, MULTIPLIER_LATENCY, DOT * config.adder_latency)

    def elaborate(self, platform):
        m = Module()
        total = self.acc
        for e in range(DOT):
            m.submodules[f"multiplier_{e}"] = multiplier = make_multiplier(self._config)
            m.submodules[f"adder_{e}"] = adder = make_adder(self._config)
            skip = self.a[e].zero | self.b[e].zero
            for _ in range(MULTIPLIER_LATENCY):
                skip = cut(m, True, skip=skip).skip
            m.d.comb += [
                multiplier.a.eq(self.a[e].value),
                multiplier.b.eq(self.b[e].value),
                adder.a.eq(total),
                adder.b.eq(Mux(skip, MINUS_ZERO, multiplier.o)),
            ]
            total = adder.o
        m.d.comb += self.o.eq(total)
        return m


class IntDot(wiring.Component):
    """Dot product of integers: a tree of exact sums, then one addition modulo 2**32.

    Sums modulo 2**32 do not depend on their order, so this is the numerics contract too.

    Timing: a dot product per cycle, by :meth:`timing`; all elements in the same cycle.  Registers
    have neither enable nor reset.

    Parameters
    ----------
    config : Config

    Members
    -------
    a, b : ``In(ArrayLayout(element_layout(config), 4))``
    acc : ``In(acc_bits)``
    o : ``Out(acc_bits)``
    """

    def __init__(self, config):
        self._config = config
        super().__init__(dot_signature(config))

    @classmethod
    def timing(cls, config):
        """When the unit of a configuration takes and gives what; the products are summed first."""
        return DotTiming(0, MULTIPLIER_LATENCY + 1, config.adder_latency)

    def elaborate(self, platform):
        m = Module()
        bits = 2 * self._config.element_bits
        products = []
        for e in range(DOT):
            m.submodules[f"multiplier_{e}"] = multiplier = make_multiplier(self._config)
            m.d.comb += [multiplier.a.eq(self.a[e].value), multiplier.b.eq(self.b[e].value)]
            products.append(multiplier.o[:bits].as_signed())
        total = Signal(signed(bits + 2), reset_less=True)
        m.d.sync += total.eq((products[0] + products[1]) + (products[2] + products[3]))
        m.submodules.adder = adder = make_adder(self._config)
        m.d.comb += [adder.a.eq(self.acc), adder.b.eq(total), self.o.eq(adder.o)]
        return m
