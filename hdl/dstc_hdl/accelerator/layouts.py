"""Payload layouts that the parts of a node share."""

from amaranth.lib import data

from dstc.accelerator.records import ADDRESS_BITS, TILES
from dstc.isa import WARP_BITS

__all__ = ["CHUNK_BITS", "group_layout", "masks_layout", "order_layout", "plan_layout",
           "run_layout", "walk_layout"]

CHUNK_BITS = 128
"""Bits of a warp bitmap that are read at once."""


def _fields(*names):
    return {name: TILES[name].width for name in names}


def walk_layout():
    """A walk through the k-tiles of one instruction: its three directory rows."""
    return data.StructLayout({
        **_fields("pair", "dense", "load_c", "ktiles"),
        **dict.fromkeys(("a", "b0", "b1"), ADDRESS_BITS),
        "last": 1,          # of the program
    })


def order_layout():
    """Where the results of one instruction go, and of which kind they are."""
    return data.StructLayout({
        **_fields("pair", "raw", "result", "y", "y_ktiles", "y_first", "blocks0", "blocks1"),
        "last": 1,          # of the program
    })


def plan_layout():
    """A checked instruction."""
    return data.StructLayout({"walk": walk_layout(), "order": order_layout(),
                              "c": ADDRESS_BITS})


def masks_layout():
    """A group of 32 k-tiles of an instruction: those with work in either column of B tiles."""
    return data.StructLayout({
        **_fields("pair", "dense", "load_c"),
        "b0": WARP_BITS,
        "b1": WARP_BITS,
        "begin": 1,         # first group of the instruction
        "end": 1,           # last group of the instruction
        "last": 1,          # the instruction is the last of the program
    })


def run_layout():
    """Directory entries to fetch: those with a bit in ``mask``, the first of which is at ``at``."""
    return data.StructLayout({"mask": WARP_BITS, "at": ADDRESS_BITS})


def group_layout():
    """A group of 32 k-tiles with the entries to fetch for it."""
    return data.StructLayout({"masks": masks_layout(), "a": run_layout(), "b0": run_layout(),
                              "b1": run_layout()})
