"""The epilogue of a convolution."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from dstc.conv.words import ConvErrorCode
from dstc.isa import WORD_BITS

from ..arith.pipeline import cut
from ..conv.record_packer import RecordPacker
from ..layouts import beat_layout
from ..stream import StreamQueue, StreamRegister
from .encoder import ChannelEncoder
from .lanes import ResultLanes, lanes_latency
from .layouts import op_layout, result_layout
from .parameters import ParameterStore
from .post_reader import PostReader
from .tile_walk import TileWalk
from .transpose import TransposeBuffer

__all__ = ["Epilogue"]


class Epilogue(wiring.Component):
    """Bias, ReLU, conversion and encoding of result tiles (docs/convolution.md).

    Every result tile on ``i`` needs one ``POST`` on ``instr``; both are taken in order.  The tile
    leaves on ``d`` with its sums as they are after bias and ReLU, or on ``y`` as tile records of
    the next layer's feature map, one for each block of ``tile_k`` columns.

    Timing: while outputs and words do not stall, a tile takes ``max(c_beats, P + 2)`` cycles with P
    parameter words, one beat per cycle: the words of the next tile are taken meanwhile, from the
    cycle of its first beat on.
    A beat taken in cycle t is on ``d`` in cycle t + ``latency``.  The last beat of a tile taken in
    cycle t puts piece p (S rows of a channel) before the record packer in cycle t + ``latency`` +
    4 + p, when the tile before has none left, so the record of block b has its first beat in cycle
    ``t + latency + 4 + (b + 1) * tile_k * tile_m / S`` and one beat per cycle, as long as no piece
    has more values than a beat and no record more beats than the next has pieces; otherwise the
    packer decides (:class:`RecordPacker`).  ``i.ready`` does not depend on ``i`` or the outputs
    combinationally: the arithmetic has no stall, so a beat is taken only if the queue behind it
    has room for it when it comes out.

    Parameters
    ----------
    config : Config

    Members
    -------
    instr : ``In(stream.Signature(64))``
        ``POST`` and parameters (dstc.conv.words).
    i : ``In(stream.Signature({data, last}))``
        Result tiles of the core; ``last`` is not looked at.
    d : ``Out(stream.Signature({data, last}))``
        Raw result tiles.
    y : ``Out(stream.Signature({data, last}))``
        Tile records.
    busy : ``Out(1)``
        A tile has been taken in part, or not all of what was taken has been sent.
    error : ``Out(1)``
        A word was illegal (:class:`PostReader`).  Stays until reset; tiles of earlier words are
        completed, then nothing more is taken.
    code : ``Out(4)``
        10 with ``error``, otherwise 0.

    Raises
    ------
    DstcError
        If result tiles are no whole tiles of a feature map in this configuration.
    """

    def __init__(self, config):
        config.require_convolution()
        self._config = config
        results = stream.Signature(beat_layout(config.c_beat_bits))
        super().__init__({
            "instr": In(stream.Signature(WORD_BITS)),
            "i": In(results),
            "d": Out(results),
            "y": Out(stream.Signature(beat_layout(config.a_beat_bits))),
            "busy": Out(1),
            "error": Out(1),
            "code": Out(4),
        })

    @property
    def config(self):
        return self._config

    @property
    def latency(self):
        """Cycles from a beat to its raw results."""
        return lanes_latency(self._config) + 1

    def elaborate(self, platform):
        m = Module()
        config = self._config
        m.submodules.reader = reader = PostReader(config)
        m.submodules.op = op = StreamRegister(op_layout(config))
        m.submodules.parameters = parameters = ParameterStore(config)
        m.submodules.walk = walk = TileWalk(config)
        # A place for every beat between its acceptance and the return of its credit.
        m.submodules.queue = queue = StreamQueue(result_layout(config), self.latency + 1)
        wiring.connect(m, wiring.flipped(self.instr), reader.instr)
        wiring.connect(m, reader.o, op.i)
        credit = Signal(range(queue.depth + 1), init=queue.depth)
        returned = Signal()
        m.d.comb += [
            parameters.write.eq(reader.write),
            parameters.half.eq(op.o.p.half),
            parameters.group.eq(walk.group),
            self.i.ready.eq(op.o.valid & (credit != 0)),
            walk.step.eq(self.i.valid & self.i.ready),
            op.o.ready.eq(walk.step & walk.last),
            returned.eq(queue.o.valid & queue.o.ready),
            self.error.eq(reader.error),
            self.code.eq(Mux(reader.error, ConvErrorCode.POST_WORD, 0)),
        ]
        m.d.sync += credit.eq(credit + returned - walk.step)
        self._arithmetic(m, op.o.p, walk, parameters, queue)
        held = self._outputs(m, queue)
        m.d.comb += self.busy.eq(walk.started | (credit != queue.depth) | held)
        return m

    def _arithmetic(self, m, op, walk, parameters, queue):
        """Lanes, and beside them what belongs to their beats."""
        m.submodules.lanes = lanes = ResultLanes(self._config)
        m.d.comb += [
            lanes.i.words.as_value().eq(self.i.p.data),
            lanes.i.bias.eq(parameters.bias),
            lanes.i.add.eq(op.bias),
            lanes.i.relu.eq(op.relu),
            lanes.i.keep.eq(walk.row < op.rows),
            lanes.i.raw.eq(op.raw),
        ]
        if not self._config.format.is_float:
            m.d.comb += lanes.i.scale.eq(parameters.scale)
        valid, beside = walk.step, Cat(op.raw, walk.last, op.blocks)
        for n in range(lanes.latency):
            stage = Signal(name=f"valid_{n}")
            m.d.sync += stage.eq(valid)
            valid = stage
            beside = vars(cut(m, True, **{f"beside_{n}": beside}))[f"beside_{n}"]
        m.d.comb += [
            queue.i.valid.eq(valid),
            queue.i.p.words.eq(lanes.o),
            Cat(queue.i.p.raw, queue.i.p.last, queue.i.p.blocks).eq(beside),
        ]

    def _outputs(self, m, queue):
        """Raw results to ``d``, the others through buffer and encoder to ``y``; gives whether
        any are held.
        """
        config = self._config
        m.submodules.buffer = buffer = TransposeBuffer(config)
        m.submodules.encoder = encoder = ChannelEncoder(config)
        m.submodules.packer = packer = RecordPacker(config, config.array_cols)
        wiring.connect(m, buffer.o, encoder.i)
        wiring.connect(m, encoder.o, packer.i)
        wiring.connect(m, packer.o, wiring.flipped(self.y))
        result = queue.o.p
        m.d.comb += [
            self.d.valid.eq(queue.o.valid & result.raw),
            self.d.p.data.eq(result.words.as_value()),
            self.d.p.last.eq(result.last),
            buffer.i.valid.eq(queue.o.valid & ~result.raw),
            buffer.i.p.blocks.eq(result.blocks),
            queue.o.ready.eq(Mux(result.raw, self.d.ready, buffer.i.ready)),
        ]
        m.d.comb += [buffer.i.p.values[q].eq(result.words[q])
                     for q in range(config.array_cols)]
        return buffer.busy | encoder.busy | packer.o.valid
