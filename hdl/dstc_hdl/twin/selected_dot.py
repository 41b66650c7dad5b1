"""Dot product whose A elements are selected by metadata of B."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from dstc.twin.shape import DOT, GROUP, INDEX_BITS

from ..select import select
from .dot import dot_class
from .layouts import element_layout

__all__ = ["SelectedDot"]


class SelectedDot(wiring.Component):
    """Dot product of four values of B with selected elements of A.

    Element e is the product of ``b[e]`` and of element ``place[e]`` of the four ``a[e]``.

    Timing: that of the dot-product unit (:func:`dot_class`); the selection takes no cycle.

    Parameters
    ----------
    config : Config
    numerics : str
        As for :func:`dot_class`.

    Members
    -------
    a : ``In(ArrayLayout(ArrayLayout(element_layout(config), 4), 4))``
    place : ``In(ArrayLayout(2, 4))``
    b : ``In(ArrayLayout(element_layout(config), 4))``
    acc : ``In(acc_bits)``
    o : ``Out(acc_bits)``
    """

    def __init__(self, config, numerics):
        self._config, self._numerics = config, numerics
        elements = data.ArrayLayout(element_layout(config), GROUP)
        super().__init__({
            "a": In(data.ArrayLayout(elements, DOT)),
            "place": In(data.ArrayLayout(INDEX_BITS, DOT)),
            "b": In(data.ArrayLayout(element_layout(config), DOT)),
            "acc": In(config.acc_bits),
            "o": Out(config.acc_bits),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.dot = dot = dot_class(self._config, self._numerics)(self._config)
        for e in range(DOT):
            chosen = select(m, f"a_{e}", self.a[e], self.place[e])
            m.d.comb += dot.a[e].eq(chosen)
        m.d.comb += [dot.b.eq(self.b), dot.acc.eq(self.acc), self.o.eq(dot.o)]
        return m
