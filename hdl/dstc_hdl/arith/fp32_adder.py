"""Addition of binary32 numbers."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .pipeline import check_latency, cut

__all__ = ["Fp32Adder"]

MANTISSA = 23
EXPONENT = 8
# A sum is kept as carry, significand of 24 bits, guard, round and sticky.
GUARDS = 3
WIDTH = 1 + (1 + MANTISSA) + GUARDS

# Levels of the normalising shifter: 1, 2, 4, 8 and 16 places.
LEVELS = range(5)


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
        state = {"a": self.a, "b": self.b}
        for name, step in STEPS.items():
            state = step(m, **state)
            if name in CUTS[self.latency]:
                state = vars(cut(m, True, **state))
        m.d.comb += self.o.eq(state["result"])
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
    difference = Signal(EXPONENT)
    distance = Signal(5)
    subtract = Signal()
    special = Signal()
    m.d.comb += [
        difference.eq(exponent["large"] - exponent["small"]),
        # From 32 on everything is sticky, as it is at 31.
        distance.eq(difference[:5] | difference[5:].any().replicate(5)),
        subtract.eq(large[31] ^ small[31]),
        special.eq(large[MANTISSA:31].all()),
    ]
    return {
        "sign": large[31],
        "exponent": exponent["large"],
        "significand": Cat(large[:MANTISSA], hidden["large"]),
        "aligned": Cat(C(0, GUARDS), small[:MANTISSA], hidden["small"]),
        "distance": distance,
        "subtract": subtract,
        "special": special,
        "nan": special & (large[:MANTISSA].any() | (small[MANTISSA:31].all() & subtract)),
    }


def _align(m, aligned, distance, **state):
    """Shift the smaller significand to the place of the larger."""
    width = len(aligned)
    shifted = Signal(width)
    lost = Signal(width)
    m.d.comb += [
        shifted.eq(aligned >> distance),
        lost.eq(aligned & ~(C(-1, width) << distance)[:width]),
    ]
    # The lowest bit is sticky: it stands for everything that has left the word.
    return {"aligned": Cat(shifted[0] | lost.any(), shifted[1:]), **state}


def _add(m, significand, aligned, subtract, exponent, **state):
    """Add the smaller significand or subtract it."""
    # The lowest bit of this addition is the carry into the one above it.
    raw = Signal(WIDTH + 1)
    total = Signal(WIDTH)
    m.d.comb += [
        raw.eq(Cat(subtract, C(0, GUARDS), significand)
               + Cat(subtract, aligned ^ subtract.replicate(WIDTH - 1))),
        # Subtracting the smaller from the larger always carries out.
        total.eq(Cat(raw[1:WIDTH], raw[WIDTH] & ~subtract)),
    ]
    return {
        "total": total,
        "subtract": subtract,
        "exponent": exponent,
        # Whether the shift so far equals the leading bits of the exponent, which it must not
        # exceed: the result would be below the smallest exponent.
        "tight": exponent[5:] == 0,
        **state,
    }


def _normalise(level):
    """Shift out 2**level leading zeros, if the exponent allows it."""
    step = 1 << level

    def normalise(m, total, exponent, tight, zeros=None, **state):
        shift = Signal(name=f"shift{step}")
        shifted = Signal(WIDTH, name=f"normal{step}")
        still_tight = Signal(name=f"tight{step}")
        m.d.comb += [
            shift.eq((total[-step:] == 0) & (~tight | exponent[level])),
            shifted.eq(Mux(shift, total << step, total)),
            still_tight.eq(tight & (shift | ~exponent[level])),
        ]
        return {
            "total": shifted,
            "exponent": exponent,
            "tight": still_tight,
            "zeros": shift if zeros is None else Cat(shift, zeros),
            **state,
        }

    return normalise


def _round(m, sign, exponent, total, subtract, zeros, tight, special, nan):
    """Round to nearest, ties to even; put infinity and NaN in place."""
    hidden = total[-1]
    below = GUARDS + 1
    guard, sticky = total[below - 1], total[:below - 1].any()
    normal_exponent = Signal(EXPONENT)
    m.d.comb += normal_exponent.eq((exponent + 1 - zeros) & hidden.replicate(EXPONENT))
    round_up = Signal()
    rounded = Signal(31)
    force = Signal()
    m.d.comb += [
        round_up.eq(guard & (sticky | total[below])),
        # A carry out of the mantissa is the next exponent, up to infinity.
        rounded.eq(Cat(total[below:-1], normal_exponent) + round_up),
        force.eq(special | normal_exponent.all()),
    ]
    mantissa = rounded[:MANTISSA] & ~force.replicate(MANTISSA)
    return {"result": Cat(
        mantissa[:-1],
        mantissa[-1] | nan,
        rounded[MANTISSA:] | force.replicate(EXPONENT),
        sign & ~nan & ~(subtract & (total == 0)),
    )}


STEPS = {
    "order": _order,
    "align": _align,
    "add": _add,
    **{f"normalise{1 << level}": _normalise(level) for level in reversed(LEVELS)},
    "round": _round,
}

# The steps that end with a register, by latency; chosen by timing analysis.
CUTS = {
    1: ("round",),
    2: ("align", "round"),
    3: ("order", "add", "round"),
    4: ("order", "add", "normalise1", "round"),
}
