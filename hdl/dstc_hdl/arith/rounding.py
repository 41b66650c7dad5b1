"""Conversion of binary32 numbers to the floating-point element formats."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from dstc.errors import DstcError

from .pipeline import cut

__all__ = ["FpRounder"]

# Fields of binary32.
MANTISSA, EXPONENT, BIAS = 23, 8, 127


class FpRounder(wiring.Component):
    """Rounds a binary32 number to a narrower floating-point format.

    ``o`` is ``i`` rounded once, to nearest with ties to even.  Subnormal numbers are kept, as
    operands and as results; what rounds to zero keeps its sign.  From half a step above the
    largest number on (in a format without infinities: above that) the result is an infinity, or
    NaN of the same sign where there is none.  Every NaN operand gives the quiet NaN of positive
    sign, which is what 0x7FC00000, the one NaN of the accumulators, converts to.

    One path serves normal and subnormal results: exponent and mantissa form one word, its leading
    bits are the result cut off, and rounding adds 1 to it, so that a carry out of the mantissa is
    the next exponent and, after the highest, the infinity.  For a subnormal result the
    significand is shifted to its place first; a format with the exponents of binary32 needs no
    shifter.

    Timing: an operand of cycle t gives the result in cycle t + ``latency``, which is 1; a new one
    is taken in every cycle.  The register has neither enable nor reset.

    Parameters
    ----------
    layout : dstc.elements.FloatLayout
        Format of the result: 2 to 8 exponent bits, 1 to 21 mantissa bits, with infinities or
        without; without, fewer exponent bits than binary32 has.

    Members
    -------
    i : ``In(32)``
        Packed binary32.
    o : ``Out(layout.bits)``
        Packed number of the format.

    Raises
    ------
    DstcError
        If a field of the format is too narrow or too wide.

    Source
    ------
    IEEE 754-2019, 4.3.1 (roundTiesToEven), 5.4.2 (convertFormat), 6.2 (NaN), 7.4 and 7.5
    (overflow, underflow); OCP 8-bit Floating Point Specification (OFP8) 1.0.
    """

    latency = 1

    def __init__(self, layout):
        self._layout = layout
        widest = EXPONENT if layout.has_infinity else EXPONENT - 1
        for field, low, high in (("exponent", 2, widest), ("mantissa", 1, MANTISSA - 2)):
            bits = getattr(layout, f"{field}_bits")
            if not low <= bits <= high:
                raise DstcError(f"FpRounder {field} must have {low} to {high} bits, not {bits}")
        super().__init__({"i": In(32), "o": Out(layout.bits)})

    @property
    def layout(self):
        """Format of the result."""
        return self._layout

    def elaborate(self, platform):
        m = Module()
        layout = self._layout
        magnitude, field = self.i[:-1], self.i[MANTISSA:-1]
        below = MANTISSA - layout.mantissa_bits
        offset = BIAS - layout.bias
        # Of the significand below its highest place, all bits; of the exponent, those of the
        # result and one more.
        number = Signal(MANTISSA + layout.exponent_bits + 1)
        lost = Signal()
        if offset:
            _place(m, self._layout, self.i, number, lost)
        else:
            m.d.comb += number.eq(magnitude)
        kept = number[below:]
        largest = (1 << layout.exponent_bits + layout.mantissa_bits) - 1
        beyond = Signal()       # too large before any rounding
        if layout.has_infinity:
            largest &= -1 << layout.mantissa_bits
            m.d.comb += beyond.eq(field >= offset + (1 << layout.exponent_bits) - 1)
        else:
            m.d.comb += beyond.eq((field >= offset + (1 << layout.exponent_bits))
                                  | (kept == largest))
        rounded = Signal(layout.bits - 1)
        nan = Signal()
        m.d.comb += [
            rounded.eq(kept + (number[below - 1] & (number[:below - 1].any() | lost | kept[0]))),
            nan.eq(field.all() & self.i[:MANTISSA].any()),
        ]
        special = C(largest, layout.bits - 1) | (nan << layout.mantissa_bits - 1)
        packed = Cat(Mux(beyond, special[:layout.bits - 1], rounded), self.i[-1] & ~nan)
        m.d.comb += self.o.eq(cut(m, True, packed=packed).packed)
        return m


def _place(m, layout, word, number, lost):
    """The number with the exponent of the format, its significand shifted where that is too small.

    ``lost`` tells whether a set bit has left it.
    """
    field, mantissa = word[MANTISSA:-1], word[:MANTISSA]
    offset = BIAS - layout.bias
    # From here on nothing is left but the sticky bit.
    furthest = layout.mantissa_bits + 2
    distance = Signal(ceil_log2(furthest + 1))
    normal = Signal()
    significand, shifted = Signal(MANTISSA + 1), Signal(MANTISSA + 1)
    out = Signal(MANTISSA + 1)
    exponent = Signal(layout.exponent_bits + 1)
    m.d.comb += [
        normal.eq(field > offset),
        # Below the smallest exponent of the format every operand that counts is normal.
        significand.eq(Cat(mantissa, field != 0)),
        distance.eq(Mux(field + furthest > offset + 1, offset + 1 - field, furthest)),
        shifted.eq(significand >> distance),
        out.eq(significand & ~(C(-1, MANTISSA + 1) << distance)[:MANTISSA + 1]),
        exponent.eq(field - offset),
        number.eq(Mux(normal, Cat(mantissa, exponent), shifted)),
        lost.eq(~normal & out.any()),
    ]
