"""The whole core in a bench: programs in, result beats, status and counters out."""

from amaranth import ResetInserter, Signal
from unit_bench import Bench

from dstc_hdl.core import Core

__all__ = ["BINS", "CoreBench"]

BINS = ("issue", "conflict", "operand_wait", "drain", "idle")


class CoreBench:
    """A core whose streams stall with the given probabilities of going on."""

    def __init__(self, config, seed=0, *, instr=1.0, a=1.0, b=1.0, c=1.0, d=1.0):
        self.config = config
        self._reset = Signal()
        self.bench = Bench(ResetInserter(self._reset)(Core(config)), seed)
        self.rng = self.bench.rng
        self.inputs = {name: self.bench.drive(name, p=p)
                       for name, p in (("instr", instr), ("a", a), ("b", b), ("c", c))}
        self.d = self.bench.take("d", d)
        self.status, self.counters = [], []
        self._resume = self._reset_in = -2
        self.bench.before(self._pulse)
        self.bench.after(self._look, "status", "counters")

    def _pulse(self, ctx, cycle):
        if cycle in (self._resume, self._resume + 1):
            ctx.set(self.bench.dut.resume, cycle == self._resume)
        if cycle in (self._reset_in, self._reset_in + 1):
            ctx.set(self._reset, cycle == self._reset_in)

    def _look(self, cycle, status, counters):
        self.status.append(status)
        self.counters.append(counters)

    def feed(self, words, a=(), b=(), c=()):
        for name, tokens in (("instr", words), ("a", a), ("b", b), ("c", c)):
            self.inputs[name].queue.extend(tokens)

    def run(self, limit=5000):
        """Until the core stops; returns the status."""
        self.bench.run(lambda: self.status and (self.status[-1]["halted"]
                                                or self.status[-1]["error"]), limit)
        return self.status[-1]

    def run_for(self, cycles):
        end = self.bench.cycle + cycles
        self.bench.run(lambda: self.bench.cycle == end, cycles + 1)

    def resume(self):
        """A pulse on ``resume`` in the next cycle, and the first cycle of the new program."""
        self._resume = self.bench.cycle
        self.run_for(2)

    def reset(self):
        """A cycle of reset; streams, status and counters are forgotten."""
        self._reset_in = self.bench.cycle
        for port in (*self.inputs.values(), self.d):
            port.clear()
        self.run_for(1)
        self.d.clear()
        self.d.tokens.clear()
        self.status.clear()
        self.counters.clear()

    @property
    def idle(self):
        """Every stream has been taken to its end."""
        return all(port.idle for port in self.inputs.values())

    def check_counters(self, first_word, halted, ohmma, products):
        """Final counters of a program: its first word was taken, and the core halted, then."""
        self.run_for(4)
        final = self.counters[-1]
        assert sum(final[name] for name in BINS) == halted - first_word - 1
        assert (final["ohmma"], final["issue"], final["products"]) == (ohmma, ohmma, products)
        return final
