"""Products of the floating-point element formats, in binary32."""

from types import SimpleNamespace

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from dstc.elements import ELEMENTS
from dstc.errors import DstcError

from .pipeline import check_latency, count_leading_zeros, cut

__all__ = ["FpMultiplier"]

FP16 = ELEMENTS["fp16"].layout
# Fields of binary32, the format of every product.
MANTISSA, EXPONENT, BIAS = 23, 8, 127


class FpMultiplier(wiring.Component):
    """Multiplier of one floating-point format with binary32 result.

    ``o`` is ``a * b``, rounded once to nearest with ties to even where binary32 cannot hold it.
    The significand of a product always fits, so only its exponent can ask for that.  Products of
    binary16 and of the 8-bit formats, of subnormal operands too, are normal binary32 numbers and
    exact.  Of bfloat16, a product above the largest number is an infinity, and one below the
    smallest normal number is shifted to its place among the subnormal ones and rounded there;
    that logic is built only for formats that need it.

    The sign of zeros and infinities is the exclusive or of the operands' signs; zero times
    infinity and any NaN operand give 0x7FC00000.

    Timing: operands of cycle t give the result in cycle t + ``latency``; a new pair is taken in
    every cycle.  Registers have neither enable nor reset.

    Parameters
    ----------
    latency : int
        Registers between inputs and output: 0 is combinational, 1 registers the output, 2 also
        cuts the multiplication.
    layout : dstc.elements.FloatLayout
        Format of the operands: 2 to 8 exponent bits, 1 to 11 mantissa bits, with infinities or
        without; binary16 when left out.

    Members
    -------
    a, b : ``In(layout.bits)``
        Operands, packed.
    o : ``Out(32)``
        Product, packed binary32.

    Raises
    ------
    DstcError
        If ``latency`` is not an integer from 0 to 2, or a field of the format is too narrow or
        too wide.

    Source
    ------
    IEEE 754-2019, 4.3.1 (roundTiesToEven), 5.4.1 (formatOf-multiplication), 6.1 to 6.3
    (infinity, NaN, sign), 7.4 and 7.5 (overflow, underflow); OCP 8-bit Floating Point
    Specification (OFP8) 1.0 (E4M3, E5M2).
    """

    def __init__(self, latency=1, layout=FP16):
        self._latency = check_latency("FpMultiplier", latency, 0, 2)
        self._layout = layout
        for field, low, high in (("exponent", 2, EXPONENT), ("mantissa", 1, 11)):
            bits = getattr(layout, f"{field}_bits")
            if not low <= bits <= high:
                raise DstcError(f"FpMultiplier {field} must have {low} to {high} bits, not {bits}")
        super().__init__({"a": In(layout.bits), "b": In(layout.bits), "o": Out(32)})

    @property
    def latency(self):
        """Cycles from operands to result."""
        return self._latency

    @property
    def layout(self):
        """Format of the operands."""
        return self._layout

    def elaborate(self, platform):
        m = Module()
        a = _decode(m, self._layout, self.a, "a")
        b = _decode(m, self._layout, self.b, "b")
        # Uncut, one multiplication is smaller and faster than the sum of two halves.
        split = len(a.significand) // 2 if self.latency == 2 else 0
        # binary32 exponent of a product in [1, 2) of two numbers with exponent field 0.
        bias = BIAS - 2 * self._layout.bias
        wide = _leaves_normal_numbers(self._layout, bias)
        state = _multiply(a, b, split)
        if wide:
            state |= _place(m, state["zeros"], state["exponent"] + bias)
        stage = cut(m, self.latency == 2, **state)
        number = _normalise(m, stage, 2 * len(a.significand), split, bias)
        if wide:
            number = _denormalise(m, stage, number)
        m.d.comb += self.o.eq(cut(m, self.latency >= 1, packed=_pack(m, stage, number)).packed)
        return m


def _leaves_normal_numbers(layout, bias):
    """Whether some product is too small or too large for a normal binary32 number."""
    smallest = 1 - layout.mantissa_bits
    largest = (1 << layout.exponent_bits) - 1 - layout.has_infinity
    return 2 * smallest + bias < 1 or 2 * largest + bias + 1 > (1 << EXPONENT) - 2


