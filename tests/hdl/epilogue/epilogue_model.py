"""What the epilogue has to send, in plain Python and numpy, from the definition of its steps.

A tile is a list of rows of accumulators' bits.  Floats are added and converted by numpy and
``ml_dtypes``, integers are Python's.
"""

from dataclasses import dataclass

import ml_dtypes
import numpy as np

from dstc.conv.words import pack

__all__ = ["Operation", "Parameters", "Tiles", "random_element_sum"]

TYPES = {"fp16": np.float16, "bf16": ml_dtypes.bfloat16, "fp8_e4m3": ml_dtypes.float8_e4m3fn,
         "fp8_e5m2": ml_dtypes.float8_e5m2}
NAN = 0x7FC00000
SIGN = 0x80000000
SPECIAL = (0, SIGN, 1, 0x80000001, 0x7F800000, 0xFF800000, NAN, 0x7F7FFFFF, 0xFF7FFFFF, 0x3F800000,
           0xBF800000, 0x33000000, 0x33000001, 0x477FF000, 0x477FEFFF, 0x43E80000, 0x43E80001)


@dataclass
class Parameters:
    """Of every column: bits of the bias; of int8 also multiplier and shift."""

    bias: list
    multiplier: list
    shift: list

    def words(self, is_float):
        """As they follow ``POST``."""
        scale = [] if is_float else [multiplier | shift << 16 for multiplier, shift in
                                     zip(self.multiplier, self.shift, strict=True)]
        halves = [*self.bias, *scale]
        return [low | high << 32 for low, high in
                zip(halves[::2], halves[1::2], strict=True)]


@dataclass
class Operation:
    """A ``POST``; ``parameters`` are the new ones, if any."""

    relu: int
    raw: int
    bias: int
    rows: int
    blocks: int
    parameters: Parameters | None

    def words(self, config):
        """The words on ``instr``."""
        post = pack(config, "POST", relu=self.relu, raw=self.raw, bias=self.bias, rows=self.rows,
                    blocks=self.blocks, params=int(self.parameters is not None))
        return [post, *(self.parameters.words(config.format.is_float)
                        if self.parameters else [])]


def floats(bits):
    return np.array(bits, np.uint32).view(np.float32)


def canonical(numbers):
    return np.where(np.isnan(numbers), NAN, numbers.view(np.uint32)).astype(np.uint32)


def float_results(config, op, parameters, tile):
    """Bits of the results of all rows and columns."""
    sums = floats(tile)
    if op.bias:
        with np.errstate(all="ignore"):
            sums = sums + floats(parameters.bias)
    bits = canonical(sums)
    if op.relu:
        bits = np.where(bits & SIGN, 0, bits).astype(np.uint32)
    bits[op.rows:] = 0
    if op.raw:
        return bits.tolist()
    with np.errstate(all="ignore"):
        elements = bits.view(np.float32).astype(TYPES[config.element])
    return elements.view(f"u{config.element_bits // 8}").tolist()


def signed(bits, width):
    return bits - (1 << width) if bits >> width - 1 else bits


def int_result(op, parameters, bits, column):
    """Bits of one result."""
    total = signed(bits, 32) + (signed(parameters.bias[column], 32) if op.bias else 0)
    if op.relu:
        total = max(total, 0)
    if op.raw:
        return total & 0xFFFFFFFF
    shift = parameters.shift[column]
    quotient, rest = divmod(total * parameters.multiplier[column], 1 << shift)
    quotient += 2 * rest > 1 << shift or (2 * rest == 1 << shift and quotient % 2 == 1)
    return max(-128, min(127, quotient)) & 0xFF


def results(config, op, parameters, tile):
    """Bits of the results of all rows and columns."""
    if config.format.is_float:
        return float_results(config, op, parameters, tile)
    return [[int_result(op, parameters, bits, n) if r < op.rows else 0
             for n, bits in enumerate(row)] for r, row in enumerate(tile)]


