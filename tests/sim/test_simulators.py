"""Every simulator on a stand-in core: streams, stalls, hangs, errors, X, traces."""

import multiprocessing

import numpy as np
import pytest
from standin_core import (
    CHATTY,
    CONFIG,
    DEAF,
    ENDLESS,
    HALT,
    STC,
    UNKNOWN_DATA,
    UNKNOWN_STATUS,
    StandInCore,
    echo_job,
    simulator,
)

from dstc.errors import DstcError
from dstc_hdl.emit import emit
from dstc_sim.runs import SimulationError, Stall, Status
from dstc_sim.verilator import CoreModel

SIMULATORS = ["verilator", "icarus", "pysim"]
STALLS = [Stall(), Stall.everywhere(.4, 1), Stall.everywhere(.9, 2), Stall(d=.7, seed=3),
          Stall(instr=.8, a=.5, b=.6, c=.3, seed=4)]


@pytest.fixture(scope="module")
def verilated():
    with CoreModel(emit(StandInCore(), "stand_in", CONFIG), CONFIG) as model:
        yield model


@pytest.mark.parametrize("stall", STALLS, ids=lambda stall: f"seed{stall.seed}")
def test_streams_arrive_and_all_simulators_agree(verilated, stall):
    job = echo_job()
    runs = [verilated.run(job, stall=stall), simulator("icarus").run(job, stall=stall),
            simulator("pysim").run(job, stall=stall)]
    for run in runs:
        assert np.array_equal(run.d_data, job.c_data)
        assert np.flatnonzero(run.d_last).tolist() == [15, 31, 47]
        assert run.status.halted and not run.status.error
        assert run.taken == {"instr": 4, "a": 5, "b": 4, "c": 48}
        assert run.cycles == run.counters["issue"]
        assert (run.clock_cycles, run.counters) == (runs[0].clock_cycles, runs[0].counters)


def test_cycles_without_stalls(verilated):
    # A word a cycle, from the second on a beat a cycle, and the one that shows halted.
    run = verilated.run(echo_job(tiles=2))
    assert run.clock_cycles == 1 + 2 * CONFIG.c_beats
    assert run.cycles == run.clock_cycles


def test_stalls_slow_down_by_their_probability(verilated):
    job = echo_job(tiles=200)
    for probability in (.25, .5, .75):
        run = verilated.run(job, stall=Stall(d=probability, seed=7))
        assert run.cycles == pytest.approx(len(job.c_data) / (1 - probability), rel=.1)
        # Withheld: 1 / (1 - p) cycles on average until a beat is on offer.
        run = verilated.run(job, stall=Stall(c=probability, seed=8))
        assert run.cycles == pytest.approx(len(job.c_data) / (1 - probability), rel=.1)


def test_stall_patterns_depend_on_the_seed(verilated):
    job = echo_job(tiles=20)
    cycles = [verilated.run(job, stall=Stall.everywhere(.5, seed)).cycles
              for seed in (1, 1, 2, 3, 4)]
    assert cycles[0] == cycles[1]
    assert len(set(cycles)) > 2


def test_resume_goes_on_where_reset_would(verilated):
    first = verilated.run(echo_job(seed=5))
    again = verilated.run(echo_job(seed=6), resume=True)
    assert np.array_equal(again.d_data, echo_job(seed=6).c_data)
    assert again.counters == first.counters
    assert again.clock_cycles == first.clock_cycles


@pytest.mark.parametrize("name", SIMULATORS)
def test_core_that_never_halts_is_caught(name):
    with pytest.raises(SimulationError) as caught:
        simulator(name).run(echo_job(tiles=1, words=[ENDLESS, STC, HALT]), quiet_limit=300)
    # The last beat leaves in cycle 17: a word for the flaw, one for the tile, 16 beats.
    assert str(caught.value) == (
        "Core moved nothing for 300 cycles, up to cycle 318; status busy; beats moved: instr 3 of "
        "3, a 5 of 5 (ready, nothing offered), b 4 of 4 (ready, nothing offered), c 16 of 16, "
        "d 16 of 16 (ready, nothing offered)")


