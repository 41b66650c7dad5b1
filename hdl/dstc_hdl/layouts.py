"""Payload layouts that several units share, derived from the configuration."""

from amaranth.lib import data
from amaranth.utils import ceil_log2

from dstc.config import Config

__all__ = [
    "COUNTERS",
    "COUNTER_BITS",
    "TICKET_BITS",
    "acc_op_layout",
    "beat_layout",
    "compute_op_layout",
    "counters_layout",
    "group_count_bits",
    "load_op_layout",
    "ohmma_layout",
    "operand_set_layout",
    "positions",
    "record_layout",
    "status_layout",
    "step_layout",
    "tile_values",
]

# Operations between the dispatcher and their completion are told apart by a count modulo
# 2**TICKET_BITS: at most 16 collector entries, 8 queued and about 12 in pipelines are in flight.
TICKET_BITS = 6
COUNTER_BITS = 48
COUNTERS = ("issue", "conflict", "operand_wait", "drain", "idle", "ohmma", "products")


def positions(config: Config, side: str) -> int:
    """Rows of an A tile or columns of a B tile."""
    return config.tile_m if side == "A" else config.tile_n


def lanes(config: Config, side: str) -> int:
    """Values of one side of an OHMMA."""
    return config.array_rows if side == "A" else config.array_cols


def tile_values(config: Config, side: str) -> int:
    """Values of a full tile."""
    return positions(config, side) * config.tile_k


def group_count_bits(config: Config, side: str) -> int:
    """Width of a count of groups, 0 to all of them."""
    return (positions(config, side) // lanes(config, side)).bit_length()


def beat_layout(bits):
    """A beat of an operand or result stream; ``last`` marks the end of a record."""
    return data.StructLayout({"data": bits, "last": 1})


def load_op_layout(config):
    """A load of one tile into ``slot``, to start when ``reads`` reads of the slot have ended."""
    return data.StructLayout({"slot": range(config.slots), "reads": TICKET_BITS})


def acc_op_layout():
    """Exclusive use of context ``acc`` after ``computes`` computes and ``turns`` exclusive uses."""
    return data.StructLayout({"acc": 1, "computes": TICKET_BITS, "turns": TICKET_BITS})


def compute_op_layout(config):
    """A compute instruction with the loads and exclusive uses that it has to wait for."""
    return data.StructLayout({
        "tile": 1,          # SPWMMA or WMMA: all k-steps of the tile pair
        "dense": 1,         # WMMA: groups by position, nothing predicated off
        "select": 1,        # BOHMMA
        "predicate": 1,     # POPC
        "predicated": 1,    # OHMMA: only when its predicate is set
        "a_slot": range(config.slots),
        "b_slot": range(config.slots),
        "a_loads": TICKET_BITS,
        "b_loads": TICKET_BITS,
        "acc": 1,
        "turns": TICKET_BITS,
        "k": range(config.tile_k),
        "g": range(config.row_groups),
        "h": range(config.col_groups),
    })


def step_layout(config):
    """One k-step with its numbers of row and column groups, or one OHMMA of it."""
    return data.StructLayout({
        "a_slot": range(config.slots),
        "b_slot": range(config.slots),
        "k": range(config.tile_k),
        "acc": 1,
        "dense": 1,
        "null": 1,          # nothing to issue; only tells that its instruction has ended
        "single": 1,        # one OHMMA, at group (g, h)
        "g": range(config.row_groups),
        "h": range(config.col_groups),
        "row_groups": group_count_bits(config, "A"),
        "col_groups": group_count_bits(config, "B"),
        "op_last": 1,       # last k-step of its instruction
    })


def ohmma_layout(config):
    """One OHMMA: row group ``g`` times column group ``h`` of a k-step."""
    return data.StructLayout({
        "a_slot": range(config.slots),
        "b_slot": range(config.slots),
        "k": range(config.tile_k),
        "g": range(config.row_groups),
        "h": range(config.col_groups),
        "acc": 1,
        "dense": 1,
        "null": 1,
        "first": 1,         # opens a collector entry
        "last": 1,          # closes it
        "op_last": 1,
    })


def record_layout(config, side):
    """What a tile buffer stores of one k-step: its bitmap and where its values start."""
    return data.StructLayout({
        "bitmap": positions(config, side),
        "offset": range(tile_values(config, side) + 1),
    })


def operand_set_layout(config, side):
    """The values that one side brings to an OHMMA, at their positions in the tile."""
    span = positions(config, side)
    return data.StructLayout({
        "mask": span,
        "values": data.ArrayLayout(config.element_bits, span),
    })


def status_layout():
    """State of the core as software sees it."""
    return data.StructLayout({"busy": 1, "halted": 1, "error": 1, "code": 4, "address": 32})


def counters_layout():
    """Cycle bins, executed OHMMA and products; the bins sum to the cycles of a run."""
    return data.StructLayout(dict.fromkeys(COUNTERS, COUNTER_BITS))


def address_bits(count):
    """Bits that address ``count`` things, at least one."""
    return max(1, ceil_log2(count))
