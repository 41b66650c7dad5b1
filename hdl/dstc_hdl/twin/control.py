"""Job control: which context is loaded, computed and drained."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from dstc.isa import CONTEXTS

from ..layouts import acc_op_layout
from ..stream import StreamQueue
from .layouts import job_layout

__all__ = ["JobControl"]


class JobControl(wiring.Component):
    """Job control.

    Jobs use the two accumulation contexts in turn.  A job first holds its context, which must be
    drained, and has its C loaded, if there is one; then it is computed; when its last sums are in
    the banks the context is drained.  So one job is computed while the one before it drains and
    the one after it waits or has its C loaded.

    Timing: a context is free in the cycle after ``drained``; then a job without C is taken or the
    load of its C begins.  A job is on ``compute`` in the cycle after it was taken, with C in the
    one after ``loaded``.  ``drain`` is valid in the cycle after ``ended``.

    Parameters
    ----------
    None

    Members
    -------
    job : ``In(stream.Signature(job_layout()))``
    load : ``Out(stream.Signature(acc_op_layout()))``, loaded : ``In(1)``
        C loads; ``loaded`` in the last cycle of each.
    compute : ``Out(stream.Signature(job_layout()))``
        Jobs that may run.
    ended : ``In(1)``
        All sums of a job are in the banks from the next cycle on.
    drain : ``Out(stream.Signature(acc_op_layout()))``, drained : ``In(1)``
        Drains; ``drained`` in the last cycle of each.
    """

    def __init__(self):
        super().__init__({
            "job": In(stream.Signature(job_layout())),
            "load": Out(stream.Signature(acc_op_layout())),
            "loaded": In(1),
            "compute": Out(stream.Signature(job_layout())),
            "ended": In(1),
            "drain": Out(stream.Signature(acc_op_layout())),
            "drained": In(1),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.queue = queue = StreamQueue(job_layout(), CONTEXTS)
        wiring.connect(m, queue.o, wiring.flipped(self.compute))
        # The next context to hold, to drain; those held; jobs that have ended but not drained.
        first, last, held = Signal(), Signal(), Signal(CONTEXTS)
        ended = Signal(range(CONTEXTS + 1))
        free = Signal()
        m.d.comb += [
            free.eq(~Mux(first, held[1], held[0])),
            self.load.valid.eq(self.job.valid & self.job.p.load_c & free),
            self.load.p.acc.eq(first),
            # As many jobs as contexts fit into the queue, so it is always ready for a held one.
            self.job.ready.eq(Mux(self.job.p.load_c, self.loaded, free)),
            queue.i.valid.eq(self.job.valid & self.job.ready),
            queue.i.payload.eq(self.job.payload),
            self.drain.valid.eq(ended != 0),
            self.drain.p.acc.eq(last),
        ]
        m.d.sync += ended.eq(ended + self.ended - self.drained)
        taken = Signal()
        m.d.comb += taken.eq(queue.i.valid)
        for n in range(CONTEXTS):
            with m.If(taken & (first == n)):
                m.d.sync += held[n].eq(1)
            with m.Elif(self.drained & (last == n)):
                m.d.sync += held[n].eq(0)
        with m.If(taken):
            m.d.sync += first.eq(~first)
        with m.If(self.drained):
            m.d.sync += last.eq(~last)
        return m
