"""What the cycle model knows: constants of a core, its registers, and the tiles of a job.

Everything is an array or a record of integers, so that the compiled functions can share it.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dstc.beats import BeatStream
from dstc.config import Config
from dstc_hdl.accumulator import hazard_distance
from dstc_hdl.arith import MULTIPLIER_LATENCY
from dstc_hdl.core import QUEUE
from dstc_hdl.operand_buffer import COUNTED

from ..runs import COUNTERS, STREAMS, CoreJob, Stall, stream_beats

__all__ = ["EVENT_FIELDS", "MAX_GROUPS", "MAX_STEPS", "QUEUE_MASK", "RING", "RING_MASK", "Machine",
           "Tiles", "make_machine"]

EVENT_FIELDS = 9
"""Numbers of an event."""

MAX_SLOTS, MAX_STEPS, MAX_GROUPS, MAX_BANKS, RING = 8, 32, 8, 1024, 32
"""Limits of every configuration; the ring of collector entries is a power of two above 16."""

RING_MASK, QUEUE_MASK = RING - 1, QUEUE - 1
"""Places in the ring and in the queues, whose lengths are powers of two."""

# One k-step, or one OHMMA of it, on its way to the collector.
TOKEN = np.dtype([(name, "i8") for name in (
    "valid", "a_tile", "b_tile", "a_slot", "b_slot", "k", "g", "h", "acc", "dense", "null",
    "single", "first", "last", "op_last", "row_groups", "col_groups")])

# A compute instruction with its tickets.
COMPUTE = np.dtype([(name, "i8") for name in (
    "seen", "tile", "dense", "select", "predicate", "predicated", "a_slot", "b_slot", "a_loads",
    "b_loads", "acc", "turns", "k", "g", "h")])

# A load (`which` is a slot, `after` its reads) or exclusive use of a context (`after` computes).
OPERATION = np.dtype([(name, "i8") for name in ("seen", "which", "after", "turns")])

QUEUED = np.dtype([("head", "i8"), ("count", "i8"), ("at", OPERATION, QUEUE)])

# Tickets of slots and contexts: what the dispatcher has sent and what has ended.
TICKETS = np.dtype([("loads", "i8", (2, MAX_SLOTS)), ("reads", "i8", (2, MAX_SLOTS)),
                    ("computes", "i8", 2), ("turns", "i8", 2)])

SOURCE = np.dtype([("valid", "i8"), ("next", "i8"), ("total", "i8"), ("threshold", "u8"),
                   ("random", "u8")])

LOADER = np.dtype([(name, "i8") for name in ("state", "slot", "left", "tile", "record")]
                  + [("slot_tile", "i8", MAX_SLOTS)])

# What a closing entry has for a side: the lanes in use, and for every lane its values as bits of
# the accumulator index (`bits`; `back` the last four, backwards; `masks` all), the OHMMA that
# `brings` each, the first cycle in which each can be used, the first from which on all can be, one
# per cycle (`lead`; `due` for columns, by the rows that each meets), and those that are there
# after so many OHMMA (`seen`).
SIDE = np.dtype([("used", "i8"), ("lanes", "i8", 32), ("lead", "i8", 32),
                 ("due", "i8", (32, MAX_GROUPS + 1)), ("counts", "i8", 32), ("masks", "i8", 32),
                 ("bits", "i8", (32, MAX_GROUPS)), ("back", "i8", (32, 4)),
                 ("brings", "i8", (32, MAX_GROUPS)), ("times", "i8", (32, MAX_GROUPS)),
                 ("seen", "i8", (32, MAX_GROUPS * MAX_GROUPS + 1))])

# The latest product of a bank in a context, and the accumulators of it and of those before it,
# cycle by cycle, as far as they can still be in flight.
RECENT = np.dtype([(name, "i8") for name in ("cycle", "one", "two", "three", "four")])
BANK = np.dtype([("entry", "i8"), ("leaves", "i8"), ("recent", RECENT, 2)])

# One tile: its bitmaps, their set bits and groups of lanes, the k-steps that are not empty, and
# its value beats.
TILE = np.dtype([("bitmaps", "i8", MAX_STEPS), ("counts", "u1", MAX_STEPS),
                 ("groups", "u1", MAX_STEPS), ("work", "i8"), ("beats", "i8")])

REGISTERS = np.dtype([
    ("now", "i8"), ("moved", "i8"),
    ("sources", SOURCE, 4), ("d_random", "u8"), ("d_threshold", "u8"), ("d_beats", "i8"),
    # Dispatcher.
    ("state", "i8"), ("started", "i8"), ("halted", "i8"), ("illegal", "i8"),
    ("micro_a", "i8"), ("micro_b", "i8"), ("micro_k", "i8"),
    ("tile_acc", "i8"), ("tile_dense", "i8"), ("tile_left", "i8"), ("tile_slot", "i8"),
    ("pairs", "i8"),
    ("sent", TICKETS), ("ended", TICKETS),
    ("load_queues", QUEUED, 2), ("c_queue", QUEUED), ("drain_queue", QUEUED),
    ("compute_head", "i8"), ("compute_count", "i8"), ("computes", COMPUTE, QUEUE),
    ("loaders", LOADER, 2),
    # Walker.
    ("busy", "i8"), ("left", "i8"), ("op", COMPUTE), ("op_a_tile", "i8"), ("op_b_tile", "i8"),
    ("selected_row", "i8"), ("selected_col", "i8"),
    ("predicate_row", "i8"), ("predicate_col", "i8"),
    ("wait_operand", "i8"), ("wait_context", "i8"),
    # Stages in front of the collector: the place of their OHMMA in `tokens`, or -1.
    ("step", TOKEN), ("records", "i8"), ("bitmap_unit", "i8"), ("crossbar", "i8"),
    ("tokens", TOKEN, 4), ("next_token", "i8"),
    ("release", "i8"), ("release_a", "i8"), ("release_b", "i8"),
    # Collector: entries have serial numbers, and places modulo RING.
    ("head", "i8"), ("count", "i8"), ("newest", "i8"),
    ("closed", "i8", RING), ("ends", "i8", RING), ("accs", "i8", RING), ("retires", "i8", RING),
    # OHMMA of the newest entry: how many, their cycles, and the first that brings each group.
    ("arrived", "i8"), ("arrivals", "i8", MAX_GROUPS * MAX_GROUPS),
    ("standing", "i8", MAX_GROUPS * MAX_GROUPS),
    ("row_arrivals", "i8", MAX_GROUPS), ("col_arrivals", "i8", MAX_GROUPS),
    ("sides", SIDE, 2),      # scratch of an entry that closes
    # Banks: the entry that each works on and the first cycle in which it may go on to another.
    ("banks", BANK, MAX_BANKS),
    # Sums on their way: bit n is set n + 1 cycles after the instruction was collected.
    ("ending", "i8"), ("ending_acc", "i8"),
    # C load and drain.
    ("c_beat", "i8"), ("d_beat", "i8"), ("d_valid", "i8"), ("read_all", "i8"),
    ("reason", "i8"), ("events", "i8"), ("counters", "i8", len(COUNTERS)),
])

CONSTANTS = np.dtype([(name, "i8") for name in (
    "rows", "cols", "row_shift", "col_shift", "row_groups", "col_groups", "tile_k", "slots",
    "entries", "hazard", "count_cycles", "c_beats", "back_latency")]
    + [("bitmap_beats", "i8", 2)])


class Tiles(NamedTuple):
    """The tiles of one side.

    ``once`` has every tile once, and behind them an empty one that stands for an unloaded slot;
    ``order`` is the tile of every record of the stream.
    """

    once: NDArray[Any]
    order: NDArray[np.int32]


class Machine(NamedTuple):
    """A core and its job.

    ``drained`` is the cycle in which the last beat of every output tile was taken; ``events`` is
    what :mod:`.log` describes, without rows when nothing is to be recorded.
    """

    constants: NDArray[Any]
    registers: NDArray[Any]
    words: NDArray[np.int64]
    a: Tiles
    b: Tiles
    drained: NDArray[np.int64]
    events: NDArray[np.int32]


def make_machine(job: CoreJob, stall: Stall | None = None, events: int = 0) -> Machine:
    """The machine at the end of reset, in front of a job, with room for so many events."""
    stall, config = stall or Stall(), job.config
    registers = np.zeros(1, REGISTERS)
    state = registers[0]
    states, limits = stall.states(), stall.thresholds()
    beats = (len(job.words), stream_beats(job, "a"), stream_beats(job, "b"), len(job.c_data))
    for n, name in enumerate(STREAMS[:-1]):
        state["sources"][n] = (0, 0, beats[n], limits[name], states[name])
    state["d_random"], state["d_threshold"] = states["d"], limits["d"]
    a, b = (_tiles(job, side) for side in ("a", "b"))
    for loader, tiles in zip(state["loaders"], (a, b), strict=True):
        loader["slot_tile"] = len(tiles.once) - 1
    state["newest"] = state["records"] = state["bitmap_unit"] = state["crossbar"] = -1
    state["retires"] = -1
    state["banks"]["entry"] = state["banks"]["leaves"] = -1
    state["banks"]["recent"]["cycle"] = -RING
    return Machine(
        constants=_constants(config), registers=registers,
        words=np.ascontiguousarray(job.words, np.uint64).view(np.int64), a=a, b=b,
        drained=np.zeros(job.d_beats // config.c_beats, np.int64),
        events=np.zeros((events, EVENT_FIELDS), np.int32))


def _constants(config: Config) -> NDArray[Any]:
    constants = np.zeros(1, CONSTANTS)
    constants[0] = (
        config.array_rows, config.array_cols, config.array_rows.bit_length() - 1,
        config.array_cols.bit_length() - 1, config.row_groups, config.col_groups,
        config.tile_k, config.slots, config.collector_entries,
        hazard_distance(config), config.tile_k // COUNTED, config.c_beats,
        MULTIPLIER_LATENCY + config.adder_latency,
        [-(-config.tile_k * config.tile_m // config.a_beat_bits),
         -(-config.tile_k * config.tile_n // config.b_beat_bits)])
    return constants


def _tiles(job: CoreJob, side: str) -> Tiles:
    """The tiles of a stream, from its records or, where there are none, from its beats."""
    config = job.config
    span, lanes, beat_values, beat_bits = (
        (config.tile_m, config.array_rows, config.a_beat_values, config.a_beat_bits)
        if side == "a" else
        (config.tile_n, config.array_cols, config.b_beat_values, config.b_beat_bits))
    stream = getattr(job, side, None)
    if isinstance(stream, BeatStream):
        data, starts, order = stream.records.data, stream.records.starts[:-1], stream.order
    else:
        data, last = getattr(job, f"{side}_data"), getattr(job, f"{side}_last")
        starts = np.concatenate(([0], np.flatnonzero(last)[:-1] + 1))[:np.count_nonzero(last)]
        order = np.arange(len(starts), dtype=np.int32)
    size = config.tile_k * span // 8
    bitmap_beats = -(-config.tile_k * span // beat_bits)
    raw = data[starts[:, None] + np.arange(bitmap_beats)].reshape(
        len(starts), bitmap_beats * data.shape[1])[:, :size]
    octets = np.zeros((len(starts), config.tile_k, 8), np.uint8)
    octets[:, :, :span // 8] = raw.reshape(len(starts), config.tile_k, span // 8)
    bitmaps = octets.view("<i8")[:, :, 0]
    counts = np.bitwise_count(bitmaps).astype(np.int64)
    once = np.zeros(len(starts) + 1, TILE)
    tiles, steps = once[:-1], slice(config.tile_k)
    tiles["bitmaps"][:, steps], tiles["counts"][:, steps] = bitmaps, counts
    tiles["groups"][:, steps] = -(-counts // lanes)
    tiles["work"] = (counts > 0) @ (1 << np.arange(config.tile_k, dtype=np.int64))
    tiles["beats"] = -(-counts.sum(axis=1) // beat_values)
    return Tiles(once, np.ascontiguousarray(order, np.int32))
