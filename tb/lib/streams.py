"""Both ends of a stream, with stalls, and the rules that every stream has to keep."""

import random
from collections import deque
from collections.abc import Callable
from typing import Any

from cocotb.triggers import RisingEdge
from cocotb.types import LogicArray

from .payload import pack, unpack, width_of

__all__ = ["Driver", "Monitor", "Stall", "StreamRules", "read_bits"]


class Stall:
    """When one end of a stream pauses.

    Parameters
    ----------
    rng : random.Random
    probability : float
        Of a pause before each token.
    burst : int
        Longest pause, in cycles.
    lazy : bool
        A sink that is not ready before it has seen ``valid``: it finds a source that waits for
        ``ready``.
    """

    def __init__(self, rng: random.Random, probability: float = 0.0, burst: int = 1,
                 lazy: bool = False):
        self._rng = rng
        self._left = 0
        self.probability = probability
        self.burst = burst
        self.lazy = lazy

    def pauses(self) -> bool:
        """Whether to pause in this cycle."""
        if self._left:
            self._left -= 1
            return True
        if self.probability and self._rng.random() < self.probability:
            self._left = self._rng.randrange(self.burst)
            return True
        return False


def read_bits(handle: Any, what: str) -> int:
    """The value of a port, which must be known."""
    value = handle.value
    text = str(value)
    if text == "0":
        return 0
    if text == "1":
        return 1
    assert not set(text) - {"0", "1"}, f"{what} must be known, not {text}"
    return value.to_unsigned()


class StreamRules:
    """The rules of one stream, checked at every clock edge.

    ``valid`` is known; while it is 1, so are ``ready`` and the payload; and both ``valid`` and
    the payload are kept until they are taken.
    """

    def __init__(self, dut: Any, name: str):
        self.name = name
        self._valid = getattr(dut, f"{name}__valid")
        self._ready = getattr(dut, f"{name}__ready")
        self._payload = getattr(dut, f"{name}__payload", None)   # none if it has no bits
        self._kept: int | None = None

    def sample(self) -> int | None:
        """The payload that is transferred at this edge, or None."""
        if not read_bits(self._valid, f"{self.name}.valid"):
            assert self._kept is None, f"{self.name}.valid must be kept until taken"
            return None
        payload = 0 if self._payload is None else read_bits(self._payload, f"{self.name}.payload")
        assert self._kept in (None, payload), (
            f"{self.name}.payload must be kept until taken: {self._kept:#x}, then {payload:#x}")
        if read_bits(self._ready, f"{self.name}.ready"):
            self._kept = None
            return payload
        self._kept = payload
        return None

    def reset(self) -> None:
        """Forget what was offered, as a reset of the component does."""
        self._kept = None


class Driver:
    """Source of a stream: offers queued tokens, pausing now and then.

    While it pauses the payload is X on a four-state simulator and random on another, so that
    nothing can use it unnoticed.

    Attributes
    ----------
    queue : collections.deque
        Packed payloads that wait.
    taken : list of int
        Cycle in which each token was taken.
    offered : callable, optional
        Called with each payload when it is put on the wires.
    """

    def __init__(self, bench: Any, name: str, stall: Stall | None = None):
        self._bench = bench
        self.name = name
        self.shape = bench.shapes[f"{name}__payload"]
        self.stall = stall or Stall(bench.rng)
        self.queue: deque[int] = deque()
        self.taken: list[int] = []
        self.offered: Callable[[int], None] | None = None
        self._valid = getattr(bench.dut, f"{name}__valid")
        self._payload = getattr(bench.dut, f"{name}__payload")
        self._rules = StreamRules(bench.dut, name)
        self._width = width_of(self.shape)
        self._busy = False
        self._valid.value = 0
        self._spoil()

    def put(self, *values: Any) -> None:
        """Queue tokens: integers, or what the payload's layout takes."""
        self.queue.extend(pack(self.shape, value) for value in values)

    @property
    def idle(self) -> bool:
        """Everything has been taken."""
        return not self.queue and not self._busy

    def reset(self) -> None:
        """Drop everything."""
        self.queue.clear()
        self._busy = False
        self._valid.value = 0
        self._rules.reset()
        self._spoil()

    def _spoil(self) -> None:
        if self._bench.four_state:
            self._payload.value = LogicArray("X" * self._width)
        else:
            self._payload.value = self._bench.rng.getrandbits(self._width)

    async def run(self) -> None:
        """Drive for ever."""
        edge = RisingEdge(self._bench.dut.clk)
        while True:
            await edge
            if self._bench.in_reset:
                continue
            if self._busy:
                if self._rules.sample() is None:
                    continue
                self.taken.append(self._bench.cycle)
            if self.queue and not self.stall.pauses():
                payload = self.queue.popleft()
                self._payload.value = payload
                if not self._busy:
                    self._valid.value = 1
                    self._busy = True
                if self.offered:
                    self.offered(payload)
            elif self._busy:
                self._valid.value = 0
                self._busy = False
                self._spoil()


class Monitor:
    """Sink of a stream: takes tokens, pausing now and then, and hands them on.

    Parameters
    ----------
    bench : Bench
    name : str
    stall : Stall, optional
    sink : callable, optional
        Called with each token, unpacked, when it is taken.
    raw : bool
        Tokens are left as integers.

    Attributes
    ----------
    taken : list of int
        Cycle in which each token was taken.
    enabled : bool
        Whether the sink takes tokens at all.
    """

    def __init__(self, bench: Any, name: str, stall: Stall | None = None,
                 sink: Callable[[Any], None] | None = None, raw: bool = False):
        self._bench = bench
        self.name = name
        self.shape = bench.shapes[f"{name}__payload"]
        self.stall = stall or Stall(bench.rng)
        self.sink = sink
        self.taken: list[int] = []
        self.enabled = True
        self._raw = raw
        self._valid = getattr(bench.dut, f"{name}__valid")
        self._ready = getattr(bench.dut, f"{name}__ready")
        self._rules = StreamRules(bench.dut, name)
        self._last = 0
        self._ready.value = 0

    def reset(self) -> None:
        """Forget what was offered."""
        self._rules.reset()

    async def run(self) -> None:
        """Take for ever."""
        edge = RisingEdge(self._bench.dut.clk)
        while True:
            await edge
            if self._bench.in_reset:
                continue
            payload = self._rules.sample()
            if payload is not None:
                self.taken.append(self._bench.cycle)
                if self.sink:
                    self.sink(payload if self._raw else unpack(self.shape, payload))
            ready = self.enabled and not self.stall.pauses()
            if ready and self.stall.lazy:
                ready = payload is None and str(self._valid.value) == "1"
            if ready != self._last:
                self._ready.value = int(ready)
                self._last = ready
