"""Selection and encoding, written so that every tool sees plain multiplexers and gates."""

from amaranth import *

__all__ = ["encode_one_hot", "lowest", "select"]


def select(m, name, items, index):
    """``items[index]`` as a named signal; an index past the end gives the last item.

    Indexing a wide array becomes a shift by a multiple of the element width, which simulators
    carry out over the whole array; a full case statement is a balanced multiplexer everywhere.

    Parameters
    ----------
    items : sequence
        Signals of one shape, or None where the index never comes.
    """
    items = list(items)
    last = next(item for item in reversed(items) if item is not None)
    result = Signal(last.shape(), name=name)
    with m.Switch(index):
        for n in range(1 << len(index)):
            with m.Case(n):
                item = items[n] if n < len(items) and items[n] is not None else last
                m.d.comb += result.eq(item)
    return result


def encode_one_hot(bits, width):
    """Number of the one set bit of ``bits``, as ``width`` bits; 0 if none is set."""
    size = len(bits)
    return Cat((bits & sum(1 << n for n in range(size) if n >> b & 1)).any()
               for b in range(width))


def lowest(m, name, bits):
    """One-hot of the lowest set bit of ``bits``, as a named signal."""
    result = Signal(len(bits), name=name)
    m.d.comb += result.eq(bits & -bits)
    return result
