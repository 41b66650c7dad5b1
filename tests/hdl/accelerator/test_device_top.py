"""Accelerator: cores that only copy show the way from registers to memory and back."""

import random

import pytest
from amaranth.sim import Simulator
from axi_memory import accelerator
from copy_node import BAD_PROGRAM, CopyNode, copy_program
from device_double import job_words
from device_system import BASE, Streamed, System

from dstc.accelerator.registers import DeviceErrorCode, counter_offset, register
from dstc_hdl.accelerator import top

INCR, BUFFERABLE = 1, 3
RING, PROGRAMS, SOURCE, TARGET, HALF = 0, 0x800, 0x1000, 0x8000, 0x7000
STALLS = [(1,) * 5, (.5, .8, .5, .8, .5)]


@pytest.fixture(autouse=True)
def copying(monkeypatch):
    monkeypatch.setattr(top, "CoreNode", CopyNode)


class Copies(System):
    """Jobs that copy; the driver is as plain as can be."""

    def __init__(self, acc, **options):
        super().__init__(acc, **options)
        self.memory[:] = self.bench.rng.randbytes(len(self.memory))
        self.programs = 0
        self.set("RING_LO", BASE & 0xFFFF_FFFF)
        self.set("RING_HI", BASE >> 32)
        self.set("RING_SIZE", 3)
        for name, address in (("FIRST", BASE), ("LAST", self.span.stop - 1)):
            self.set(f"WINDOW_{name}_LO", address & 0xFFFF_FFFF)
            self.set(f"WINDOW_{name}_HI", address >> 32)
        self.set("IRQ_ENABLE", 3)
        self.set("CONTROL", 1)
        self.tail = 0

    def set(self, name, value):
        self.write32(register(name).offset, value)

    def get(self, name):
        return self.read32(register(name).offset)

    def address(self, name):
        return self.get(f"{name}_LO") | self.get(f"{name}_HI") << 32

    def program(self, source, target, beats):
        """Address of a program that copies so many beats between two places of the memory."""
        place = PROGRAMS + self.programs % 16 * 64
        self.programs += 1
        self.memory[place:place + 64] = copy_program(BASE + source, BASE + target, beats)
        return BASE + place

    def submit(self, programs, tag):
        place = RING + self.tail % 8 * 64
        self.memory[place:place + 64] = b"".join(
            word.to_bytes(8, "little") for word in job_words(programs, tag))
        self.tail += 1
        self.set("TAIL", self.tail)

    def wait(self):
        """Until the interrupt; gives and clears its reasons."""
        self.wait_interrupt(None)
        reasons = self.get("IRQ_STATUS")
        self.set("IRQ_STATUS", reasons)
        return reasons

    def clear(self):
        self.set("CONTROL", 3)
        while self.get("CONTROL") & 2:
            pass
        self.tail = 0


@pytest.mark.parametrize("cores, bus, p", [
    (1, 128, STALLS[0]), (2, 64, STALLS[0]), (4, 128, STALLS[1])])
def test_every_core_copies_its_part(cores, bus, p):
    device = Copies(accelerator(bus, cores), seed=cores, p=p, latency=(3, 20))
    size, rng = bus // 8, device.bench.rng
    for job in range(1, 3):
        want, programs, beats = bytearray(device.memory), [], []
        share = HALF // size // cores
        for core in range(cores):
            source, target = (base + core * share * size for base in (SOURCE, TARGET))
            beats.append(rng.randint(1, 40))
            skipped = rng.randint(0, 9) * size
            programs.append(device.program(source + skipped, target, beats[core]))
            want[target:target + beats[core] * size] = device.memory[
                source + skipped:source + skipped + beats[core] * size]
        first_read = len(device.reads.bursts)
        device.submit(programs, job << 40)
        assert device.wait() == 1
        assert device.memory[TARGET:] == want[TARGET:]
        assert device.get("HEAD") == job
        assert device.address("JOB_TAG") == job << 40
        assert [device.read32(counter_offset(core, "read_beats"))
                for core in range(cores)] == beats
        cycles = device.address("JOB_CYCLES")
        assert all(0 < device.read32(counter_offset(core, "cycles")) < cycles
                   for core in range(cores))
        ids = {burst["id"] for burst in device.reads.bursts[first_read:]}
        assert ids == {15, *(core << 4 | channel for core in range(cores) for channel in (0, 1))}
    assert {burst["id"] for burst in device.writes.bursts} == {core << 4 for core in range(cores)}
    assert len(device.raised) == 2


@pytest.mark.parametrize("bus", [64, 128])
def test_ports_that_never_change(bus):
    dut = Streamed(accelerator(bus))
    values = []

    async def look(ctx):
        values.extend(ctx.get(port) for port in dut.fixed)

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(look)
    simulator.run()
    assert values == [(bus // 8).bit_length() - 1, INCR, 0, BUFFERABLE, 0, 0] * 2


def test_fault_of_a_core_stops_all():
    device = Copies(accelerator(64, 2), seed=3)
    bad = device.program(SOURCE, TARGET, 0)
    device.submit([device.program(SOURCE, TARGET, 800), bad], 1)
    assert device.wait() == 2
    assert device.get("ERROR") == BAD_PROGRAM | 1 << 8
    assert device.address("ERROR_ADDRESS") == bad
    assert device.get("STATUS") & 2
    device.step(60)
    done = len(device.writes.bursts)
    device.step(60)
    assert len(device.writes.bursts) == done < 800 * 8 // 256
    device.clear()
    assert (device.get("STATUS"), device.get("ERROR"), device.get("HEAD")) == (0, 0, 0)


def test_error_of_the_bus_has_its_core_and_address():
    device = Copies(accelerator(128, 2), seed=4, p=STALLS[1])
    for target, source, code in ((0xA00, None, DeviceErrorCode.WRITE),
                                 (None, 0x340, DeviceErrorCode.READ)):
        if source is None:
            device.writes.bad = {BASE + TARGET + target: 2}
            address = BASE + TARGET + target
        else:
            device.writes.bad = {}
            device.reads.bad = {BASE + SOURCE + source: 3}
            address = BASE + SOURCE + source
        device.submit([0, device.program(SOURCE, TARGET, 300)], 1)
        assert device.wait() == 2
        assert device.get("ERROR") == code | 1 << 8
        assert device.address("ERROR_ADDRESS") == address
        device.clear()


def test_clear_at_any_time_leaves_a_device_that_works():
    rng = random.Random(1)
    device = Copies(accelerator(64, 2), seed=1, p=STALLS[1], latency=(0, 30))
    for delay in rng.sample(range(200), 6):
        for _ in range(2):
            device.submit([device.program(SOURCE + 0x40 * n, TARGET + 0x2000 * n, 40)
                           for n in range(2)], 1)
        device.step(delay)
        device.clear()
        assert not device.reads.outstanding and not device.writes.outstanding
        device.memory[TARGET:] = rng.randbytes(len(device.memory) - TARGET)
        want = bytearray(device.memory)
        device.submit([device.program(SOURCE, TARGET, 20), device.program(SOURCE, 0xC000, 9)], 2)
        assert device.wait() == 1
        for target, beats in ((TARGET, 20), (0xC000, 9)):
            want[target:target + beats * 8] = device.memory[SOURCE:SOURCE + beats * 8]
        assert device.memory[TARGET:] == want[TARGET:]
        assert device.address("JOB_TAG") == 2
        device.clear()
