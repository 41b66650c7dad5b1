"""Simulation of one unit: streams driven and taken with stalls, one rule for every stream.

A :class:`Bench` runs a unit for at most so many cycles.  Every stream that it drives or takes is
watched by a :class:`StreamChecker`, on both sides of the unit: a bench that breaks the rule is as
wrong as a unit that does.
"""

import random
from collections import deque
from functools import reduce

from amaranth.hdl import Cat, Shape, Value
from amaranth.lib import data
from amaranth.sim import Simulator

from dstc.config import Config, get_config

__all__ = ["CONFIGS", "STALLS", "Bench", "Codec", "StreamChecker", "evaluate"]

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


class Codec:
    """Payloads of one shape: between bits and integers, dictionaries and lists."""

    def __init__(self, shape):
        cast = Shape.cast(shape)
        self.mask = (1 << cast.width) - 1
        self.sign = 1 << cast.width - 1 if cast.signed and cast.width else 0
        self.fields, self.is_list = None, isinstance(shape, data.ArrayLayout)
        if isinstance(shape, data.Layout):
            self.fields = [(name, field.offset, Codec(field.shape)) for name, field in shape]

    def pack(self, value):
        """The bits of an integer, or of the fields of a mapping or sequence; 0 if left out."""
        if isinstance(value, int) or self.fields is None:
            return int(value) & self.mask
        if self.is_list:
            assert len(value) == len(self.fields)
            return sum(codec.pack(value[name]) << offset for name, offset, codec in self.fields)
        assert set(value) <= {name for name, *_ in self.fields}, value
        return sum(codec.pack(value[name]) << offset for name, offset, codec in self.fields
                   if name in value)

    def unpack(self, bits):
        """The inverse of :meth:`pack`."""
        if self.fields is None:
            return (bits & self.mask ^ self.sign) - self.sign
        values = [(name, codec.unpack(bits >> offset)) for name, offset, codec in self.fields]
        return [value for _, value in values] if self.is_list else dict(values)


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
        self._rng = bench.rng
        self._payload = Value.cast(stream.payload)
        self._codec = Codec(shape_of(stream.payload))
        self._checker = StreamChecker(name)
        self._offering = False
        self._bits = 0              # what a source shows: valid, and above it the payload
        self.signals = (stream.valid, stream.ready, self._payload)
        self.inputs = Cat(stream.ready) if payloads is None else Cat(stream.valid, self._payload)

    def prepare(self):
        """Offer the next token, or be ready for one, if fate allows; returns the inputs."""
        if self.queue is None:
            return self._rng.random() < self.p
        if not self._offering and self.queue and self._rng.random() < self.p:
            self._offering = True
            self._bits = 1 | self._codec.pack(self.queue.popleft()) << 1
        return self._bits

    def follow(self, cycle, valid, ready, payload):
        """Account for the clock edge that ended ``cycle``."""
        self._checker.see(cycle, valid, ready, payload)
        if not (valid and ready):
            return
        self.tokens.append(self._codec.unpack(payload))
        self.cycles.append(cycle)
        if self.queue is not None:
            self._offering = False
            # A payload means nothing without its valid: let the unit trip over it.
            self._bits = self._rng.getrandbits(len(self._payload)) << 1

    @property
    def idle(self):
        """A source that has nothing left to offer."""
        return not self.queue and not self._offering

    def clear(self):
        """Forget what is queued or on offer: the unit is being reset."""
        self._offering, self._bits = False, 0
        self._checker = StreamChecker(self.name)
        if self.queue is not None:
            self.queue.clear()


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
        """Offer ``payloads`` on the input stream ``name``, which may be a path."""
        port = Port(self, self._member(name), name, p, payloads)
        self._ports.append(port)
        return port

    def take(self, name, p=1.0):
        """Take everything from the output stream ``name``, which may be a path."""
        port = Port(self, self._member(name), name, p)
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
            self._observed.setdefault(name, self._member(name))
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

    def _member(self, path):
        """A member by its path; numbers in it are indices."""
        return reduce(lambda inner, name: inner[int(name)] if name.isdigit()
                      else getattr(inner, name), path.split("."), self.dut)

    async def _loop(self, ctx):
        signals = [signal for port in self._ports for signal in port.signals]
        signals += [Value.cast(value) for value in self._observed.values()]
        codecs = [(name, Codec(shape_of(value))) for name, value in self._observed.items()]
        # Every assignment settles the whole unit, so the streams are assigned at once.
        inputs = Cat(port.inputs for port in self._ports)
        while True:
            # Whoever calls run() has the time from the clock edge to here to change its mind.
            await ctx.delay(PERIOD / 4)
            bits = width = 0
            for port in self._ports:
                bits |= port.prepare() << width
                width += len(port.inputs)
            if width:
                ctx.set(inputs, bits)
            for hook in self._before:
                hook(ctx, self.cycle)
            seen = (await ctx.tick().sample(*signals))[2:]
            for n, port in enumerate(self._ports):
                port.follow(self.cycle, *seen[3 * n:3 * n + 3])
            values = {name: codec.unpack(bits) for (name, codec), bits in
                      zip(codecs, seen[3 * len(self._ports):], strict=True)}
            for hook, names in self._after:
                hook(self.cycle, *(values[name] for name in names))
            self.cycle += 1


def evaluate(dut, cases, outputs):
    """Outputs of a combinational unit, as dictionaries, for each mapping of inputs."""
    results = []
    codecs = {name: Codec(shape_of(getattr(dut, name)))
              for name in {*outputs, *(name for case in cases for name in case)}}

    async def loop(ctx):
        for case in cases:
            bits = width = 0
            for name, value in case.items():
                bits |= codecs[name].pack(value) << width
                width += codecs[name].mask.bit_length()
            ctx.set(Cat(Value.cast(getattr(dut, name)) for name in case), bits)
            results.append({name: codecs[name].unpack(ctx.get(Value.cast(getattr(dut, name))))
                            for name in outputs})

    simulator = Simulator(dut)
    simulator.add_testbench(loop)
    simulator.run()
    return results
