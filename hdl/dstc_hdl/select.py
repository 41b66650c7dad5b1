"""Selection and encoding, written so that every tool sees plain multiplexers and gates."""

from amaranth import *

__all__ = ["encode_one_hot", "lowest", "select", "select_one_hot"]


def select(m, name, items, index):
    """``items[index]`` as a named signal; an index past the end gives the last item.

    Indexing a wide array becomes a shift by a multiple of the element width, which simulators
    carry out over the whole array; a full case statement is a balanced multiplexer everywhere.

    """
    items = list(items)
    result = Signal(items[0].shape(), name=name)
    with m.Switch(index):
        for n in range(1 << len(index)):
            with m.Case(n):
                m.d.comb += result.eq(items[min(n, len(items) - 1)])
    return result


def select_one_hot(m, name, items, chosen):
    """The item whose bit in ``chosen`` is set, as a named signal; 0 if none is."""
    result = Signal(len(items[0]), name=name)
    value = Const(0, len(result))
    for item, bit in zip(items, chosen, strict=True):
        value = value | (item & bit.replicate(len(result)))
    m.d.comb += result.eq(value)
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
