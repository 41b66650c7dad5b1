"""The core with an im2col unit in front and an epilogue behind: feature map in, feature map out."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from dstc.isa import WORD_BITS

from ..core import Core
from ..epilogue import Epilogue
from ..layouts import COUNTER_BITS, beat_layout, counters_layout, status_layout
from .im2col import Im2col

__all__ = ["ConvCore"]


class ConvCore(wiring.Component):
    """Convolutions from encoded feature map to encoded feature map (docs/convolution.md).

    The A tiles of :class:`Core` come from :class:`Im2col`, its results go through
    :class:`Epilogue`.  A matrix product is the convolution of a kernel of one tap, or, with
    ``direct``, takes its A tiles as they are.

    Timing: that of the core.  ``status.halted`` rises when the core has halted and the epilogue
    has sent everything; cycles in between count as ``drain``.

    Parameters
    ----------
    config : Config

    Members
    -------
    instr, gather, post : ``In(stream.Signature(64))``
        Words of the core, of the im2col unit and of the epilogue.
    x, b : ``In(stream.Signature({data, last}))``
        Tile records of the feature map and of the weights, in the order of their loads.
    a : ``In(stream.Signature({data, last}))``
        Tile records of A, in the order of their loads; nothing is taken unless ``direct``.
    direct : ``In(1)``
        A tiles come from ``a`` instead of the im2col unit.  Constant while a program runs.
    c : ``In(stream.Signature(c_beat_bits))``
    d, y : ``Out(stream.Signature({data, last}))``
        Raw result tiles; tile records of the next feature map.
    resume : ``In(1)``
        While halted without an error: start anew, with counters at 0.
    status : ``Out(status_layout())``
        Errors of the im2col unit and of the epilogue have address 0; only a reset ends them.
    counters : ``Out(counters_layout())``

    Raises
    ------
    DstcError
        If result tiles are no whole tiles of a feature map in this configuration.
    """

    def __init__(self, config):
        config.require_convolution()
        self._config = config
        words = stream.Signature(WORD_BITS)
        a_beats = stream.Signature(beat_layout(config.a_beat_bits))
        super().__init__({
            "instr": In(words),
            "gather": In(words),
            "post": In(words),
            "x": In(a_beats),
            "a": In(a_beats),
            "direct": In(1),
            "b": In(stream.Signature(beat_layout(config.b_beat_bits))),
            "c": In(stream.Signature(config.c_beat_bits)),
            "d": Out(stream.Signature(beat_layout(config.c_beat_bits))),
            "y": Out(a_beats),
            "resume": In(1),
            "status": Out(status_layout()),
            "counters": Out(counters_layout()),
        })

    @property
    def config(self):
        return self._config

    def elaborate(self, platform):
        m = Module()
        m.submodules.im2col = im2col = Im2col(self._config)
        m.submodules.core = core = Core(self._config)
        m.submodules.epilogue = epilogue = Epilogue(self._config)
        for source, sink in ((self.gather, im2col.instr), (self.x, im2col.x),
                             (self.instr, core.instr), (self.b, core.b), (self.c, core.c),
                             (self.post, epilogue.instr)):
            wiring.connect(m, wiring.flipped(source), sink)
        m.d.comb += [
            core.a.payload.eq(Mux(self.direct, self.a.payload, im2col.o.payload)),
            core.a.valid.eq(Mux(self.direct, self.a.valid, im2col.o.valid)),
            self.a.ready.eq(core.a.ready & self.direct),
            im2col.o.ready.eq(core.a.ready & ~self.direct),
        ]
        wiring.connect(m, core.d, epilogue.i)
        wiring.connect(m, epilogue.d, wiring.flipped(self.d))
        wiring.connect(m, epilogue.y, wiring.flipped(self.y))

        failed = im2col.error | epilogue.error
        m.d.comb += [
            self.status.eq(core.status),
            self.status.halted.eq(core.status.halted & ~epilogue.busy & ~failed),
            core.resume.eq(self.resume & self.status.halted),
        ]
        with m.If(failed & ~core.status.error):
            m.d.comb += [
                self.status.error.eq(1),
                self.status.code.eq(Mux(im2col.error, im2col.code, epilogue.code)),
                self.status.address.eq(0),
            ]
        self._count_tail(m, core)
        return m

    def _count_tail(self, m, core):
        """What the epilogue still sends after the core has halted is drain as well."""
        tail = Signal(COUNTER_BITS)
        with m.If(core.resume):
            m.d.sync += tail.eq(0)
        with m.Elif(core.status.halted & ~self.status.halted):
            m.d.sync += tail.eq(tail + 1)
        m.d.comb += [self.counters.eq(core.counters),
                     self.counters.drain.eq(core.counters.drain + tail)]
