"""What the im2col unit makes of a stream of words, bit by bit, and random streams for it."""

import random
from typing import Any

from dstc.config import Config
from dstc.conv.words import Span, pack

from .models import Side, Tile, random_tile

__all__ = ["GatherMachine", "GatherStream"]


class GatherMachine:
    """Carries out words one after the other, as docs/convolution.md explains them.

    Attributes
    ----------
    beats : list of (int, int)
        Data and ``last`` of every beat of the A tile records so far.
    """

    def __init__(self, config: Config):
        self.side = Side.of(config, "A")
        self.windows: list[list[Tile]] = [[], []]
        self.tables: list[list[tuple[int, int]]] = [[], []]
        self.steps: list[dict[int, int]] = [{}]
        self.beats: list[tuple[int, int]] = []

    def run(self, words: list[int], tiles: list[Tile]) -> None:
        """Whole instructions and the tiles that their loads take."""
        stream, records = iter(words), iter(tiles)
        for word in stream:
            opcode, count = word & 0xFF, word >> 16 & 0x3F
            if opcode == 0x40:
                self.windows[word >> 8 & 1] = [next(records) for _ in range(count)]
            elif opcode == 0x41:
                self.tables[word >> 8 & 1] = [(next(stream), next(stream))
                                              for _ in range(word >> 16 & 0xFF)]
            else:
                assert opcode == 0x42
                self._gather(word)
        assert next(records, None) is None

    def _gather(self, word: int) -> None:
        window, table = self.windows[word >> 8 & 1], self.tables[word >> 9 & 1]
        channel, index = word >> 16 & 0x1F, word >> 24 & 0x7F
        for _ in range(word >> 32 & 0xFFFF):
            self._span(*table[index], window, channel)
            index += 1
            if index == len(table):
                index, channel = 0, channel + 1
        if word >> 12 & 1:
            self._close()

    def _span(self, places: int, source: int, window: list[Tile], channel: int) -> None:
        first = (source >> 8 & 0x1F) * self.side.span + (source & 0x1F)
        row = source >> 16 & 0x1F
        for lane in range(32):
            if places >> lane & 1:
                if places >> 32 + lane & 1:
                    slot, position = divmod(first + lane, self.side.span)
                    tile = window[slot]
                    if tile.bitmaps[channel] >> position & 1:
                        self.steps[-1][row] = tile.value(channel, position)
                row += 1
        if source >> 24 & 1:
            self.steps.append({})

    def _close(self) -> None:
        if not self.steps[-1]:
            self.steps.pop()
        steps = self.steps + [{}] * (self.side.steps - len(self.steps))
        assert len(steps) == self.side.steps
        tile = Tile(self.side, [sum(1 << row for row in step) for step in steps],
                    [step[row] for step in steps for row in sorted(step)])
        self.beats += tile.beats()
        self.steps = [{}]


class GatherStream:
    """Random words that leave windows and tables free, and the tiles that they take."""

    def __init__(self, rng: random.Random, config: Config):
        self.rng, self.config, self.side = rng, config, Side.of(config, "A")
        self.words: list[Any] = []
        self.tiles: list[Tile] = []
        self.slots = rng.randint(2, 4)
        self.tables: list[list[Span]] = [[], []]

    def fill(self, records: int) -> "GatherStream":
        """Records, each from new or old windows and tables."""
        users: dict[tuple[str, int], dict[str, int]] = {}   # what is full, and its last GEN
        gens: list[dict[str, int]] = []
        for _ in range(records):
            for window, table, steps in self._parts():
                if ("window", window) not in users:
                    self.load(window)
                if ("table", table) not in users:
                    self.table(table)
                for gen in self.walk(window, table, steps):
                    users["window", window] = users["table", table] = gen
                    gens.append(gen)
                    self.words.append(gen)
            gens[-1]["close"] = 1
            for place in [place for place in users if self.rng.random() < 0.5]:
                users.pop(place)[f"free_{place[0]}"] = 1
        for (name, _), gen in users.items():
            gen[f"free_{name}"] = 1
        self.words = [pack(self.config, "GEN", **word) if isinstance(word, dict) else word
                      for word in self.words]
        return self

    def _parts(self) -> list[tuple[int, int, int]]:
        """Window, table and k-steps of the parts of a record."""
        left = self.rng.choice((1, self.side.steps, self.side.steps))
        parts = []
        while left:
            steps = self.rng.randint(1, left)
            parts.append((self.rng.getrandbits(1), self.rng.getrandbits(1), steps))
            left -= steps
        return parts

    def load(self, window: int) -> None:
        """LDX of random tiles."""
        count = min(self.slots + self.rng.randrange(2), self.config.window_tiles)
        self.words.append(pack(self.config, "LDX", window=window, count=count))
        self.tiles += [random_tile(self.rng, self.side) for _ in range(count)]

    def table(self, table: int) -> None:
        """SPANS of at least as many k-steps as a record has."""
        spans: list[Span] = []
        for _ in range(self.side.steps):
            row, size = 0, self.side.span
            for _ in range(self.rng.choice((1, 1, 2))):
                place = self.mask() & self.mask() if row else self.mask()
                while place.bit_count() > size - row:
                    place &= place - 1
                valid = place & self.rng.choice((place, self.mask()))
                slot, lane = self.rng.randrange(self.slots), self.rng.randrange(size)
                if slot == self.slots - 1:
                    lane = min(lane, size - max(1, valid.bit_length()))
                spans.append(Span(place=place, valid=valid, lane=lane, slot=slot,
                                  row=min(row, size - 1) if not place else row, end=False))
                row += place.bit_count()
                if row >= size:
                    break
            spans[-1] = Span(**{**spans[-1].__dict__, "end": True})
        spans = spans[:self.config.window_spans]
        self.words.append(pack(self.config, "SPANS", table=table, count=len(spans)))
        self.words += [word for span in spans for word in span.words(self.config)]
        self.tables[table] = spans

    def mask(self) -> int:
        """Random lanes."""
        density = self.rng.choice((0.1, 0.5, 0.9, 1))
        return sum((self.rng.random() < density) << n for n in range(self.side.span))

    def walk(self, window: int, table: int, steps: int) -> list[dict[str, int]]:
        """The operands of GENs over some k-steps, from the start of one on."""
        spans, gens = self.tables[table], []
        while steps:
            starts = [n for n in range(len(spans)) if not n or spans[n - 1].end]
            first, channel = self.rng.choice(starts), self.rng.randrange(self.side.steps)
            index, at, count = first, channel, 0
            while steps and at < self.side.steps:
                steps -= spans[index].end
                count += 1
                index += 1
                if index == len(spans):
                    index, at = 0, at + 1
            gens.append({"window": window, "table": table, "channel": channel, "first": first,
                         "spans": count, "close": 0, "free_window": 0, "free_table": 0})
        return gens
