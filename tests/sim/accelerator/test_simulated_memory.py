"""The memory behind a simulated accelerator, on a component that copies."""

import numpy as np
import pytest
from copier import COUNT, DESTINATION, FLAW, SOURCE, START, STEP_BYTES, Copier, Flaw

from dstc.errors import DstcError
from dstc_hdl.emit import emit
from dstc_sim.accelerator.model import AcceleratorModel
from dstc_sim.accelerator.timing import BusFault, MemoryTiming
from dstc_sim.runs import SimulationError

BASE, SIZE = 0x10_0000, 1 << 16
STEPS = 4
ADVERSE = MemoryTiming.adverse(0.3, seed=5)


@pytest.fixture(scope="module", params=[64, 128])
def model(request):
    made = AcceleratorModel(emit(Copier(request.param), "copier"), range(BASE, BASE + SIZE))
    yield made
    made.close()


@pytest.fixture(scope="module")
def wide():
    made = AcceleratorModel(emit(Copier(128), "copier"), range(BASE, BASE + SIZE))
    yield made
    made.close()


def begin(model, timing, *, flaw=Flaw.NONE, distance=0x4000, steps=STEPS, **more):
    """Start a copy of random bytes; gives them."""
    model.reset()
    model.configure(timing, **more)
    model.statistics(clear=True)
    data = np.random.default_rng(7).integers(0, 256, steps * STEP_BYTES, np.uint8)
    model.memory[:] = 0
    model.memory[:data.size] = data
    for offset, value in ((SOURCE, BASE), (DESTINATION, BASE + distance), (COUNT, steps),
                          (FLAW, flaw), (START, 0)):
        assert model.write_register(offset, value) == 0
    return data


@pytest.mark.parametrize("timing", [
    MemoryTiming(), MemoryTiming(latency=1), ADVERSE, MemoryTiming(reorder=True, spread=50),
    MemoryTiming(ar=0.9, r=0.5), MemoryTiming(aw=0.9, w=0.5, b=0.9)], ids=str)
def test_copies(model, timing):
    data = begin(model, timing)
    assert model.run(100_000, until_interrupt=True)
    assert np.array_equal(model.memory[0x4000:0x4000 + data.size], data)
    assert not model.memory[0x4000 + data.size:].any()
    statistics = model.statistics()
    assert statistics.read_bytes == statistics.write_bytes == data.size
    assert statistics.read_bursts == statistics.write_bursts == 2 * STEPS
    beats = statistics.read_beats
    assert statistics.read_beats_of[0x01] == statistics.read_beats_of[0x12] == beats // 2
    assert statistics.write_beats_of[0x00] == statistics.write_beats_of[0x10] == beats // 2
    assert statistics.outstanding_most == 2
    assert model.quiet


def test_unstalled_cycles(wide):
    """Latency as told, then a beat in every cycle."""
    cycles = []
    for latency in (10, 30):
        begin(wide, MemoryTiming(latency=latency), steps=1)
        assert wide.run(10_000, until_interrupt=True)
        cycles.append(wide.statistics().cycles)
    # Of a step, one read and one write wait for the memory.
    assert cycles[1] - cycles[0] == 2 * 20
    begin(wide, MemoryTiming(latency=10), steps=1, log=True)
    wide.run(10_000, until_interrupt=True)
    reads = wide.bursts(clear=True)
    assert reads[:, :4].tolist() == [
        [0, 0x01, BASE, 16], [0, 0x12, BASE + 256, 16],
        [1, 0x00, BASE + 0x4000, 16], [1, 0x10, BASE + 0x4100, 16]]
    # Both bursts of reads: 2 * 16 beats after the latency, and a cycle to see that all are there.
    assert reads[2, 4] - reads[0, 4] == 10 + 32 + 1
    assert wide.bursts().size == 0


def test_same_seed_same_cycles(wide):
    """A run depends on nothing but its seed."""
    counts = []
    for seed in (1, 1, 2):
        begin(wide, MemoryTiming.adverse(0.4, seed=seed))
        wide.run(100_000, until_interrupt=True)
        counts.append(wide.statistics().cycles)
    assert counts[0] == counts[1] != counts[2]


def test_written_bytes_are_there_with_the_response(wide):
    """Who does not wait for responses reads what was there before."""
    for flaw, chained in ((Flaw.NONE, True), (Flaw.IMPATIENT, False)):
        data = begin(wide, MemoryTiming(), flaw=flaw, distance=STEP_BYTES)
        assert wide.run(100_000, until_interrupt=True)
        first = data[:STEP_BYTES]
        last = wide.memory[STEPS * STEP_BYTES:][:STEP_BYTES]
        assert np.array_equal(last, first) == chained


@pytest.mark.parametrize("flaw, message", [
    (Flaw.CROSSING, r"AR burst at 0x100010, len 15, id 1 crosses a multiple of 256 bytes"),
    (Flaw.FICKLE, r"m_axi arvalid fell before ready"),
    (Flaw.CHANGING, r"m_axi ar payload changed before ready"),
    (Flaw.SHORT, r"W beats of the burst at 0x104000 have a wrong last"),
    (Flaw.UNCACHED, r"AR burst at .* has a wrong lock, cache, prot or qos"),
    (Flaw.STRAY, r"AW burst at .* id 1 has a channel in its id"),
    (Flaw.NARROW, r"AR burst at .* is not full width"),
    (Flaw.UNASKED, r"s_axi answered what nobody asked")])
