"""Simulation of one unit: streams driven and taken with stalls, one rule for every stream.

A :class:`Bench` runs a unit for at most so many cycles.  Every stream that it drives or takes is
watched by a :class:`StreamChecker`, on both sides of the unit: a bench that breaks the rule is as
wrong as a unit that does.
"""

import random
from collections import deque
from functools import reduce

from amaranth.hdl import Const, Shape, Value
from amaranth.lib import data
from amaranth.sim import Simulator

from dstc.config import Config, get_config

__all__ = ["CONFIGS", "STALLS", "Bench", "StreamChecker", "evaluate", "pack", "unpack"]

PERIOD = 1e-6

CONFIGS = {config.name: config for config in (
    get_config("tiny"),
    get_config("small"),
    # Three row groups of eight, eight column groups of two, a k that is no power of two.
    Config(name="odd", tile_m=24, tile_n=16, tile_k=12, array_rows=8, array_cols=2,
           collector_entries=3, adder_latency=2, slots=3),
    # Bitmap beats that are wider than the bitmaps; one accumulator in each bank.
    Config(name="flat", tile_m=8, tile_n=8, tile_k=4, array_rows=8, array_cols=8,
           collector_entries=2, adder_latency=1, slots=2),
    Config(name="int8", tile_m=16, tile_n=24, tile_k=8, array_rows=2, array_cols=8,
           element="int8", collector_entries=5, adder_latency=4, slots=5),
    get_config("paper"),
)}
"""Shapes that differ in everything a unit may get wrong."""

STALLS = [(1, 1), (1, .4), (.4, 1), (.6, .6)]
"""Probabilities that an idle source offers a token, and that a sink takes one."""


def pack(shape, value):
    """The bits of a payload given as an integer, or as mappings and sequences of its fields."""
    if isinstance(value, int):
        return value & (1 << Shape.cast(shape).width) - 1
    return shape.const(value).as_value().value


def unpack(shape, bits):
    """A payload's bits as an integer, or as dictionaries and lists of its fields."""
    if isinstance(shape, data.ArrayLayout):
        width = Shape.cast(shape.elem_shape).width
        return [unpack(shape.elem_shape, bits >> n * width & (1 << width) - 1)
                for n in range(shape.length)]
    if isinstance(shape, data.Layout):
        return {name: unpack(field.shape, bits >> field.offset & (1 << field.width) - 1)
                for name, field in shape}
    return Const(bits, Shape.cast(shape)).value


def shape_of(value):
    """The shape that gives the bits of ``value`` their meaning."""
    return value.shape() if isinstance(value, (Value, data.View)) else Shape.cast(value)


class StreamChecker:
    """The rule of every stream: what is offered stays on offer, unchanged, until it is taken."""

    def __init__(self, name):
        self.name = name
        self._offered = None

    def see(self, cycle, valid, ready, payload):
        """Account for one cycle."""
        if self._offered is not None:
            assert valid, f"{self.name} withdraws its token in cycle {cycle}"
            assert payload == self._offered, f"{self.name} changes its token in cycle {cycle}"
        self._offered = payload if valid and not ready else None


class Port:
    """One stream of a bench; ``tokens`` passed in ``cycles``.

    ``queue`` holds what a source still has to offer; anyone may append to it.
    """

    def __init__(self, bench, stream, name, p, payloads=None):
        self.name = name
        self.tokens, self.cycles = [], []
        self.queue = None if payloads is None else deque(payloads)
        self.p = p
        self._bench, self._stream = bench, stream
        self._payload = Value.cast(stream.payload)
        self._checker = StreamChecker(name)
        self._offering = False
        self.signals = (stream.valid, stream.ready, self._payload)

    def prepare(self, ctx):
        """Offer the next token, or be ready for one, if fate allows."""
        rng = self._bench.rng
        if self.queue is None:
            ctx.set(self._stream.ready, rng.random() < self.p)
        elif not self._offering and self.queue and rng.random() < self.p:
            self._offering = True
            ctx.set(self._stream.valid, 1)
            ctx.set(self._payload, pack(self._stream.payload.shape(), self.queue.popleft()))

    def follow(self, ctx, cycle, valid, ready, payload):
        """Account for the clock edge that ended ``cycle``."""
        self._checker.see(cycle, valid, ready, payload)
        if not (valid and ready):
            return
        self.tokens.append(unpack(self._stream.payload.shape(), payload))
        self.cycles.append(cycle)
        if self.queue is not None:
            self._offering = False
            ctx.set(self._stream.valid, 0)
            # A payload means nothing without its valid: let the unit trip over it.
            ctx.set(self._payload, self._bench.rng.getrandbits(len(self._payload)))

    @property
    def idle(self):
        """A source that has nothing left to offer."""
        return not self.queue and not self._offering


