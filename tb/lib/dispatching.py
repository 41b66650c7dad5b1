"""What a dispatcher has to send for a program, and units that carry it out."""

from collections import deque

from dstc.isa import Instruction, encode

from .models import TICKETS

__all__ = ["COUNTS", "KINDS", "DispatchMachine", "DispatchProgram"]

# Outputs of the dispatcher, and what it counts of each slot or context.
KINDS = ("load_a", "load_b", "load_c", "drain", "compute")
COUNTS = ("loads_a", "loads_b", "reads_a", "reads_b", "computes", "turns")
FLAGS = ("tile", "dense", "select", "predicate", "predicated")


class DispatchProgram:
    """Random words and the operations that have to be sent for them, barriers told apart."""

    def __init__(self, bench):
        self.bench, self.rng, self.config = bench, bench.rng, bench.config
        self.words, self.ops = [], {kind: deque() for kind in KINDS}
        self.sent = {name: [0] * (2 if name in ("computes", "turns") else self.config.slots)
                     for name in COUNTS}
        self.epoch, self.micro = 0, None

    def fill(self, count):
        makers = (self.load, self.load, self.load_c, self.drain, self.product, self.product,
                  self.micros, self.tile, self.barrier)
        for _ in range(count):
            self.rng.choice(makers)()
        return self

    def word(self, mnemonic, **operands):
        self.words.append(encode(Instruction.of(mnemonic, **operands), self.config))

    def halt(self):
        self.word("HALT")
        self.epoch += 1
        self.micro = None
        return self

    def barrier(self):
        self.word("BARRIER")
        self.epoch += 1

    def slot(self):
        return self.rng.randrange(self.config.slots)

    def load(self):
        side, slot = self.rng.choice("AB"), self.slot()
        self.word(f"LD{side}", slot=slot)
        self._load(side.lower(), slot)

    def _load(self, side, slot):
        self._send(f"load_{side}", {"slot": slot, "reads": self.sent[f"reads_{side}"][slot]})
        self.sent[f"loads_{side}"][slot] += 1

    def load_c(self):
        self._exclusive("LDC", "load_c")

    def drain(self):
        self._exclusive("STC", "drain")

    def _exclusive(self, mnemonic, kind):
        acc = self.rng.getrandbits(1)
        self.word(mnemonic, acc=acc)
        self._send(kind, {"acc": acc, "computes": self.sent["computes"][acc],
                          "turns": self.sent["turns"][acc]})
        self.sent["turns"][acc] += 1

    def product(self):
        a, b, acc = self.slot(), self.slot(), self.rng.getrandbits(1)
        dense = self.rng.getrandbits(1)
        self.word("WMMA" if dense else "SPWMMA", a=a, b=b, acc=acc)
        self._compute(a, b, acc, tile=1, dense=dense)

    def _compute(self, a, b, acc, **rest):
        op = {**dict.fromkeys(FLAGS, 0), "a_slot": a, "b_slot": b, "acc": acc, **rest,
              "a_loads": self.sent["loads_a"][a], "b_loads": self.sent["loads_b"][b],
              "turns": self.sent["turns"][0 if acc is None else acc]}
        self._send("compute", op)
        self.sent["reads_a"][a] += 1
        self.sent["reads_b"][b] += 1
        self.sent["computes"][acc or 0] += 1

    def micros(self):
        """BOHMMA, then perhaps POPC and a few OHMMA; or only more OHMMA of the last k-step."""
        if self.micro is None or self.rng.random() < 0.7:
            a, b, k = self.slot(), self.slot(), self.rng.randrange(self.config.tile_k)
            self.word("BOHMMA", a=a, b=b, k=k)
            self._compute(a, b, None, select=1, k=k)
            self.micro = a, b, k
        if self.rng.random() < 0.6:
            self.word("POPC")
            self._send("compute", {**dict.fromkeys(FLAGS, 0), "predicate": 1})
        for _ in range(self.rng.randrange(4)):
            acc, pred = self.rng.getrandbits(1), self.rng.getrandbits(1)
            g, h = self.rng.randrange(self.config.row_groups), self.rng.randrange(
                self.config.col_groups)
            self.word("OHMMA", acc=acc, g=g, h=h, pred=pred)
            a, b, k = self.micro
            self._compute(a, b, acc, k=k, g=g, h=h, predicated=pred)

    def tile(self, ktiles=None):
        """TILE with warp words of any density; slots rotate over the pairs from 0."""
        ktiles = ktiles or self.rng.choice((1, 2, 31, 32, 33, 64, 70))
        acc, dense = self.rng.getrandbits(1), self.rng.getrandbits(1)
        self.word("TILE", acc=acc, dense=dense, ktiles=ktiles)
        density, slot = self.rng.choice((0, 0.05, 0.3, 0.7)), 0
        for first in range(0, ktiles, 32):
            a, b = (sum((self.rng.random() < density ** 0.5) << t
                        for t in range(min(32, ktiles - first))) for _ in "ab")
            self.words.append(a | b << 32)
            for _ in range((a & b).bit_count()):
                self._load("a", slot)
                self._load("b", slot)
                self._compute(slot, slot, acc, tile=1, dense=dense)
                slot = (slot + 1) % self.config.slots

    def _send(self, kind, op):
        """Tickets are counts modulo 2**TICKET_BITS."""
        tickets = ("reads", "computes", "turns", "a_loads", "b_loads")
        self.ops[kind].append((self.epoch, {
            name: value % TICKETS if name in tickets else value for name, value in op.items()}))