@pytest.mark.parametrize("name", SIMULATORS)
def test_core_that_takes_nothing_is_caught(name):
    with pytest.raises(SimulationError, match=(
            r"^Core moved nothing for 200 cycles, up to cycle 205; status busy; beats moved: "
            r"instr 1 of 3 \(offered, not taken\), a 5 of 5 .*, c 0 of 16 \(offered, not taken\)")):
        simulator(name).run(echo_job(tiles=1, words=[DEAF, STC, HALT]), quiet_limit=200)


@pytest.mark.parametrize("name", SIMULATORS)
def test_cycle_limit(name):
    with pytest.raises(SimulationError, match=r"^Core did not halt within 20 cycles; status busy"):
        simulator(name).run(echo_job(), max_cycles=20)


@pytest.mark.parametrize("name", SIMULATORS)
def test_core_that_sends_too_much_is_caught(name):
    with pytest.raises(SimulationError, match=r"^Core sent more than 16 D beats; status .*"
                                              r"d 16 of 16 \(moving\)$"):
        simulator(name).run(echo_job(tiles=1, words=[CHATTY]))


@pytest.mark.parametrize("name", SIMULATORS)
def test_error_status_is_reported(name):
    run = simulator(name).run(echo_job(words=[STC, STC, 0x77, STC, HALT]))
    assert run.status == Status(busy=True, halted=False, error=True, code=3, address=2)
    assert str(run.status) == ("error 3 (a field is outside the range that the configuration gives "
                               "it) at word 2")


@pytest.mark.parametrize("flaw, port, cycle", [
    (UNKNOWN_DATA, "d.payload", 2), (UNKNOWN_STATUS, "status", 1)])
def test_icarus_sees_unknown_outputs(flaw, port, cycle):
    with pytest.raises(SimulationError) as caught:
        simulator("icarus").run(echo_job(tiles=1, words=[flaw, STC, HALT]))
    assert str(caught.value) == f"Output {port} must be 0 or 1, not X or Z, in cycle {cycle}"


@pytest.mark.parametrize("name", SIMULATORS)
def test_trace_holds_the_ports(name, tmp_path):
    path = tmp_path / "trace.vcd"
    core = simulator(name, trace=path)
    core.run(echo_job(tiles=1))
    if name == "verilator":
        core.close()
    text = path.read_text()
    assert "$enddefinitions" in text
    assert "d__payload" in text
    assert text.count("\n#") > 2 * CONFIG.c_beats


def test_streams_of_wrong_width(verilated):
    with pytest.raises(SimulationError, match=r"^Stream c must have beats of 16 bytes, not 48"):
        verilated.run(echo_job(c_data=np.zeros((16, 3), np.uint8)))
    with pytest.raises(SimulationError, match=r"^Stream a must have beats of 8 bytes"):
        verilated.run(echo_job(a_last=np.zeros(4, np.bool_)))


def test_closed_model(tmp_path):
    core = simulator("verilator")
    core.close()
    with pytest.raises(SimulationError, match=r"^Model is closed$"):
        core.run(echo_job())


@pytest.mark.parametrize("probability", [-.1, 1.0, float("nan")])
def test_wrong_stall_probability(probability):
    with pytest.raises(DstcError, match=r"^Stall probability must be from 0 to below 1, not "):
        Stall(c=probability)


@pytest.mark.parametrize("seed", [-1, 1 << 63])
def test_wrong_stall_seed(seed):
    with pytest.raises(DstcError, match=r"^Stall seed must be from 0 to below 2\*\*63, not "):
        Stall(seed=seed)


def build_and_run():
    job = echo_job(tiles=1)
    run = simulator("verilator").run(job)
    assert np.array_equal(run.d_data, job.c_data)


def test_concurrent_builds(tmp_path, monkeypatch):
    monkeypatch.setenv("DSTC_BUILD", str(tmp_path))
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=build_and_run) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert len(list((tmp_path / "cache" / "verilated").glob("*/model.so"))) == 1
