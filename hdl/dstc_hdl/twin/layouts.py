"""Payload layouts of the inner-product cores."""

from amaranth.lib import data

from dstc.twin.shape import TwinShape

from ..layouts import address_bits

__all__ = ["JOB_COUNT_BITS", "block_layout", "job_layout", "row_bits"]

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
