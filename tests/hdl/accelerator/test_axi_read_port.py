# amaranth: UnusedElaboratable=no
"""Read port with its channels, before a memory that answers in any order."""

import random
import re

import pytest
from amaranth import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from axi_memory import AxiReads, accelerator
from unit_bench import Bench

from dstc.accelerator.registers import DeviceErrorCode
from dstc_hdl.accelerator.axi import ReadSignature, fault_layout
from dstc_hdl.accelerator.read_channel import ReadChannel, command_layout
from dstc_hdl.accelerator.read_port import OUTSTANDING, ReadPort
from dstc_hdl.layouts import beat_layout

BASE, SIZE = 0x98_7654_3000, 8192
CONTENT = random.Random(6).randbytes(SIZE)
WIDTHS = [512, 128, 64, 32, 32]


class Reader(wiring.Component):
    """A channel of each width behind one port; every port of them by a name of its own."""

    def __init__(self, acc, widths, bursts):
        self.acc, self.widths, self.bursts = acc, widths, bursts
        members = {"window_first": In(48), "window_last": In(48), "stop": In(1), "quiet": Out(1),
                   "fault": Out(fault_layout())}
        for name, member in ReadSignature(acc).members.items():
            members[name] = member
        for n, bits in enumerate(widths):
            members[f"cmd{n}"] = In(stream.Signature(command_layout()))
            members[f"o{n}"] = Out(stream.Signature(beat_layout(bits)))
        super().__init__(members)

    def elaborate(self, platform):
        m = Module()
        m.submodules.port = port = ReadPort(self.acc, len(self.widths))
        for name in ("window_first", "window_last", "stop"):
            m.d.comb += getattr(port, name).eq(getattr(self, name))
        m.d.comb += [self.quiet.eq(port.quiet), self.fault.eq(port.fault)]
        wiring.connect(m, wiring.flipped(self.ar), port.bus.ar)
        wiring.connect(m, wiring.flipped(self.r), port.bus.r)
        for n, bits in enumerate(self.widths):
            channel = ReadChannel(self.acc, bits, self.bursts)
            m.submodules[f"channel{n}"] = channel
            wiring.connect(m, wiring.flipped(getattr(self, f"cmd{n}")), channel.cmd)
            wiring.connect(m, wiring.flipped(getattr(self, f"o{n}")), channel.o)
            wiring.connect(m, channel.burst, port.bursts[n])
            wiring.connect(m, port.data[n], channel.r)
        return m


