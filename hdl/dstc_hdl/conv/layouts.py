"""Payload layouts that the parts of the im2col unit share, derived from the configuration."""

from amaranth.lib import data

from dstc.conv.words import WINDOWS

__all__ = ["fill_layout", "gather_layout", "place_layout", "read_layout", "row_layout",
           "span_layout", "span_write_layout", "step_layout", "window_load_layout"]


def window_load_layout(config):
    """``LDX``: records to take into a window."""
    return data.StructLayout({"window": range(WINDOWS), "count": range(config.window_tiles + 1)})


def gather_layout(config):
    """``GEN``: spans to gather."""
    return data.StructLayout({
        "window": range(WINDOWS),
        "table": range(WINDOWS),
        "free_window": 1,
        "free_table": 1,
        "close": 1,
        "channel": range(config.tile_k),
        "first": range(config.window_spans),
        "spans": 16,
    })


def step_layout(config):
    """One span to gather: where it is, and which channel of the window it is for."""
    return data.StructLayout({
        "table": range(WINDOWS),
        "index": range(config.window_spans),
        "window": range(WINDOWS),
        "channel": range(config.tile_k),
        "close": 1,         # the tile record is complete
        "free": 1,          # nothing behind reads the window
    })


def span_layout(config):
    """A span as its table holds it; ``stop`` is the row behind the last that it stands for."""
    return data.StructLayout({
        "place": config.tile_m,
        "valid": config.tile_m,
        "lane": range(config.tile_m),
        "slot": range(config.window_tiles),
        "row": range(config.tile_m),
        "stop": range(config.tile_m + 1),
        "end": 1,
    })


def span_write_layout(config):
    """A span to write into a table."""
    return data.StructLayout({
        "en": 1,
        "table": range(WINDOWS),
        "index": range(config.window_spans),
        "span": span_layout(config),
    })


def place_layout(config):
    """A place in the windows: a channel of a slot."""
    return data.StructLayout({
        "window": range(WINDOWS),
        "slot": range(config.window_tiles),
        "channel": range(config.tile_k),
    })


def read_layout(config):
    """tile_m neighbouring positions of one channel, from ``lane`` of a slot on."""
    return data.StructLayout({"place": place_layout(config), "lane": range(config.tile_m)})


def row_layout(config):
    """tile_m positions of one channel: which of them are not zero, and their elements."""
    return data.StructLayout({
        "present": config.tile_m,
        "values": data.ArrayLayout(config.element_bits, config.tile_m),
    })


def fill_layout(limit):
    """A window or table has been filled with up to ``limit`` things."""
    return data.StructLayout({"en": 1, "index": range(WINDOWS), "count": range(limit + 1)})
