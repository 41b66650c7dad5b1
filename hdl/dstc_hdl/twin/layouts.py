"""Payload layouts of the inner-product cores."""

from typing import NamedTuple

from amaranth.lib import data
from amaranth.lib.wiring import In, Out

from dstc.twin.shape import DOT, TwinShape

from ..layouts import address_bits

__all__ = ["JOB_COUNT_BITS", "DotTiming", "block_layout", "dot_signature", "element_layout",
           "job_layout", "row_bits"]

JOB_COUNT_BITS = 16


def job_layout():
    """One output tile: k-tiles after the first, and whether it starts from a C tile."""
    return data.StructLayout({"more": JOB_COUNT_BITS, "load_c": 1})


def block_layout(config):
    """Which accumulators one block of products is for, in every bank the same.

    Block row 2g + ``lower`` and block column 2v + ``right`` of context ``acc`` have ``index``
    g + row groups * v, as in the banks of the sparse core.
    """
    return data.StructLayout({
        "valid": 1,
        "acc": 1,
        "index": range(config.bank_depth),
        "lower": 1,
        "right": 1,
        "zero": 1,          # the sums so far are +0, whatever the banks hold
        "job_last": 1,      # the last block of an output tile
    })


def row_bits(twin: TwinShape, side: str) -> int:
    """Bits of the number of a row of a tile buffer."""
    return address_bits(twin.k_blocks * (twin.row_blocks if side == "A" else twin.col_blocks))


class DotTiming(NamedTuple):
    """When a dot-product unit takes and gives what.

    Attributes
    ----------
    skew : int
        Cycles between an element and the next one of the same dot product.
    acc_at : int
        Cycles from element 0 to the accumulator.
    latency : int
        Cycles from the accumulator to the sum.
    """

    skew: int
    acc_at: int
    latency: int


def element_layout(config):
    """An element and whether it is a zero, of either sign."""
    return data.StructLayout({"value": config.element_bits, "zero": 1})


def dot_signature(config):
    """Members of every dot-product unit."""
    elements = data.ArrayLayout(element_layout(config), DOT)
    return {"a": In(elements), "b": In(elements), "acc": In(config.acc_bits),
            "o": Out(config.acc_bits)}
