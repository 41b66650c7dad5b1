"""Job sequencer: the ring, programs on cores, faults, and clearing in any cycle."""

import pytest
from axi_memory import accelerator
from device_double import BASE, Sequencer, job_words

from dstc.accelerator.registers import COUNTER_NAMES, DeviceErrorCode

FETCHING = 255
NO_COUNTS = dict.fromkeys(COUNTER_NAMES, 0)


@pytest.mark.parametrize("cores, bus, seed", [(1, 128, 1), (2, 64, 2), (4, 128, 3)])
def test_jobs_in_order_through_a_ring_that_wraps(cores, bus, seed):
    device = Sequencer(accelerator(bus, cores), seed, p=(.5, .5), latency=(0, 9))
    rng = device.bench.rng
    want = [[] for _ in range(cores)]
    size = 4
    for count in range(1, 12):
        programs = [device.program(cycles=rng.randint(1, 20), drain=rng.randint(1, 9))
                    if rng.random() < .7 else 0 for _ in range(cores)]
        tag = rng.getrandbits(64)
        for core in device.cores:
            core.deaf = rng.randint(0, 3)
        if rng.random() < .5 and count > size:
            device.wait(count - 1)
        device.put(job_words(programs, tag))
        for starts, program in zip(want, programs, strict=True):
            starts += [program] * bool(program)
        device.wait(count)
        assert device.state["head"]["count"] == count
        assert device.state["job_tag"] == tag
        assert [[at for _, at in core.started] for core in device.cores] == want
    assert not device.errors


def test_several_jobs_at_once_and_what_is_told_about_each():
    device = Sequencer(accelerator(128, 2), seed=4, log2=3)
    jobs = [[device.program(cycles=5), 0], [0, device.program(cycles=9)], [],
            [device.program(cycles=3), device.program(cycles=4)]]
    told = []
    for n, programs in enumerate(jobs):
        device.put(job_words(programs, tag=1000 + n))
    for n, programs in enumerate(jobs):
        while len(device.done) <= n:
            shown = [core.counters for core in device.cores]
            device.step(1)
        device.step(1)
        assert (device.state["head"]["count"], device.state["job_tag"]) == (n + 1, 1000 + n)
        assert [bool(core) for core in shown] == [bool(at) for at in programs or [0, 0]]
        assert device.counters == [core or NO_COUNTS for core in shown]
        told.append(device.state["job_cycles"])
    # The sum of the cycles is the time but for the reset and the idle cycle between two jobs.
    assert sum(told) + 2 * 3 == device.done[-1] - device.busy[0] + 1
    assert device.state["status"] == {"busy": 0, "error": 0, "clearing": 0, "running": 0}


def test_cycles_of_a_job():
    device = Sequencer(accelerator(128, 1))
    device.step(3)
    for _ in range(2):
        device.put(job_words([device.program(cycles=7)]))
    begin = device.bench.cycle
    device.wait(1)
    (start, _), = device.cores[0].started
    end, = device.cores[0].ends
    ask, = device.reads.address.cycles
    came = device.reads.r.cycles[-1]
    assert device.busy[0] == begin + 1
    assert (ask - begin, start - came) == (5, 3)
    assert end == start + 7
    assert device.done == [end + 3]
    assert device.state["job_cycles"] == device.done[0] - begin
    device.wait(2)
    assert device.reads.address.cycles[1] == device.done[0] + 7


def test_enable_matters_between_jobs():
    device = Sequencer(accelerator(64, 1), log2=0)
    device.settings["control"]["enable"] = 0
    device.put(job_words([device.program(cycles=30)], 1))
    device.step(20)
    assert not device.reads.bursts and not device.busy
    device.settings["control"]["enable"] = 1
    device.step(12)
    device.settings["control"]["enable"] = 0
    device.wait(1)
    device.put(job_words([device.program()], 2))
    device.step(40)
    assert (device.state["head"]["count"], device.state["job_tag"]) == (1, 1)
    device.settings["control"]["enable"] = 1
    device.wait(2)
    assert device.state["job_tag"] == 2


def test_head_and_tail_count_modulo_65536():
    """A tail behind the head is one ahead of it by as many jobs less 65536."""
    device = Sequencer(accelerator(64, 1), log2=15, ring=BASE + 0x40)
    device.put(job_words([], 1))
    device.put(job_words([], 2))
    device.wait(2)
    device.settings["tail"]["count"] = 0        # 65534 more
    device.memory[0xC0:0x100] = b"".join(w.to_bytes(8, "little") for w in job_words([], 3))
    device.wait(3)
    assert device.state["job_tag"] == 3


