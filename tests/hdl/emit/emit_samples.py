"""Small components that between them use what emission has to get right."""

import random

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

__all__ = ["Constants", "Lanes", "RandomLogic", "WideSelects"]


class Mixer(wiring.Component):
    """A combinational child, so that equal lanes have equal children."""

    def __init__(self):
        super().__init__({"x": In(8), "y": Out(8)})

    def elaborate(self, platform):
        m = Module()
        with m.Switch(self.x[:2]):
            with m.Case(0):
                m.d.comb += self.y.eq(self.x ^ 0x55)
            with m.Case(1, 2):
                m.d.comb += self.y.eq(self.x + 3)
        return m


class Lane(wiring.Component):
    """An accumulator; its initial value is a parameter, only part of ``a`` is used."""

    def __init__(self, start):
        self._start = start
        super().__init__({"a": In(12), "b": In(8), "o": Out(8)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.mixer = mixer = Mixer()
        total = Signal(8, init=self._start)
        m.d.comb += [mixer.x.eq(self.a[2:10] ^ self.b), self.o.eq(total)]
        m.d.sync += total.eq(total + mixer.y)
        return m


class Lanes(wiring.Component):
    """Lanes with the given initial values and a memory behind them.

    Timing: ``o`` shows the sums of the inputs of all cycles before.
    """

    def __init__(self, starts):
        self._starts = starts
        super().__init__({"a": In(12 * len(starts)), "b": In(8), "o": Out(8 * len(starts)),
                          "looked_up": Out(8)})

    @property
    def latency(self):
        """Cycles from an input to its effect on ``o``."""
        return 1

    def elaborate(self, platform):
        m = Module()
        for n, start in enumerate(self._starts):
            m.submodules[f"lane_{n}"] = lane = Lane(start)
            m.d.comb += [lane.a.eq(self.a.word_select(n, 12)), lane.b.eq(self.b),
                         self.o.word_select(n, 8).eq(lane.o)]
        m.submodules.table = table = Memory(shape=8, depth=16, init=[7 * n for n in range(16)])
        port = table.read_port(domain="comb")
        m.d.comb += [port.addr.eq(self.b), self.looked_up.eq(port.data)]
        return m


class Constants(wiring.Component):
    """Outputs that depend on nothing, or only on inputs that a bench may tie."""

    def __init__(self):
        layout = data.StructLayout({"fixed": 3, "chosen": 4, "more": 2})
        super().__init__({"select": In(2), "o": Out(stream.Signature(layout)), "q": Out(5)})

    def elaborate(self, platform):
        m = Module()
        m.d.comb += [self.o.valid.eq(1), self.o.p.fixed.eq(5), self.o.p.more[1].eq(1),
                     self.q[3:].eq(2)]
        with m.If(self.select == 2):
            m.d.comb += [self.o.p.chosen.eq(9), self.q[0].eq(1)]
        with m.If(Const(1)):
            m.d.comb += self.q[1].eq(1)
        return m


class RandomLogic(wiring.Component):
    """Nested conditions that assign random slices of many signals at random.

    Parameters
    ----------
    seed : int
    outputs : int
        Number of 16-bit outputs; the inputs are ``x`` and ``y``, 16 bits each.
    """

    def __init__(self, seed, outputs=12):
        self._seed = seed
        self._outputs = outputs
        super().__init__({"x": In(16), "y": In(16), "o": Out(16).array(outputs)})

    def elaborate(self, platform):
        rng = random.Random(self._seed)
        m = Module()
        held = [Signal(16, init=rng.getrandbits(16), name=f"held{n}") for n in range(3)]
        sources = [self.x, self.y, *held]

        def value():
            one, two = rng.choice(sources), rng.choice(sources)
            return rng.choice([one + two, one ^ two, one & ~two, Const(rng.getrandbits(16), 16),
                               Cat(one[8:], two[:8]), one])

        def condition():
            return rng.choice([rng.choice(sources)[rng.randrange(16)],
                               rng.choice(sources) < rng.choice(sources), Const(1), Const(0)])

        def assign(target):
            low = rng.randrange(16)
            high = rng.randrange(low, 16) + 1
            m.d.comb += rng.choice([target, target[low:high]]).eq(value())

        def block(target, depth):
            for _ in range(rng.randrange(1, 4)):
                kind = rng.randrange(3) if depth else 0
                if kind == 0:
                    assign(target)
                elif kind == 1:
                    with m.If(condition()):
                        block(target, depth - 1)
                    if rng.random() < .5:
                        with m.Else():
                            block(target, depth - 1)
                else:
                    with m.Switch(rng.choice([*sources, Const(5, 16)])[:3]):
                        for pattern in rng.sample(range(8), 3):
                            with m.Case(pattern, f"1-{pattern & 1}"):
                                block(target, depth - 1)
                        if rng.random() < .5:
                            with m.Default():
                                block(target, depth - 1)

        for target in self.o:
            block(target, 3)
        for n, register in enumerate(held):
            m.d.sync += register.eq(self.o[n])
        return m


class WideSelects(wiring.Component):
    """Dynamic selections from 100 and 96 bits, also past their ends.

    ``x`` and ``y`` are the offsets, ``wide`` is what is selected from.
    """

    def __init__(self):
        super().__init__({"wide": In(100), "x": In(7), "y": In(4), "bits": Out(12),
                          "word": Out(8), "part": Out(8), "most": Out(90), "filled": Out(6)})

    def elaborate(self, platform):
        m = Module()
        index = Signal(5)
        shorter = Signal(96)
        m.d.comb += [index.eq(self.x), shorter.eq(self.wide),
                     self.bits.eq(self.wide.bit_select(self.x, 12)),
                     self.word.eq(self.wide.word_select(index, 8)),
                     self.part.eq(shorter.word_select(self.y, 8)),
                     self.most.eq(self.wide.bit_select(self.y, 90)),
                     self.filled.eq(self.wide.as_signed().bit_select(self.x, 6))]
        return m