def test_violations_end_the_run(wide, flaw, message):
    begin(wide, ADVERSE, flaw=flaw)
    with pytest.raises(SimulationError, match=message):
        wide.run(100_000, until_interrupt=True)
        wide.run(10)
    begin(wide, ADVERSE)
    assert wide.run(100_000, until_interrupt=True)


@pytest.mark.parametrize("fault, response", [
    (BusFault(read_beat=1), 2), (BusFault(read_beat=37, response=3), 3),
    (BusFault(write_burst=5), 2), (BusFault(write_burst=8, response=3), 3),
    (BusFault(read_address=BASE + 0x305), 2), (BusFault(write_address=BASE + 0x4200), 2)])
def test_error_responses(wide, fault, response):
    data = begin(wide, ADVERSE, fault=fault)
    assert wide.run(100_000, until_interrupt=True)
    assert wide.read_register(START) == (1 | response << 1, 0)
    statistics = wide.statistics()
    assert statistics.faults == 1
    if fault.read_beat == 1:
        assert (statistics.fault_address, statistics.fault_id) in ((BASE, 1), (BASE + 256, 0x12))
    if fault.read_address or fault.write_address:
        assert statistics.fault_address == (BASE + 0x300 if fault.read_address else BASE + 0x4200)
        assert statistics.fault_id == (0x12 if fault.read_address else 0x00)
    # What was not written stayed as it was.
    wide.run(20_000)
    copied = wide.memory[0x4000:0x4000 + data.size].reshape(-1, 256)
    wrong = (copied != data.reshape(-1, 256)).any(axis=1)
    assert wrong.sum() == 1
    assert copied[wrong].any() == bool(fault.read_beat or fault.read_address)
    # It was armed for one run.
    data = begin(wide, ADVERSE)
    assert wide.run(100_000, until_interrupt=True)
    assert np.array_equal(wide.memory[0x4000:0x4000 + data.size], data)
    assert wide.statistics().faults == 0


@pytest.mark.parametrize("distance", [SIZE - 0x200, -BASE])
def test_outside_of_the_memory(wide, distance):
    begin(wide, MemoryTiming(), distance=distance)
    assert wide.run(100_000, until_interrupt=True)
    assert wide.read_register(START) == (1 | 3 << 1, 0)


@pytest.mark.parametrize("channel", ["ar", "r", "aw", "w", "b"])
def test_held_channels(wide, channel):
    """Nothing moves until it is released; a hang is told."""
    data = begin(wide, MemoryTiming(), hold=(channel,))
    with pytest.raises(SimulationError, match="Device moved nothing for 2000 cycles"):
        wide.run(100_000, quiet_limit=2000)
    wide.configure(MemoryTiming())
    assert wide.run(100_000, until_interrupt=True)
    assert np.array_equal(wide.memory[0x4000:0x4000 + data.size], data)


def test_registers(wide):
    wide.configure(ADVERSE)
    assert wide.write_register(SOURCE, 0x12345678) == 0
    assert wide.read_register(SOURCE) == (0x12345678, 0)
    assert wide.write_register(0x20, 1) == 2
    assert wide.read_register(0x20) == (0, 2)
    wide.configure(MemoryTiming(), hold=("lite",))
    with pytest.raises(SimulationError, match="s_axi did not end a read of 0x0"):
        wide.read_register(SOURCE)


@pytest.mark.parametrize("cycles", [1, 30, 70, 90, 200])
def test_reset_at_any_time(wide, cycles):
    begin(wide, ADVERSE)
    wide.run(cycles)
    wide.reset()
    assert wide.quiet and not wide.interrupt
    data = begin(wide, ADVERSE)
    assert wide.run(100_000, until_interrupt=True) and wide.interrupt
    assert np.array_equal(wide.memory[0x4000:0x4000 + data.size], data)


def test_refusals(wide):
    with pytest.raises(DstcError, match=r"^Stall probability must be from 0 to below 1, not 1$"):
        MemoryTiming(w=1)
    with pytest.raises(DstcError, match=r"^Memory latency must be from 1 to 1048575, not 0$"):
        MemoryTiming(latency=0)
    with pytest.raises(DstcError, match=r"^Stall seed must be from 0 to below 2\*\*60, not -1$"):
        MemoryTiming(seed=-1)
    with pytest.raises(DstcError, match=r"^Error response must be 2 \(SLVERR\) or 3 \(DECERR\), "
                                        r"not 1$"):
        BusFault(response=1)
    with pytest.raises(DstcError, match="Count read_beat of a bus fault must not be negative"):
        BusFault(read_beat=-1)
    with pytest.raises(DstcError, match=r"^Address range must be in 0x100000 to 0x10ffff, not 2 "
                                        r"bytes at 0x10ffff$"):
        wide.place(BASE + SIZE - 1, 2)


def test_closed(tmp_path):
    model = AcceleratorModel(emit(Copier(128), "copier"), range(BASE, BASE + SIZE))
    model.close()
    with pytest.raises(SimulationError, match="Model is closed"):
        model.run(1)


def test_trace(tmp_path):
    """The VCD file has the ports and as many clock edges as there were cycles."""
    path = tmp_path / "copy.vcd"
    model = AcceleratorModel(emit(Copier(64), "copier"), range(BASE, BASE + SIZE), trace=path)
    begin(model, ADVERSE)
    assert model.run(100_000, until_interrupt=True)
    cycles = model.statistics().cycles
    model.close()
    text = path.read_text()
    [clock] = {line.split()[3] for line in text.splitlines() if line.endswith(" clk $end")}
    rises = text.splitlines().count(f"1{clock}")
    # Besides, the cycles of two resets.
    assert rises == cycles + 4 and " m_axi_araddr " in text
