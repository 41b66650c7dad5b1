"""Building blocks of the arithmetic pipelines: cuts and leading-zero counts."""

from types import SimpleNamespace

from amaranth import *

from dstc.errors import DstcError

__all__ = ["check_latency", "count_leading_zeros", "cut"]


def check_latency(thing, latency, low, high):
    """The latency, if it is an integer from ``low`` to ``high``.

    Raises
    ------
    DstcError
        If it is not; the sentence names the thing, the range and the value.
    """
    if type(latency) is not int or not low <= latency <= high:
        raise DstcError(f"{thing} latency must be an integer from {low} to {high}, "
                        f"not {latency!r}")
    return latency


def cut(m, registered, **values):
    """Name values and, where a pipeline is cut, put each into a register.

    The registers have neither enable nor reset: what they hold is meaningful exactly as many
    cycles after an operand as the pipeline is deep, so whoever uses the result carries its own
    valid bit along and the data path needs no control at all.

    Returns
    -------
    SimpleNamespace
        One signal for each value, by its name.
    """
    domain = m.d.sync if registered else m.d.comb
    signals = {}
    for name, value in values.items():
        signals[name] = Signal.like(Value.cast(value), name=name, reset_less=True)
        domain += signals[name].eq(value)
    return SimpleNamespace(**signals)


def count_leading_zeros(m, value, name):
    """Number of zeros above the highest set bit.

    A binary search, because each of its steps is one comparison with zero and one selection,
    in gates as well as in a compiled simulation.

    Parameters
    ----------
    value : Value
        Any width; padded below with ones to a power of two, so that the count of a zero is its
        width.
    name : str
        Prefix of the intermediate signals.

    Returns
    -------
    Signal
        The count, ``ceil(log2(len(value)))`` bits, one more if that cannot hold the width.
    """
    levels = (len(value)).bit_length()
    pad = (1 << levels) - len(value)
    window = Cat(C((1 << pad) - 1, pad), value)
    bits = []
    for level in reversed(range(levels)):
        half = 1 << level
        empty = Signal(name=f"{name}_empty{half}")
        chosen = Signal(half, name=f"{name}_window{half}")
        m.d.comb += [
            empty.eq(window[half:] == 0),
            chosen.eq(Mux(empty, window[:half], window[half:])),
        ]
        bits.insert(0, empty)
        window = chosen
    count = Signal(levels, name=f"{name}_count")
    m.d.comb += count.eq(Cat(bits))
    return count
