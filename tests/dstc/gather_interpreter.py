"""Executes the words of the im2col unit as their documentation says, one after the other.

Whatever order of fills would make the unit wait for ever, or read what is not there, fails here.
"""

import numpy as np

LDX, SPANS, GEN = 0x40, 0x41, 0x42


def bits(word: int, lsb: int, width: int) -> int:
    return word >> lsb & (1 << width) - 1


class GatherUnit:
    """Windows hold (tile_m * window_tiles) x tile_k dense elements; 0 is no element."""

    def __init__(self, config, records):
        self.config = config
        self.records = iter(records)        # dense tile_m x tile_k each, in stream order
        self.windows = [None, None]
        self.tables = [None, None]
        self.pending = []                   # fills that wait for their window
        self.tiles = []                     # finished A tiles, tile_m x tile_k
        self.steps = []
        self.step = np.zeros(config.tile_m, object)
        self.spans = 0

    def run(self, words):
        words = iter(int(word) for word in words)
        for word in words:
            opcode = bits(word, 0, 8)
            if opcode == LDX:
                self.pending.append((bits(word, 8, 1), bits(word, 16, 6)))
                assert len(self.pending) <= 2, "more fills wait than a small queue takes"
            elif opcode == SPANS:
                table = bits(word, 8, 1)
                assert self.tables[table] is None, "the word stream waits for what is behind it"
                self.tables[table] = [(next(words), next(words))
                                      for _ in range(bits(word, 16, 8))]
                assert len(self.tables[table]) <= self.config.window_spans
            else:
                assert opcode == GEN
                self.gather(word)
            self.fill()
        assert not self.pending and self.windows == [None, None] == self.tables
        assert not self.steps and next(self.records, None) is None

    def fill(self):
        while self.pending and self.windows[self.pending[0][0]] is None:
            window, count = self.pending.pop(0)
            slots = [next(self.records) for _ in range(count)]
            assert count <= self.config.window_tiles
            self.windows[window] = np.concatenate(slots)

    def gather(self, word):
        self.fill()
        window, table = bits(word, 8, 1), bits(word, 9, 1)
        assert self.windows[window] is not None and self.tables[table] is not None
        channel, index = bits(word, 16, 5), bits(word, 24, 7)
        for _ in range(bits(word, 32, 16)):
            self.span(self.windows[window][:, channel], *self.tables[table][index])
            index += 1
            if index == len(self.tables[table]):
                index, channel = 0, channel + 1
        if bits(word, 10, 1):
            self.windows[window] = None
        if bits(word, 11, 1):
            self.tables[table] = None
        if bits(word, 12, 1):
            empty = [np.zeros(self.config.tile_m, object)] * (self.config.tile_k - len(self.steps))
            self.tiles.append(np.stack(self.steps + empty, axis=1))
            self.steps = []

    def span(self, column, masks, where):
        self.spans += 1
        start = bits(where, 8, 5) * self.config.tile_m + bits(where, 0, 5)
        row = bits(where, 16, 5)
        for lane in range(self.config.tile_m):
            if masks >> lane & 1:
                if masks >> 32 + lane & 1:
                    assert self.step[row] == 0
                    self.step[row] = column[start + lane]
                row += 1
        assert row <= self.config.tile_m and masks >> 32 & ~masks & 0xFFFFFFFF == 0
        if bits(where, 24, 1):
            self.steps.append(self.step)
            assert len(self.steps) <= self.config.tile_k
            self.step = np.zeros(self.config.tile_m, object)
