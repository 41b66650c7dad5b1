"""Inner-product cores: the dense twin, and the one with a 2:4 structured B."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from dstc.errors import DstcError
from dstc.twin.shape import DOT, GROUP, INDEX_BITS, NUMERICS, TwinShape

from ..layouts import beat_layout
from ..tile_port import CLoad, Drain
from .accumulators import BlockAccumulators
from .control import JobControl
from .dot import dot_class
from .layouts import block_layout, element_layout, job_layout
from .selected_dot import SelectedDot
from .sequencer import BlockSequencer
from .tile_buffer import TileBuffer

__all__ = ["DenseCore", "FusedDenseCore", "FusedStructuredCore", "StructuredCore"]


class TwinCore(wiring.Component):
    """What both cores are made of; see :class:`DenseCore`."""

    def __init__(self, config, numerics, *, structured):
        if numerics not in NUMERICS:
            raise DstcError(f"Numerics must be one of {', '.join(NUMERICS)}, not {numerics!r}")
        self._config, self._twin = config, TwinShape(config, structured)
        self._numerics = numerics
        self._timing = dot_class(config, numerics).timing(config)
        least = self._timing.latency + 1
        if self._twin.blocks < least:
            raise DstcError(f"Inner-product core with dot products of {least - 1} cycles needs a "
                            f"tile of at least {least} blocks, not {self._twin.blocks}")
        super().__init__({
            "job": In(stream.Signature(job_layout())),
            "a": In(stream.Signature(self._twin.a_beat_bits)),
            "b": In(stream.Signature(self._twin.b_beat_bits)),
            "c": In(stream.Signature(config.c_beat_bits)),
            "d": Out(stream.Signature(beat_layout(config.c_beat_bits))),
            "issue": Out(1),
        })

    @property
    def config(self):
        """The configuration."""
        return self._config

    @property
    def twin(self):
        """The shape of the core."""
        return self._twin

    @property
    def numerics(self):
        """What it computes, one of :data:`dstc.twin.NUMERICS`."""
        return self._numerics

    @property
    def latency(self):
        """Cycles from a block to the cycle in which its sums are in the banks."""
        return 1 + self._timing.acc_at + self._timing.latency + 1

    def elaborate(self, platform):
        m = Module()
        config, twin = self._config, self._twin
        timing, halves = self._timing, twin.groups_per_block
        m.submodules.sequencer = sequencer = BlockSequencer(twin)
        m.submodules.buffer_a = buffer_a = TileBuffer(
            beat_bits=twin.a_beat_bits, rows=twin.a_beats // halves, group=twin.row_blocks,
            skew=timing.skew, halves=halves)
        m.submodules.buffer_b = buffer_b = TileBuffer(
            beat_bits=twin.b_beat_bits, rows=twin.b_beats, group=twin.b_beats, skew=timing.skew)
        m.submodules.accumulators = accumulators = BlockAccumulators(twin)
        wiring.connect(m, wiring.flipped(self.a), buffer_a.i)
        m.d.comb += [
            buffer_b.i.valid.eq(self.b.valid), self.b.ready.eq(buffer_b.i.ready),
            buffer_b.i.payload.eq(self._by_element(self.b.payload)),
            sequencer.present.eq(buffer_a.present & buffer_b.present),
            buffer_a.row.eq(sequencer.a_row), buffer_b.row.eq(sequencer.b_row),
            buffer_a.next.eq(sequencer.next), buffer_b.next.eq(sequencer.next),
            self.issue.eq(sequencer.o.valid),
        ]
        # A block on its way: its sums are read when the products are there, and written back.
        blocks = [sequencer.o]
        for n in range(1 + timing.acc_at + timing.latency):
            blocks.append(Signal(block_layout(config), name=f"block_{n}"))
            m.d.sync += blocks[-1].eq(blocks[-2])
        block = blocks[-1]
        m.d.comb += [accumulators.read_at.eq(blocks[timing.acc_at]),
                     accumulators.write_at.eq(block)]
        self._dots(m, buffer_a, buffer_b, accumulators)
        self._jobs(m, sequencer, accumulators, block)
        return m

    def _by_element(self, beat):
        """A beat of B with the values and the metadata of each k together."""
        twin, width = self._twin, self._config.element_bits
        if not twin.structured:
            return beat
        values, places = beat[:twin.b_beat_values * width], beat[twin.b_beat_values * width:]
        return Cat(Cat(values.word_select(e, twin.cols * width),
                       places.word_select(e, twin.cols * INDEX_BITS)) for e in range(DOT))

    def _elements(self, m, name, part, count):
        """The first ``count`` elements of a part of a row, each with whether it is a zero."""
        width, is_float = self._config.element_bits, self._config.format.is_float
        elements = Signal(data.ArrayLayout(element_layout(self._config), count), name=name)
        for n in range(count):
            value = part.word_select(n, width)
            m.d.comb += [elements[n].value.eq(value),
                         elements[n].zero.eq(~value[:-1].any() if is_float else 0)]
        return elements

    def _dots(self, m, buffer_a, buffer_b, accumulators):
        """The dot-product units between the operands and the accumulators."""
        config, twin = self._config, self._twin
        per_row = twin.rows * (GROUP if twin.structured else 1)
        a = [self._elements(m, f"a_{e}", buffer_a.o[e], per_row) for e in range(DOT)]
        b = [self._elements(m, f"b_{e}", buffer_b.o[e], twin.cols) for e in range(DOT)]
        for p in range(twin.rows):
            for q in range(twin.cols):
                n = p * twin.cols + q
                if twin.structured:
                    dot = SelectedDot(config, self._numerics)
                    for e in range(DOT):
                        places = buffer_b.o[e][twin.cols * config.element_bits:]
                        m.d.comb += dot.place[e].eq(places.word_select(q, INDEX_BITS))
                        m.d.comb += [dot.a[e][k].eq(a[e][k * twin.rows + p])
                                     for k in range(GROUP)]
                else:
                    dot = dot_class(config, self._numerics)(config)
                    m.d.comb += [dot.a[e].eq(a[e][p]) for e in range(DOT)]
                m.submodules[f"dot_{p}_{q}"] = dot
                m.d.comb += [dot.b[e].eq(b[e][q]) for e in range(DOT)]
                m.d.comb += [dot.acc.eq(accumulators.acc[n]), accumulators.total[n].eq(dot.o)]

    def _jobs(self, m, sequencer, accumulators, written):
        """Jobs from the stream to the banks and out of them."""
        m.submodules.control = control = JobControl()
        m.submodules.c_load = c_load = CLoad(self._config)
        m.submodules.drain = drain = Drain(self._config)
        for source, sink in ((wiring.flipped(self.job), control.job), (control.load, c_load.op),
                             (control.compute, sequencer.job), (control.drain, drain.op),
                             (wiring.flipped(self.c), c_load.i), (drain.o, wiring.flipped(self.d))):
            wiring.connect(m, source, sink)
        m.d.comb += [
            c_load.turn.eq(1), drain.turn.eq(1),
            control.loaded.eq(c_load.done), control.drained.eq(drain.done),
            control.ended.eq(written.valid & written.job_last),
            accumulators.load_at.eq(c_load.at), accumulators.load.eq(c_load.write),
            accumulators.drain_acc.eq(drain.at.acc), accumulators.drain_row.eq(drain.at.bank_row),
            accumulators.drain_next_row.eq(drain.next_bank_row),
            accumulators.drain_next_index.eq(drain.next_index),
            drain.read.eq(accumulators.drain),
        ]


class DenseCore(TwinCore):
    """Dense inner-product core: the twin of the sparse core.

    As many multipliers as the sparse core of the configuration, as dot products of four elements
    (:class:`dstc.twin.TwinShape`), the same tiles, the same C and D streams.  A job computes one
    output tile from ``more + 1`` pairs of operand tiles, which come on ``a`` and ``b`` as they are,
    zeros included (docs/twin.md).

    Timing: with operands present, a pair of tiles takes ``dense_ohmma_per_tile`` cycles, every
    multiplier at work in each of them; tiles load, C loads and results drain meanwhile.  Sums are
    in the banks ``latency`` cycles after their last products were issued; a beat of D follows in
    each cycle from ``latency + 1`` on.

    Parameters
    ----------
    config : Config
    numerics : str
        ``exact``: results follow docs/numerics.md to the bit.  ``fused``: one rounding for each
        dot product, as in docs/twin.md.

    Members
    -------
    job : ``In(stream.Signature(job_layout()))``
        Output tiles, in order.
    a, b : ``In(stream.Signature(beat))``
        Operand tiles, in order.
    c : ``In(stream.Signature(c_beat_bits))``
        C tiles of the jobs that have one.
    d : ``Out(stream.Signature({data, last}))``
        Result tiles.
    issue : ``Out(1)``
        A block of products is issued in this cycle.

    Raises
    ------
    DstcError
        If there is no such numerics, or a tile has fewer blocks than a sum has cycles.
    """

    def __init__(self, config, numerics="exact"):
        super().__init__(config, numerics, structured=False)


class StructuredCore(TwinCore):
    """Inner-product core with a 2:4 structured B: twice the rate of the dense twin.

    Of every four neighbouring k of a column, B holds two values, each with its place among the
    four; every multiplier selects the element of A that belongs to its value.  A pair of tiles is
    over ``2 * tile_k`` k and takes ``dense_ohmma_per_tile`` cycles.  Everything else is as in
    :class:`DenseCore`.
    """

    def __init__(self, config, numerics="exact"):
        super().__init__(config, numerics, structured=True)


class FusedDenseCore(DenseCore):
    """The dense twin with fused dot products, made from a configuration alone."""

    def __init__(self, config):
        super().__init__(config, "fused")


class FusedStructuredCore(StructuredCore):
    """The 2:4 structured core with fused dot products, made from a configuration alone."""

    def __init__(self, config):
        super().__init__(config, "fused")
