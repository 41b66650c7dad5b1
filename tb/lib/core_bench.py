"""The core under test: its streams, its runs, and programs of random instructions."""

import random
from typing import Any

import cocotb

from dstc.config import Config
from dstc.isa import Instruction, encode

from .bench import Bench
from .machine import Machine
from .models import Tile, random_tile

__all__ = ["CoreBench", "RandomProgram", "random_value"]

BINS = ("issue", "conflict", "operand_wait", "drain", "idle")
# Patterns at the edges: 1, largest, smallest normal, subnormals, infinity, NaN.
EDGES = {
    "fp16": (0x3C00, 0x7BFF, 0x0400, 0x03FF, 0x0001, 0x7C00, 0x7E01, 0x7C01),
    "bf16": (0x3F80, 0x7F7F, 0x0080, 0x007F, 0x0001, 0x7F80, 0x7FC1, 0x7F81, 0x1FFF, 0x5FB5),
    "fp8_e4m3": (0x38, 0x7E, 0x08, 0x07, 0x01, 0x7F),
    "fp8_e5m2": (0x3C, 0x7B, 0x04, 0x03, 0x01, 0x7C, 0x7D, 0x7F),
}


def random_value(rng: random.Random, config: Config, kind: str) -> int:
    """One stored value, never a zero: ``plain`` numbers, small ``steps``, ``edges`` or any bits."""
    bits = config.element_bits
    if not config.format.is_float:
        return rng.choice((1, 0x7F, 0x80, 0xFF)) if kind == "edges" else rng.randrange(1, 1 << bits)
    sign = rng.getrandbits(1) << bits - 1
    if kind == "edges":
        return sign | rng.choice(EDGES[config.element])
    if kind == "any":
        return sign | rng.randrange(1, 1 << bits - 1)
    # Exponents near each other, so that additions round.
    layout = config.format.layout
    reach = 2 if kind == "steps" else min(10, layout.bias - 1)
    return (sign | layout.bias + rng.randint(-reach, reach) << layout.mantissa_bits
            | rng.getrandbits(layout.mantissa_bits))


class CoreBench:
    """Streams around a core; runs programs one after the other."""

    def __init__(self, bench: Bench):
        self.bench, self.config = bench, bench.config
        self.inputs = {name: bench.driver(name) for name in ("instr", "a", "b", "c")}
        self.beats: list[tuple[int, int]] = []
        self.sink = bench.monitor("d", sink=lambda d: self.beats.append((d["data"], d["last"])))
        self.busy = 0
        cocotb.start_soon(self._watch())

    async def _watch(self) -> None:
        while True:
            await self.bench.tick()
            if not self.bench.in_reset:
                status = self.bench.get("status")
                self.busy += status["busy"]
                assert status["busy"] + status["halted"] + status["error"] <= 1

    def stalls(self, make: Any) -> None:
        """New stall patterns on every stream."""
        for end in (*self.inputs.values(), self.sink):
            end.stall = make()

    def put(self, words: list[int], a: list, b: list, c: list[int]) -> None:
        """Queue a program and its streams; operand beats are (data, last)."""
        self.inputs["instr"].put(*words)
        for name, beats in (("a", a), ("b", b)):
            width = self.inputs[name].shape["data"].width
            self.inputs[name].put(*(word | last << width for word, last in beats))
        self.inputs["c"].put(*c)

    async def run(self, words: list[int], a: list, b: list, c: list[int],
                  patience: int = 3000) -> dict[str, int]:
        """Run a program that ends with HALT; gives the counters and leaves ``beats``."""
        self.beats.clear()
        self.busy = 0
        self.put(words, a, b, c)
        await self._wait("halted", patience)
        assert self.bench.get("status") == {"busy": 0, "halted": 1, "error": 0, "code": 0,
                                            "address": len(words) - 1}
        assert all(source.idle for source in self.inputs.values()), "every beat is taken"
        await self.bench.tick(4)
        counters = self.bench.get("counters")
        assert sum(counters[name] for name in BINS) == self.busy, "every cycle in one bin"
        assert counters["issue"] == counters["ohmma"]
        return counters

    async def _wait(self, flag: str, patience: int) -> None:
        """Until the status shows a flag; progress on any stream is asked for now and then."""
        seen, quiet = None, 0
        while not self.bench.get_element("status", flag):
            await self.bench.tick()
            now = (len(self.sink.taken), *(len(s.taken) for s in self.inputs.values()))
            quiet = 0 if now != seen else quiet + 1
            seen = now
            assert quiet < patience, (f"{flag} must come, not a standstill: status "
                                      f"{self.bench.get('status')}, d, instr, a, b, c at {now}")

    async def until_error(self, patience: int = 3000) -> dict[str, int]:
        """Wait for the error status; gives it after the core has had time to settle."""
        await self._wait("error", patience)
        await self.bench.tick(30)
        return self.bench.get("status")

    async def resume(self) -> None:
        """From halted to a new program."""
        self.bench.set("resume", 1)
        await self.bench.tick()
        self.bench.set("resume", 0)
        await self.bench.tick()
        assert self.bench.get("status") == dict.fromkeys(
            ("busy", "halted", "error", "code", "address"), 0)
        assert not any(self.bench.get("counters").values())


