"""Operand crossbar: from the banks of the value memories to the positions of the tile."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from .bitmap_unit import select_layout
from .layouts import lanes, ohmma_layout, operand_set_layout, positions
from .select import select

__all__ = ["OperandCrossbar", "SideCrossbar", "collector_layout"]


def collector_layout(config):
    """An OHMMA with the values that it brings, at their row and column positions."""
    return data.StructLayout({
        "token": ohmma_layout(config),
        "a": operand_set_layout(config, "A"),
        "b": operand_set_layout(config, "B"),
    })


class SideCrossbar(wiring.Component):
    """Combinational routing of one operand side, in two stages.

    Of the 2L bank outputs at most L neighbours (modulo 2L) are wanted.  The first stage folds
    bank n and bank n + L into lane n; the second gives every position the lane that its value
    index names.  Routing L operands instead of R * S products is what keeps the crossbar small.

    Timing: combinational.

    Parameters
    ----------
    config : Config
    side : str
        ``"A"`` or ``"B"``.

    Members
    -------
    select : ``In(select_layout(config, side))``
    banks : ``In(ArrayLayout(element_bits, 2 * L))``
    o : ``Out(operand_set_layout(config, side))``
        Values of positions outside ``mask`` are arbitrary.
    """

    def __init__(self, config, side):
        self._config = config
        self._side = side
        super().__init__({
            "select": In(select_layout(config, side)),
            "banks": In(data.ArrayLayout(config.element_bits, 2 * lanes(config, side))),
            "o": Out(operand_set_layout(config, side)),
        })

    def elaborate(self, platform):
        m = Module()
        width = lanes(self._config, self._side)
        shift = exact_log2(width)
        start = self.select.start
        folded = Signal(data.ArrayLayout(self._config.element_bits, width))
        for lane in range(width):
            # The window of L values that begins in bank `start` reaches lane n in the upper half
            # of the banks if it begins there, unless it has wrapped by then.
            upper = Signal(name=f"upper_{lane}")
            m.d.comb += [
                upper.eq(start[shift] ^ (lane < start[:shift])),
                folded[lane].eq(Mux(upper, self.banks[lane + width], self.banks[lane])),
            ]
        m.d.comb += self.o.mask.eq(self.select.mask)
        for n in range(positions(self._config, self._side)):
            m.d.comb += self.o.values[n].eq(select(m, f"value_{n}", folded, self.select.lane[n]))
        return m


class OperandCrossbar(wiring.Component):
    """Operand crossbar.

    Takes an OHMMA with its selects while the value memories present the banks that the bitmap
    unit asked for, and hands the operands on at the positions that they have in the tile.

    Timing: latency 1, one OHMMA per cycle.

    Parameters
    ----------
    config : Config

    Members
    -------
    i : ``In(stream.Signature({token, a, b}))``
        As delivered by the bitmap unit.
    banks_a, banks_b : ``In(ArrayLayout(element_bits, 2 * L))``
        Outputs of the value memories; they belong to the token on ``i``.
    o : ``Out(stream.Signature(collector_layout(config)))``
    """

    def __init__(self, config):
        self._config = config
        super().__init__({
            "i": In(stream.Signature(data.StructLayout({
                "token": ohmma_layout(config),
                "a": select_layout(config, "A"),
                "b": select_layout(config, "B"),
            }))),
            "banks_a": In(data.ArrayLayout(config.element_bits, config.a_beat_values)),
            "banks_b": In(data.ArrayLayout(config.element_bits, config.b_beat_values)),
            "o": Out(stream.Signature(collector_layout(config))),
        })

    @property
    def latency(self):
        return 1

    def elaborate(self, platform):
        m = Module()
        m.d.comb += self.i.ready.eq(~self.o.valid | self.o.ready)
        with m.If(self.i.ready):
            m.d.sync += self.o.valid.eq(self.i.valid)
        for side, banks in (("a", self.banks_a), ("b", self.banks_b)):
            route = SideCrossbar(self._config, side.upper())
            m.submodules[f"route_{side}"] = route
            m.d.comb += [route.select.eq(self.i.p[side]), route.banks.eq(banks)]
            with m.If(self.i.valid & self.i.ready):
                m.d.sync += self.o.p[side].eq(route.o)
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += self.o.p.token.eq(self.i.p.token)
        return m
