"""Register file: every register by the table, parts of a write in any order, interrupts."""

import pytest
from unit_bench import Bench, Codec

from dstc.accelerator.parameters import AcceleratorConfig
from dstc.accelerator.registers import (
    COUNTER_NAMES,
    REGISTERS,
    SPACE_BYTES,
    all_counters,
    counter_offset,
    register,
)
from dstc.config import get_config
from dstc_hdl.accelerator.registers import RegisterFile, state_layout

WHOLE = (1 << 32) - 1
OKAY, SLVERR = 0, 2
CONSTANTS = {                       # of tiny, two cores, 64 bits; written by hand
    "ID": 0x43545344, "VERSION": 0x0100, "TILE": 0x040808, "ARRAY": 0x00020402,
    "SYSTEM": 0x280802, "CONVOLUTION": 0x2008,
}


def accelerator(cores=2):
    return AcceleratorConfig(core=get_config("tiny"), cores=cores, data_bits=64)


class Host:
    """A register file with a master in front of it, and what the device says behind it."""

    def __init__(self, acc, seed=0, p=(1, 1)):
        self.acc, self.dut = acc, RegisterFile(acc)
        self.bench = bench = Bench(self.dut, seed)
        self.aw, self.w, self.ar = (bench.drive(f"bus.{name}", p=p[0])
                                    for name in ("aw", "w", "ar"))
        self.b, self.r = (bench.take(f"bus.{name}", p=p[1]) for name in "br")
        self.inputs = {}
        self.irq, self.settings = 0, None
        self._codecs = {}
        bench.before(self._set)
        bench.after(self._see, "irq", "settings")

    def _set(self, ctx, cycle):
        for name, value in self.inputs.items():
            signal = getattr(self.dut, name).as_value() if name != "cleared" else self.dut.cleared
            shape = getattr(self.dut, name).shape()
            ctx.set(signal, self._codecs.setdefault(name, Codec(shape)).pack(value))
        self.inputs = {name: 0 for name in self.inputs if name in ("events", "cleared")}

    def _see(self, cycle, irq, settings):
        self.irq, self.settings = irq, settings

    def write(self, offset, data, strb=15):
        count = len(self.b.tokens) + 1
        self.aw.queue.append(offset)
        self.w.queue.append({"data": data, "strb": strb})
        self.bench.run(lambda: len(self.b.tokens) == count, 400)
        return self.b.tokens[-1]

    def read(self, offset):
        count = len(self.r.tokens) + 1
        self.ar.queue.append(offset)
        self.bench.run(lambda: len(self.r.tokens) == count, 400)
        answer = self.r.tokens[-1]
        return answer["data"], answer["resp"]

    def get(self, name):
        data, resp = self.read(register(name).offset)
        assert resp == OKAY, name
        return data

    def put(self, name, data, strb=15):
        assert self.write(register(name).offset, data, strb) == OKAY, name

    def give(self, **inputs):
        """Set inputs for a cycle; ``state`` and ``counters`` stay."""
        self.inputs |= inputs
        end = self.bench.cycle + 2
        self.bench.run(lambda: self.bench.cycle >= end, 3)


def mask(each):
    return sum((1 << f.width) - 1 << f.lsb for f in each.fields) if each.fields else WHOLE


def test_values_after_reset():
    host = Host(accelerator())
    values = {each.name: host.get(each.name) for each in REGISTERS}
    want = {each.name: each.reset for each in REGISTERS if each.access != "ro"}
    want |= CONSTANTS | {"CONFIG_ID": accelerator().config_id}
    assert {name: value for name, value in values.items() if value} == {
        name: value for name, value in want.items() if value}


@pytest.mark.parametrize("seed, p", [(1, (1, 1)), (2, (.3, .4))])
def test_writes_with_strobes(seed, p):
    host = Host(accelerator(), seed, p)
    rng = host.bench.rng
    writable = [each for each in REGISTERS if each.access == "rw"]
    model = {each.name: each.reset for each in writable}
    for _ in range(4):
        for each in rng.sample(writable, len(writable)):
            data, strb = rng.getrandbits(32), rng.getrandbits(4)
            if each.name == "CONTROL":
                data &= ~2
            lanes = sum(0xFF << 8 * n for n in range(4) if strb >> n & 1)
            host.put(each.name, data, strb)
            model[each.name] = model[each.name] & ~lanes | data & lanes & mask(each)
            assert host.get(each.name) == model[each.name], each.name
    # None has changed another, and the device sees what software reads.
    assert {name: host.get(name) for name in model} == model
    seen = host.settings
    assert seen["ring"] == model["RING_LO"] | model["RING_HI"] << 32
    assert seen["window_last"] == model["WINDOW_LAST_LO"] | model["WINDOW_LAST_HI"] << 32
    assert seen["timeout"] == model["TIMEOUT"]
    assert seen["tail"]["count"] == model["TAIL"]
    assert seen["ring_size"]["log2"] == model["RING_SIZE"]
    assert seen["control"]["enable"] == model["CONTROL"] & 1


