"""A component with the core's ports and none of its work, for tests of the simulators."""

import numpy as np
from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from dstc.config import get_config
from dstc_hdl.emit import emit
from dstc_hdl.layouts import beat_layout, counters_layout, status_layout
from dstc_sim.icarus import IcarusCore
from dstc_sim.pysim import PysimCore
from dstc_sim.runs import StreamJob
from dstc_sim.verilator import CoreModel

__all__ = ["CHATTY", "CONFIG", "DEAF", "ENDLESS", "HALT", "STC", "UNKNOWN_DATA", "UNKNOWN_STATUS",
           "StandInCore", "echo_job", "simulator"]

CONFIG = get_config("tiny")
HALT, STC = 0x01, 0x18
FLAWS = ENDLESS, DEAF, CHATTY, UNKNOWN_DATA, UNKNOWN_STATUS = range(0xF0, 0xF5)


class StandInCore(wiring.Component):
    """Copies C to D, one tile for every STC; counts its cycles as ``issue``.

    A and B beats are taken and dropped.  Some words make it misbehave from then on: it never
    halts, takes no more words, sends D beats for ever, or shows what a memory holds that was
    never read: X in a simulator that knows it.  Any other word than these, HALT and STC is an
    error with code 3 and the word's address.
    """

    def __init__(self):
        super().__init__({
            "instr": In(stream.Signature(64)),
            "a": In(stream.Signature(beat_layout(CONFIG.a_beat_bits))),
            "b": In(stream.Signature(beat_layout(CONFIG.b_beat_bits))),
            "c": In(stream.Signature(CONFIG.c_beat_bits)),
            "d": Out(stream.Signature(beat_layout(CONFIG.c_beat_bits))),
            "resume": In(1),
            "status": Out(status_layout()),
            "counters": Out(counters_layout()),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.memory = memory = Memory(shape=4, depth=2, init=[])
        port = memory.read_port()
        opcode = Signal(8)
        tiles = Signal(16)
        beat = Signal(range(CONFIG.c_beats))
        stopping = Signal()
        started = Signal()
        word = Signal()
        passing = Signal()
        final = Signal()
        flaws = {flaw: Signal(name=f"flaw_{flaw:x}") for flaw in FLAWS}
        m.d.comb += [
            opcode.eq(self.instr.payload), word.eq(self.instr.valid & self.instr.ready),
            passing.eq(self.d.valid & self.d.ready), final.eq(beat == CONFIG.c_beats - 1),
            self.a.ready.eq(1), self.b.ready.eq(1),
            self.instr.ready.eq(~stopping & ~self.status.error & ~flaws[DEAF]),
            self.d.valid.eq((self.c.valid & (tiles != 0)) | flaws[CHATTY]),
            self.c.ready.eq(self.d.ready & (tiles != 0)),
            self.d.payload.data.eq(self.c.payload), self.d.payload.last.eq(final),
            self.status.busy.eq(started & ~self.status.halted),
            self.status.halted.eq(stopping & (tiles == 0) & ~flaws[ENDLESS]),
            port.en.eq(0),
        ]
        with m.If(flaws[UNKNOWN_DATA]):
            m.d.comb += self.d.payload.data[:4].eq(port.data)
        m.d.comb += self.status.code.eq(Mux(flaws[UNKNOWN_STATUS], port.data,
                                            Mux(self.status.error, 3, 0)))
        m.d.sync += tiles.eq(tiles + (word & (opcode == STC)) - (passing & final))
        with m.If(passing):
            m.d.sync += beat.eq(Mux(final, 0, beat + 1))
        with m.If(word):
            m.d.sync += [started.eq(1), self.status.address.eq(self.status.address + 1)]
            with m.Switch(opcode):
                with m.Case(HALT):
                    m.d.sync += stopping.eq(1)
                with m.Case(STC):
                    pass
                for flaw, signal in flaws.items():
                    with m.Case(flaw):
                        m.d.sync += signal.eq(1)
                with m.Default():
                    m.d.sync += [self.status.error.eq(1),
                                 self.status.address.eq(self.status.address)]
        with m.If((started | word) & ~self.status.halted):
            m.d.sync += self.counters.issue.eq(self.counters.issue + 1)
        with m.If(self.status.halted & self.resume):
            m.d.sync += [started.eq(0), stopping.eq(0), self.counters.issue.eq(0),
                         self.status.address.eq(0)]
        return m


def echo_job(tiles=3, seed=1, words=None, **changes):
    """A job for the stand-in: random C tiles, and A and B beats of no meaning."""
    rng = np.random.default_rng(seed)

    def beats(count, bits):
        return rng.integers(0, 256, (count, bits // 8), np.uint8)

    words = [STC] * tiles + [HALT] if words is None else words
    job = StreamJob(
        config=CONFIG, words=np.array(words, np.uint64),
        a_data=beats(5, CONFIG.a_beat_bits), a_last=np.arange(5) == 4,
        b_data=beats(4, CONFIG.b_beat_bits), b_last=np.arange(4) == 3,
        c_data=beats(tiles * CONFIG.c_beats, CONFIG.c_beat_bits), d_beats=tiles * CONFIG.c_beats)
    return StreamJob.of(job, **changes)


def simulator(name, trace=None):
    """The stand-in core in a simulator."""
    if name == "pysim":
        return PysimCore(StandInCore(), CONFIG, trace=trace)
    emitted = emit(StandInCore(), "stand_in", CONFIG)
    return {"verilator": CoreModel, "icarus": IcarusCore}[name](emitted, CONFIG, trace=trace)