def agrees(got, want):
    """Only what an operation means: fields that the model leaves out are arbitrary."""
    return all(got[name] == value for name, value in want.items() if value is not None)


class DispatchMachine:
    """Units that take operations and end them, later, as soon as their tickets allow."""

    def __init__(self, bench, program, pace, ended=None):
        self.bench, self.program, self.pace = bench, program, pace
        self.ended = ended or {name: [0] * len(counts) for name, counts in program.sent.items()}
        self.waiting = {kind: deque() for kind in KINDS}
        self.taken = dict.fromkeys(KINDS, 0)
        self.held = deque()         # epochs of operations that have not ended
        for name in COUNTS:
            bench.set(f"ended__{name}", self.ended[name])

    def take(self, kind):
        def sink(op):
            assert self.program.ops[kind], f"{kind} must send nothing more, got {op}"
            epoch, want = self.program.ops[kind].popleft()
            assert agrees(op, want), f"{kind} {self.taken[kind]} must be {want}, not {op}"
            assert not self.held or min(self.held) == epoch, f"{kind} {op} went past a barrier"
            self.taken[kind] += 1
            if not op.get("predicate"):
                self.held.append(epoch)
                self.waiting[kind].append((epoch, op))
        return sink

    @property
    def idle(self):
        return not self.held

    async def run(self):
        while True:
            await self.bench.tick()
            for kind in KINDS:
                queue = self.waiting[kind]
                if not queue or not self._may_end(kind, queue[0][1]):
                    continue
                if self.bench.rng.random() < self.pace:
                    epoch, op = queue.popleft()
                    self.held.remove(epoch)
                    self._end(kind, op)

    def _may_end(self, kind, op):
        ended = self.ended
        if kind in ("load_a", "load_b"):
            return ended[f"reads_{kind[-1]}"][op["slot"]] == op["reads"]
        if kind == "compute":
            return (ended["loads_a"][op["a_slot"]] == op["a_loads"]
                    and ended["loads_b"][op["b_slot"]] == op["b_loads"]
                    and ended["turns"][op["acc"]] == op["turns"])
        return (ended["computes"][op["acc"]] == op["computes"]
                and ended["turns"][op["acc"]] == op["turns"])

    def _end(self, kind, op):
        bumps = {
            "load_a": [("loads_a", "slot")], "load_b": [("loads_b", "slot")],
            "load_c": [("turns", "acc")], "drain": [("turns", "acc")],
            "compute": [("reads_a", "a_slot"), ("reads_b", "b_slot"), ("computes", "acc")],
        }[kind]
        for name, field in bumps:
            self.ended[name][op[field]] = (self.ended[name][op[field]] + 1) % TICKETS
            self.bench.set(f"ended__{name}", self.ended[name])