class Bench:
    """One unit with its surroundings, run by :meth:`run`.

    Hooks see the unit twice per cycle: ``before`` ones set inputs ahead of the clock edge,
    ``after`` ones get the values that the observed signals had at the edge.

    Attributes
    ----------
    rng : random.Random
        The only source of chance.
    cycle : int
        Cycles so far.
    """

    def __init__(self, dut, seed=0):
        self.dut, self.seed, self.cycle = dut, seed, 0
        self.rng = random.Random(seed)
        self._ports, self._before, self._after, self._observed = [], [], [], {}
        self._simulator = None

    def drive(self, name, payloads=(), p=1.0):
        """Offer ``payloads`` on the input stream ``name``."""
        port = Port(self, getattr(self.dut, name), name, p, payloads)
        self._ports.append(port)
        return port

    def take(self, name, p=1.0):
        """Take everything from the output stream ``name``."""
        port = Port(self, getattr(self.dut, name), name, p)
        self._ports.append(port)
        return port

    def before(self, hook):
        """Call ``hook(ctx, cycle)`` ahead of every clock edge."""
        self._before.append(hook)

    def after(self, hook, *names):
        """Call ``hook(cycle, *values)`` after every clock edge, with the signals at the edge.

        A name may be a path, such as ``"i.valid"``.
        """
        for name in names:
            self._observed.setdefault(name, reduce(getattr, name.split("."), self.dut))
        self._after.append((hook, names))

    def run(self, until, limit):
        """Simulate until ``until()`` is true after a clock edge, in at most ``limit`` cycles.

        May be called again to go on.
        """
        if self._simulator is None:
            self._simulator = Simulator(self.dut)
            self._simulator.add_clock(PERIOD)
            self._simulator.add_testbench(self._loop)
        end = self.cycle + limit
        while not until():
            assert self.cycle < end, f"no end after {limit} cycles, seed {self.seed}"
            self._simulator.advance()

    async def _loop(self, ctx):
        signals = [signal for port in self._ports for signal in port.signals]
        signals += [Value.cast(value) for value in self._observed.values()]
        while True:
            # Whoever calls run() has the time from the clock edge to here to change its mind.
            await ctx.delay(PERIOD / 4)
            for port in self._ports:
                port.prepare(ctx)
            for hook in self._before:
                hook(ctx, self.cycle)
            seen = (await ctx.tick().sample(*signals))[2:]
            for n, port in enumerate(self._ports):
                port.follow(ctx, self.cycle, *seen[3 * n:3 * n + 3])
            values = {name: unpack(shape_of(value), bits) for (name, value), bits in
                      zip(self._observed.items(), seen[3 * len(self._ports):], strict=True)}
            for hook, names in self._after:
                hook(self.cycle, *(values[name] for name in names))
            self.cycle += 1


def evaluate(dut, cases, outputs):
    """Outputs of a combinational unit, as dictionaries, for each mapping of inputs."""
    results = []

    async def loop(ctx):
        for case in cases:
            for name, value in case.items():
                target = getattr(dut, name)
                ctx.set(Value.cast(target), pack(shape_of(target), value))
            results.append({name: unpack(shape_of(getattr(dut, name)),
                                         ctx.get(Value.cast(getattr(dut, name))))
                            for name in outputs})

    simulator = Simulator(dut)
    simulator.add_testbench(loop)
    simulator.run()
    return results
