"""Write port before a memory: bursts, order, responses, window, stop."""

import random

import pytest
from amaranth import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from axi_memory import AxiWrites, accelerator
from unit_bench import Bench

from dstc.accelerator.registers import DeviceErrorCode
from dstc_hdl.accelerator.axi import WriteSignature, fault_layout
from dstc_hdl.accelerator.write_port import OUTSTANDING, WritePort, write_beat_layout

BASE, SIZE = 0xFE_0000_1000, 8192


class Writer(wiring.Component):
    """A write port whose bus has no name in front."""

    def __init__(self, acc):
        self.acc = acc
        super().__init__({
            "i": In(stream.Signature(write_beat_layout(acc))), "window_first": In(48),
            "window_last": In(48), "stop": In(1), "quiet": Out(1), "fault": Out(fault_layout()),
            "idle": Out(1), **dict(WriteSignature(acc).members.items())})

    def elaborate(self, platform):
        m = Module()
        m.submodules.port = port = WritePort(self.acc)
        for name in ("window_first", "window_last", "stop"):
            m.d.comb += getattr(port, name).eq(getattr(self, name))
        m.d.comb += [self.quiet.eq(port.quiet), self.fault.eq(port.fault), self.idle.eq(port.idle)]
        wiring.connect(m, wiring.flipped(self.i), port.i)
        for name in ("aw", "w", "b"):
            wiring.connect(m, wiring.flipped(getattr(self, name)), getattr(port.bus, name))
        return m