class ReaderBench:
    """A reader and its memory; the window is the memory unless ``window`` says otherwise."""

    def __init__(self, bus=128, widths=WIDTHS, bursts=2, p=1.0, p_ready=1.0, window=None, seed=1,
                 **memory):
        self.acc, self.widths = accelerator(bus), widths
        self.bench = Bench(Reader(self.acc, widths, bursts), seed)
        self.cmds = [self.bench.drive(f"cmd{n}", (), p) for n in range(len(widths))]
        self.outs = [self.bench.take(f"o{n}", p_ready) for n in range(len(widths))]
        self.memory = AxiReads(self.bench, self.acc, CONTENT, BASE, **memory)
        self.window, self.stop_in = window or (BASE, BASE + SIZE - 1), None
        self.seen = []
        self.bench.before(self.drive)
        self.bench.after(self.look, "quiet", "fault", "ar.valid")

    def drive(self, ctx, cycle):
        if cycle == 0:
            ctx.set(self.bench.dut.window_first, self.window[0])
            ctx.set(self.bench.dut.window_last, self.window[1])
        if cycle == self.stop_in:
            ctx.set(self.bench.dut.stop, 1)

    def look(self, cycle, quiet, fault, valid):
        self.seen.append((quiet, fault, valid))
        if quiet:
            assert not valid and not self.memory.outstanding

    def command(self, channel, address, items):
        self.cmds[channel].queue.append({"address": address, "items": items})

    def random_commands(self, count):
        """Queue commands for every channel; gives the items that must come of each."""
        rng, want = self.bench.rng, []
        for n, bits in enumerate(self.widths):
            size, items_wanted = bits // 8, []
            for _ in range(count):
                items = rng.randrange(1, max(3, 400 // size))
                align = min(size, self.acc.data_bytes)
                address = BASE + rng.randrange((SIZE - items * size) // align) * align
                self.command(n, address, items)
                items_wanted += [(word(address + k * size, size), k == items - 1)
                                 for k in range(items)]
            want.append(items_wanted)
        return want

    def got(self):
        """Items of each channel so far."""
        return [[(token["data"], bool(token["last"])) for token in out.tokens]
                for out in self.outs]

    def run_until_quiet(self, limit=3000):
        """Until nothing is on its way, and some cycles more, in which it must stay so."""
        self.bench.run(lambda: self.seen and self.seen[-1][0], limit)
        asked, end = len(self.memory.address.tokens), self.bench.cycle + 30
        self.bench.run(lambda: self.bench.cycle == end, 31)
        assert all(quiet and not valid for quiet, _, valid in self.seen[-30:])
        assert len(self.memory.address.tokens) == asked and not self.memory.outstanding


def word(address, size):
    return int.from_bytes(CONTENT[address - BASE:address - BASE + size], "little")


@pytest.mark.parametrize("bus, p, p_ready, interleave, latency", [
    (64, 1, 1, True, (0, 0)), (128, .6, .5, True, (0, 20)), (64, .6, 1, True, (3, 60)),
    (128, 1, .7, False, (0, 30))])
def test_items_of_every_channel(bus, p, p_ready, interleave, latency):
    reader = ReaderBench(bus, p=p, p_ready=p_ready, seed=bus + latency[1], latency=latency,
                         p_address=p, p_data=p, interleave=interleave)
    want = reader.random_commands(3)
    reader.bench.run(lambda: [len(out.tokens) for out in reader.outs] == [len(w) for w in want],
                     20000)
    reader.run_until_quiet()
    assert reader.got() == want
    assert not any(fault["valid"] for _, fault, _ in reader.seen)
    numbers = [number for number, _ in reader.memory.sent]
    assert set(numbers) == set(range(len(WIDTHS)))
    if latency[1] > latency[0]:
        # IDs did overtake each other.
        assert numbers != [burst["id"] for burst in reader.memory.bursts
                           for _ in range(burst["len"] + 1)]


@pytest.mark.parametrize("bus", [64, 128])
def test_one_beat_per_cycle(bus):
    """Two channels together keep the bus busy, whatever the latency, if there is room for it."""
    reader = ReaderBench(bus, [bus, bus], bursts=4, latency=(30, 30), interleave=False)
    items = 2048 // (bus // 8)
    for n in range(2):
        reader.command(n, BASE + 2048 * n, items)
    reader.bench.run(lambda: all(len(out.tokens) == items for out in reader.outs), 5000)
    cycles = reader.memory.r.cycles
    assert cycles == list(range(cycles[0], cycles[0] + 2 * items))
    # Command, channel, choice, bus; latency; memory, item.
    assert reader.memory.address.cycles[0] == reader.cmds[0].cycles[0] + 4
    assert reader.outs[0].cycles[0] == cycles[0] + 2


def test_bursts_in_turn():
    """Channels that always have a burst get every n-th one."""
    reader = ReaderBench(128, [128] * 5, bursts=8)
    for n in range(5):
        reader.command(n, BASE + 1024 * n, 64)
    reader.bench.run(lambda: all(len(out.tokens) == 64 for out in reader.outs), 2000)
    assert [burst["id"] for burst in reader.memory.bursts] == [0, 1, 2, 3, 4] * 4


def test_most_bursts_of_a_channel():
    """So many are outstanding, of each channel, when nothing comes back; the others go on."""
    reader = ReaderBench(64, [64, 64], bursts=OUTSTANDING + 4, latency=(10 ** 6, 10 ** 6))
    reader.command(0, BASE, 32 * (OUTSTANDING + 2))
    reader.bench.run(lambda: reader.bench.cycle == 60, 61)
    for n in range(3):
        reader.command(1, BASE + 16 * n, 1)
    reader.bench.run(lambda: reader.bench.cycle == 120, 61)
    assert [burst["id"] for burst in reader.memory.bursts] == [0] * OUTSTANDING + [1] * 3


@pytest.mark.parametrize("seed", range(3))
def test_bad_response(seed):
    """At any beat of any channel: reported with its address, and quiet is reached."""
    rng = random.Random(seed)
    reader = ReaderBench(rng.choice([64, 128]), seed=seed, p=rng.choice([1, .6]),
                         p_ready=rng.choice([0, .5, 1]), latency=(0, 25), p_data=.7)
    want = reader.random_commands(8)
    size = reader.acc.data_bytes
    reader.memory.bad = {BASE + n * size: rng.choice([2, 3])
                         for n in rng.sample(range(SIZE // size), SIZE // size // 30)}
    reader.bench.run(lambda: reader.seen and reader.seen[-1][1]["valid"], 5000)
    reader.run_until_quiet()
    first = next(n for n, token in enumerate(reader.memory.r.tokens) if token["resp"] >= 2)
    fault = {"valid": 1, "code": DeviceErrorCode.READ, "address": reader.memory.sent[first][1]}
    begin = reader.memory.r.cycles[first] + 1
    assert [fault == each for _, each, _ in reader.seen] == [
        cycle >= begin for cycle in range(len(reader.seen))]
    # At most the burst that was on offer is asked for after that.
    assert sum(cycle > begin for cycle in reader.memory.address.cycles) <= 1
    for got, all_of_them in zip(reader.got(), want, strict=True):
        assert got == all_of_them[:len(got)]


@pytest.mark.parametrize("seed", range(4))
def test_stop_at_any_cycle(seed):
    """Nothing is asked for any more, what is outstanding comes and is handed out, then quiet."""
    rng = random.Random(seed)
    reader = ReaderBench(rng.choice([64, 128]), seed=seed, p_ready=rng.choice([0, .5, 1]),
                         latency=(0, 30), p_address=rng.choice([.2, 1]), p_data=.6)
    want = reader.random_commands(8)
    stop = reader.stop_in = rng.randrange(3, 150)
    reader.bench.run(lambda: reader.bench.cycle == stop + 1, stop + 2)
    reader.run_until_quiet()
    asked = [cycle for cycle in reader.memory.address.cycles if cycle > stop]
    assert len(asked) <= 1          # the one that was on offer
    for got, all_of_them in zip(reader.got(), want, strict=True):
        assert got == all_of_them[:len(got)]


WINDOW = (BASE + 0x410, BASE + 0x7DF)


@pytest.mark.parametrize("begin, length, refused", [
    # Start and length of an access, and the first of its bursts that leaves the window.
    (0x410, 0x3D0, None), (0x400, 0x20, 0x400), (0x7E0, 0x10, 0x7E0), (0x7D0, 0x20, 0x7D0),
    (0x6F0, 0x200, 0x700), (0, 0x10, 0)])
def test_window(begin, length, refused):
    reader = ReaderBench(128, [64, 128], window=WINDOW)
    reader.command(1, BASE + begin, length // 16)
    reader.bench.run(lambda: reader.bench.cycle == 120, 121)
    reader.run_until_quiet()
    for burst in reader.memory.bursts:
        assert WINDOW[0] <= burst["address"]
        assert burst["address"] + 16 * (burst["len"] + 1) <= WINDOW[1] + 1
    fault = reader.seen[-1][1]
    if refused is None:
        assert not fault["valid"] and len(reader.outs[1].tokens) == length // 16
    else:
        assert fault == {"valid": 1, "code": DeviceErrorCode.ADDRESS, "address": BASE + refused}


def test_window_is_of_whole_beats():
    """A beat is not asked for if a part of it is outside, even if the item is inside."""
    reader = ReaderBench(128, [64], window=(BASE + 8, BASE + SIZE - 1))
    reader.command(0, BASE + 8, 1)
    reader.bench.run(lambda: reader.bench.cycle == 20, 21)
    assert not reader.memory.bursts
    assert reader.seen[-1][1] == {"valid": 1, "code": DeviceErrorCode.ADDRESS, "address": BASE}


@pytest.mark.parametrize("address", [1 << 40, (1 << 47) + BASE])
def test_address_that_the_bus_does_not_have(address):
    reader = ReaderBench(64, [64], window=(0, (1 << 48) - 1))
    reader.command(0, address, 2)
    reader.bench.run(lambda: reader.bench.cycle == 20, 21)
    assert not reader.memory.bursts
    assert reader.seen[-1][1] == {"valid": 1, "code": DeviceErrorCode.ADDRESS, "address": address}


def test_fault_stops_all_channels():
    """After a violation of one channel no other asks for anything; the first one is kept."""
    reader = ReaderBench(128, [128, 128], latency=(5, 5))
    reader.command(0, BASE + SIZE, 1)
    reader.command(0, BASE, 1)
    reader.command(1, BASE, 512)
    reader.bench.run(lambda: reader.bench.cycle == 30, 31)
    reader.run_until_quiet()
    begin = next(cycle for cycle, (_, fault, _) in enumerate(reader.seen) if fault["valid"])
    assert all(cycle <= begin for cycle in reader.memory.address.cycles)
    assert reader.seen[-1][1]["address"] == BASE + SIZE


@pytest.mark.parametrize("channels", [0, 17, 2.0, "3"])
def test_wrong_channels(channels):
    message = f"Read port channels must be an integer from 1 to 16, not {channels!r}"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        ReadPort(accelerator(64), channels)
