"""Feature loader: tile records of a feature map into a window."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2, exact_log2

from dstc.conv.words import WINDOWS

from ..bitmap_unit import popcount
from ..layouts import beat_layout, tile_values
from .compaction import expand, routes
from .layouts import fill_layout, place_layout, row_layout, window_load_layout

__all__ = ["FeatureLoader"]


class FeatureLoader(wiring.Component):
    """Feature loader.

    Takes side-A tile records (docs/format.md) into the slots 0, 1, ... of a window that is free:
    the bitmaps, then, one channel per cycle as its values come in, the channel with its values at
    their positions.

    Timing: a record of b bitmap beats and v value beats holds the loader for b cycles and, unless
    the stream makes it wait, at most ``tile_k + v`` more: a channel takes one cycle, and waits
    for its values.  Value beats are taken ahead of the channels as far as there is room, which
    is at least for the values of one channel and a beat.  A row is written a cycle after its
    channel; the next load is taken two cycles after the last channel at the earliest.

    Parameters
    ----------
    config : Config

    Members
    -------
    load : ``In(stream.Signature(window_load_layout(config)))``
        Taken when the window is free and the loads before it are complete.
    x : ``In(stream.Signature(beat_layout(config.a_beat_bits)))``
    full : ``In(2)``
        Windows that are not free.
    write_en : ``Out(1)``, write : ``Out(place_layout(config))``, row : ``Out(row_layout(config))``
    filled : ``Out(fill_layout(window_tiles))``
        The row that is written in this cycle completes the load.
    error : ``Out(1)``
        A record has its ``last`` on the wrong beat; nothing is taken any more.
    """

    def __init__(self, config):
        self._config = config
        self._per_beat = config.a_beat_values
        self._bitmap_beats = -(-config.tile_k * config.tile_m // config.a_beat_bits)
        # Values that are held: a channel that starts anywhere in a beat, and a beat.
        self._held = 1 << ceil_log2(config.tile_m + self._per_beat)
        super().__init__({
            "load": In(stream.Signature(window_load_layout(config))),
            "x": In(stream.Signature(beat_layout(config.a_beat_bits))),
            "full": In(WINDOWS),
            "write_en": Out(1),
            "write": Out(place_layout(config)),
            "row": Out(row_layout(config)),
            "filled": Out(fill_layout(config.window_tiles)),
            "error": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        config, shift = self._config, exact_log2(self._per_beat)
        bitmaps = Signal(self._bitmap_beats * config.a_beat_bits, reset_less=True)
        present = Signal(config.tile_m)
        # Of the record: values that its channels have taken, and value beats that have come.
        used = Signal(range(tile_values(config, "A") + 1))
        after = Signal.like(used)
        beats = Signal(range((tile_values(config, "A") + self._held) // self._per_beat + 1))
        needed, held = Signal.like(beats), Signal.like(beats)
        ended, advance, take_bitmaps, take_values = Signal(), Signal(), Signal(), Signal()
        new_record = Signal()
        m.d.comb += [
            present.eq(bitmaps),
            after.eq(used + popcount(m, "count", present)),
            # A channel goes on when all beats up to its last value are here.
            needed.eq((after + (self._per_beat - 1)) >> shift),
            held.eq(beats - (used >> shift)),
        ]
        with m.If(take_bitmaps):
            m.d.sync += [bitmaps.eq(Cat(bitmaps, self.x.p.data) >> config.a_beat_bits),
                         ended.eq(self.x.p.last)]
        with m.If(take_values):
            m.d.sync += [beats.eq(beats + 1), ended.eq(self.x.p.last)]
        with m.If(advance):
            m.d.sync += [bitmaps.eq(bitmaps >> config.tile_m), used.eq(after)]
        with m.If(new_record):
            m.d.sync += [used.eq(0), beats.eq(0), ended.eq(0)]

        place, final, busy = self._rows(m, present=present, used=used, beats=beats,
                                        advance=advance, take_values=take_values)
        room = held != self._held // self._per_beat
        self._control(m, place=place, final=final, busy=busy, room=room, ended=ended,
                      here=beats >= needed, exact=beats == needed, advance=advance,
                      take_bitmaps=take_bitmaps, take_values=take_values, new_record=new_record)
        return m

    def _control(self, m, *, place, final, busy, room, ended, here, exact, advance, take_bitmaps,
                 take_values, new_record):
        """Take a load, then for each of its records the bitmaps and, with the values, the
        channels.
        """
        count = Signal.like(self.load.p.count, reset_less=True)
        bitmaps_left = Signal(range(self._bitmap_beats))
        m.d.comb += final.eq(place.slot == count - 1)
        with m.FSM(name="loader"):
            with m.State("IDLE"):
                free = ~self.full.bit_select(self.load.p.window, 1)
                m.d.comb += self.load.ready.eq(free & ~busy)
                with m.If(self.load.valid & self.load.ready):
                    m.d.comb += new_record.eq(1)
                    m.d.sync += [place.window.eq(self.load.p.window), place.slot.eq(0),
                                 count.eq(self.load.p.count)]
                    m.next = "BITMAPS"
            with m.State("BITMAPS"):
                m.d.comb += [self.x.ready.eq(1), take_bitmaps.eq(self.x.valid)]
                with m.If(take_bitmaps):
                    m.d.sync += bitmaps_left.eq(bitmaps_left - 1)
                    with m.If(bitmaps_left == 0):
                        m.next = "CHANNELS"
                    with m.Elif(self.x.p.last):
                        m.d.comb += self.error.eq(1)
                        m.next = "FAILED"
            with m.State("CHANNELS"):
                m.d.comb += [self.x.ready.eq(room & ~ended),
                             take_values.eq(self.x.valid & self.x.ready), advance.eq(here)]
                with m.If(~here & ended):
                    m.d.comb += self.error.eq(1)
                    m.next = "FAILED"
                with m.If(here):
                    m.d.sync += place.channel.eq(place.channel + 1)
                with m.If(here & (place.channel == self._config.tile_k - 1)):
                    m.d.comb += new_record.eq(1)
                    m.d.sync += place.slot.eq(place.slot + 1)
                    m.next = "BITMAPS"
                    with m.If(~ended | ~exact):
                        m.d.comb += self.error.eq(1)
                        m.next = "FAILED"
                    with m.Elif(final):
                        m.next = "IDLE"
            with m.State("FAILED"):
                pass
        # Behind the states: the last assignment counts, and tile_k may be no power of two.
        with m.If(new_record):
            m.d.sync += [bitmaps_left.eq(self._bitmap_beats - 1), place.channel.eq(0)]

    def _rows(self, m, *, present, used, beats, advance, take_values):
        """Values that have come, those of the channel in front brought to its positions."""
        config, size, bits = self._config, self._per_beat, self._config.element_bits
        place = Signal(place_layout(config))
        written = Signal(place_layout(config), reset_less=True)
        there = Signal.like(present, reset_less=True)
        final, last, busy = Signal(), Signal(), Signal()
        held = []
        for n in range(self._held // size):
            row = Signal(size * bits, name=f"held_{n}", reset_less=True)
            with m.If(take_values & (beats[:exact_log2(self._held // size)] == n)):
                m.d.sync += row.eq(self.x.p.data)
            held += [row.word_select(lane, bits) for lane in range(size)]
        moves, _ = routes(m, "present", present)
        steps = [Signal.like(move, name=f"step_{s}", reset_less=True)
                 for s, move in enumerate(moves)]
        values = [Signal(bits, name=f"value_{n}", reset_less=True) for n in range(config.tile_m)]
        aligned = self._align(m, held, used)
        m.d.sync += busy.eq(advance)
        with m.If(advance):
            m.d.sync += [
                *(step.eq(move) for step, move in zip(steps, moves, strict=True)),
                *(value.eq(item) for value, item in zip(values, aligned, strict=True)),
                there.eq(present), written.eq(place),
                last.eq(final & (place.channel == config.tile_k - 1)),
            ]
        m.d.comb += [
            self.write_en.eq(busy), self.write.eq(written), self.row.present.eq(there),
            self.row.values.as_value().eq(Cat(expand(m, "spread", values, steps))),
            self.filled.en.eq(busy & last), self.filled.index.eq(written.window),
            self.filled.count.eq(written.slot + 1),
        ]
        return place, final, busy

    def _align(self, m, held, used):
        """The next tile_m values: ``held`` from the value ``used`` on, around its end."""
        lanes = list(held)
        for s in reversed(range(exact_log2(self._held))):
            step = 1 << s
            aligned = [Signal(len(lanes[0]), name=f"aligned_{step}_{n}")
                       for n in range(min(self._held, self._config.tile_m + step - 1))]
            m.d.comb += [target.eq(Mux(used[s], lanes[(n + step) % len(lanes)], lanes[n]))
                         for n, target in enumerate(aligned)]
            lanes = aligned
        return lanes
