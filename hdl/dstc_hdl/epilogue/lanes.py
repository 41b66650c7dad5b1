"""Arithmetic of the epilogue: bias, ReLU, conversion to the element format."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ..arith import make_adder
from ..arith.pipeline import cut
from ..arith.requantize import Requantizer
from ..arith.rounding import FpRounder
from .layouts import scale_layout

__all__ = ["ResultLanes", "lanes_latency", "lanes_layout"]


def lanes_layout(config):
    """A beat of accumulators with the parameters of its columns.

    ``keep``: the row exists, otherwise its results are zeros.
    """
    fields = {
        "words": data.ArrayLayout(config.acc_bits, config.array_cols),
        "bias": data.ArrayLayout(config.acc_bits, config.array_cols),
        "add": 1,
        "relu": 1,
        "keep": 1,
        "raw": 1,
    }
    if not config.format.is_float:
        fields["scale"] = data.ArrayLayout(scale_layout(), config.array_cols)
    return data.StructLayout(fields)


def lanes_latency(config):
    """Cycles of :class:`ResultLanes`: the adder's, and those of rounding or requantisation."""
    finisher = FpRounder if config.format.is_float else Requantizer
    return config.adder_latency + finisher.latency


class ResultLanes(wiring.Component):
    """S accumulators at a time through bias, ReLU and conversion.

    Each result is the sum in 32 bits (``raw``; int8: the lower 32 of its 33 bits), or the element
    that it is rounded or requantised to, in the low bits.

    Without a bias the neutral element of addition goes to the adder, which for binary32 is -0: it
    leaves every number, both zeros included, as it is.  NaN leave the adder as the one quiet NaN,
    whose sign is 0, so ReLU only looks at the sign.

    Timing: a beat of cycle t gives its result in cycle t + ``latency``; one is taken in every
    cycle.  There is no control: whoever uses the results carries valid bits along.

    Parameters
    ----------
    config : Config

    Members
    -------
    i : ``In(lanes_layout(config))``
    o : ``Out(ArrayLayout(acc_bits, S))``
    """

    def __init__(self, config):
        self._config = config
        super().__init__({
            "i": In(lanes_layout(config)),
            "o": Out(data.ArrayLayout(config.acc_bits, config.array_cols)),
        })

    @property
    def latency(self):
        """Cycles from accumulators to results."""
        return lanes_latency(self._config)

    def elaborate(self, platform):
        m = Module()
        config = self._config
        summed = config.adder_latency
        relu = _delay(m, "relu", self.i.relu, summed)
        keep = _delay(m, "keep", self.i.keep, summed)
        raw = _delay(m, "raw", self.i.raw, self.latency)
        for q in range(config.array_cols):
            finisher = FpRounder(config.format.layout) if config.format.is_float else Requantizer()
            m.submodules[f"finisher_{q}"] = finisher
            total = self._sum(m, q)
            kept = Signal.like(total, name=f"kept_{q}")
            drop = ~keep | (relu & total[-1])
            m.d.comb += [
                kept.eq(Mux(drop, 0, total)),
                finisher.i.eq(kept),
            ]
            if not config.format.is_float:
                scale = _delay(m, f"scale_{q}", self.i.scale[q].as_value(), summed)
                m.d.comb += Cat(finisher.multiplier, finisher.shift).eq(scale)
            whole = _delay(m, f"whole_{q}", kept[:config.acc_bits], finisher.latency)
            m.d.comb += self.o[q].eq(Mux(raw, whole, finisher.o))
        return m

    def _sum(self, m, q):
        """Accumulator and bias: 32 bits of binary32, 33 of integers."""
        config = self._config
        m.submodules[f"adder_{q}"] = adder = make_adder(config)
        neutral = 1 << 31 if config.format.is_float else 0
        m.d.comb += [
            adder.a.eq(self.i.words[q]),
            adder.b.eq(Mux(self.i.add, self.i.bias[q], neutral)),
        ]
        if config.format.is_float:
            return adder.o
        # A sum of different signs fits 32 bits; one of equal signs has that sign.
        equal = _delay(m, f"equal_{q}", adder.a[-1] == adder.b[-1], adder.latency)
        sign = _delay(m, f"sign_{q}", adder.a[-1], adder.latency)
        total = Signal(signed(33), name=f"sum_{q}")
        m.d.comb += total.eq(Cat(adder.o, Mux(equal, sign, adder.o[-1])))
        return total


def _delay(m, name, value, cycles):
    """The value so many cycles later."""
    for n in range(cycles):
        value = vars(cut(m, True, **{f"{name}_{n}": value}))[f"{name}_{n}"]
    return value
