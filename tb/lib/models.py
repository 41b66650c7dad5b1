"""Plain models of the operand format and the skip rule, written from docs/format.md."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from dstc.config import Config
from dstc_hdl.layouts import TICKET_BITS

__all__ = ["TICKETS", "Side", "Tile", "bitmap_kinds", "random_bitmap", "random_tile"]

TICKETS = 1 << TICKET_BITS
"""Operations are counted modulo this."""


def bitmap_kinds(span: int, lanes: int) -> dict[str, int]:
    """Bitmaps that are hard: empty, full, single dots, checkerboards, stripes on one bank."""
    full = (1 << span) - 1
    stripe = sum(1 << n for n in range(0, span, lanes))
    return {
        "empty": 0, "full": full, "first": 1, "last": 1 << span - 1,
        "even": full // 3, "odd": full // 3 << 1 & full,
        "one bank": stripe, "last bank": stripe << lanes - 1,
        "one group": (1 << lanes) - 1, "one group and a bit": (2 << lanes) - 1 & full,
    }


def random_bitmap(rng: random.Random, span: int, lanes: int) -> int:
    """A random bitmap: of any density, or one of :func:`bitmap_kinds`."""
    if rng.random() < 0.4:
        return rng.choice(list(bitmap_kinds(span, lanes).values()))
    density = rng.choice((0.05, 0.2, 0.5, 0.8, 0.95))
    return sum((rng.random() < density) << n for n in range(span))


@dataclass(frozen=True)
class Side:
    """Sizes of one operand side."""

    name: str
    span: int
    lanes: int
    steps: int
    bits: int

    @classmethod
    def of(cls, config: Config, name: str) -> "Side":
        """Side ``A`` or ``B`` of a configuration."""
        span, lanes = ((config.tile_m, config.array_rows) if name == "A"
                       else (config.tile_n, config.array_cols))
        return cls(name, span, lanes, config.tile_k, config.element_bits)

    @property
    def groups(self) -> int:
        """Groups of a full k-step."""
        return self.span // self.lanes

    @property
    def banks(self) -> int:
        """Banks of the value memory: two groups wide."""
        return 2 * self.lanes

    def taken(self, bitmap: int, group: int, dense: bool) -> list[int]:
        """Positions that a group takes: by rank of the set bits, or by position."""
        ones = [n for n in range(self.span) if bitmap >> n & 1]
        if dense:
            return [n for n in ones if n // self.lanes == group]
        return ones[group * self.lanes:(group + 1) * self.lanes]

    def sparse_groups(self, bitmap: int) -> int:
        """Groups of a k-step by the skip rule."""
        return -(-bitmap.bit_count() // self.lanes)


@dataclass
class Tile:
    """One tile: a bitmap per k-step, values k-major then ascending."""

    side: Side
    bitmaps: list[int]
    values: list[int] = field(default_factory=list)

    def offset(self, k: int) -> int:
        """Values before those of a k-step."""
        return sum(bitmap.bit_count() for bitmap in self.bitmaps[:k])

    def value(self, k: int, position: int) -> int:
        """The value at a position that is set."""
        below = self.bitmaps[k] & (1 << position) - 1
        return self.values[self.offset(k) + below.bit_count()]

    def groups(self) -> list[int]:
        """Groups of every k-step."""
        return [self.side.sparse_groups(bitmap) for bitmap in self.bitmaps]

    def beats(self) -> list[tuple[int, int]]:
        """The record on the wire: data and ``last`` of each beat."""
        beat = self.side.banks * self.side.bits
        span, bits = self.side.span, self.side.bits
        parts = []
        for words, width in ((self.bitmaps, span), (self.values, bits)):
            joined = sum(word << n * width for n, word in enumerate(words))
            for n in range(-(-len(words) * width // beat)):
                parts.append(joined >> n * beat & (1 << beat) - 1)
        return [(part, int(n == len(parts) - 1)) for n, part in enumerate(parts)]


def random_tile(rng: random.Random, side: Side,
                value: Callable[[], int] | None = None) -> Tile:
    """A random tile: every k-step random, all of one hard kind, or nothing at all.

    Its values come from ``value``, otherwise they are random bits.
    """
    value = value or (lambda: rng.getrandbits(side.bits))
    kind = rng.random()
    if kind < 0.1:
        bitmaps = [0] * side.steps
    elif kind < 0.3:
        bitmaps = [rng.choice(list(bitmap_kinds(side.span, side.lanes).values()))] * side.steps
    else:
        bitmaps = [random_bitmap(rng, side.span, side.lanes) for _ in range(side.steps)]
    count = sum(bitmap.bit_count() for bitmap in bitmaps)
    return Tile(side, bitmaps, [value() for _ in range(count)])
