"""Dot product of four elements that is rounded once, together with the accumulator."""

from types import SimpleNamespace

from amaranth import *
from amaranth.lib import wiring

from dstc.elements import FloatLayout
from dstc.twin.fused import FRACTION_BITS
from dstc.twin.shape import DOT

from ..arith import MULTIPLIER_LATENCY
from ..arith.pipeline import count_leading_zeros, cut
from .layouts import DotTiming, dot_signature

__all__ = ["FusedDot"]

# The format of the accumulators.
BINARY32 = FloatLayout(exponent_bits=8, mantissa_bits=23)
MANTISSA, EXPONENT, BIAS = BINARY32.mantissa_bits, BINARY32.exponent_bits, BINARY32.bias
# Four products below 4 and an accumulator below 2 are below 2**INTEGER_BITS.
INTEGER_BITS = 5
MAGNITUDE = INTEGER_BITS + FRACTION_BITS
# From acc on: aligned terms, their sum, its leading one in place, the packed number.
LATENCY = 4


class FusedDot(wiring.Component):
    """Fused dot product (docs/twin.md).

    The accumulator and the products of pairs without a zero are aligned to the largest of their
    exponents, truncated to ``FRACTION_BITS`` places, summed exactly and rounded once, to nearest,
    ties to even.  Products are not normalised before.  No pair without a zero: ``o`` is ``acc``,
    also -0.  NaN results are 0x7FC00000.

    Timing: a dot product per cycle, by :meth:`timing`; all elements in the same cycle.  Registers
    have neither enable nor reset.

    Parameters
    ----------
    config : Config
        With floating-point elements.

    Members
    -------
    a, b : ``In(ArrayLayout(element_layout(config), 4))``
    acc : ``In(32)``
        Any NaN counts.
    o : ``Out(32)``
    """

    def __init__(self, config):
        self._layout = config.format.layout
        super().__init__(dot_signature(config))
        # Exponent fields, all on one scale on which none is negative.
        shift = BIAS - 2 * self._layout.bias
        self._product_bias, self._acc_bias = max(shift, 0), max(-shift, 0)
        largest = max((2 << self._layout.exponent_bits) - 2 + self._product_bias,
                      (1 << EXPONENT) - 1 + self._acc_bias)
        self._exponent_bits = largest.bit_length()

    @classmethod
    def timing(cls, config):
        """When the unit of a configuration takes and gives what."""
        return DotTiming(0, MULTIPLIER_LATENCY, LATENCY)

    def elaborate(self, platform):
        m = Module()
        products = [self._product(m, e) for e in range(DOT)]
        acc = self._acc(m)
        terms = [acc, *products]
        largest = self._largest(m, acc, products)
        # Infinities and NaN only need to be told from each other.
        up = Cat(term.infinite & ~term.sign for term in terms).any()
        down = Cat(term.infinite & term.sign for term in terms).any()
        nan = Cat(term.nan for term in terms).any()
        words = {f"term_{n}": self._align(m, n, term, largest) for n, term in enumerate(terms)}
        s = cut(m, True, **words, signs=Cat(term.sign for term in terms), largest=largest,
                up=up, down=down, nan=nan,
                minus_zero=acc.sign & acc.zero & ~Cat(p.present for p in products).any())
        s = cut(m, True, total=self._sum(m, s), **_rest(s))
        s = cut(m, True, **self._normalise(m, s), **_rest(s))
        m.d.comb += self.o.eq(cut(m, True, packed=self._pack(m, s)).packed)
        return m

    def _product(self, m, e):
        """A registered product, not normalised; it is present unless an operand is a zero."""
        layout = self._layout
        a, b = (_decode(m, layout, operand[e].value, f"{name}_{e}")
                for name, operand in (("a", self.a), ("b", self.b)))
        present = ~(self.a[e].zero | self.b[e].zero)
        exponent = Signal(self._exponent_bits, name=f"exponent_{e}")
        m.d.comb += exponent.eq(a.exponent + b.exponent + self._product_bias)
        return cut(m, True, present=present, sign=a.sign ^ b.sign,
                   significand=a.significand * b.significand,
                   # An absent product has an exponent below any other.
                   exponent=exponent & present.replicate(len(exponent)),
                   infinite=(a.infinite | b.infinite) & present, nan=(a.nan | b.nan) & present)

    def _acc(self, m):
        """The parts of the accumulator."""
        acc = _decode(m, BINARY32, self.acc, "acc")
        exponent = Signal(self._exponent_bits, name="exponent_acc")
        m.d.comb += exponent.eq(acc.exponent + self._acc_bias)
        return SimpleNamespace(present=Const(1), sign=acc.sign, significand=acc.significand,
                               exponent=exponent, infinite=acc.infinite, nan=acc.nan,
                               zero=acc.significand == 0)

    def _largest(self, m, acc, products):
        """The largest exponent; the products' is known before the accumulator comes."""
        largest = products[0].exponent
        for n, other in enumerate([*products[1:], acc]):
            larger = Signal(self._exponent_bits, name=f"largest_{n}")
            m.d.comb += larger.eq(Mux(other.exponent > largest, other.exponent, largest))
            largest = larger
        return largest

    def _align(self, m, n, term, largest):
        """The significand in units of 2**(largest - FRACTION_BITS); an absent one is 0."""
        fraction = MANTISSA if n == 0 else 2 * self._layout.mantissa_bits
        width = len(term.significand) + FRACTION_BITS - fraction
        distance = Signal(self._exponent_bits, name=f"distance_{n}")
        near = Signal(name=f"near_{n}")
        shifted = Signal(width, name=f"shifted_{n}")
        low = distance[:5]
        m.d.comb += [
            distance.eq(largest - term.exponent),
            near.eq(term.present & ~distance[5:].any()),
            shifted.eq(Cat(C(0, FRACTION_BITS - fraction), term.significand) >> low),
        ]
        return shifted & near.replicate(width)

    def _sum(self, m, s):
        """The sum of the terms with their signs, two's complement."""
        total = Const(0, 1)
        for n in range(DOT + 1):
            sign = s.signs[n]
            term = Signal(MAGNITUDE + 1, name=f"signed_{n}")
            # The ones that complete the negative terms are added as they are.
            m.d.comb += term.eq(getattr(s, f"term_{n}") ^ sign.replicate(MAGNITUDE + 1))
            total = total + term + sign
        return total[:MAGNITUDE + 1]

    def _normalise(self, m, s):
        """Sign, and the magnitude with its leading one on top if the exponent allows it."""
        magnitude = Signal(MAGNITUDE)
        sign = s.total[-1]
        m.d.comb += magnitude.eq((s.total[:-1] ^ sign.replicate(MAGNITUDE)) + sign)
        zeros = count_leading_zeros(m, magnitude, "magnitude")
        # A shift by `room` leaves the smallest exponent of binary32.
        room = Signal(self._exponent_bits + 1)
        shift = Signal.like(zeros)
        normal = Signal(MAGNITUDE)
        exponent = Signal(self._exponent_bits + 1)
        m.d.comb += [
            room.eq(s.largest + (INTEGER_BITS - 2 - self._acc_bias)),
            shift.eq(Mux(room < zeros, room, zeros)),
            normal.eq(magnitude << shift),
            exponent.eq(room + 1 - shift),
        ]
        return {"normal": normal, "exponent": exponent, "sign": sign}

    def _pack(self, m, s):
        """Round; zeros, infinities and NaN."""
        below = MAGNITUDE - MANTISSA - 1
        guard, sticky, hidden = s.normal[below - 1], s.normal[:below - 1].any(), s.normal[-1]
        rounded = Signal(MANTISSA + EXPONENT)
        special = Signal()
        overflow = Signal()
        m.d.comb += [
            # Without a leading one the exponent is that of subnormal numbers, written as 0.
            rounded.eq(Cat(s.normal[below:-1], s.exponent[:EXPONENT] & hidden.replicate(EXPONENT))
                       + (guard & (sticky | s.normal[below]))),
            overflow.eq(hidden & (s.exponent >= (1 << EXPONENT) - 1)
                        | rounded[MANTISSA:].all()),
            special.eq(s.up | s.down | s.nan | overflow),
        ]
        nan = s.nan | (s.up & s.down)
        sign = Mux(s.up | s.down, s.down, s.sign | s.minus_zero)
        mantissa = rounded[:MANTISSA] & ~special.replicate(MANTISSA)
        return Cat(mantissa[:-1], mantissa[-1] | nan,
                   rounded[MANTISSA:] | special.replicate(EXPONENT), sign & ~nan)


def _rest(s):
    """What accompanies a sum through the stages."""
    return {name: getattr(s, name) for name in ("largest", "up", "down", "nan", "minus_zero")}


def _decode(m, layout, number, name):
    """Split a number; the significand of infinities and NaN means nothing."""
    mantissa, field = number[:layout.mantissa_bits], number[layout.mantissa_bits:-1]
    hidden = Signal(name=f"{name}_hidden")
    special = Signal(name=f"{name}_special")
    m.d.comb += [
        hidden.eq(field != 0),
        special.eq((field if layout.has_infinity else number[:-1]).all()),
    ]
    infinite = special & ~mantissa.any() if layout.has_infinity else Const(0)
    return SimpleNamespace(
        sign=number[-1], exponent=Cat(field[0] | ~hidden, field[1:]),
        significand=Cat(mantissa, hidden), infinite=infinite,
        nan=special & ~infinite if layout.has_infinity else special)
