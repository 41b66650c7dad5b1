"""One stream to several takers."""

from amaranth import *

__all__ = ["fork"]


def fork(m, source, *sinks):
    """Give every token of ``source`` to all ``sinks`` in the same cycle.

    Payloads are left to the caller, and whether a sink is concerned at all.

    Parameters
    ----------
    source : stream
    sinks : stream, or (stream, Value)
        Their ``ready`` must not depend on ``valid``.  With a value: the sink takes only the tokens
        for which it is 1.
    """
    pairs = [sink if isinstance(sink, tuple) else (sink, C(1)) for sink in sinks]
    free = [sink.ready | ~wanted for sink, wanted in pairs]
    fires = Signal(name="forked")
    m.d.comb += [fires.eq(source.valid & Cat(free).all()), source.ready.eq(Cat(free).all())]
    m.d.comb += [sink.valid.eq(fires & wanted) for sink, wanted in pairs]
