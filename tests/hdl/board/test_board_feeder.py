"""Feeder: beats of every stream against memory, with stalls; registers, abort."""

import pytest
from unit_bench import Bench

from dstc.accelerator.parameters import AcceleratorConfig
from dstc.config import get_config
from dstc.device.core_board import (
    COUNTERS,
    FEEDER_ID,
    STREAMS,
    beats_register,
    counter_register,
    place_register,
)
from dstc_hdl.board.feeder import Feeder

ACC = AcceleratorConfig(core=get_config("tiny"), data_bits=64, address_bits=32)
MEMORY = range(0x8000_0000, 0x8000_1000)
WORDS = {"instr": 1, "a": 2, "b": 3, "c": 2, "d": 2}       # of tiny, by the page
CONTROL, STATUS, WORD = 8, 12, 16
OKAY, SLVERR = 0, 2


class FeederBench:
    """A feeder before a memory of words, and everything that its streams brought."""

    def __init__(self, p=1.0, seed=1):
        self.bench = bench = Bench(Feeder(ACC, MEMORY), seed)
        self.words = [bench.rng.getrandbits(64) for _ in range(len(MEMORY) // 8)]
        self.aw, self.w, self.ar = (bench.drive(f"registers.{name}") for name in ("aw", "w", "ar"))
        self.b, self.r = bench.take("registers.b"), bench.take("registers.r")
        self.access = bench.take("access", p)
        self.out = {name: bench.take(name, p) for name in STREAMS[:-1]}
        self.d = bench.drive("d", (), p)
        self.status, self.value, self.irq, self.resets, self.resumes = 0, 0, 0, 0, 0
        self.counters = {name: 1000 + n for n, name in enumerate(COUNTERS)}
        bench.before(self._set)
        bench.after(self._see, "access.valid", "access.ready", "access.payload", "irq", "reset",
                    "resume")

    def _set(self, ctx, cycle):
        dut = self.bench.dut
        ctx.set(dut.value, self.value)
        ctx.set(dut.status.as_value(), self.status)
        for name, value in self.counters.items():
            ctx.set(dut.counters[name], value)

    def _see(self, cycle, valid, ready, access, irq, reset, resume):
        self.irq, self.resets, self.resumes = irq, self.resets + reset, self.resumes + resume
        self.value = self.bench.rng.getrandbits(64)         # only the cycle after means anything
        if valid and ready:
            if access["strb"]:
                assert access["strb"] == 255
                self.words[access["index"]] = access["data"]
            else:
                self.value = self.words[access["index"]]

    def write(self, offset, value):
        count = len(self.b.tokens) + 1
        self.aw.queue.append(offset)
        self.w.queue.append({"data": value, "strb": 15})
        self.bench.run(lambda: len(self.b.tokens) == count, 200)
        return self.b.tokens[-1]

    def read(self, offset):
        count = len(self.r.tokens) + 1
        self.ar.queue.append(offset)
        self.bench.run(lambda: len(self.r.tokens) == count, 200)
        return self.r.tokens[-1]["data"], self.r.tokens[-1]["resp"]

    def place(self, counts):
        """Streams one behind the other; index of the first word of each."""
        at, places = 3, {}
        for name, beats in counts.items():
            places[name] = at
            assert self.write(place_register(name), MEMORY.start + 8 * at) == OKAY
            assert self.write(beats_register(name), beats) == OKAY
            at += beats * WORDS[name]
        return places


@pytest.mark.parametrize("p", [1.0, 0.4])
def test_streams(p):
    host = FeederBench(p)
    counts = {"instr": 9, "a": 12, "b": 7, "c": 5, "d": 6}
    places = host.place(counts)
    end = host.bench.cycle + 50
    host.bench.run(lambda: host.bench.cycle == end, 60)
    assert not host.access.tokens           # nothing before the start
    image = list(host.words)
    results = [{"data": host.bench.rng.getrandbits(128), "last": n & 1} for n in range(6)]
    host.d.queue.extend(results)
    assert host.write(CONTROL, 1) == OKAY
    host.bench.run(lambda: host.d.idle and all(len(port.tokens) == counts[name]
                                               for name, port in host.out.items()), 3000)
    for name, port in host.out.items():
        for n, token in enumerate(port.tokens):
            words = image[places[name] + n * WORDS[name]:][:WORDS[name]]
            if name in ("a", "b"):
                data = sum(word << 64 * k for k, word in enumerate(words[:-1]))
                assert token == {"data": data, "last": words[-1] & 1}, (name, n)
            else:
                assert token == sum(word << 64 * k for k, word in enumerate(words)), (name, n)
    at = places["d"]
    for n, result in enumerate(results):
        assert host.words[at + 2 * n] | host.words[at + 2 * n + 1] << 64 == result["data"]
    assert host.words[:at] == image[:at] and host.words[at + 12:] == image[at + 12:]
    # Not before the core has halted.
    assert not host.irq
    host.status = 0b010
    end = host.bench.cycle + 4
    host.bench.run(lambda: host.bench.cycle == end, 5)
    assert host.irq and not host.resumes
    assert host.write(CONTROL, 1) == OKAY
    assert host.resumes == 1


def test_registers():
    host = FeederBench()
    host.status = 0b1010_101 | 123 << 7
    assert host.read(0) == (FEEDER_ID, OKAY)
    assert host.read(4) == (ACC.config_id, OKAY)
    assert host.read(STATUS) == (0b1010_101, OKAY) and host.read(WORD) == (123, OKAY)
    for name, value in host.counters.items():
        assert host.read(counter_register(name)) == (value, OKAY)
    for stream in STREAMS:
        assert host.write(place_register(stream), 0xABCD_0000 + ord(stream[0])) == OKAY
        assert host.read(place_register(stream)) == (0xABCD_0000 + ord(stream[0]), OKAY)
    for offset in (0x14, 0x7C, 0xFFC):
        assert host.read(offset) == (0, SLVERR)
    for offset in (0, 4, STATUS, counter_register("idle"), 0xFFC):
        assert host.write(offset, 1) == SLVERR


@pytest.mark.parametrize("seed", range(5))
def test_abort(seed):
    """In any cycle: the core is reset once, nothing is left, the next streams are whole."""
    host = FeederBench(0.5, seed)
    counts = {"instr": 9, "a": 12, "b": 7, "c": 5, "d": 6}
    host.place(counts)
    host.write(CONTROL, 1)
    end = host.bench.cycle + host.bench.rng.randrange(80)
    host.bench.run(lambda: host.bench.cycle == end, 90)
    for port in host.out.values():
        port._checker.see = lambda *_: None         # what is on offer is withdrawn
    assert host.write(CONTROL, 2) == OKAY
    end = host.bench.cycle + 60
    host.bench.run(lambda: host.bench.cycle == end, 70)
    assert host.resets == 1 and not host.irq
    for name in STREAMS:
        assert host.read(beats_register(name)) == (0, OKAY)
    taken = {name: len(port.tokens) for name, port in host.out.items()}
    places = host.place({"instr": 3, "a": 2, "b": 2, "c": 1, "d": 0})
    host.write(CONTROL, 1)
    end = host.bench.cycle + 300
    host.bench.run(lambda: host.bench.cycle == end, 310)
    assert {name: len(port.tokens) - taken[name] for name, port in host.out.items()} == {
        "instr": 3, "a": 2, "b": 2, "c": 1}
    assert host.out["instr"].tokens[-3:] == host.words[places["instr"]:places["instr"] + 3]
