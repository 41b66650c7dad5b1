"""Job control: contexts in turn, each loaded, computed and drained before it is used again."""

import pytest
from unit_bench import Bench

from dstc_hdl.twin.control import JobControl


class Surroundings:
    """C loads, computation and drains that take as long as they are told."""

    def __init__(self, jobs, *, load, compute, drain, p=1.0):
        self.bench = bench = Bench(JobControl(), seed=51)
        self.times = {"loaded": load, "ended": compute, "drained": drain}
        self.jobs, self.left, self.events = jobs, dict.fromkeys(self.times), []
        self.source = bench.drive("job", jobs, p)
        bench.before(self.drive)
        bench.after(self.look, "load.valid", "load.p", "compute.valid", "compute.p", "drain.valid",
                    "drain.p", "compute.ready")

    def drive(self, ctx, cycle):
        """Count each activity down; its pulse comes in its last cycle."""
        dut, rng = self.bench.dut, self.bench.rng
        for pulse, name in (("loaded", "load"), ("ended", "compute"), ("drained", "drain")):
            if self.left[pulse] is None and ctx.get(getattr(dut, name).valid):
                self.left[pulse] = rng.choice(self.times[pulse])
                self.events.append((cycle, name))
            elif self.left[pulse] is not None:
                self.left[pulse] -= 1
            done = self.left[pulse] == 0
            ctx.set(getattr(dut, pulse), done)
            if pulse != "loaded":
                ctx.set(getattr(dut, name).ready, done)
            if done:
                self.left[pulse] = None
                self.events.append((cycle, pulse))

    def look(self, cycle, load, load_op, compute, job, drain, drain_op, taken):
        if load:
            self.events.append((cycle, "load context", load_op["acc"]))
        if drain:
            self.events.append((cycle, "drain context", drain_op["acc"]))
        if compute and taken:
            self.events.append((cycle, "job", job))

    def run(self, limit=5000):
        count = len(self.jobs)
        self.bench.run(lambda: len(self.cycles("drained")) == count, limit)
        return self

    def cycles(self, name):
        return [event[0] for event in self.events if event[1] == name]


@pytest.mark.parametrize("p", [1, .3])
@pytest.mark.parametrize("load, compute, drain", [
    ([1], [1], [1]), ([4, 20], [1, 3], [2, 9]), ([1], [30], [5]), ([2], [3], [30])])
def test_jobs(load, compute, drain, p):
    jobs = [{"more": n, "load_c": n % 3 % 2} for n in range(20)]
    run = Surroundings(jobs, load=load, compute=compute, drain=drain, p=p).run()
    assert [event[2] for event in run.events if event[1] == "job"] == jobs
    with_c = [n for n, job in enumerate(jobs) if job["load_c"]]
    starts, ends, drains, loads = (run.cycles(name) for name in (
        "compute", "ended", "drained", "load"))
    first_drain = run.cycles("drain")
    # Drains in order, each after its job; loads and jobs after the drain of their context.
    assert all(end < begin for end, begin in zip(ends, first_drain, strict=True))
    assert all(drains[n] < starts[n + 2] for n in range(18))
    assert all(drains[n - 2] < begin for n, begin in zip(with_c, loads, strict=True) if n >= 2)
    loaded = run.cycles("loaded")
    assert all(end < starts[n] for n, end in zip(with_c, loaded, strict=True))
    for name, numbers, begins, dones in (("load context", with_c, loads, loaded),
                                         ("drain context", range(20), first_drain, drains)):
        for n, begin, done in zip(numbers, begins, dones, strict=True):
            assert {event[2] for event in run.events
                    if event[1] == name and begin <= event[0] <= done} == {n % 2}


def test_cycles():
    """A job is offered a cycle after it was taken, a context free a cycle after its drain."""
    run = Surroundings([{"more": 0, "load_c": 0}] * 5, load=[1], compute=[10], drain=[4]).run()
    assert run.source.cycles[:2] == [0, 1]
    starts, ends, drains = (run.cycles(name) for name in ("compute", "ended", "drained"))
    assert starts[0] == 1
    assert run.cycles("drain") == [end + 1 for end in ends]
    assert run.source.cycles[2:] == [drain + 1 for drain in drains[:3]]
