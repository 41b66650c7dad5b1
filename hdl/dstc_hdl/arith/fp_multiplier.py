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
        stage = cut(m, self.latency == 2, **_multiply(m, a, b))
        m.d.comb += self.o.eq(cut(m, self.latency >= 1, product=_pack(m, stage)).product)
        return m


def _decode(m, number, name):
    """Split a number and shift a subnormal significand up to its hidden bit."""
    mantissa, field = number[:MANTISSA], number[MANTISSA:15]
    hidden = Signal(name=f"{name}_hidden")
    m.d.comb += hidden.eq(field != 0)
    zeros = count_leading_zeros(m, mantissa, f"{name}_zeros")
    significand = Signal(SIGNIFICAND, name=f"{name}_significand")
    exponent = Signal(signed(6), name=f"{name}_exponent")
    m.d.comb += [
        significand.eq(Mux(hidden, Cat(mantissa, 1), (mantissa << 1) << zeros)),
        # The smallest exponent, 1, less the shift of zeros + 1.
        exponent.eq(Mux(hidden, field, -zeros)),
    ]
    special = field == SPECIAL
    return SimpleNamespace(
        sign=number[15], exponent=exponent, significand=significand,
        zero=~hidden & (mantissa == 0), special=special, nan=special & (mantissa != 0))


def _multiply(m, a, b):
    """Two halves of the product of the significands, and everything else."""
    half = SIGNIFICAND // 2
    return {
        "low": a.significand * b.significand[:half],
        "high": a.significand * b.significand[half:],
        "exponent": (a.exponent + b.exponent)[:7],
        "sign": a.sign ^ b.sign,
        "zero": a.zero | b.zero,
        "special": a.special | b.special,
        "nan": a.nan | b.nan | (a.zero & b.special) | (a.special & b.zero),
    }


def _pack(m, s):
    """Sum the halves, normalise by at most one place and pack."""
    product = Signal(2 * SIGNIFICAND)
    m.d.comb += product.eq(s.low + (s.high << (SIGNIFICAND // 2)))
    top = product[-1]
    fraction = Mux(top, product[:-1], Cat(0, product[:-2]))
    exponent = Signal(8)
    m.d.comb += exponent.eq(s.exponent.as_signed() + BIAS + top)
    return Cat(
        C(0, 1), C(0, 1),
        fraction[:-1] & ~s.special.replicate(2 * SIGNIFICAND - 2),
        (fraction[-1] & ~s.special) | s.nan,
        (exponent & ~s.zero.replicate(8)) | s.special.replicate(8),
        (s.sign & ~s.nan),
    )