class WriterBench:
    """A writer, its memory, and ``want``: what that memory must hold in the end."""

    def __init__(self, bus=128, p=1.0, window=None, seed=1, **memory):
        self.acc = accelerator(bus)
        self.bench = Bench(Writer(self.acc), seed)
        self.i = self.bench.drive("i", (), p)
        self.content = bytearray(self.bench.rng.randbytes(SIZE))
        self.want, self.bursts = bytearray(self.content), []
        self.memory = AxiWrites(self.bench, self.acc, self.content, BASE, **memory)
        self.window, self.stop_in = window or (BASE, BASE + SIZE - 1), None
        self.seen = []
        self.bench.before(self.drive)
        self.bench.after(self.look, "quiet", "fault", "idle", "aw.valid", "w.valid")

    def drive(self, ctx, cycle):
        if cycle == 0:
            ctx.set(self.bench.dut.window_first, self.window[0])
            ctx.set(self.bench.dut.window_last, self.window[1])
        if cycle == self.stop_in:
            ctx.set(self.bench.dut.stop, 1)

    def look(self, cycle, quiet, fault, idle, aw_valid, w_valid):
        """Whatever happens: no data without a burst, and no pause within one."""
        self.seen.append((quiet, fault, idle, aw_valid, w_valid))
        memory = self.memory
        if quiet:
            assert not aw_valid and not w_valid and not memory.outstanding
        # Beats are on offer as soon as their burst is, and until the last one is taken.
        addresses, data = memory.address.cycles, memory.w.cycles
        asked = len(addresses) + (aw_valid and (not addresses or addresses[-1] != cycle))
        sent = len(data) - (bool(data) and data[-1] == cycle)
        assert w_valid == (sent < sum(burst["len"] + 1 for burst in self.bursts[:asked]))

    def run_of(self, address, beats, full=False):
        """Queue a run of beats; they go to ``want`` and its bursts to ``bursts``."""
        rng, size = self.bench.rng, self.acc.data_bytes
        for n in range(beats):
            value = rng.getrandbits(8 * size)
            strb = rng.choice([(1 << size) - 1, rng.getrandbits(size)]) if not full else (
                1 << size) - 1
            self.i.queue.append({"address": address + n * size, "data": value, "strb": strb,
                                 "final": n == beats - 1})
            for byte in range(size):
                place = address + n * size + byte - BASE
                if strb >> byte & 1 and 0 <= place < SIZE:
                    self.want[place] = value >> 8 * byte & 0xFF
        while beats:
            count = min(beats, (256 - address % 256) // size)
            self.bursts.append({"id": 0, "address": address, "len": count - 1})
            address, beats = address + count * size, beats - count

    def random_runs(self, count):
        rng, size = self.bench.rng, self.acc.data_bytes
        for _ in range(count):
            beats = rng.choice([1, 1, 2, 3, rng.randrange(1, 600 // size)])
            self.run_of(BASE + rng.randrange(SIZE // size - beats) * size, beats)

    def run_until_quiet(self):
        """Until nothing is on its way, and some cycles more, in which it must stay so."""
        self.bench.run(lambda: self.seen[-1][0], 3000)
        asked, end = len(self.memory.address.tokens), self.bench.cycle + 30
        self.bench.run(lambda: self.bench.cycle == end, 31)
        assert all(each[0] for each in self.seen[-30:])
        assert len(self.memory.address.tokens) == asked


@pytest.mark.parametrize("bus, p, p_address, p_data, p_response, latency", [
    (64, 1, 1, 1, 1, (0, 0)), (128, 1, 1, 1, 1, (0, 9)), (128, .5, .6, .5, .4, (0, 20)),
    (64, .8, .2, 1, .9, (3, 30)), (64, 1, .6, .9, .1, (50, 50))])
def test_runs(bus, p, p_address, p_data, p_response, latency):
    writer = WriterBench(bus, p, seed=bus, latency=latency, p_address=p_address, p_data=p_data,
                         p_response=p_response)
    writer.random_runs(30)
    count = len(writer.bursts)
    writer.bench.run(lambda: len(writer.memory.b.tokens) == count, 20000)
    writer.run_until_quiet()
    assert writer.memory.address.tokens == writer.bursts
    assert writer.content == writer.want
    assert not any(fault["valid"] for _, fault, *_ in writer.seen)
    # Idle exactly while everything that was taken is acknowledged.
    begins = writer.i.cycles
    ends = [writer.memory.b.cycles[n] for n, burst in enumerate(writer.bursts)
            for _ in range(burst["len"] + 1)]
    busy = set()
    for begin, end in zip(begins, ends, strict=True):
        busy.update(range(begin + 1, end + 1))
    assert [cycle not in busy for cycle in range(len(writer.seen))] == [
        bool(idle) for _, _, idle, *_ in writer.seen]


@pytest.mark.parametrize("bus", [64, 128])
def test_one_beat_per_cycle(bus):
    """A long run: a cycle for each beat from the first one on the bus on."""
    writer, beats = WriterBench(bus), 2048 // (bus // 8)
    writer.run_of(BASE + 256, beats, full=True)
    writer.bench.run(lambda: len(writer.memory.b.tokens) == 8, 2000)
    longest = writer.acc.burst_beats
    assert writer.i.cycles == list(range(beats))
    begin = longest - 1 + 2
    assert writer.memory.w.cycles == list(range(begin, begin + beats))
    assert writer.memory.address.cycles == list(range(begin, begin + beats, longest))
    assert writer.content == writer.want


def test_one_short_run_per_cycle():
    """Runs of a beat: a burst each, one per cycle, as far as responses keep up."""
    writer = WriterBench(128)
    for n in range(30):
        writer.run_of(BASE + 48 * n, 1)
    writer.bench.run(lambda: len(writer.memory.b.tokens) == 30, 200)
    assert writer.memory.address.cycles == writer.memory.w.cycles == list(range(2, 32))
    assert writer.content == writer.want


def test_store_and_forward():
    """Nothing is asked for before the last beat of a burst has come."""
    writer = WriterBench(128)
    writer.run_of(BASE, 9)
    held = [writer.i.queue.pop() for _ in range(2)]
    writer.bench.run(lambda: writer.bench.cycle == 60, 61)
    assert not writer.memory.address.tokens and not writer.memory.w.tokens
    writer.i.queue += reversed(held)
    writer.bench.run(lambda: len(writer.memory.b.tokens) == 1, 60)
    assert writer.memory.w.cycles == list(range(writer.i.cycles[-1] + 2, writer.i.cycles[-1] + 11))


def test_most_bursts():
    """So many are outstanding when nothing is answered."""
    writer = WriterBench(64, latency=(10 ** 6, 10 ** 6))
    for n in range(40):
        writer.run_of(BASE + 16 * n, 1)
    writer.bench.run(lambda: writer.bench.cycle == 100, 101)
    assert len(writer.memory.address.tokens) == len(writer.memory.w.tokens) == OUTSTANDING


@pytest.mark.parametrize("seed", range(3))
def test_bad_response(seed):
    rng = random.Random(seed)
    writer = WriterBench(rng.choice([64, 128]), rng.choice([1, .5]), seed=seed, latency=(0, 20),
                         p_address=.6, p_data=rng.choice([.4, 1]))
    writer.random_runs(40)
    places = rng.sample(range(3, len(writer.bursts)), 3)
    writer.memory.bad = {writer.bursts[n]["address"]: rng.choice([2, 3]) for n in places}
    writer.bench.run(lambda: writer.seen and writer.seen[-1][1]["valid"], 5000)
    writer.run_until_quiet()
    first = next(n for n, token in enumerate(writer.memory.b.tokens) if token["resp"] >= 2)
    fault = {"valid": 1, "code": DeviceErrorCode.WRITE,
             "address": writer.bursts[first]["address"]}
    begin = writer.memory.b.cycles[first] + 1
    assert [fault == each for _, each, *_ in writer.seen] == [
        cycle >= begin for cycle in range(len(writer.seen))]
    assert sum(cycle > begin for cycle in writer.memory.address.cycles) <= 1
    assert len(writer.memory.b.tokens) == len(writer.memory.address.tokens)
    assert writer.memory.address.tokens == writer.bursts[:len(writer.memory.b.tokens)]


@pytest.mark.parametrize("seed", range(4))
def test_stop_at_any_cycle(seed):
    """The burst on offer, its data and responses still pass; then quiet, and nothing more."""
    rng = random.Random(seed)
    writer = WriterBench(rng.choice([64, 128]), rng.choice([1, .5]), seed=seed, latency=(0, 20),
                         p_address=rng.choice([.1, 1]), p_data=rng.choice([.3, 1]))
    writer.random_runs(40)
    stop = writer.stop_in = rng.randrange(3, 120)
    writer.bench.run(lambda: writer.bench.cycle == stop + 1, stop + 2)
    writer.run_until_quiet()
    assert sum(cycle > stop for cycle in writer.memory.address.cycles) <= 1
    count = len(writer.memory.address.tokens)
    assert writer.memory.address.tokens == writer.bursts[:count]
    assert len(writer.memory.b.tokens) == count
    assert len(writer.memory.w.tokens) == sum(burst["len"] + 1
                                              for burst in writer.bursts[:count])


WINDOW = (BASE + 0x410, BASE + 0x7DF)


@pytest.mark.parametrize("begin, length, refused", [
    # Start and length of a run, and the first of its bursts that leaves the window.
    (0x410, 0x3D0, None), (0x400, 0x20, 0x400), (0x7E0, 0x10, 0x7E0), (0x7D0, 0x20, 0x7D0),
    (0x6F0, 0x200, 0x700), (0, 0x10, 0)])
def test_window(begin, length, refused):
    writer = WriterBench(128, window=WINDOW)
    untouched = bytes(writer.content)
    writer.run_of(BASE + begin, length // 16)
    writer.bench.run(lambda: writer.bench.cycle == 120, 121)
    writer.run_until_quiet()
    low, high = WINDOW[0] - BASE, WINDOW[1] + 1 - BASE
    assert writer.content[:low] == untouched[:low] and writer.content[high:] == untouched[high:]
    if refused is None:
        assert writer.content == writer.want and not writer.seen[-1][1]["valid"]
        assert writer.seen[-1][2]
    else:
        assert writer.seen[-1][1] == {"valid": 1, "code": DeviceErrorCode.ADDRESS,
                                      "address": BASE + refused}
        assert not writer.seen[-1][2]       # what was refused is never written


@pytest.mark.parametrize("address", [1 << 40, (1 << 48) - 8])
def test_address_that_the_bus_does_not_have(address):
    writer = WriterBench(64, window=(0, (1 << 48) - 1))
    writer.run_of(address, 1)
    writer.bench.run(lambda: writer.bench.cycle == 30, 31)
    assert not writer.memory.address.tokens
    assert writer.seen[-1][1] == {"valid": 1, "code": DeviceErrorCode.ADDRESS, "address": address}
