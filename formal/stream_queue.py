"""StreamQueue: what goes in comes out once and in order, and nothing else does."""

from amaranth import Array, Mux, Signal

from .binding import Design
from .harness import Harness

__all__ = ["stream_queue"]


def stream_queue(component, width):
    """A queue, under any behaviour of both sides, beside a ghost that moves its tokens up.

    ``accepts``: while it holds less than ``depth`` tokens.  ``offers``: while it holds any, and
    ``empty`` says that it holds none.  ``oldest``: what it offers is the oldest one.

    Parameters
    ----------
    component : StreamQueue
    width : int
        Bits of its payload.

    Returns
    -------
    Harness
    """
    harness = Harness()
    m, depth = harness.m, component.depth
    design = Design(component)
    m.submodules.dut = design.fragment
    inner = design.part("queue")
    held = Signal(range(depth + 1), name="ghost_held")
    tokens = Array(Signal(width, name=f"ghost_{n}") for n in range(depth))
    puts, gets, place = Signal(name="puts"), Signal(name="gets"), Signal.like(held, name="place")
    m.d.comb += [puts.eq(component.i.valid & component.i.ready),
                 gets.eq(component.o.valid & component.o.ready), place.eq(held - gets)]
    m.d.sync += held.eq(held + puts - gets)
    with m.If(gets):
        m.d.sync += [tokens[n].eq(tokens[n + 1]) for n in range(depth - 1)]
    with m.If(puts):
        m.d.sync += tokens[place].eq(component.i.payload)
    harness.claim("accepts", component.i.ready == (held != depth))
    harness.claim("offers", component.o.valid == (held != 0), component.empty == (held == 0))
    harness.claim("oldest", ~component.o.valid | (component.o.payload == tokens[0]))

    harness.free(component.i.valid, component.i.payload, component.o.ready)

    def ring():
        """The ghost's token n is n places after the one that is read next."""
        level, consume, produce = (inner.signal(name) for name in ("level", "consume", "produce"))
        words = Array(inner.word("storage", n) for n in range(depth))

        def wrapped(place):
            return Mux(place >= depth, place - depth, place)

        yield from (level == held, held <= depth, consume < depth,
                    produce == wrapped(consume + held))
        for n, token in enumerate(tokens):
            yield (held <= n) | (words[wrapped(consume + n)] == token)

    harness.tie(ring)
    return harness
