"""A slow core in plain Python, from docs/isa.md: random tiles, random programs, what they give."""

from dispatcher_model import word
from element_math import add, multiply, random_sum
from records import Record

__all__ = ["Program", "Reference", "random_program"]


class Reference:
    """Runs instructions one by one; slots and contexts live on from program to program."""

    def __init__(self, config):
        self.config = config
        self.slots = {"A": {}, "B": {}}
        self.sums = [self._zeros(), self._zeros()]
        self.step = self.predicates = None
        self.d, self.ohmma, self.products = [], 0, 0

    def _zeros(self):
        return [[0] * self.config.tile_n for _ in range(self.config.tile_m)]

    def start(self):
        """A new program: no k-step is selected, the counters are 0."""
        self.step, self.ohmma, self.products = None, 0, 0

    def load_c(self, acc, words):
        nan = self.config.element != "int8"
        self.sums[acc] = [[0x7FC00000 if nan and value & 0x7FFFFFFF > 0x7F800000 else value
                           for value in row] for row in words]

    def drain(self, acc):
        width = self.config.array_cols
        beats = [sum(value << 32 * q for q, value in enumerate(row[n:n + width]))
                 for row in self.sums[acc] for n in range(0, self.config.tile_n, width)]
        self.d += [{"data": beat, "last": n == len(beats) - 1} for n, beat in enumerate(beats)]
        self.sums[acc] = self._zeros()

    def _ohmma(self, acc, k, a, b, rows, cols):
        self.ohmma += 1
        self.products += len(rows) * len(cols)
        for m, x in rows:
            for n, y in cols:
                self.sums[acc][m][n] = add(self.config, self.sums[acc][m][n],
                                           multiply(self.config, x, y))

    def _pair(self, a, b):
        return self.slots["A"][a], self.slots["B"][b]

    def product(self, acc, a_slot, b_slot, dense):
        """``SPWMMA`` or ``WMMA``."""
        a, b = self._pair(a_slot, b_slot)
        for k in range(self.config.tile_k):
            if dense:
                sides = [[[(p, value) for p, value in tile.nonzeros(k) if p // tile.lanes == g]
                          for g in range(tile.span // tile.lanes)] for tile in (a, b)]
            else:
                sides = [[tile.nonzeros(k)[n:n + tile.lanes]
                          for n in range(0, len(tile.nonzeros(k)), tile.lanes)]
                         for tile in (a, b)]
            for cols in sides[1]:
                for rows in sides[0]:
                    self._ohmma(acc, k, a, b, rows, cols)

    def select(self, a, b, k):
        self.step = a, b, k
        self.counts = [-(-len(tile.nonzeros(k)) // tile.lanes) for tile in self._pair(a, b)]

    def popc(self):
        self.predicates = self.counts

    def ohmma_of(self, acc, g, h, pred):
        a, b = self._pair(*self.step[:2])
        k = self.step[2]
        if not pred or (g < self.predicates[0] and h < self.predicates[1]):
            self._ohmma(acc, k, a, b, a.nonzeros(k)[g * a.lanes:(g + 1) * a.lanes],
                        b.nonzeros(k)[h * b.lanes:(h + 1) * b.lanes])


class Program:
    """Words and stream beats that are appended together with what they do to a reference."""

    def __init__(self, config, rng, reference):
        self.config, self.rng, self.reference = config, rng, reference
        self.words, self.a, self.b, self.c = [], [], [], []
        self.executed = []          # mnemonics, for coverage
        reference.start()

    def emit(self, name, **fields):
        self.words.append(word(name, **fields))
        self.executed.append(name)

    def _load(self, side, slot):
        record = Record(self.config, side, self.rng,
                        self.rng.choice([0, .05, .2, .5, .5, .8, 1]))
        self.reference.slots[side][slot] = record
        (self.a if side == "A" else self.b).extend(record.beats)

    def load(self, side, slot):
        self.emit(f"LD{side}", slot=slot)
        self._load(side, slot)

    def load_c(self, acc):
        self.emit("LDC", acc=acc)
        words = [[random_sum(self.config, self.rng) for _ in range(self.config.tile_n)]
                 for _ in range(self.config.tile_m)]
        width = self.config.array_cols
        self.c += [sum(value << 32 * q for q, value in enumerate(row[n:n + width]))
                   for row in words for n in range(0, self.config.tile_n, width)]
        self.reference.load_c(acc, words)

    def drain(self, acc):
        self.emit("STC", acc=acc)
        self.reference.drain(acc)

    def product(self, acc, a, b, dense):
        self.emit("WMMA" if dense else "SPWMMA", a=a, b=b, acc=acc)
        self.reference.product(acc, a, b, dense)

    def tile(self, acc, dense, ktiles, p):
        self.emit("TILE", acc=acc, dense=dense, ktiles=ktiles)
        slot = 0
        for first in range(0, ktiles, 32):
            masks = [sum((self.rng.random() < p) << t for t in range(min(32, ktiles - first)))
                     for _ in range(2)]
            self.words.append(masks[0] | masks[1] << 32)
            for _ in range((masks[0] & masks[1]).bit_count()):
                self._load("A", slot)
                self._load("B", slot)
                self.reference.product(acc, slot, slot, dense)
                slot = (slot + 1) % self.config.slots

    def micro(self, acc, a, b, k, steps):
        """A k-step as micro-operations; ``steps`` of (g, h, pred)."""
        self.emit("BOHMMA", a=a, b=b, k=k)
        self.reference.select(a, b, k)
        if any(pred for *_, pred in steps):
            self.emit("POPC")
            self.reference.popc()
        for g, h, pred in steps:
            self.emit("OHMMA", acc=acc, g=g, h=h, pred=pred)
            self.reference.ohmma_of(acc, g, h, pred)


def random_program(config, rng, reference, count):
    """Any instructions in any order that computes with slots only after they were loaded."""
    program = Program(config, rng, reference)
    kinds = ["load", "load", "load", "product", "product", "product", "micro", "tile", "LDC", "STC",
             "STC", "BARRIER"]
    for _ in range(count):
        kind, acc = rng.choice(kinds), rng.randrange(2)
        a_slots, b_slots = list(reference.slots["A"]), list(reference.slots["B"])
        if kind in ("product", "micro") and not (a_slots and b_slots):
            kind = "load"
        if kind == "load":
            program.load(rng.choice("AB"), rng.randrange(config.slots))
        elif kind == "product":
            program.product(acc, rng.choice(a_slots), rng.choice(b_slots), rng.random() < .3)
        elif kind == "micro":
            groups = [(g, h, rng.randrange(2)) for h in range(config.col_groups)
                      for g in range(config.row_groups)]
            program.micro(acc, rng.choice(a_slots), rng.choice(b_slots),
                          rng.randrange(config.tile_k), rng.sample(groups, rng.randint(1, 4)))
        elif kind == "tile":
            program.tile(acc, rng.randrange(2), rng.choice([1, 3, 33]), rng.choice([.1, .4]))
        elif kind == "LDC":
            program.load_c(acc)
        elif kind == "STC":
            program.drain(acc)
        else:
            program.emit("BARRIER")
    return program
