"""Round-robin choice."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..select import encode_one_hot

__all__ = ["RoundRobin"]


class RoundRobin(wiring.Component):
    """Chooses one of several requests, the one after the choice that was taken last.

    Timing: ``grant`` and ``index`` follow ``requests`` combinationally.  A request that stays is
    granted after at most ``count - 1`` others were taken.

    Parameters
    ----------
    count : int
        Requests, at least 1.

    Members
    -------
    requests : ``In(count)``
    taken : ``In(1)``
        The choice of this cycle is taken; only with a request.
    grant : ``Out(count)``
        The bit of the chosen one; 0 if there is no request.
    index : ``Out(range(count))``
        Its number; 0 if there is no request.

    Raises
    ------
    ValueError
        If ``count`` is not an integer of at least 1.
    """

    def __init__(self, count):
        if not isinstance(count, int) or count < 1:
            raise ValueError(f"Round-robin count must be an integer of at least 1, not {count!r}")
        self._count = count
        super().__init__({
            "requests": In(count),
            "taken": In(1),
            "grant": Out(count),
            "index": Out(range(count)),
        })

    def elaborate(self, platform):
        m = Module()
        behind = Signal(self._count)        # requests behind the one that was taken last
        later, candidates = Signal(self._count), Signal(self._count)
        m.d.comb += [
            later.eq(self.requests & behind),
            candidates.eq(Mux(later.any(), later, self.requests)),
            self.grant.eq(candidates & -candidates),
            self.index.eq(encode_one_hot(self.grant, len(self.index))),
        ]
        with m.If(self.taken):
            m.d.sync += behind.eq(~(self.grant | (self.grant - 1)))
        return m