def test_state_and_counters_are_read():
    acc = accelerator()
    host = Host(acc, seed=3)
    rng = host.bench.rng
    state = {name: {key: rng.getrandbits(field.width) for key, field in layout.shape}
             if name in ("status", "head", "error") else rng.getrandbits(layout.width)
             for name, layout in state_layout()}
    counters = [{name: rng.getrandbits(64) for name in COUNTER_NAMES} for _ in range(acc.cores)]
    host.give(state=state, counters=counters)
    assert host.get("HEAD") == state["head"]["count"]
    assert host.get("ERROR") == state["error"]["code"] | state["error"]["core"] << 8
    status = state["status"]
    assert host.get("STATUS") == (status["busy"] | status["error"] << 1 | status["clearing"] << 2
                                  | status["running"] << 8)
    for name in ("ERROR_ADDRESS", "JOB_TAG", "JOB_CYCLES"):
        value = host.get(f"{name}_LO") | host.get(f"{name}_HI") << 32
        assert value == state[name.lower()], name
    for core in range(acc.cores):
        for name in COUNTER_NAMES:
            offset = counter_offset(core, name)
            words = [host.read(offset), host.read(offset + 4)]
            value = counters[core][name]
            assert words == [(value & WHOLE, OKAY), (value >> 32, OKAY)], (core, name)


@pytest.mark.parametrize("cores", [1, 4])
def test_every_other_offset_is_refused(cores):
    host = Host(accelerator(cores), seed=4)
    host.put("RING_LO", 0x1234)
    readable = {each.offset for each in REGISTERS}
    readable |= {offset + half for core, _, offset in all_counters() if core < cores
                 for half in (0, 4)}
    writable = {each.offset for each in REGISTERS if each.access != "ro"}
    for offset in range(0, SPACE_BYTES, 4):
        if offset in readable:
            assert host.read(offset)[1] == OKAY
        else:
            assert host.read(offset) == (0, SLVERR)
        assert offset in writable or host.write(offset, WHOLE) == SLVERR
    assert host.get("RING_LO") == 0x1234
    assert host.get("ID") == CONSTANTS["ID"]
    assert host.read(register("ID").offset + 3) == (CONSTANTS["ID"], OKAY)


def test_interrupt():
    host = Host(accelerator())
    host.give(events={"done": 1})
    assert (host.irq, host.get("IRQ_STATUS")) == (0, 1)
    host.put("IRQ_ENABLE", 2)
    assert not host.irq
    host.put("IRQ_ENABLE", WHOLE)
    assert (host.irq, host.get("IRQ_ENABLE")) == (1, 3)
    host.give(events={"error": 1})
    host.put("IRQ_STATUS", 1, strb=14)          # not the byte with the bit
    host.put("IRQ_STATUS", 0)
    assert host.get("IRQ_STATUS") == 3
    host.put("IRQ_STATUS", 1)
    assert (host.irq, host.get("IRQ_STATUS")) == (1, 2)
    host.put("IRQ_STATUS", 2)
    assert (host.irq, host.get("IRQ_STATUS")) == (0, 0)


def test_event_is_not_lost_to_a_write_in_the_same_cycle():
    host = Host(accelerator())
    for delay in range(3):
        host.put("IRQ_STATUS", 3)
        start = host.bench.cycle
        host.bench.before(lambda ctx, cycle, at=start + delay: ctx.set(
            host.dut.events.done, cycle == at))
        host.put("IRQ_STATUS", 1)
        # A write that was taken in cycle 0 acts in cycle 1.
        assert host.get("IRQ_STATUS") == (delay >= 1), delay


def test_only_the_device_ends_a_clear():
    host = Host(accelerator())
    host.put("TAIL", 77)
    host.put("RING_LO", 0x40)
    host.give(events={"done": 1, "error": 1})
    host.put("CONTROL", 3)
    host.put("CONTROL", 0)
    assert host.get("CONTROL") == 2
    assert host.settings["control"]["clear"]
    host.give(cleared=1)
    assert [host.get(name) for name in ("CONTROL", "TAIL", "IRQ_STATUS", "RING_LO")] == [
        0, 0, 0, 0x40]
    host.put("CONTROL", 2, strb=14)
    assert host.get("CONTROL") == 0


def test_clear_that_is_written_when_another_ends():
    host = Host(accelerator())
    for delay in range(3):
        host.give(cleared=1)
        host.put("CONTROL", 2)
        start = host.bench.cycle
        host.bench.before(lambda ctx, cycle, at=start + delay: ctx.set(
            host.dut.cleared, cycle == at))
        host.put("CONTROL", 2)
        # A write that was taken in cycle 0 acts in cycle 1.
        assert host.get("CONTROL") == 2 * (delay < 2), delay


@pytest.mark.parametrize("seed", [5, 6])
def test_many_at_once_in_any_order(seed):
    """Reads and writes run side by side; writes keep their order whatever comes first."""
    host = Host(accelerator(), seed, p=(.4, .4))
    rng = host.bench.rng
    offset = register("TIMEOUT").offset
    values = [rng.getrandbits(32) for _ in range(60)]
    for value in values:
        good = rng.random() < .8
        host.aw.queue.append(offset if good else 0xFF0)
        host.w.queue.append({"data": value, "strb": 15})
        host.ar.queue.append(offset)
    kept = [value for value, target in zip(values, host.aw.queue, strict=True) if target == offset]
    want = [OKAY if target == offset else SLVERR for target in host.aw.queue]
    host.bench.run(lambda: len(host.b.tokens) == len(host.r.tokens) == 60, 4000)
    assert host.b.tokens == want
    order = [1 << 20, *kept]
    seen = [order.index(answer["data"]) for answer in host.r.tokens]
    assert seen == sorted(seen)
    assert host.get("TIMEOUT") == kept[-1]


def test_cycles():
    host = Host(accelerator())
    host.aw.queue.extend([0x064] * 3)
    host.w.queue.extend([{"data": n, "strb": 15} for n in range(3)])
    host.ar.queue.extend([0x000] * 3)
    host.bench.run(lambda: len(host.b.tokens) == 3, 20)
    assert host.ar.cycles == host.aw.cycles == host.w.cycles == [0, 2, 4]
    assert host.r.cycles == [1, 3, 5]
    assert host.b.cycles == [2, 4, 6]
