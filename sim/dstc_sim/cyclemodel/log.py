"""Events of a run, for explanations and tests: one row of numbers each, kind first.

======  ============================================================================
BIN     cycle, bin
OHMMA   cycle at the collector, entry, A tile, B tile, k, g, h, null
PICK    cycle, entry, bank, accumulator index
CLOSE   cycle, entry, cycle in which it retires
======  ============================================================================
"""

from .jit import compiled

__all__ = ["BIN", "CLOSE", "OHMMA", "PICK", "log_event", "log_ohmma"]

BIN, OHMMA, PICK, CLOSE = range(1, 5)


@compiled
def log_event(events, s, kind, cycle, first, second, third):
    """Add a row; without room for it nothing is recorded."""
    if s.events < len(events):
        row = s.events
        events[row, 0], events[row, 1], events[row, 2] = kind, cycle, first
        events[row, 3], events[row, 4] = second, third
        s.events = row + 1


@compiled
def log_ohmma(events, s):
    """Add the OHMMA that the collector takes."""
    if s.events < len(events):
        row, token = s.events, s.tokens[s.crossbar]
        log_event(events, s, OHMMA, s.now, s.newest, token.a_tile, token.b_tile)
        events[row, 5], events[row, 6], events[row, 7] = token.k, token.g, token.h
        events[row, 8] = token.null
