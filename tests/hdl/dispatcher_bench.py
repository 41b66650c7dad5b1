"""A dispatcher with everything around it, for its tests."""

from unit_bench import Bench

from dstc_hdl.dispatcher import Dispatcher

__all__ = ["UNITS", "Surroundings", "status"]

UNITS = ("load_a", "load_b", "load_c", "drain", "compute")


class Surroundings:
    """A dispatcher with its program and units that end operations after ``delay`` cycles.

    Checks ``status`` in every cycle against the words that were taken.
    """

    def __init__(self, config, words, seed=0, p_valid=1.0, p_ready=1.0, delay=lambda: 1):
        self.config, self.words = config, list(words)
        self.bench = Bench(Dispatcher(config), seed)
        self.instr = self.bench.drive("instr", self.words, p_valid)
        self.units = {name: self.bench.take(name, p_ready) for name in UNITS}
        self.delay = delay
        self.ending, self.handled = [], dict.fromkeys(UNITS, 0)
        self.ended_at = []          # last cycle before each operation shows as ended
        self.statuses = []
        self.resume_in = set()
        self._counts = {name: [0] * size for name, size in (
            ("loads_a", config.slots), ("loads_b", config.slots), ("reads_a", config.slots),
            ("reads_b", config.slots), ("computes", 2), ("turns", 2))}
        self.bench.before(self._end_operations)
        self.bench.before(lambda ctx, cycle: ctx.set(self.bench.dut.resume,
                                                     cycle in self.resume_in))
        self.bench.after(lambda cycle, status: self.statuses.append(status), "status")

    def _end_operations(self, ctx, cycle):
        """Operations end in program order within a unit, some time after they were sent."""
        for name, port in self.units.items():
            for token in port.tokens[self.handled[name]:]:
                self.handled[name] += 1
                self.ending.append([name, token, cycle + self.delay()])
        ended, busy = self.bench.dut.ended, set()
        for entry in list(self.ending):
            name, token, due = entry
            if name in busy or due > cycle:
                busy.add(name)
                continue
            self.ending.remove(entry)
            for count, which in self._ends(name, token):
                self._counts[count][which] = (self._counts[count][which] + 1) % 64
                ctx.set(getattr(ended, count)[which], self._counts[count][which])
            self.ended_at.append(cycle)

    @staticmethod
    def _ends(name, token):
        if name in ("load_a", "load_b"):
            return [(f"loads_{name[-1]}", token["slot"])]
        if name != "compute":
            return [("turns", token["acc"])]
        if token["predicate"]:
            return []
        return [("reads_a", token["a_slot"]), ("reads_b", token["b_slot"]),
                ("computes", token["acc"])]

    @property
    def sent(self):
        """Operations with the cycle in which they were sent, in that order."""
        return sorted(((cycle, name, token) for name, port in self.units.items()
                       for cycle, token in zip(port.cycles, port.tokens, strict=True)),
                      key=lambda entry: entry[0])

    def check_ops(self, ops):
        sent = self.sent
        assert len(sent) == len(ops)
        assert len({cycle for cycle, *_ in sent}) == len(sent)
        for n, ((_, name, token), (unit, payload)) in enumerate(zip(sent, ops, strict=True)):
            assert name == unit, f"operation {n}"
            assert {field: token[field] for field in payload} == payload, f"operation {n}"

    def run(self, until, limit=5000):
        self.bench.run(until, limit)

    def run_for(self, cycles):
        end = self.bench.cycle + cycles
        self.run(lambda: self.bench.cycle == end, end + 1)


def status(address=0, busy=0, halted=0, error=0, code=0):
    return {"busy": busy, "halted": halted, "error": error, "code": code, "address": address}