class RandomProgram:
    """Random instructions, the beats they take and the beats they give, by :class:`Machine`."""

    def __init__(self, rng: random.Random, machine: Machine):
        self.rng, self.machine, self.config = rng, machine, machine.config
        self.words: list[int] = []
        self.a: list[tuple[int, int]] = []
        self.b: list[tuple[int, int]] = []
        self.c: list[int] = []
        self.d: list[tuple[int, int]] = []
        machine.ohmma = machine.products = 0

    def fill(self, count: int) -> "RandomProgram":
        """Random instructions, then every context drained, then HALT."""
        for slot in range(self.config.slots):
            self.load("A", slot)
            self.load("B", slot)
        makers = (self.any_load, self.any_load, self.load_c, self.drain, self.product,
                  self.product, self.product, self.micros, self.tile, self.barrier)
        for _ in range(count):
            self.rng.choice(makers)()
        self.drain(0)
        self.drain(1)
        self.word("HALT")
        self.machine.step = None
        return self

    def word(self, mnemonic: str, **operands: int) -> None:
        """Append an instruction."""
        self.words.append(encode(Instruction.of(mnemonic, **operands), self.config))

    def barrier(self) -> None:
        """BARRIER."""
        self.word("BARRIER")

    def slot(self) -> int:
        """Any slot."""
        return self.rng.randrange(self.config.slots)

    def any_load(self) -> None:
        """LDA or LDB of a random tile into a random slot."""
        self.load(self.rng.choice("AB"), self.slot())

    def load(self, side: str, slot: int, tile: Tile | None = None) -> None:
        """LDA or LDB."""
        self.word(f"LD{side}", slot=slot)
        self.take(side, slot, tile)

    def take(self, side: str, slot: int, tile: Tile | None = None) -> None:
        """The record of a load on its stream; a random tile unless one is given."""
        if tile is None:
            kind = self.rng.choice(("plain", "plain", "steps", "steps", "edges", "any"))
            tile = random_tile(self.rng, self.machine.sides[side],
                               lambda: random_value(self.rng, self.config, kind))
        (self.a if side == "A" else self.b).extend(tile.beats())
        self.machine.load(side, slot, tile)

    def load_c(self, acc: int | None = None) -> None:
        """LDC of random bits, special values among them."""
        acc = self.rng.getrandbits(1) if acc is None else acc
        special = self.rng.random() < 0.2
        beats = [sum(self.c_word(special) << 32 * n for n in range(self.config.array_cols))
                 for _ in range(self.config.c_beats)]
        self.word("LDC", acc=acc)
        self.c += beats
        self.machine.load_c(acc, beats)

    def c_word(self, special: bool) -> int:
        """One accumulator, mostly of a size that meets the products."""
        if special or not self.config.format.is_float:
            return self.rng.getrandbits(32)
        return self.rng.getrandbits(1) << 31 | self.rng.randint(117, 137) << 23 | (
            self.rng.getrandbits(23))

    def drain(self, acc: int | None = None) -> None:
        """STC."""
        acc = self.rng.getrandbits(1) if acc is None else acc
        self.word("STC", acc=acc)
        beats = self.machine.drain(acc)
        self.d += [(beat, int(n == len(beats) - 1)) for n, beat in enumerate(beats)]

    def product(self) -> None:
        """SPWMMA or WMMA of any two slots."""
        a, b = self.slot(), self.slot()
        acc, dense = self.rng.getrandbits(1), self.rng.getrandbits(1)
        self.word("WMMA" if dense else "SPWMMA", a=a, b=b, acc=acc)
        self.machine.product(a, b, acc, bool(dense))

    def micros(self) -> None:
        """BOHMMA, perhaps POPC, some OHMMA; now and then more OHMMA of the last k-step."""
        if self.machine.step is None or self.rng.random() < 0.8:
            a, b, k = self.slot(), self.slot(), self.rng.randrange(self.config.tile_k)
            self.word("BOHMMA", a=a, b=b, k=k)
            self.machine.select(a, b, k)
            self.word("POPC")
            self.machine.popc()
        for _ in range(self.rng.randrange(5)):
            acc, pred = self.rng.getrandbits(1), int(self.rng.random() < 0.7)
            g, h = (self.rng.randrange(n) for n in (self.config.row_groups, self.config.col_groups))
            self.word("OHMMA", acc=acc, g=g, h=h, pred=pred)
            self.machine.one(acc, g, h, pred)

    def tile(self) -> None:
        """TILE over a few or many k-tiles."""
        ktiles, acc = self.rng.choice((1, 2, 3, 8, 33, 40)), self.rng.getrandbits(1)
        dense, density = self.rng.getrandbits(1), self.rng.choice((0, 0.2, 0.6))
        if ktiles > 8:
            density /= 4
        self.word("TILE", acc=acc, dense=dense, ktiles=ktiles)
        slot = 0
        for first in range(0, ktiles, 32):
            a, b = (sum((self.rng.random() < density ** 0.5) << t
                        for t in range(min(32, ktiles - first))) for _ in "AB")
            self.words.append(a | b << 32)
            for _ in range((a & b).bit_count()):
                self.take("A", slot)
                self.take("B", slot)
                self.machine.product(slot, slot, acc, bool(dense))
                slot = (slot + 1) % self.config.slots
