"""A node with a memory in plain Python behind its bus."""

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
    inputs : int
        Others of the node, such as ``timeout``.
    """

    def __init__(self, image, seed=0, p=(1, 1, 1, 1, 1), latency=(0, 0), **inputs):
        super().__init__(CoreNode(image.acc), seed)
        self.image = image
        self.inputs = {"window_first": image.base,
                       "window_last": image.base + len(image.bytes) - 1, "timeout": 3000} | inputs
        self.starts = self.drive("start")
        self.reads = AxiReads(self, image.acc, image.bytes, image.base, latency, *p[:2])
        self.writes = AxiWrites(self, image.acc, image.bytes, image.base, latency, *p[2:])
        self.done, self.fault, self.counters, self.busy = [], None, None, []
        self.before(self._set)
        self.after(self._look, "done", "fault", "counters", "busy", "quiet")

    def _member(self, path):
        port, _, rest = path.partition(".")
        return super()._member(".".join(filter(None, (PORTS.get(port, port), rest))))

    def _set(self, ctx, cycle):
        for name, value in self.inputs.items():
            ctx.set(getattr(self.dut, name), value)
        self.inputs = {}

    def _look(self, cycle, done, fault, counters, busy, quiet):
        self.busy.append(busy)
        self.fault, self.quiet = fault, quiet
        if done:
            assert not busy and not fault["valid"]
            self.done.append(cycle)
            self.counters = counters

    def execute(self, program, limit=20_000):
        """Run a program to its end, check what every program must keep; returns the counters."""
        self.starts.queue.append(program)
        self.run(lambda: self.done or (self.fault and self.fault["valid"]), limit)
        assert not self.fault["valid"], self.fault
        assert not self.reads.outstanding and not self.writes.outstanding
        counters = self.counters
        cycles = self.done[0] - self.starts.cycles[0] - 1
        assert sum(self.busy) == cycles
        assert counters["cycles"] == cycles == sum(counters[name] for name in BINS)
        assert counters["read_beats"] == len(self.reads.r.tokens)
        assert counters["write_beats"] == len(self.writes.w.tokens)
        end = self.cycle + 20
        self.run(lambda: self.cycle == end, 30)
        assert len(self.done) == 1
        return counters

    def fail(self, program, limit=20_000):
        """Run a program to its fault; returns code and address, when the bus is quiet."""
        self.starts.queue.append(program)
        self.run(lambda: self.done or (self.fault and self.fault["valid"]), limit)
        assert not self.done, "the program has ended"
        self.run(lambda: self.quiet, limit)
        found = self.fault
        asked = len(self.reads.bursts), len(self.writes.bursts)
        end = self.cycle + 50
        self.run(lambda: self.cycle == end, 60)
        assert asked == (len(self.reads.bursts), len(self.writes.bursts))
        assert self.fault == found and self.quiet and not self.done
        return found["code"], found["address"]
