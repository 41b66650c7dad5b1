"""Post check: the words of the epilogue ask for the results that the instructions promise."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from dstc.accelerator.registers import DeviceErrorCode
from dstc.conv.words import parameter_words, word_spec
from dstc.isa import WORD_BITS

from ..conv.word_decoder import WordDecoder
from ..layouts import beat_layout
from .axi import fault_layout
from .layouts import order_layout

__all__ = ["PostCheck"]


class PostCheck(wiring.Component):
    """Post check.

    Lets the words of the epilogue through, each ``POST`` when the instruction is known whose
    result tile it is for: both must be raw, or both of as many records.  An illegal word is left
    to the epilogue.

    Timing: combinational.

    Parameters
    ----------
    config : Config

    Members
    -------
    i : ``In(stream.Signature(beat_layout(64)))``
    order : ``In(stream.Signature(order_layout()))``
        Taken with the final word for its last tile.
    ended : ``In(1)``
        No more words will come.
    o : ``Out(stream.Signature(64))``
    fault : ``Out(fault_layout())``
        ``RESULT``, with the address of the result: another kind than the instruction says, or no
        words; stays, and nothing more is let through.
    """

    def __init__(self, config):
        self._config = config
        super().__init__({
            "i": In(stream.Signature(beat_layout(WORD_BITS))),
            "order": In(stream.Signature(order_layout())),
            "ended": In(1),
            "o": Out(stream.Signature(WORD_BITS)),
            "fault": Out(fault_layout()),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.decoder = decoder = WordDecoder(self._config, (word_spec("POST"),))
        post, order = decoder.fields.POST, self.order.p
        second = Signal()                       # tile of a pair
        left = Signal(range(parameter_words(self._config) + 1))
        header, fits, passes, tile_ends = Signal(), Signal(), Signal(), Signal()
        blocks = Mux(second, order.blocks1, order.blocks0)
        m.d.comb += [
            decoder.word.eq(self.i.p.data),
            header.eq(decoder.op.POST & (left == 0)),
            fits.eq((post.raw == order.raw) & (order.raw | (post.blocks == blocks))),
            passes.eq(~header | (self.order.valid & fits)),
            self.o.payload.eq(self.i.p.data),
            self.o.valid.eq(self.i.valid & passes),
            self.i.ready.eq(self.o.ready & passes),
            tile_ends.eq(self.i.valid & self.i.ready
                         & ((header & ~post.params) | (left == 1))),
            self.order.ready.eq(tile_ends & (second | ~order.pair)),
            self.fault.valid.eq(self.order.valid & ((self.i.valid & header & ~fits) | self.ended)),
            self.fault.code.eq(DeviceErrorCode.RESULT),
            self.fault.address.eq(order.result),
        ]
        with m.If(self.i.valid & self.i.ready):
            with m.If(header & post.params):
                m.d.sync += left.eq(parameter_words(self._config))
            with m.Elif(left != 0):
                m.d.sync += left.eq(left - 1)
        with m.If(tile_ends):
            m.d.sync += second.eq(order.pair & ~second)
        return m