RESERVED = [(0, 40), (0, 63), (1, 48), (2, 63), (3, 48), (4, 55), (6, 0), (6, 63), (7, 0), (7, 31)]
BAD = {
    "magic": job_words(magic=0x4A545345), "version": job_words(version=2),
    "version 0": job_words(version=0),
    "missing core": job_words([0, 0, BASE]), "last core": job_words([0, 0, 0, BASE]),
    **{f"align {low}": job_words(program0=BASE + low) for low in (1, 16, 32)},
    **{f"bit {word} {bit}": [value | (1 << bit if n == word else 0)
                             for n, value in enumerate(job_words())] for word, bit in RESERVED},
}


def test_bad_jobs():
    device = Sequencer(accelerator(128, 2))
    for n, (name, words) in enumerate(BAD.items(), start=1):
        device.put(job_words([], 5))
        place = device.put(words)
        assert device.fail() == (DeviceErrorCode.JOB, FETCHING, place), name
        assert device.state["head"]["count"] == 1
        assert len(device.errors) == n
        device.clear()
        assert (device.state["head"]["count"], device.state["error"]["code"],
                device.state["error_address"]) == (0, 0, 0)
    assert not any(core.started for core in device.cores)
    # What is legal: any tag, any program below 2 ** 48.
    device.runs[(1 << 48) - 64] = device.runs[device.program()]
    device.put(job_words([(1 << 48) - 64], tag=(1 << 64) - 1))
    device.wait(len(device.done) + 1)
    assert device.state["job_tag"] == (1 << 64) - 1


@pytest.mark.parametrize("ring, address", [
    (BASE + 16, BASE + 16), (BASE + 32, BASE + 32), (1 << 48, 0), (1 << 63 | BASE, BASE),
    ((1 << 48) - 64, 0)])
def test_ring_in_a_wrong_place(ring, address):
    device = Sequencer(accelerator(128, 1), ring=ring, log2=4)
    if ring == (1 << 48) - 64:                  # only its second job is
        device.settings["window_first"], device.settings["window_last"] = 0, (1 << 64) - 1
        device.settings["tail"]["count"] = 1
        assert device.fail() == (DeviceErrorCode.ADDRESS, FETCHING, ring)
        return
    device.settings["tail"]["count"] = 1
    assert device.fail() == (DeviceErrorCode.JOB, FETCHING, address)
    assert not device.reads.bursts


def test_window():
    device = Sequencer(accelerator(128, 1))
    place = device.put(job_words([], 1))
    good = (device.settings["window_first"], device.settings["window_last"])
    for first, last in [(0, 0), (place + 16, good[1]), (place + 64, good[1]), (good[0], place + 62),
                        (1 << 48, (1 << 64) - 1), (1 << 63, (1 << 64) - 1)]:
        device.settings["window_first"], device.settings["window_last"] = first, last
        code, core, address = device.fail()
        assert (code, core) == (DeviceErrorCode.ADDRESS, FETCHING)
        assert place <= address < place + 64
        device.clear()
        device.settings["tail"]["count"] = 1
    assert not device.done
    device.settings["window_first"], device.settings["window_last"] = place, place + 63
    device.clear()
    device.put(job_words([], 1))
    device.wait(1)
    device.settings["window_first"], device.settings["window_last"] = 0, (1 << 64) - 1
    device.settings["ring"] += 64
    device.put(job_words([], 2))
    device.wait(2)


