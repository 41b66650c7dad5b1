"""What the dispatcher makes of a program, in plain Python, and random programs for it."""

from collections import Counter

__all__ = ["OPCODES", "Model", "compute", "random_program", "word"]

OPCODES = {"HALT": 0x01, "BARRIER": 0x02, "LDA": 0x10, "LDB": 0x11, "LDC": 0x12, "STC": 0x18,
           "SPWMMA": 0x20, "WMMA": 0x21, "TILE": 0x22, "BOHMMA": 0x30, "POPC": 0x31, "OHMMA": 0x32}
MNEMONICS = {opcode: name for name, opcode in OPCODES.items()}


def word(name, **fields):
    """The word of a legal instruction."""
    places = {"slot": 8, "acc": 16 if name in ("SPWMMA", "WMMA") else 8, "a": 8, "b": 12,
              "dense": 9, "ktiles": 16, "k": 20, "g": 12, "h": 16, "pred": 20}
    return OPCODES[name] | sum(value << places[field] for field, value in fields.items())


def compute(**fields):
    """A compute operation."""
    return dict.fromkeys(("tile", "dense", "select", "predicate", "predicated", "a_slot",
                          "b_slot", "acc", "k", "g", "h"), 0) | fields


class Model:
    """Operations of a legal program, in the order in which they are sent.

    Attributes
    ----------
    ops : list of (unit, payload)
        With tickets; only the fields that mean something.
    before : list of int
        For each word, operations sent before it is taken.
    cycles : list of int
        When each operation is sent if nobody stalls and the first word is there in cycle 0.
    starts : list of int
        When each word is taken then.
    """

    def __init__(self, config, words):
        self.config = config
        self.ops, self.before, self.cycles, self.starts = [], [], [], []
        self._sent = {kind: Counter() for kind in
                      ("loads_a", "loads_b", "reads_a", "reads_b", "computes", "turns")}
        self._step = None
        self._clock = 0
        words = iter(words)
        for code in words:
            self._word(code, words)

    def _begin(self):
        self.before.append(len(self.ops))
        self.starts.append(self._clock)
        self._clock += 1

    def _send(self, unit, payload):
        sent = self._sent
        if unit in ("load_a", "load_b"):
            payload["reads"] = sent[f"reads_{unit[-1]}"][payload["slot"]] % 64
            sent[f"loads_{unit[-1]}"][payload["slot"]] += 1
        elif unit == "compute":
            if not payload["predicate"]:
                payload["a_loads"] = sent["loads_a"][payload["a_slot"]] % 64
                payload["b_loads"] = sent["loads_b"][payload["b_slot"]] % 64
                payload["turns"] = sent["turns"][payload["acc"]] % 64
                sent["reads_a"][payload["a_slot"]] += 1
                sent["reads_b"][payload["b_slot"]] += 1
                sent["computes"][payload["acc"]] += 1
            else:
                payload = {"predicate": 1}
        else:
            payload["computes"] = sent["computes"][payload["acc"]] % 64
            payload["turns"] = sent["turns"][payload["acc"]] % 64
            sent["turns"][payload["acc"]] += 1
        self.ops.append((unit, payload))
        self.cycles.append(self._clock - 1)

    def _word(self, code, words):
        self._begin()
        name = MNEMONICS[code & 0xFF]

        def field(lsb, width=3):
            return code >> lsb & (1 << width) - 1

        if name in ("LDA", "LDB"):
            self._send("load_a" if name == "LDA" else "load_b", {"slot": field(8)})
        elif name in ("LDC", "STC"):
            self._send("load_c" if name == "LDC" else "drain", {"acc": field(8, 1)})
        elif name in ("SPWMMA", "WMMA"):
            self._send("compute", compute(tile=1, dense=int(name == "WMMA"), a_slot=field(8),
                                          b_slot=field(12), acc=field(16, 1)))
        elif name == "BOHMMA":
            self._step = {"a_slot": field(8), "b_slot": field(12), "k": field(20, 5)}
            self._send("compute", compute(select=1, **self._step))
        elif name == "POPC":
            self._send("compute", compute(predicate=1))
        elif name == "OHMMA":
            self._send("compute", compute(**self._step, acc=field(8, 1), g=field(12), h=field(16),
                                          predicated=field(20, 1)))
        elif name == "TILE":
            self._tile(field(8, 1), field(9, 1), field(16, 16), words)

    def _tile(self, acc, dense, ktiles, words):
        slot = 0
        for _ in range(0, ktiles, 32):
            data = next(words)
            self._begin()
            for _ in range((data & data >> 32 & 0xFFFFFFFF).bit_count()):
                for unit in ("load_a", "load_b"):
                    self._clock += 1
                    self._send(unit, {"slot": slot})
                self._clock += 1
                self._send("compute", compute(tile=1, dense=dense, a_slot=slot, b_slot=slot,
                                              acc=acc))
                slot = (slot + 1) % self.config.slots


def tile_words(rng, acc=None, ktiles=None):
    """A ``TILE`` with its data words."""
    ktiles = ktiles or rng.choice([1, 2, 7, 31, 32, 33, 63, 64, 65])
    words = [word("TILE", acc=rng.randrange(2) if acc is None else acc, dense=rng.randrange(2),
                  ktiles=ktiles)]
    for first in range(0, ktiles, 32):
        used = (1 << min(32, ktiles - first)) - 1
        thin = [rng.choice([0, -1, -1, rng.getrandbits(32)]) for _ in range(2)]
        masks = [rng.getrandbits(32) & mask & used for mask in thin]
        words.append(masks[0] | masks[1] << 32)
    return words


def random_program(config, rng, count, barriers=True):
    """Legal words, ``count`` instructions of every kind except ``HALT``."""
    words = [word("BOHMMA", a=0, b=0, k=0)]
    kinds = ["LDA", "LDB", "LDC", "STC", "SPWMMA", "WMMA", "BOHMMA", "POPC", "OHMMA", "TILE"]
    if barriers:
        kinds.append("BARRIER")
    for _ in range(count):
        name = rng.choice(kinds)
        slots = {side: rng.randrange(config.slots) for side in "ab"}
        acc = rng.randrange(2)
        if name == "TILE":
            words += tile_words(rng)
        elif name in ("LDA", "LDB"):
            words.append(word(name, slot=slots["a"]))
        elif name in ("LDC", "STC"):
            words.append(word(name, acc=acc))
        elif name in ("SPWMMA", "WMMA"):
            words.append(word(name, **slots, acc=acc))
        elif name == "BOHMMA":
            words.append(word(name, **slots, k=rng.randrange(config.tile_k)))
        elif name == "OHMMA":
            words.append(word(name, acc=acc, g=rng.randrange(config.tile_m // config.array_rows),
                              h=rng.randrange(config.tile_n // config.array_cols),
                              pred=rng.randrange(2)))
        else:
            words.append(word(name))
    return words
