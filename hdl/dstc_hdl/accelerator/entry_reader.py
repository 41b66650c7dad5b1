"""Entry reader: from k-tiles to where their records are."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from dstc.accelerator.records import ADDRESS_BITS, ENTRY, GRANULE
from dstc.accelerator.registers import DeviceErrorCode
from dstc.isa import WARP_BITS

from ..layouts import beat_layout, positions, tile_values
from ..stream import StreamQueue
from .axi import fault_layout
from .layouts import run_layout
from .read_channel import command_layout
from .records import record_fields, record_wrong

__all__ = ["EntryReader", "record_beats"]

WORD_BITS = 64
ENTRY_BYTES = WORD_BITS // 8
RUNS = 8


def record_beats(config, side):
    """Fewest and most beats of a tile record."""
    width = config.a_beat_bits if side == "A" else config.b_beat_bits
    bitmaps = -(-config.tile_k * positions(config, side) // width)
    return bitmaps, bitmaps + tile_values(config, side) * config.element_bits // width


class EntryReader(wiring.Component):
    """Entry reader.

    Of every run it fetches the directory entries from the first set bit to the last, and makes
    those with a bit into commands for the records.  An entry is wrong if it has a reserved bit or
    a length that no record has; others are not looked at.

    Timing: a run and an entry per cycle; an entry becomes a command combinationally.

    Parameters
    ----------
    config : Config
    side : str
        ``"A"`` or ``"B"``: whose records.

    Members
    -------
    i : ``In(stream.Signature(run_layout()))``
    cmd : ``Out(stream.Signature(command_layout()))``
        To the channel of the directory.
    entry : ``In(stream.Signature(beat_layout(64)))``, item : ``In(ADDRESS_BITS)``
        Entries of that channel, and the address of the one on offer.
    o : ``Out(stream.Signature(command_layout()))``
        Records, in order.
    fault : ``Out(fault_layout())``
        ``DIRECTORY``, with the address of the entry; stays, and nothing more is taken.
    """

    def __init__(self, config, side):
        self._beats = record_beats(config, side)
        super().__init__({
            "i": In(stream.Signature(run_layout())),
            "cmd": Out(stream.Signature(command_layout())),
            "entry": In(stream.Signature(beat_layout(WORD_BITS))),
            "item": In(ADDRESS_BITS),
            "o": Out(stream.Signature(command_layout())),
            "fault": Out(fault_layout()),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.runs = runs = StreamQueue(WARP_BITS, RUNS)
        self._ask(m, runs)
        left, after, step = Signal(WARP_BITS), Signal(WARP_BITS), Signal()
        fields, wrong, used = record_fields(ENTRY, self.entry.p.data), Signal(), Signal()
        low, high = self._beats
        m.d.comb += [
            after.eq(left >> 1),
            used.eq(self.entry.valid & left[0]),
            wrong.eq(record_wrong(ENTRY, self.entry.p.data)
                     | (fields["beats"] < low) | (fields["beats"] > high)),
            self.fault.valid.eq(used & wrong),
            self.fault.code.eq(DeviceErrorCode.DIRECTORY),
            self.fault.address.eq(self.item),
            self.o.valid.eq(used & ~wrong),
            self.o.p.address.eq(fields["place"] * GRANULE),
            self.o.p.items.eq(fields["beats"]),
            self.entry.ready.eq(Mux(left[0], self.o.ready & ~wrong, left.any())),
            step.eq(self.entry.valid & self.entry.ready),
            runs.o.ready.eq((left == 0) | (step & (after == 0))),
        ]
        with m.If(runs.o.ready):
            m.d.sync += left.eq(Mux(runs.o.valid, runs.o.payload, 0))
        with m.Elif(step):
            m.d.sync += left.eq(after)
        return m

    def _ask(self, m, runs):
        """Ask for the entries of a run, and remember which of them are wanted."""
        mask = self.i.p.mask
        first, final = Signal(range(WARP_BITS)), Signal(range(WARP_BITS))
        for n in range(WARP_BITS):
            with m.If(mask[n]):
                m.d.comb += final.eq(n)
            with m.If(mask[WARP_BITS - 1 - n]):
                m.d.comb += first.eq(WARP_BITS - 1 - n)
        wanted = self.i.valid & mask.any()
        m.d.comb += [
            self.cmd.p.address.eq(self.i.p.at + first * ENTRY_BYTES),
            self.cmd.p.items.eq(final - first + 1),
            runs.i.payload.eq(mask >> first),
            self.cmd.valid.eq(wanted & runs.i.ready),
            runs.i.valid.eq(wanted & self.cmd.ready),
            self.i.ready.eq(~mask.any() | (runs.i.ready & self.cmd.ready)),
        ]
