"""Outer-product array: R x S multipliers, one in front of every accumulator bank."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from .arith import MULTIPLIER_LATENCY, make_multiplier
from .bank_picker import bank_operands_layout

__all__ = ["OuterProductArray", "bank_product_layout"]


def bank_product_layout(config):
    """A product and the accumulator, in its bank, that it is added to."""
    return data.StructLayout({
        "valid": 1,
        "acc": 1,
        "index": range(config.bank_depth),
        "product": config.acc_bits,
    })


class OuterProductArray(wiring.Component):
    """Outer-product array.

    Multiplier p * S + q makes the products of rows p mod R and columns q mod S.  When the
    operands of one OHMMA spread evenly over the banks, all R x S products are made in one cycle.

    Timing: a feed-forward pipeline of ``latency`` cycles; one product per multiplier and cycle.

    Parameters
    ----------
    config : Config

    Members
    -------
    i : ``In(ArrayLayout(bank_operands_layout(config), R * S))``
    o : ``Out(ArrayLayout(bank_product_layout(config), R * S))``
    """

    def __init__(self, config):
        self._config = config
        super().__init__({
            "i": In(data.ArrayLayout(bank_operands_layout(config), config.multipliers)),
            "o": Out(data.ArrayLayout(bank_product_layout(config), config.multipliers)),
        })

    @property
    def latency(self):
        return MULTIPLIER_LATENCY

    def elaborate(self, platform):
        m = Module()
        for n in range(self._config.multipliers):
            m.submodules[f"lane_{n}"] = lane = MultiplierLane(self._config)
            m.d.comb += [lane.i.eq(self.i[n]), self.o[n].eq(lane.o)]
        return m


class MultiplierLane(wiring.Component):
    """One multiplier with its accumulator address alongside.

    Timing: latency of the multiplier.
    """

    def __init__(self, config):
        self._config = config
        super().__init__({
            "i": In(bank_operands_layout(config)),
            "o": Out(bank_product_layout(config)),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.multiplier = multiplier = make_multiplier(self._config)
        m.d.comb += [multiplier.a.eq(self.i.a), multiplier.b.eq(self.i.b)]
        valid, acc, index = self.i.valid, self.i.acc, self.i.index
        for n in range(multiplier.latency):
            stage_valid = Signal(name=f"valid_{n}")
            stage_acc = Signal(name=f"acc_{n}", reset_less=True)
            stage_index = Signal.like(self.i.index, name=f"index_{n}", reset_less=True)
            m.d.sync += [stage_valid.eq(valid), stage_acc.eq(acc), stage_index.eq(index)]
            valid, acc, index = stage_valid, stage_acc, stage_index
        m.d.comb += [
            self.o.valid.eq(valid), self.o.acc.eq(acc), self.o.index.eq(index),
            self.o.product.eq(multiplier.o),
        ]
        return m
