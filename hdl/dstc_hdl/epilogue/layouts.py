"""Payload layouts of the epilogue, derived from the configuration and the table of its words."""

from amaranth.lib import data

from dstc.conv.words import MULTIPLIER, SHIFT

__all__ = ["op_layout", "parameter_write_layout", "result_layout", "rows_layout", "scale_layout"]


def op_layout(config):
    """What to do with one result tile: the fields of ``POST`` and the half of the parameters."""
    return data.StructLayout({
        "relu": 1,
        "raw": 1,
        "bias": 1,
        "half": 1,
        "rows": range(config.tile_m + 1),
        "blocks": range(config.channel_blocks + 1),
    })


def scale_layout():
    """Requantisation of one column."""
    return data.StructLayout({"multiplier": MULTIPLIER.width, "shift": SHIFT.width})


def parameter_write_layout(config):
    """Parameters of the columns ``2 * pair`` and ``2 * pair + 1``: biases, or with ``scale``
    their requantisation.
    """
    return data.StructLayout({
        "en": 1,
        "half": 1,
        "scale": 1,
        "pair": range(config.tile_n // 2),
        "words": data.ArrayLayout(32, 2),
    })


def result_layout(config):
    """A beat behind the arithmetic: raw sums, or elements in the low bits of their words."""
    return data.StructLayout({
        "words": data.ArrayLayout(config.acc_bits, config.array_cols),
        "raw": 1,
        "last": 1,
        "blocks": range(config.channel_blocks + 1),
    })


def rows_layout(config):
    """The elements of S rows of one channel: those of rows ``part * S`` and up.

    ``end``: the last ones of their channel; ``close``: of their block of ``tile_k`` channels.
    """
    return data.StructLayout({
        "values": data.ArrayLayout(config.element_bits, config.array_cols),
        "part": range(config.tile_m // config.array_cols),
        "end": 1,
        "close": 1,
    })