def record(config, columns):
    """Beats of a tile record: bitmaps, then values, each filled up to whole beats."""
    width, bits = config.a_beat_bits, config.element_bits
    # A zero of a float has a sign; one of int8 has not.
    zeros = (0, 1 << bits - 1) if config.format.is_float else (0,)
    bitmaps = [sum(1 << r for r, value in enumerate(column) if value not in zeros)
               for column in columns]
    values = [value for column in columns for value in column if value not in zeros]
    beats = []
    for items, size in ((bitmaps, config.tile_m), (values, bits)):
        wire = sum(item << n * size for n, item in enumerate(items))
        beats += [wire >> first & (1 << width) - 1 for first in range(0, len(items) * size, width)]
    return [{"data": beat, "last": int(n == len(beats) - 1)} for n, beat in enumerate(beats)]


def random_element_sum(config, rng):
    """An accumulator of any kind: zeros, special ones, around the borders of the format."""
    kind = rng.random()
    if kind < .25:
        return 0
    if not config.format.is_float:
        return rng.getrandbits(rng.choice((8, 12, 20, 32))) * rng.choice((1, -1)) & 0xFFFFFFFF
    if kind < .4:
        return rng.choice(SPECIAL)
    sign = rng.getrandbits(1) << 31
    if kind < .5:
        return sign | rng.randrange(SIGN - 0x7FFFFF)
    layout = config.format.layout
    field = 127 - layout.bias + rng.randrange(-layout.mantissa_bits, 1 << layout.exponent_bits)
    mantissa = rng.getrandbits(23) if rng.random() < .5 else rng.getrandbits(8) << 15
    return sign | min(max(field, 0), 254) << 23 | mantissa


class Tiles:
    """A run of operations and tiles, and what has to come of it.

    Attributes
    ----------
    words, beats : list
        What goes in.
    d, y : list
        What comes out, beats with ``last``.
    records : list
        Of each operation, the beats of each of its records; empty if it is raw.
    """

    def __init__(self, config, rng):
        self.config, self.rng = config, rng
        self.parameters = None
        self.words, self.beats, self.d, self.y, self.records = [], [], [], [], []

    def random_parameters(self):
        """Any parameters; shifts are mostly such that results are in range."""
        rng, columns = self.rng, range(self.config.tile_n)
        return Parameters([random_element_sum(self.config, rng) for _ in columns],
                          [rng.choice((0, 1, 65535, rng.getrandbits(16))) for _ in columns],
                          [rng.choice((0, 47, rng.randrange(48), 20)) for _ in columns])

    def random_operation(self, **fixed):
        """Any operation; what is named is as told."""
        rng, config = self.rng, self.config
        raw = fixed.get("raw", rng.random() < .3)
        new = self.parameters is None or rng.random() < .5
        fields = {
            "relu": rng.getrandbits(1), "raw": int(raw), "bias": rng.getrandbits(1),
            "rows": rng.choice((config.tile_m, rng.randint(1, config.tile_m))),
            "blocks": 1 if raw else rng.randint(1, config.channel_blocks),
            "parameters": self.random_parameters() if new else None,
        }
        return Operation(**{**fields, **fixed})

    def random_tile(self, density=1.0):
        """Rows of accumulators; about so many of them may be something else than zero."""
        rng, config = self.rng, self.config
        return [[random_element_sum(config, rng) if rng.random() < density else 0
                 for _ in range(config.tile_n)] for _ in range(config.tile_m)]

    def add(self, op, tile):
        """Another operation with its tile."""
        config = self.config
        self.parameters = op.parameters or self.parameters
        self.words += op.words(config)
        self.beats += self._tile_beats(tile)
        got = results(config, op, self.parameters, tile)
        self.records.append([])
        if op.raw:
            self.d += self._tile_beats(got)
            return
        columns = list(zip(*got, strict=True))
        for first in range(0, op.blocks * config.tile_k, config.tile_k):
            self.records[-1].append(record(config, columns[first:first + config.tile_k]))
            self.y += self.records[-1][-1]

    def _tile_beats(self, tile):
        step = self.config.array_cols
        beats = [sum(word << 32 * n for n, word in enumerate(row[first:first + step]))
                 for row in tile for first in range(0, self.config.tile_n, step)]
        return [{"data": beat, "last": int(n == len(beats) - 1)} for n, beat in enumerate(beats)]
