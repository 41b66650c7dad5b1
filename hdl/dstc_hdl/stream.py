"""Stream parts that the standard library does not ship."""

from amaranth import *
from amaranth.lib import fifo, stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["StreamQueue", "StreamRegister"]


class StreamRegister(wiring.Component):
    """One register stage of a stream.

    Timing: latency 1, one token per cycle.  ``i.ready`` depends on ``o.ready`` combinationally,
    so a chain of registers moves as one and squeezes its bubbles out.

    Parameters
    ----------
    shape : shape-like
        Payload.

    Members
    -------
    i : ``In(stream.Signature(shape))``
    o : ``Out(stream.Signature(shape))``
    """

    def __init__(self, shape):
        super().__init__({"i": In(stream.Signature(shape)), "o": Out(stream.Signature(shape))})

    @property
    def latency(self):
        return 1

    def elaborate(self, platform):
        m = Module()
        m.d.comb += self.i.ready.eq(~self.o.valid | self.o.ready)
        with m.If(self.i.ready):
            m.d.sync += self.o.valid.eq(self.i.valid)
        with m.If(self.i.ready & self.i.valid):
            m.d.sync += self.o.payload.eq(self.i.payload)
        return m


class StreamQueue(wiring.Component):
    """First-in first-out queue.

    Timing: latency 1, one token per cycle.  Neither side depends on the other combinationally.

    Parameters
    ----------
    shape : shape-like
        Payload.
    depth : int
        Tokens held, at least 2.

    Members
    -------
    i : ``In(stream.Signature(shape))``
    o : ``Out(stream.Signature(shape))``
    empty : ``Out(1)``
        No token is held.

    Raises
    ------
    ValueError
        If ``depth`` is not an integer of at least 2.
    """

    def __init__(self, shape, depth):
        if not isinstance(depth, int) or depth < 2:
            raise ValueError(f"Queue depth must be an integer of at least 2, not {depth!r}")
        self._shape = shape
        self._depth = depth
        super().__init__({
            "i": In(stream.Signature(shape)),
            "o": Out(stream.Signature(shape)),
            "empty": Out(1),
        })

    @property
    def depth(self):
        return self._depth

    @property
    def latency(self):
        return 1

    def elaborate(self, platform):
        m = Module()
        width = Shape.cast(self._shape).width
        m.submodules.queue = queue = fifo.SyncFIFO(width=width, depth=self._depth)
        m.d.comb += [
            queue.w_data.eq(Value.cast(self.i.payload)),
            queue.w_en.eq(self.i.valid),
            self.i.ready.eq(queue.w_rdy),
            Value.cast(self.o.payload).eq(queue.r_data),
            self.o.valid.eq(queue.r_rdy),
            queue.r_en.eq(self.o.ready),
            self.empty.eq(queue.level == 0),
        ]
        return m
