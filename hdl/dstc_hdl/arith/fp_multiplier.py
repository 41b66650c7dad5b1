"""Exact products of binary16 numbers."""

from types import SimpleNamespace

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .pipeline import check_latency, count_leading_zeros, cut

__all__ = ["FpMultiplier"]

MANTISSA = 10
SIGNIFICAND = 1 + MANTISSA
SPECIAL = 31
# binary32 exponent of a product in [1, 2) of two numbers with biased exponent 0.
BIAS = 127 - 2 * 15


class FpMultiplier(wiring.Component):
    """Exact binary16 multiplier with binary32 result.

    ``o`` is ``a * b``.  Every product of two binary16 numbers, also of subnormal ones, is a
    normal binary32 number (its size is a multiple of 2**-48 below 2**32 and has 22 significant
    bits), so nothing is ever rounded.  The sign of zeros and infinities is the exclusive or of
    the operands' signs; zero times infinity and any NaN operand give 0x7FC00000.

    Timing: operands of cycle t give the result in cycle t + ``latency``; a new pair is taken in
    every cycle.  Registers have neither enable nor reset.

    Parameters
    ----------
    latency : int
        Registers between inputs and output: 0 is combinational, 1 registers the output, 2 also
        cuts the multiplication.

    Members
    -------
    a, b : ``In(16)``
        Operands, packed binary16.
    o : ``Out(32)``
        Product, packed binary32.

    Raises
    ------
    DstcError
        If ``latency`` is not an integer from 0 to 2.

    Source
    ------
    IEEE 754-2019, 5.4.1 (formatOf-multiplication), 6.1 to 6.3 (infinity, NaN, sign).
    """

    def __init__(self, latency=1):
        self._latency = check_latency("FpMultiplier", latency, 0, 2)
        super().__init__({"a": In(16), "b": In(16), "o": Out(32)})

    @property
    def latency(self):
        """Cycles from operands to result."""
        return self._latency

    def elaborate(self, platform):
        m = Module()
        a = _decode(m, self.a, "a")
        b = _decode(m, self.b, "b")
        # Uncut, one multiplication is smaller and faster than the sum of two halves.
        split = SIGNIFICAND // 2 if self.latency == 2 else 0
        stage = cut(m, self.latency == 2, **_multiply(a, b, split))
        m.d.comb += self.o.eq(cut(m, self.latency >= 1, packed=_pack(m, stage, split)).packed)
        return m


def _decode(m, number, name):
    """Split a number."""
    mantissa, field = number[:MANTISSA], number[MANTISSA:15]
    hidden = Signal(name=f"{name}_hidden")
    empty = Signal(name=f"{name}_empty")
    special = Signal(name=f"{name}_special")
    m.d.comb += [
        hidden.eq(field != 0),
        empty.eq(mantissa == 0),
        special.eq(field == SPECIAL),
    ]
    significand = Cat(mantissa, hidden)
    return SimpleNamespace(
        sign=number[15],
        # Subnormal numbers have the exponent of the smallest normal ones.
        exponent=Cat(field[0] | ~hidden, field[1:]),
        significand=significand,
        zeros=count_leading_zeros(m, significand, f"{name}_zeros"),
        zero=~hidden & empty, special=special, nan=special & ~empty)


def _multiply(a, b, split):
    """The product of the significands, in two parts if it is split; and everything else."""
    return {
        "low": a.significand * b.significand[:split],
        "high": a.significand * b.significand[split:],
        # Counted beside the multiplication, and shifted out of the product: shifting them out of
        # both operands before it would take longer and as many gates.
        "zeros": a.zeros + b.zeros,
        "exponent": a.exponent + b.exponent,
        "sign": a.sign ^ b.sign,
        "zero": a.zero | b.zero,
        "special": a.special | b.special,
        "nan": a.nan | b.nan | (a.zero & b.special) | (a.special & b.zero),
    }


def _pack(m, s, split):
    """Normalise and pack."""
    product = Signal(2 * SIGNIFICAND)
    normal = Signal(2 * SIGNIFICAND)
    fraction = Signal(2 * SIGNIFICAND - 1)
    exponent = Signal(8)
    # Two significands in [1, 2) have a product in [1, 4).
    top = normal[-1]
    m.d.comb += [
        product.eq(s.low + (s.high << split) if split else s.high),
        normal.eq(product << s.zeros),
        fraction.eq(Mux(top, normal[:-1], normal[:-2] << 1)),
        exponent.eq(s.exponent - s.zeros + BIAS + top),
    ]
    finite = ~s.special
    return Cat(
        C(0, 23 - len(fraction)),
        fraction[:-1] & finite.replicate(len(fraction) - 1),
        (fraction[-1] & finite) | s.nan,
        (exponent & ~s.zero.replicate(8)) | s.special.replicate(8),
        s.sign & ~s.nan,
    )
