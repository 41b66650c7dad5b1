"""A slow core in plain Python: runs program words on beats, one operation at a time.

Written from docs/isa.md and docs/format.md; shares no code with the package.  Everything that a
program must not do fails an assertion.
"""

import ml_dtypes
import numpy as np

__all__ = ["Interpreter"]

NAN = np.uint32(0x7FC00000)
TYPES = {"fp16": "<f2", "bf16": ml_dtypes.bfloat16, "fp8_e4m3": ml_dtypes.float8_e4m3fn,
         "fp8_e5m2": ml_dtypes.float8_e5m2, "int8": "i1"}


class Tile:
    """One tile record, unpacked into the set positions and their values of every k."""

    def __init__(self, beats, span, depth, dtype):
        stream = b"".join(beats)
        bits = int.from_bytes(stream, "little")
        width = 8 * len(beats[0])
        bitmap_beats = -(-span * depth // width)
        self.positions = [[i for i in range(span) if bits >> k * span + i & 1]
                          for k in range(depth)]
        assert not bits >> span * depth & (1 << bitmap_beats * width - span * depth) - 1, "padding"
        count = sum(map(len, self.positions))
        tail = np.frombuffer(stream[bitmap_beats * width // 8:], dtype)
        per_beat = width // 8 // tail.itemsize
        assert len(beats) == bitmap_beats + -(-count // per_beat), "length of the record"
        assert not tail[count:].tobytes().strip(b"\0"), "padding"
        with np.errstate(invalid="ignore"):     # signalling NaN
            assert (tail[:count] != 0).all(), "stored zero"
        self.values, at = [], 0
        for where in self.positions:
            self.values.append(tail[at:at + len(where)])
            at += len(where)


class Interpreter:
    """Runs ``words`` to ``HALT``; ``d`` is then the result stream.

    ``ohmma`` counts executed OHMMA, ``products`` multiplications of non-zeros, ``pairs`` tile
    products.
    """

    def __init__(self, config, words, a, b, c):
        self.config, self.words = config, [int(w) for w in words]
        self.lanes = config.array_rows, config.array_cols
        self.floating = config.element != "int8"
        self.dtype = np.dtype(TYPES[config.element])
        self.acc_dtype = np.dtype("<f4" if self.floating else "<i4")
        self.streams = {"A": self.records(*a), "B": self.records(*b)}
        self.c, self.c_at = c, 0
        self.d = []
        self.slots = {"A": {}, "B": {}}
        shape = config.tile_m, config.tile_n
        self.acc = [np.zeros(shape, self.acc_dtype), np.zeros(shape, self.acc_dtype)]
        self.step, self.predicates = None, None
        self.ohmma = self.products = self.pairs = 0

    @staticmethod
    def records(data, last):
        beats = []
        assert data.dtype == np.uint8
        assert len(data) == len(last)
        for row, end in zip(data, last, strict=True):
            beats.append(row.tobytes())
            if end:
                yield beats
                beats = []
        assert not beats, "stream ends inside a record"

    def load(self, side, slot):
        assert slot < self.config.slots
        span = self.config.tile_m if side == "A" else self.config.tile_n
        self.slots[side][slot] = Tile(next(self.streams[side]), span, self.config.tile_k,
                                      self.dtype)

    def load_c(self, acc):
        groups = self.config.tile_n // self.config.array_cols
        beats = self.c[self.c_at:self.c_at + self.config.tile_m * groups]
        self.c_at += len(beats)
        for n, beat in enumerate(beats):
            row, group = divmod(n, groups)
            for j in range(self.config.array_cols):
                value = np.frombuffer(beat.tobytes()[4 * j:4 * j + 4], self.acc_dtype)[0]
                self.acc[acc][row, group * self.config.array_cols + j] = value

    def drain(self, acc):
        result = self.acc[acc]
        if self.floating:
            result.view(np.uint32)[np.isnan(result)] = NAN
        for row in result:
            for at in range(0, self.config.tile_n, self.config.array_cols):
                self.d.append(row[at:at + self.config.array_cols].tobytes())
        self.acc[acc] = np.zeros_like(result)

    def outer(self, acc, k, rows, cols, a, b):
        """One OHMMA: the values with those ranks among the set bits of the k-step."""
        self.ohmma += 1
        target = self.acc[acc]
        with np.errstate(all="ignore"):
            for i in rows:
                for j in cols:
                    product = self.acc_dtype.type(a.values[k][i]) * self.acc_dtype.type(
                        b.values[k][j])
                    target[a.positions[k][i], b.positions[k][j]] += product
                    self.products += 1

    def group(self, tile, k, number, lanes):
        return range(number * lanes, min((number + 1) * lanes, len(tile.positions[k])))

    def by_position(self, tile, k, number, lanes):
        return [rank for rank, where in enumerate(tile.positions[k]) if where // lanes == number]

    def tile_product(self, acc, a_slot, b_slot, dense):
        self.pairs += 1
        a, b = self.slots["A"][a_slot], self.slots["B"][b_slot]
        r, s = self.lanes
        take = self.by_position if dense else self.group
        for k in range(self.config.tile_k):
            rows = self.config.tile_m // r if dense else -(-len(a.positions[k]) // r)
            cols = self.config.tile_n // s if dense else -(-len(b.positions[k]) // s)
            for h in range(cols):
                for g in range(rows):
                    self.outer(acc, k, take(a, k, g, r), take(b, k, h, s), a, b)

    def run(self):
        words = iter(self.words)
        for word in words:
            opcode, acc8, acc16 = word & 0xff, word >> 8 & 1, word >> 16 & 1
            a_slot, b_slot = word >> 8 & 7, word >> 12 & 7
            if opcode == 0x01:
                break
            elif opcode == 0x10:
                self.load("A", a_slot)
            elif opcode == 0x11:
                self.load("B", a_slot)
            elif opcode == 0x12:
                self.load_c(acc8)
            elif opcode == 0x18:
                self.drain(acc8)
            elif opcode in (0x20, 0x21):
                self.tile_product(acc16, a_slot, b_slot, opcode == 0x21)
            elif opcode == 0x22:
                self.whole_tile(words, acc8, word >> 9 & 1, word >> 16 & 0xffff)
            elif opcode == 0x30:
                self.step = a_slot, b_slot, word >> 20 & 31
                assert self.step[2] < self.config.tile_k
            elif opcode == 0x31:
                a, b, k = self.selected()
                self.predicates = (-(-len(a.positions[k]) // self.lanes[0]),
                                   -(-len(b.positions[k]) // self.lanes[1]))
            elif opcode == 0x32:
                self.micro(acc8, word >> 12 & 7, word >> 16 & 7, word >> 20 & 1)
            else:
                raise AssertionError(f"illegal word {word:#x}")
        assert next(words, None) is None, "words after HALT"
        assert [list(stream) for stream in self.streams.values()] == [[], []], "beats left"
        assert self.c_at == len(self.c), "C beats left"
        return self

    def whole_tile(self, words, acc, dense, k_tiles):
        assert k_tiles
        slot = 0
        for base in range(0, k_tiles, 32):
            word = next(words)
            a, b = word & 0xffffffff, word >> 32
            assert not (a | b) >> min(32, k_tiles - base)
            for t in range(32):
                if a >> t & b >> t & 1:
                    self.load("A", slot)
                    self.load("B", slot)
                    self.tile_product(acc, slot, slot, dense)
                    slot = (slot + 1) % self.config.slots

    def selected(self):
        a_slot, b_slot, k = self.step
        return self.slots["A"][a_slot], self.slots["B"][b_slot], k

    def micro(self, acc, g, h, predicated):
        assert g < self.config.tile_m // self.lanes[0]
        assert h < self.config.tile_n // self.lanes[1]
        if predicated and not (g < self.predicates[0] and h < self.predicates[1]):
            return
        a, b, k = self.selected()
        self.outer(acc, k, self.group(a, k, g, self.lanes[0]), self.group(b, k, h, self.lanes[1]),
                   a, b)
