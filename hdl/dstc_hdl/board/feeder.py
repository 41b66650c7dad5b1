"""Carries beats between memory and the streams of a core."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from dstc.device.core_board import (
    BEATS_BITS,
    COUNTERS,
    FEEDER_ID,
    STREAMS,
    WORD_BYTES,
    FeederRegister,
    beat_words,
    beats_register,
    counter_register,
    place_register,
)
from dstc.isa import WORD_BITS

from ..accelerator.registers import LITE_BITS, LiteSignature
from ..layouts import beat_layout, counters_layout, status_layout
from .block_memory import access_layout

__all__ = ["Feeder"]

OKAY, SLVERR = 0, 2
START, RESET = 1, 2
OUTPUT = "d"


class Feeder(wiring.Component):
    """Feeder of one core.

    Looks at the streams in turn.  A stream in has a register for one beat, filled word by word; a
    beat of ``d`` is written word by word before it is taken.  Software sets address and number of
    beats of each stream and writes 1 to ``CONTROL``; 2 resets core and feeder.

    Timing: a word takes two cycles in and one out, a stream that waits one.

    Parameters
    ----------
    acc : AcceleratorConfig
        The core, and the width of the memory.
    memory : range

    Members
    -------
    registers : ``In(LiteSignature())``
        A read or write of a missing register is answered with ``SLVERR``.
    access : ``Out(stream.Signature(access_layout(acc, size)))``
    value : ``In(64)``
        As of ``BlockMemory``.
    instr, a, b, c : ``Out(stream)``, d : ``In(stream)``
        Those of the core.
    resume, reset : ``Out(1)``
        For the core.
    status : ``In(status_layout())``
    counters : ``In(counters_layout())``
    irq : ``Out(1)``
        The core has halted or failed, and all of its results are in memory.
    """

    def __init__(self, acc, memory):
        config = acc.core
        self._acc, self._config, self._memory = acc, config, memory
        shapes = {"instr": WORD_BITS, "a": beat_layout(config.a_beat_bits),
                  "b": beat_layout(config.b_beat_bits), "c": config.c_beat_bits}
        super().__init__({
            "registers": In(LiteSignature()),
            "access": Out(stream.Signature(access_layout(acc, len(memory)))),
            "value": In(acc.data_bits),
            **{name: Out(stream.Signature(shape)) for name, shape in shapes.items()},
            "d": In(stream.Signature(beat_layout(config.c_beat_bits))),
            "resume": Out(1), "reset": Out(1),
            "status": In(status_layout()), "counters": In(counters_layout()), "irq": Out(1),
        })
        self._place = {name: Signal(LITE_BITS, name=f"{name}_place") for name in STREAMS}
        self._left = {name: Signal(BEATS_BITS, name=f"{name}_left") for name in STREAMS}
        self._running, self._aborting = Signal(), Signal()

    def elaborate(self, platform):
        m = Module()
        start, done = Signal(), Signal()
        m.d.comb += [
            done.eq(self._running & (self.status.error
                                     | (self.status.halted & (self._left[OUTPUT] == 0)))),
            self.resume.eq(start & self.status.halted),
        ]
        with m.If(done):
            m.d.sync += [self._running.eq(0), self.irq.eq(1)]
        with m.If(start):
            m.d.sync += [self._running.eq(1), self.irq.eq(0)]
        self._move(m)
        self._read_register(m)
        self._write_register(m, start)
        return m

    def _move(self, m):
        """The streams, one after the other."""
        beats = {name: self._beat(m, name) for name in STREAMS if name != OUTPUT}
        word = Signal(range(max(beat_words(self._config, name) for name in STREAMS)))
        with m.FSM():
            for n, name in enumerate(STREAMS):
                following = STREAMS[(n + 1) % len(STREAMS)]
                if name == OUTPUT:
                    self._put(m, word, name, following)
                else:
                    self._get(m, word, name, following, beats[name])
        with m.If(self.reset):
            m.d.sync += [self._running.eq(0), self._aborting.eq(0), self.irq.eq(0)]
            m.d.sync += [left.eq(0) for left in self._left.values()]
            m.d.sync += [getattr(self, name).valid.eq(0) for name in beats]

    def _beat(self, m, name):
        """The register of a stream's beat."""
        port, words = getattr(self, name), beat_words(self._config, name)
        beat = Signal(words * self._acc.data_bits, name=f"{name}_beat")
        if name in ("a", "b"):
            at = (words - 1) * self._acc.data_bits
            m.d.comb += [port.p.data.eq(beat), port.p.last.eq(beat[at])]
        else:
            m.d.comb += port.payload.eq(beat)
        with m.If(port.ready):
            m.d.sync += port.valid.eq(0)
        return beat

    def _get(self, m, word, name, following, beat):
        """A beat from memory."""
        port, words = getattr(self, name), beat_words(self._config, name)
        with m.State(f"look {name}"):
            m.next = f"look {following}"
            with m.If(self._running & (self._left[name] != 0) & ~port.valid):
                m.next = f"ask {name}"
            if name == STREAMS[0]:
                # Here nothing is under way.
                with m.If(self._aborting):
                    m.d.comb += self.reset.eq(1)
                    m.next = f"look {name}"
        with m.State(f"ask {name}"):
            self._ask(m, name)
            with m.If(self.access.ready):
                m.next = f"get {name}"
        with m.State(f"get {name}"):
            m.d.sync += [beat.word_select(word, self._acc.data_bits).eq(self.value),
                         word.eq(word + 1)]
            m.next = f"ask {name}"
            with m.If(word == words - 1):
                m.d.sync += [port.valid.eq(1), word.eq(0), self._left[name].eq(
                    self._left[name] - 1)]
                m.next = f"look {following}"

    def _put(self, m, word, name, following):
        """A beat into memory."""
        port, words = getattr(self, name), beat_words(self._config, name)
        with m.State(f"look {name}"):
            m.next = f"look {following}"
            with m.If(port.valid & (self._left[name] != 0)):
                m.next = f"put {name}"
        with m.State(f"put {name}"):
            self._ask(m, name)
            m.d.comb += [
                self.access.p.strb.eq(-1),
                self.access.p.data.eq(port.p.data.word_select(word, self._acc.data_bits)),
            ]
            with m.If(self.access.ready):
                m.d.sync += word.eq(word + 1)
                with m.If(word == words - 1):
                    m.d.comb += port.ready.eq(1)
                    m.d.sync += [word.eq(0), self._left[name].eq(self._left[name] - 1)]
                    m.next = f"look {following}"

    def _ask(self, m, name):
        place = self._place[name]
        m.d.comb += [self.access.valid.eq(1),
                     self.access.p.index.eq(place[exact_log2(WORD_BYTES):])]
        with m.If(self.access.ready):
            m.d.sync += place.eq(place + WORD_BYTES)

    def _read_register(self, m):
        bus = self.registers
        values = {FeederRegister.ID: FEEDER_ID, FeederRegister.CONFIG_ID: self._acc.config_id,
                  FeederRegister.CONTROL: 0,
                  FeederRegister.STATUS: Value.cast(self.status)[:7],
                  FeederRegister.WORD: self.status.address,
                  **{place_register(name): self._place[name] for name in STREAMS},
                  **{beats_register(name): self._left[name] for name in STREAMS},
                  **{counter_register(name): self.counters[name] for name in COUNTERS}}
        m.d.comb += bus.ar.ready.eq(~bus.r.valid)
        with m.If(bus.r.ready):
            m.d.sync += bus.r.valid.eq(0)
        with m.If(bus.ar.valid & bus.ar.ready):
            m.d.sync += [bus.r.valid.eq(1), bus.r.p.resp.eq(SLVERR), bus.r.p.data.eq(0)]
            with m.Switch(bus.ar.payload):
                for offset, value in values.items():
                    with m.Case(offset):
                        m.d.sync += [bus.r.p.data.eq(value), bus.r.p.resp.eq(OKAY)]

    def _write_register(self, m, start):
        bus = self.registers
        asked, has_offset, act = Signal.like(bus.aw.payload), Signal(), Signal()
        m.d.comb += [bus.aw.ready.eq(~has_offset), bus.w.ready.eq(has_offset & ~bus.b.valid),
                     act.eq(bus.w.valid & bus.w.ready)]
        with m.If(bus.aw.valid & bus.aw.ready):
            m.d.sync += [has_offset.eq(1), asked.eq(bus.aw.payload)]
        with m.If(bus.b.ready):
            m.d.sync += bus.b.valid.eq(0)
        targets = {**{place_register(name): self._place[name] for name in STREAMS},
                   **{beats_register(name): self._left[name] for name in STREAMS}}
        with m.If(act):
            m.d.sync += [has_offset.eq(0), bus.b.valid.eq(1), bus.b.payload.eq(SLVERR)]
            with m.Switch(asked):
                for offset, target in targets.items():
                    with m.Case(offset):
                        m.d.sync += [target.eq(bus.w.p.data), bus.b.payload.eq(OKAY)]
                with m.Case(FeederRegister.CONTROL):
                    m.d.comb += start.eq((bus.w.p.data & START).any())
                    m.d.sync += [bus.b.payload.eq(OKAY),
                                 self._aborting.eq((bus.w.p.data & RESET).any())]
