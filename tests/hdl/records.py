"""Random tiles as the operand streams carry them (docs/format.md)."""

from element_math import random_element

__all__ = ["Record"]


class Record:
    """A tile and its beats.

    ``bitmaps``: one for each k; ``values``: packed; ``offsets``: of each k's first value.
    """

    def __init__(self, config, side, rng, density):
        self.span, self.lanes = ((config.tile_m, config.array_rows) if side == "A"
                                 else (config.tile_n, config.array_cols))
        self.bitmaps = [sum((rng.random() < density) << n for n in range(self.span))
                        for _ in range(config.tile_k)]
        counts = [bitmap.bit_count() for bitmap in self.bitmaps]
        self.offsets = [sum(counts[:k]) for k in range(config.tile_k)]
        self.groups = [-(-count // self.lanes) for count in counts]
        bits = config.element_bits
        self.values = [random_element(config, rng) for _ in range(sum(counts))]
        self.banks = 2 * self.lanes
        width = self.banks * bits
        wire = sum(bitmap << k * self.span for k, bitmap in enumerate(self.bitmaps))
        self.bitmap_beats = -(-config.tile_k * self.span // width)
        beats = [wire >> n * width & (1 << width) - 1 for n in range(self.bitmap_beats)]
        for first in range(0, len(self.values), self.banks):
            beats.append(sum(value << n * bits for n, value in
                             enumerate(self.values[first:first + self.banks])))
        self.value_beats = len(beats) - self.bitmap_beats
        self.beats = [{"data": beat, "last": n == len(beats) - 1} for n, beat in enumerate(beats)]
        self.cycles = self.bitmap_beats + config.tile_k // 4 + self.value_beats

    def nonzeros(self, k):
        """Position and value of every non-zero of a k-step, lowest position first."""
        places = [n for n in range(self.span) if self.bitmaps[k] >> n & 1]
        return list(zip(places, self.values[self.offsets[k]:], strict=False))

    def value_at(self, bank, row):
        """The value in a bank and row of the value memory, None if there is none."""
        index = row * self.banks + bank
        return self.values[index] if index < len(self.values) else None