@pytest.mark.parametrize("bus", [64, 128])
@pytest.mark.parametrize("resp", [2, 3])
def test_bus_errors(bus, resp):
    device = Sequencer(accelerator(bus, 1), seed=resp, latency=(0, 5), p=(.6, .6))
    for beat in range(0, 64, bus // 8):
        place = device.put(job_words([], 1))
        device.reads.bad = {place + beat: resp}
        assert device.fail() == (DeviceErrorCode.READ, FETCHING, place + beat)
        device.reads.bad = {}
        device.clear()
    device.put(job_words([], 1))
    device.wait(1)


def test_memory_that_never_answers():
    device = Sequencer(accelerator(64, 1), latency=(100, 100))
    device.settings["timeout"] = 40
    place = device.put(job_words([], 1))
    assert device.fail() == (DeviceErrorCode.TIMEOUT, FETCHING, place)
    assert 40 <= device.errors[0] - device.busy[0] <= 44
    # Clearing waits for the memory; what comes late is for nobody.
    device.clear()
    assert device.cleared[0] > device.reads.r.cycles[-1] >= 100
    device.settings["timeout"] = 110
    device.put(job_words([], 2))
    device.wait(1)
    device.settings["timeout"] = 0
    device.put(job_words([], 3))
    device.wait(2)
    assert device.state["job_tag"] == 3


def test_first_fault_of_the_cores_is_kept():
    device = Sequencer(accelerator(128, 4), seed=5)
    late, early, same = ((17, 0xABC0), 30), ((18, 0x1_0000), 12), ((22, (1 << 48) - 1), 12)
    for order, core in ((late, early, same, None), 1), ((same, late, None, early), 0), (
            (None, late, late, late), 1):
        programs = [device.program(fault=each[0], cycles=each[1], drain=9) if each
                    else device.program(cycles=1000) for each in order]
        device.put(job_words(programs))
        device.put(job_words([device.program()] * 4))
        starts = [len(each.started) for each in device.cores]
        assert device.fail() == (order[core][0][0], core, order[core][0][1])
        # Nothing more runs, whatever is submitted.
        device.put(job_words([device.program()] * 4))
        device.step(60)
        assert [len(each.started) for each in device.cores] == [n + 1 for n in starts]
        assert device.state["status"]["running"] == 15
        assert (device.state["head"]["count"], device.done) == (0, [])
        device.clear()
        assert device.state["status"] == {"busy": 0, "error": 0, "clearing": 0, "running": 0}
    assert len(device.errors) == 3


@pytest.mark.parametrize("drain, delay", [(20, 3), (1, 1), (1, 2), (1, 3)])
def test_fault_after_done_is_seen(drain, delay):
    """A core has ended and then faults, at the latest in the cycle in which the job would end."""
    device = Sequencer(accelerator(128, 1), seed=6)
    address = device.program(cycles=10, drain=drain)
    device.put(job_words([address]))
    core = device.cores[0]
    device.bench.run(lambda: core.ends, 100)
    device.step(delay)
    device.runs[address].fault = 22, 0x40
    assert device.fail() == (22, 0, 0x40)
    assert not device.done


@pytest.mark.parametrize("cores, seed", [(1, 7), (2, 8)])
def test_clear_in_any_cycle(cores, seed):
    device = Sequencer(accelerator(64, cores), seed, p=(.7, .7), latency=(0, 12))
    rng = device.bench.rng
    ended = 0
    for delay in range(48):
        fault = (17, 0x80) if rng.random() < .2 else None
        for _ in range(2):
            device.put(job_words([device.program(
                cycles=rng.randint(1, 9), fault=fault, drain=rng.randint(1, 9))
                for _ in range(cores)], tag=1))
        for core in device.cores:
            core.deaf = rng.randint(0, 4)
        device.step(delay)
        ended = len(device.done)
        device.clear()
        assert not device.reads.outstanding
        assert len(device.done) <= ended + 1
        assert (device.state["head"]["count"], device.state["error"]["code"]) == (0, 0)
        assert device.state["status"] == {"busy": 0, "error": 0, "clearing": 0, "running": 0}
        before, ended = [len(core.started) for core in device.cores], len(device.done)
        program = device.program(cycles=3)
        device.put(job_words([program], tag=delay + 7))
        device.wait(ended + 1)
        assert (device.state["head"]["count"], device.state["job_tag"]) == (1, delay + 7)
        assert [at for _, at in device.cores[0].started[before[0]:]] == [program]
        device.clear()
    assert len(device.done) > 48


def test_clear_while_idle_and_twice():
    device = Sequencer(accelerator(64, 1))
    device.clear()
    device.clear()
    device.put(job_words([], 9))
    device.wait(1)
    assert device.state["job_tag"] == 9


def test_clear_ends_what_would_not_end():
    device = Sequencer(accelerator(64, 2))
    device.put(job_words([device.program(cycles=1 << 30, drain=5), device.program()]))
    device.step(60)
    assert device.state["status"]["running"] == 1
    device.clear(limit=10)
    device.put(job_words([0, device.program()], 3))
    device.wait(1)
    assert device.state["job_tag"] == 3
