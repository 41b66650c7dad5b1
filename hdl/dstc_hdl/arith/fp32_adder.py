"""Addition of binary32 numbers."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .pipeline import check_latency, count_leading_zeros, cut

__all__ = ["Fp32Adder"]

MANTISSA = 23
EXPONENT = 8
# A sum is kept as carry, significand of 24 bits, guard, round and sticky.
GUARDS = 3
WIDTH = 1 + (1 + MANTISSA) + GUARDS

# Which of the three inner boundaries (ordered, summed, normalised) are registers.
CUTS = {1: (0, 0, 0), 2: (0, 1, 0), 3: (1, 1, 0), 4: (1, 1, 1)}


class Fp32Adder(wiring.Component):
    """IEEE 754 binary32 adder.

    ``o`` is ``a + b`` rounded once, to nearest with ties to even.  Subnormal numbers are kept, as
    operands and as results.  The sum of two numbers of equal size and opposite sign is +0 and
    -0 + -0 is -0; every NaN result is 0x7FC00000.

    One path serves near and far exponents: the operands are ordered by magnitude, the smaller
    is shifted right (bits that leave it are collected in a sticky bit), added or subtracted, and
    the sum is shifted left by its leading zeros, but at most down to the smallest exponent.  The
    order by magnitude makes the difference non-negative, and puts every NaN and infinity first.

    Timing: operands of cycle t give the result in cycle t + ``latency``; a new pair is taken in
    every cycle.  Registers have neither enable nor reset.

    Parameters
    ----------
    latency : int
        Registers between inputs and output, 1 to 4; the last one is the output itself.

    Members
    -------
    a, b : ``In(32)``
        Operands, packed binary32.
    o : ``Out(32)``
        Sum, packed binary32.

    Raises
    ------
    DstcError
        If ``latency`` is not an integer from 1 to 4.

    Source
    ------
    IEEE 754-2019, 4.3.1 (roundTiesToEven), 5.4.1 (addition), 6.1 to 6.3 (infinity, NaN, sign of
    a zero sum).
    """

    def __init__(self, latency):
        self._latency = check_latency("Fp32Adder", latency, 1, 4)
        super().__init__({"a": In(32), "b": In(32), "o": Out(32)})

    @property
    def latency(self):
        """Cycles from operands to result."""
        return self._latency

    def elaborate(self, platform):
        m = Module()
        ordered, summed, normal = CUTS[self.latency]
        stage = cut(m, ordered, **_order(m, self.a, self.b))
        stage = cut(m, summed, **_add(m, stage))
        stage = cut(m, normal, **_normalise(m, stage))
        m.d.comb += self.o.eq(cut(m, True, result=_round(m, stage)).result)
        return m


def _order(m, a, b):
    """Sort by magnitude and compare the exponents."""
    swap = Signal()
    large = Signal(32)
    small = Signal(32)
    m.d.comb += [
        swap.eq(a[:31] < b[:31]),
        large.eq(Mux(swap, b, a)),
        small.eq(Mux(swap, a, b)),
    ]
    hidden = {}
    exponent = {}
    for name, number in (("large", large), ("small", small)):
        field = number[MANTISSA:31]
        hidden[name] = Signal(name=f"{name}_hidden")
        exponent[name] = Signal(EXPONENT, name=f"{name}_exponent")
        m.d.comb += [
            hidden[name].eq(field != 0),
            # Subnormal numbers have the exponent of the smallest normal ones.
            exponent[name].eq(Cat(field[0] | ~hidden[name], field[1:])),
        ]
    distance = Signal(EXPONENT)
    subtract = Signal()
    special = Signal()
    m.d.comb += [
        distance.eq(exponent["large"] - exponent["small"]),
        subtract.eq(large[31] ^ small[31]),
        special.eq(large[MANTISSA:31].all()),
    ]
    return {
        "sign": large[31],
        "exponent": exponent["large"],
        "large_significand": Cat(large[:MANTISSA], hidden["large"]),
        "small_significand": Cat(small[:MANTISSA], hidden["small"]),
        # From 32 on everything is sticky, as it is at 31.
        "distance": distance[:5] | distance[5:].any().replicate(5),
        "subtract": subtract,
        "special": special,
        "nan": special & (large[:MANTISSA].any() | (small[MANTISSA:31].all() & subtract)),
    }


def _add(m, s):
    """Align the smaller significand and add it to the larger or subtract it."""
    aligned = Cat(C(0, GUARDS), s.small_significand)
    for level in range(5):
        step = 1 << level
        shifted = Signal(WIDTH - 1, name=f"shifted{step}")
        kept = Cat(aligned[:step + 1].any(), aligned[step + 1:])
        m.d.comb += shifted.eq(Mux(s.distance[level], kept, aligned))
        aligned = shifted
    # The lowest bit of this addition is the carry into the one above it.
    total = Signal(WIDTH + 1)
    m.d.comb += total.eq(
        Cat(s.subtract, C(0, GUARDS), s.large_significand)
        + Cat(s.subtract, aligned ^ s.subtract.replicate(WIDTH - 1)))
    return {
        "sign": s.sign,
        "exponent": s.exponent,
        # A subtraction of the smaller from the larger always carries out.
        "total": Cat(total[1:WIDTH], total[WIDTH] & ~s.subtract),
        "subtract": s.subtract,
        "special": s.special,
        "nan": s.nan,
    }


def _normalise(m, s):
    """Shift out the leading zeros, and decide on rounding."""
    # A one at the place of the hidden bit of the smallest exponent ends the count there.
    floor = Signal(WIDTH)
    m.d.comb += floor.eq(C(1 << (WIDTH - 1), WIDTH) >> s.exponent)
    zeros = count_leading_zeros(m, s.total | floor, "zeros")
    normal = Signal(WIDTH)
    hidden = Signal()
    exponent = Signal(EXPONENT)
    m.d.comb += [
        normal.eq(s.total << zeros),
        hidden.eq(normal[-1]),
        exponent.eq((s.exponent + 1 - zeros) & hidden.replicate(EXPONENT)),
    ]
    below = GUARDS + 1
    guard, sticky = normal[below - 1], normal[:below - 1].any()
    return {
        "sign": s.sign & ~s.nan & ~(s.subtract & (s.total == 0)),
        "magnitude": Cat(normal[below:-1], exponent),
        "round_up": guard & (sticky | normal[below]),
        "special": s.special | exponent.all(),
        "nan": s.nan,
    }


def _round(m, s):
    """Round to nearest, ties to even; put infinity and NaN in place."""
    # A carry out of the mantissa is the next exponent, up to infinity.
    rounded = Signal(31)
    m.d.comb += rounded.eq(s.magnitude + s.round_up)
    mantissa = rounded[:MANTISSA] & ~s.special.replicate(MANTISSA)
    exponent = rounded[MANTISSA:] | s.special.replicate(EXPONENT)
    return Cat(mantissa[:-1], mantissa[-1] | s.nan, exponent, s.sign)
