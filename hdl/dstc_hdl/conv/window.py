"""Feature windows: parts of a feature map, of which any neighbouring positions can be read."""

from amaranth import *
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from dstc.conv.words import WINDOWS

from ..layouts import address_bits
from .layouts import place_layout, read_layout, row_layout

__all__ = ["FeatureWindow"]


class FeatureWindow(wiring.Component):
    """Memory of the two feature windows.

    A window has ``window_tiles`` slots of tile_m positions and ``tile_k`` channels.  Position p
    of a slot is in bank p, so tile_m neighbours from any position on are in different banks:
    those from ``lane`` on in the slot, the others in the slot behind it.  The slot behind the
    last is the first.

    Timing: ``o`` shows what was read with the last ``read_en``, a cycle later, already turned
    into lane order by a rotation that is combinational.  A row may be read from the cycle after
    its write on.

    Parameters
    ----------
    config : Config

    Members
    -------
    write_en : ``In(1)``, write : ``In(place_layout(config))``, row : ``In(row_layout(config))``
        A channel of a slot; elements of positions that are not present may be anything.
    read_en : ``In(1)``, read : ``In(read_layout(config))``
    o : ``Out(row_layout(config))``
        Lane j is position ``lane + j``.
    """

    def __init__(self, config):
        self._config = config
        super().__init__({
            "write_en": In(1),
            "write": In(place_layout(config)),
            "row": In(row_layout(config)),
            "read_en": In(1),
            "read": In(read_layout(config)),
            "o": Out(row_layout(config)),
        })

    def elaborate(self, platform):
        m = Module()
        size = self._config.tile_m
        channel_bits = address_bits(self._config.tile_k)
        place = self.read.place
        next_slot = Signal.like(place.slot)
        lane = Signal.like(self.read.lane, reset_less=True)
        m.d.comb += next_slot.eq(place.slot + 1)
        with m.If(self.read_en):
            m.d.sync += lane.eq(self.read.lane)
        lanes = []
        for n in range(size):
            bank = memory.Memory(
                shape=1 + self._config.element_bits, init=[],
                depth=WINDOWS * self._config.window_tiles << channel_bits)
            m.submodules[f"bank_{n}"] = bank
            write, read = bank.write_port(), bank.read_port()
            m.d.comb += [
                write.en.eq(self.write_en),
                write.addr.eq(Cat(self.write.channel, self.write.slot, self.write.window)),
                write.data.eq(Cat(self.row.present[n], self.row.values[n])),
                read.en.eq(self.read_en),
                read.addr.eq(Cat(place.channel, Mux(n < self.read.lane, next_slot, place.slot),
                                 place.window)),
            ]
            lanes.append(read.data)
        for s in range(ceil_log2(size)):
            step = 1 << s
            turned = [Signal(1 + self._config.element_bits, name=f"turned_{step}_{n}")
                      for n in range(size)]
            m.d.comb += [target.eq(Mux(lane[s], lanes[(n + step) % size], lanes[n]))
                         for n, target in enumerate(turned)]
            lanes = turned
        m.d.comb += [
            self.o.present.eq(Cat(item[0] for item in lanes)),
            self.o.values.as_value().eq(Cat(item[1:] for item in lanes)),
        ]
        return m
