"""Words as sets of bits, for compiled functions."""

from .jit import compiled

__all__ = ["lowest_place", "ones"]


@compiled
def ones(bits, span):
    """Set bits among the lowest ``span``."""
    count = 0
    for n in range(span):
        count += bits >> n & 1
    return count


@compiled
def lowest_place(bits):
    """Place of the lowest set bit; there must be one."""
    place = 0
    while bits >> place & 1 == 0:
        place += 1
    return place
