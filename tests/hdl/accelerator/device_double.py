"""What surrounds the job sequencer, in Python: settings, a memory with jobs, and cores."""

from dataclasses import dataclass

from axi_memory import AxiReads
from unit_bench import Bench, Codec

from dstc.accelerator.records import JOB, JOB_MAGIC, RECORD_BYTES
from dstc.accelerator.registers import COUNTER_NAMES
from dstc_hdl.accelerator.axi import fault_layout
from dstc_hdl.accelerator.jobs import JobSequencer
from dstc_hdl.accelerator.registers import counters_layout, settings_layout

__all__ = ["BASE", "Run", "Sequencer", "job_words"]

BASE, SIZE = 0x98_0000_0000, 0x4000
PROGRAMS = BASE + 0x8000


def job_words(programs=(), tag=0, **changes):
    """The words of a job; ``changes`` are values of fields that packing would refuse."""
    fields = {f"program{n}": programs[n] if n < len(programs) else 0 for n in range(4)}
    words = [int(word) for word in JOB.pack(magic=JOB_MAGIC, version=1, tag=tag, **fields)]
    for name, value in changes.items():
        spec = JOB[name]
        words[spec.word] = words[spec.word] & ~spec.mask | value << spec.lsb
    return words


@dataclass
class Run:
    """What a core does with a program.

    ``cycles`` after it has taken it, it ends or has the ``fault`` (code, address).  Its bus is
    quiet when ``stop`` has been set for ``drain`` cycles.
    """

    cycles: int = 10
    fault: tuple[int, int] | None = None
    drain: int = 1


class Core:
    """A core as ``NodeSignature`` says; ``deaf``: cycles that it lets a program wait.

    ``started`` has the cycle and the address of every program.
    """

    FAULT, COUNTERS = Codec(fault_layout()), Codec(counters_layout())

    def __init__(self, bench, number, runs):
        self.bench, self.runs, self.node = bench, runs, bench.dut.nodes[number]
        self.started, self.deaf, self.ends, self.was_silent = [], 0, [], False
        self._clean()
        bench.before(self._drive)
        bench.after(self._see, *(f"nodes.{number}.start.{part}"
                                 for part in ("valid", "ready", "payload")), "stop", "reset")

    def _clean(self):
        self.run, self.counters, self.waited, self.stopped = None, {}, 0, 0

    @property
    def _silent(self):
        return self.run is None or self.stopped >= self.run.drain

    def _drive(self, ctx, cycle):
        run, node = self.run, self.node
        age = cycle - self.started[-1][0] if run else -1
        fault, done = {}, False
        if run and run.fault and age >= run.cycles:
            fault = {"valid": 1, "code": run.fault[0], "address": run.fault[1]}
        elif run and not run.fault and age == run.cycles:
            done = True
            self.ends.append(cycle)
        ctx.set(node.fault.as_value(), self.FAULT.pack(fault))
        ctx.set(node.counters.as_value(), self.COUNTERS.pack(self.counters))
        ctx.set(node.done, done)
        ctx.set(node.quiet, self._silent if self.stopped else self.bench.rng.getrandbits(1))
        ctx.set(node.start.ready, run is None and self.waited >= self.deaf)

    def _see(self, cycle, valid, ready, payload, stop, reset):
        self.stopped = self.stopped + 1 if stop else 0
        if reset:
            assert self.was_silent, "reset of a core whose bus is not quiet"
            self._clean()
            return
        self.was_silent = bool(stop) and self._silent
        self.waited += valid and self.run is None
        if valid and ready:
            self.run = self.runs[payload]
            self.started.append((cycle, payload))
            self.counters = {name: self.bench.rng.getrandbits(64) for name in COUNTER_NAMES}


class Reads(AxiReads):
    """Answers with another ID, as what is between the sequencer and the memory may."""

    def begin(self, burst, due):
        super().begin(burst | {"id": 15}, due)


class Sequencer:
    """A job sequencer between cores and a memory with a ring of jobs.

    Attributes
    ----------
    settings : dict
        As the registers would have them; may be changed between cycles.
    state, counters : dict, list
        What the sequencer shows, one cycle late.
    done, errors, cleared : list of int
        Cycles of the events.
    """

    SETTINGS = Codec(settings_layout())

    def __init__(self, acc, seed=0, log2=2, ring=BASE + 0x100, p=(1.0, 1.0), latency=(0, 0)):
        self.dut = JobSequencer(acc)
        self.dut.ar, self.dut.r = self.dut.bus.ar, self.dut.bus.r
        self.bench = bench = Bench(self.dut, seed)
        self.memory, self.runs = bytearray(SIZE), {}
        self.reads = Reads(bench, acc, self.memory, BASE, latency, *p)
        self.cores = [Core(bench, n, self.runs) for n in range(acc.cores)]
        self.settings = {"control": {"enable": 1, "clear": 0}, "ring": ring,
                         "ring_size": {"log2": log2}, "tail": {"count": 0}, "timeout": 0,
                         "window_first": BASE, "window_last": BASE + SIZE - 1}
        self.state, self.counters = None, None
        self.done, self.errors, self.cleared, self.busy = [], [], [], []
        bench.before(lambda ctx, cycle: ctx.set(self.dut.settings.as_value(),
                                                self.SETTINGS.pack(self.settings)))
        bench.after(self._see, "state", "counters", "events", "cleared")

    def _see(self, cycle, state, counters, events, cleared):
        self.state, self.counters = state, counters
        if state["status"]["busy"]:
            self.busy.append(cycle)
        if events["done"]:
            self.done.append(cycle)
        if events["error"]:
            self.errors.append(cycle)
        if cleared:
            self.cleared.append(cycle)
            self.settings["control"]["clear"] = 0
            self.settings["tail"]["count"] = 0

    def program(self, **run):
        """Address of a new program that does this."""
        address = PROGRAMS + 64 * len(self.runs)
        self.runs[address] = Run(**run)
        return address

    def put(self, words):
        """Append a job to the ring."""
        tail, size = self.settings["tail"]["count"], 1 << self.settings["ring_size"]["log2"]
        place = self.settings["ring"] - BASE + tail % size * RECORD_BYTES
        self.memory[place:place + RECORD_BYTES] = b"".join(
            word.to_bytes(8, "little") for word in words)
        self.settings["tail"]["count"] = (tail + 1) % (1 << 16)
        return BASE + place

    def step(self, cycles):
        end = self.bench.cycle + cycles
        self.bench.run(lambda: self.bench.cycle >= end, cycles + 1)

    def wait(self, jobs, limit=500):
        """Run until so many jobs have ended, and one cycle more."""
        self.bench.run(lambda: len(self.done) >= jobs, limit)
        self.step(1)

    def fail(self, limit=500):
        """Run until there is an error, and some cycles more; returns code, core and address."""
        count = len(self.errors)
        self.bench.run(lambda: len(self.errors) > count, limit)
        self.step(30)
        assert self.state["status"] | {"running": 0} == {
            "busy": 0, "error": 1, "clearing": 0, "running": 0}
        error = self.state["error"]
        return error["code"], error["core"], self.state["error_address"]

    def clear(self, limit=200):
        count = len(self.cleared)
        self.settings["control"]["clear"] = 1
        self.bench.run(lambda: len(self.cleared) > count, limit)
        self.step(1)
