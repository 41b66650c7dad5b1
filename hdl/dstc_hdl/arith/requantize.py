"""Requantisation: from integer sums back to int8."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from dstc.conv.words import MULTIPLIER, SHIFT

from .pipeline import cut

__all__ = ["MULTIPLIER_BITS", "SHIFT_BITS", "SUM_BITS", "Requantizer"]

SUM_BITS, MULTIPLIER_BITS, SHIFT_BITS = 33, MULTIPLIER.width, SHIFT.width
PRODUCT_BITS = SUM_BITS + MULTIPLIER_BITS


class Requantizer(wiring.Component):
    """Scales a sum to int8.

    ``o`` is ``i * multiplier / 2**shift``, rounded to nearest with ties to even and then brought
    into the range from -128 to 127.  The quotient is rounded as a whole: no bit of the product is
    dropped before.

    Timing: operands of cycle t give the result in cycle t + ``latency``, which is 3 (product,
    shift, rounding); new ones are taken in every cycle.  Registers have neither enable nor reset.

    Members
    -------
    i : ``In(signed(33))``
    multiplier : ``In(16)``
    shift : ``In(6)``
    o : ``Out(8)``
        Two's complement.

    Source
    ------
    The scheme of integer-only inference: Jacob et al., "Quantization and Training of Neural
    Networks for Efficient Integer-Arithmetic-Only Inference", CVPR 2018, 2.2; the rounding is
    that of ONNX QuantizeLinear.
    """

    latency = 3

    def __init__(self):
        super().__init__({"i": In(signed(SUM_BITS)), "multiplier": In(MULTIPLIER_BITS),
                          "shift": In(SHIFT_BITS), "o": Out(8)})

    def elaborate(self, platform):
        m = Module()
        exact = cut(m, True, product=self.i * self.multiplier, shift=self.shift)
        # One place more, for the first bit below the quotient.
        number = Signal(signed(PRODUCT_BITS + 1))
        m.d.comb += number.eq(Cat(C(0, 1), exact.product))
        mask = Signal(PRODUCT_BITS)
        m.d.comb += mask.eq(~(C(-1, PRODUCT_BITS) << exact.shift)[:PRODUCT_BITS])
        # The shift drops `shift` bits of the number, all of them below that place.
        near = cut(m, True, quotient=number >> exact.shift,
                   lost=(number[:PRODUCT_BITS] & mask).any())
        quotient, guard = near.quotient[1:PRODUCT_BITS + 1], near.quotient[0]
        high, sign = quotient[7:], quotient[-1]
        rounded = Signal(8)
        m.d.comb += rounded.eq(quotient[:8] + (guard & (near.lost | quotient[0])))
        saturated = Mux(sign,
                        # One below the range may be rounded into it, which is the limit too.
                        Mux(high.all(), rounded, 0x80),
                        # 127 may be rounded out of it.
                        Mux(high.any() | rounded[7], 0x7F, rounded))
        m.d.comb += self.o.eq(cut(m, True, saturated=saturated).saturated)
        return m
