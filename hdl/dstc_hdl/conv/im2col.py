"""Im2col unit: A tile records of a convolution, from records of its feature map."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from dstc.conv.words import ConvErrorCode
from dstc.isa import WORD_BITS

from ..layouts import beat_layout
from ..stream import StreamQueue
from .feature_loader import FeatureLoader
from .gather import Gather
from .gather_words import GatherWords
from .layouts import gather_layout, window_load_layout
from .occupancy import Occupancy
from .record_packer import RecordPacker
from .span_tables import SpanTables
from .span_walker import SpanWalker
from .window import FeatureWindow

__all__ = ["Im2col"]

# Words that wait while those behind them are decoded.
QUEUED = 4


class Im2col(wiring.Component):
    """Im2col unit.

    Carries out the words of ``dstc.conv.words.GATHER_WORDS``.  Words are taken in order; loads of
    windows (``LDX``) and gathers (``GEN``) each wait in a queue of their own, 4 words long, so
    that a window is filled while the other is read.  ``LDX`` and ``SPANS`` wait until their
    window or table is free, which it is after reset and after a ``GEN`` that frees it; a ``GEN``
    waits until both are full.  Only ``SPANS`` holds up the words behind it while it waits.

    The bitmap of the lowered tile comes from masks, shifts and counts of the map's bitmaps and
    its values from the same places; the lowered tile never exists in a memory.

    Timing: one span per cycle.  A GEN is in front two cycles after its word was taken, if those
    before it are done; say that it starts then, with its window and table full.  Let
    ``cost = max(1, ceil(values / 2R))`` of a span that has so many values, a beat having 2R.
    Then a GEN of n spans with cost 1 lasts n cycles, and the next starts right behind it; every
    further unit of cost holds up what follows by a cycle.  The first beat of a record whose
    first span starts in cycle t is on offer in cycle ``t + 4 + sum of its costs``, the others
    follow one per cycle; a record waits only for the last beat of the one before it.
    Loads: :class:`FeatureLoader`.

    Parameters
    ----------
    config : Config

    Members
    -------
    instr : ``In(stream.Signature(64))``
    x : ``In(stream.Signature(beat_layout(config.a_beat_bits)))``
        Records of the feature map, in the order of the loads.
    o : ``Out(stream.Signature(beat_layout(config.a_beat_bits)))``
        Records of A tiles.
    error : ``Out(1)``
        The unit takes no word any more, until a reset.
    code : ``Out(4)``
        0, or the :class:`dstc.conv.words.ConvErrorCode` of what came first.  ``FEATURE_RECORD``:
        a feature record has its ``last`` on the wrong beat.  ``GATHER_WORD``: an illegal word, or
        a span that cannot be gathered (:class:`GatherWords`, :class:`SpanWalker`,
        :class:`Gather`), or more than ``tile_k`` k-steps in a record.
    """

    def __init__(self, config):
        self._config = config
        beats = stream.Signature(beat_layout(config.a_beat_bits))
        super().__init__({
            "instr": In(stream.Signature(WORD_BITS)),
            "x": In(beats),
            "o": Out(beats),
            "error": Out(1),
            "code": Out(4),
        })

    def elaborate(self, platform):
        m = Module()
        config = self._config
        m.submodules.words = words = GatherWords(config)
        m.submodules.loads = loads = StreamQueue(window_load_layout(config), QUEUED)
        m.submodules.gathers = gathers = StreamQueue(gather_layout(config), QUEUED)
        m.submodules.loader = loader = FeatureLoader(config)
        # A window holds what GENs are for until the last has been walked, and may be filled anew
        # when its spans have been read as well, which is later when the output is stalled.
        m.submodules.windows = windows = Occupancy(config.window_tiles)
        m.submodules.held = held = Occupancy(config.window_tiles)
        m.submodules.tables = tables = Occupancy(config.window_spans)
        m.submodules.walker = walker = SpanWalker(config)
        m.submodules.gather = gather = Gather(config)
        m.submodules.packer = packer = RecordPacker(config, config.tile_m)
        self._memories(m, words, loader, walker, gather)
        for source, sink in ((words.loads, loads.i), (loads.o, loader.load),
                             (words.gathers, gathers.i), (gathers.o, walker.i),
                             (walker.o, gather.i), (gather.o, packer.i)):
            wiring.connect(m, source, sink)
        wiring.connect(m, wiring.flipped(self.x), loader.x)
        wiring.connect(m, packer.o, wiring.flipped(self.o))
        m.d.comb += [
            words.instr.payload.eq(self.instr.payload),
            words.instr.valid.eq(self.instr.valid & ~self.error),
            self.instr.ready.eq(words.instr.ready & ~self.error),
            windows.filled.eq(loader.filled), windows.free.eq(walker.left_windows),
            held.filled.eq(loader.filled), held.free.eq(gather.free_windows),
            tables.filled.eq(words.filled), tables.free.eq(walker.free_tables),
            words.tables_full.eq(tables.full), loader.full.eq(held.full),
            walker.windows_full.eq(windows.full), walker.tables_full.eq(tables.full),
            walker.table_counts.eq(tables.counts), gather.window_counts.eq(held.counts),
        ]
        illegal = words.error | walker.error | gather.error | packer.error
        with m.If(~self.error):
            m.d.sync += [self.error.eq(loader.error | illegal),
                         self.code.eq(Mux(loader.error, ConvErrorCode.FEATURE_RECORD,
                                          Mux(illegal, ConvErrorCode.GATHER_WORD, 0)))]
        return m

    def _memories(self, m, words, loader, walker, gather):
        """Tables and windows between those who write and those who read them."""
        m.submodules.spans = spans = SpanTables(self._config)
        m.submodules.window = window = FeatureWindow(self._config)
        m.d.comb += [
            spans.write.eq(words.span), spans.read_en.eq(gather.span_en),
            spans.read_table.eq(walker.o.p.table), spans.read_index.eq(walker.o.p.index),
            gather.span.eq(spans.span),
            window.write_en.eq(loader.write_en), window.write.eq(loader.write),
            window.row.eq(loader.row), window.read_en.eq(gather.read_en),
            window.read.eq(gather.read), gather.row.eq(window.o),
        ]
