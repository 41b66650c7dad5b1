"""A node with a memory in plain Python behind its bus."""

from amaranth import ResetInserter, Signal
from axi_memory import AxiReads, AxiWrites
from unit_bench import Bench

from dstc_hdl.accelerator.node import CoreNode

__all__ = ["BINS", "NodeBench"]

BINS = ("issue", "conflict", "operand_wait", "drain", "idle")
PORTS = {"ar": "bus_read.ar", "r": "bus_read.r", "aw": "bus_write.aw", "w": "bus_write.w",
         "b": "bus_write.b"}


class NodeBench(Bench):
    """A node and its memory.

    Parameters
    ----------
    image : Image
    p : sequence of float
        Probabilities that a burst is taken for reading, that a beat comes; that a burst is taken
        for writing, that a beat is, and that an answer comes.
    latency : pair of int
        As of the memory.
    timeout : int
    """

    def __init__(self, image, seed=0, p=(1, 1, 1, 1, 1), latency=(0, 0), timeout=3000):
        self._reset = Signal()
        super().__init__(ResetInserter(self._reset)(CoreNode(image.acc)), seed)
        self.image = image
        self.pins = {"window_first": image.base, "timeout": timeout, "stop": 0, "reset": 0,
                     "window_last": image.base + len(image.bytes) - 1}
        self._shown = {}
        self.starts = self.drive("start")
        self.reads = AxiReads(self, image.acc, image.bytes, image.base, latency, *p[:2])
        self.writes = AxiWrites(self, image.acc, image.bytes, image.base, latency, *p[2:])
        self._forget()
        self.before(self._set)
        self.after(self._look, "done", "fault", "counters", "busy", "quiet")

    def _member(self, path):
        port, _, rest = path.partition(".")
        return super()._member(".".join(filter(None, (PORTS.get(port, port), rest))))

    def _forget(self):
        self.done, self.busy, self.fault, self.counters, self.quiet = [], [], None, None, None
        self._before_run = [len(port.tokens) for port in (self.reads.r, self.writes.w, self.starts)]

    def _set(self, ctx, cycle):
        for name, value in self.pins.items():
            if self._shown.get(name) != value:
                ctx.set(self._reset if name == "reset" else getattr(self.dut, name), value)
        self._shown = dict(self.pins)

    def _look(self, cycle, done, fault, counters, busy, quiet):
        self.busy.append(busy)
        self.fault, self.quiet = fault, quiet
        if done:
            assert not busy and not fault["valid"]
            self.done.append(cycle)
            self.counters = counters

    @property
    def failed(self):
        return self.fault is not None and self.fault["valid"]

    def run_on(self, cycles):
        """So many cycles more."""
        end = self.cycle + cycles
        self.run(lambda: self.cycle == end, cycles + 1)

    def execute(self, program, limit=20_000):
        """Run a program to its end, check what every program must keep; returns the counters."""
        self.starts.queue.append(program)
        self.run(lambda: self.done or self.failed, limit)
        assert not self.failed, self.fault
        assert not self.reads.outstanding and not self.writes.outstanding
        counters = self.counters
        reads, writes, starts = self._before_run
        cycles = self.done[0] - self.starts.cycles[starts] - 1
        assert sum(self.busy) == cycles
        assert counters["cycles"] == cycles == sum(counters[name] for name in BINS)
        assert counters["read_beats"] == len(self.reads.r.tokens) - reads
        assert counters["write_beats"] == len(self.writes.w.tokens) - writes
        self.run_on(10)
        assert len(self.done) == 1
        return counters

    def fail(self, program, limit=20_000):
        """Run a program to its fault; returns code and address, when the bus is quiet."""
        self.starts.queue.append(program)
        self.run(lambda: self.done or self.failed, limit)
        assert not self.done, "the program has ended"
        self.run(lambda: self.quiet, limit)
        found, asked = self.fault, self._asked
        self.run_on(20)
        assert self._asked == asked
        assert self.fault == found and self.quiet and not self.done
        return found["code"], found["address"]

    @property
    def _asked(self):
        return len(self.reads.bursts), len(self.writes.bursts)

    def reset(self, limit=1000):
        """Stop, wait until the bus is quiet, reset the node."""
        self.pins["stop"] = 1
        self.run_on(1)
        self.run(lambda: self.quiet, limit)
        asked = self._asked
        self.run_on(5)
        assert self._asked == asked and self.quiet
        self.pins |= {"stop": 0, "reset": 1}
        self.run_on(1)
        self.pins["reset"] = 0
        self.starts.clear()
        self.run_on(1)
        self._forget()