def _decode(m, layout, number, name):
    """Split a number."""
    mantissa, field = number[:layout.mantissa_bits], number[layout.mantissa_bits:-1]
    hidden = Signal(name=f"{name}_hidden")
    empty = Signal(name=f"{name}_empty")
    special = Signal(name=f"{name}_special")
    m.d.comb += [
        hidden.eq(field != 0),
        empty.eq(mantissa == 0),
        special.eq((field if layout.has_infinity else number[:-1]).all()),
    ]
    significand = Cat(mantissa, hidden)
    return SimpleNamespace(
        sign=number[-1],
        # Subnormal numbers have the exponent of the smallest normal ones.
        exponent=Cat(field[0] | ~hidden, field[1:]),
        significand=significand,
        zeros=count_leading_zeros(m, significand, f"{name}_zeros"),
        zero=~hidden & empty, special=special,
        nan=special & ~empty if layout.has_infinity else special)


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


def _place(m, zeros, room):
    """Shifts of a product that may be too small for a normal number.

    ``room`` is how many places to the left the smallest exponent allows; below 0, how many places
    to the right the product has to go.
    """
    left = Signal.like(zeros)
    right = Signal(5)
    limited = Signal()
    m.d.comb += [
        limited.eq(room <= zeros),
        left.eq(Mux(limited, Mux(room < 0, 0, room), zeros)),
        # From 25 on nothing is left of the product, so more than 31 places make no difference.
        right.eq(Mux(room < 0, Mux(room < -31, 31, -room), 0)),
    ]
    return {"zeros": left, "right": right, "limited": limited}


def _normalise(m, s, width, split, bias):
    """The product as a normal number, and its significand with the leading zeros shifted out."""
    product = Signal(width)
    normal = Signal(width)
    fraction = Signal(width - 1)
    below_two = Signal(max(EXPONENT, len(s.exponent)))
    exponent = Signal.like(below_two)
    # Two significands in [1, 2) have a product in [1, 4).
    top = normal[-1]
    m.d.comb += [
        product.eq(s.low + (s.high << split) if split else s.high),
        normal.eq(product << s.zeros),
        fraction.eq(Mux(top, normal[:-1], normal[:-2] << 1)),
        # A sum without a sign: Verilator 5.052 reads $signed({1'h0, top}) as -1 in places.
        below_two.eq(s.exponent - s.zeros + bias),
        exponent.eq(below_two + top),
    ]
    return SimpleNamespace(exponent=exponent, special=s.special, significand=normal,
                           mantissa=Cat(C(0, MANTISSA - len(fraction)), fraction))


def _denormalise(m, s, number):
    """The same where it is a normal number; otherwise subnormal, zero or infinite."""
    width = len(number.significand)
    # The lowest bit is the first one below the last place of a subnormal number.
    aligned = Cat(C(0, 1 + MANTISSA + 1 - width), number.significand)
    shifted = Signal(len(aligned))
    lost = Signal(len(aligned))
    rounded = Signal(width)
    exponent = Signal(EXPONENT)
    overflow = Signal()
    m.d.comb += [
        shifted.eq(aligned >> s.right),
        lost.eq(aligned & ~(C(-1, len(aligned)) << s.right)[:len(aligned)]),
        # Only what has moved down by more than the zeros below it is rounded, so that there is
        # room for the carry.
        rounded.eq(shifted[1:1 + width] + (shifted[0] & (shifted[1] | lost.any()))),
        # Without a hidden bit the exponent is that of subnormal numbers, which is written as 0.
        exponent.eq(Mux(s.limited, shifted[-1], number.exponent)),
        overflow.eq(~s.limited & (number.exponent >= (1 << EXPONENT) - 1)),
    ]
    tiny = Cat(rounded, shifted[1 + width:])[:MANTISSA]
    return SimpleNamespace(exponent=exponent, special=number.special | overflow,
                           mantissa=Mux(s.limited, tiny, number.mantissa))


def _pack(m, s, number):
    """Zero, infinity and NaN, and the fields in their places."""
    mantissa = number.mantissa
    finite = Signal()
    m.d.comb += finite.eq(~number.special)
    return Cat(
        mantissa[:-1] & finite.replicate(MANTISSA - 1),
        (mantissa[-1] & finite) | s.nan,
        (number.exponent & ~s.zero.replicate(EXPONENT)) | number.special.replicate(EXPONENT),
        s.sign & ~s.nan,
    )
