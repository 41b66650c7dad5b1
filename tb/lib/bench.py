"""The frame of every bench: configuration, clock, reset, seed, ports and streams."""

import functools
import json
import os
import random
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge, Timer

from dstc.accelerator.parameters import AcceleratorConfig
from dstc.config import Config

from .payload import pack, port_shapes, unpack
from .streams import Driver, Monitor, Stall, read_bits
from .units import UNITS

__all__ = ["Bench", "Scoreboard", "bench_test"]

PERIOD = 10     # ns
RESET = 3       # cycles


class Bench:
    """One running bench.  Every test gets its own, adds streams, then awaits :meth:`start`.

    Attributes
    ----------
    unit : str
        A key of :data:`tb.lib.units.UNITS`.
    config : Config
        What the Verilog was emitted for, read from its manifest; of an accelerator, its cores.
    accelerator : AcceleratorConfig or None
        The same, of a unit that is made from one.
    component : Component
        The same component, for its layouts and stated latencies; never elaborated.
    rng : random.Random
        Generator of this test, seeded from cocotb's seed of the test.
    cycle : int
        Clock edges since reset ended.
    four_state : bool
        The simulator knows X.
    """

    def __init__(self, dut: Any, test: str):
        manifest = json.loads(Path(os.environ["DSTC_TB_MANIFEST"]).read_text(encoding="utf-8"))
        self.dut = dut
        parameters = manifest["config"]
        self.accelerator = None
        if "core" in parameters:
            self.accelerator = AcceleratorConfig(**{**parameters,
                                                    "core": Config(**parameters["core"])})
        self.config = self.accelerator.core if self.accelerator else Config(**parameters)
        self.unit = os.environ["DSTC_TB_UNIT"]
        self.component = UNITS[self.unit].make(self.accelerator or self.config)
        self.shapes = port_shapes(self.component)
        self.rng = random.Random(cocotb.RANDOM_SEED)
        self.cycle = 0
        self.in_reset = True
        self.four_state = "icarus" in cocotb.SIM_NAME.lower()
        self.clocked = hasattr(dut, "clk")
        self.ends: list[Driver | Monitor] = []
        c = self.config
        print(f"bench {os.environ['DSTC_TB_CASE']}: configuration "
              f"{(self.accelerator or c).name} ({c.tile_m}x{c.tile_n}x"
              f"{c.tile_k}, {c.array_rows}x{c.array_cols}, {c.element}, entries "
              f"{c.collector_entries}, adder {c.adder_latency}, slots {c.slots}), Verilog "
              f"{manifest['verilog']['sha256'][:12]}, {cocotb.SIM_NAME.strip()} "
              f"{cocotb.SIM_VERSION.strip()}, {test} with seed {os.environ['COCOTB_RANDOM_SEED']}",
              flush=True)

    # Ports.

    def set(self, port: str, value: Any) -> None:
        """Drive a port with an integer or with what its layout takes."""
        getattr(self.dut, port).value = pack(self.shapes[port], value)

    def get(self, port: str) -> Any:
        """The value of a port, unpacked; X fails."""
        return unpack(self.shapes[port], read_bits(getattr(self.dut, port), port))

    def get_element(self, port: str, key: Any) -> Any:
        """One field or element of a port; the others may be X."""
        return self._element(port, str(getattr(self.dut, port).value), key)

    def _element(self, port: str, text: str, key: Any) -> Any:
        field = self.shapes[port][key]
        high = len(text) - field.offset
        part = text[high - field.width:high]
        assert not set(part) - {"0", "1"}, f"{port}[{key}] must be known, not {part}"
        return unpack(field.shape, int(part, 2))

    def valid_elements(self, port: str) -> Iterator[tuple[int, Any]]:
        """Number and value of the elements whose ``valid`` is 1; those of the others may be X."""
        shape = self.shapes[port]
        text = str(getattr(self.dut, port).value)
        for n, element in shape:
            bit = text[len(text) - 1 - element.offset - element.shape["valid"].offset]
            assert bit in "01", f"{port}[{n}].valid must be known, not {bit}"
            if bit == "1":
                yield n, self._element(port, text, n)

    def stall(self, probability: float = 0.0, burst: int = 1, lazy: bool = False) -> Stall:
        """A stall pattern with a generator of its own."""
        return Stall(random.Random(self.rng.getrandbits(64)), probability, burst, lazy)

    def runs(self, four_state: int, two_state: int) -> int:
        """How often to do something random: a number for each kind of simulator, times
        ``--bench-runs``."""
        return int(os.environ["DSTC_TB_RUNS"]) * (four_state if self.four_state else two_state)

    def random_stall(self) -> Stall:
        """Any stall pattern: none, rare, frequent, in bursts, lazy."""
        return self.stall(self.rng.choice((0, 0.05, 0.3, 0.6, 0.9)), self.rng.choice((1, 1, 4, 20)),
                          self.rng.random() < 0.2)

    def driver(self, name: str, stall: Stall | None = None) -> Driver:
        """Source of an input stream, running."""
        driver = Driver(self, name, stall)
        self.ends.append(driver)
        cocotb.start_soon(driver.run())
        return driver

    def monitor(self, name: str, stall: Stall | None = None,
                sink: Callable[[Any], None] | None = None, raw: bool = False) -> Monitor:
        """Sink of an output stream, running."""
        monitor = Monitor(self, name, stall, sink, raw)
        self.ends.append(monitor)
        cocotb.start_soon(monitor.run())
        return monitor

    # Time.

    async def start(self, **inputs: Any) -> None:
        """Drive the inputs (those not named to 0), start the clock, reset."""
        for port in self.shapes:
            handle = getattr(self.dut, port, None)
            if handle is not None and self._is_plain_input(port):
                handle.value = pack(self.shapes[port], inputs.pop(port, 0))
        assert not inputs, f"no such input: {inputs}"
        if not self.clocked:
            return
        Clock(self.dut.clk, PERIOD, unit="ns").start()
        cocotb.start_soon(self._count())
        await self.reset()

    def _is_plain_input(self, port: str) -> bool:
        if port.rpartition("__")[2] in ("valid", "ready", "payload"):
            return False
        flows = {"__".join(map(str, path)): member.flow.name
                 for path, member, _ in self.component.signature.flatten(self.component)}
        return flows[port] == "In"

    async def reset(self) -> None:
        """Reset the component and everything that was under way in the bench."""
        self.in_reset = True
        self.dut.rst.value = 1
        for end in self.ends:
            end.reset()
        for _ in range(RESET):
            await RisingEdge(self.dut.clk)
        self.dut.rst.value = 0
        self.in_reset = False
        self.cycle = 0

    async def _count(self) -> None:
        edge = RisingEdge(self.dut.clk)
        while True:
            await edge
            self.cycle += 1

    async def tick(self, cycles: int = 1) -> None:
        """To the next clock edge: outputs read now are those before it."""
        for _ in range(cycles):
            if self.clocked:
                await RisingEdge(self.dut.clk)
            else:
                await Timer(PERIOD, "ns")

    async def until(self, condition: Callable[[], bool], what: str, limit: int = 2000) -> None:
        """Wait at most ``limit`` cycles for a condition, looked at after every edge."""
        for _ in range(limit):
            if condition():
                return
            await self.tick()
        raise AssertionError(f"{what} must come within {limit} cycles")


class Scoreboard:
    """Compares what comes with what was expected, in order.

    Parameters
    ----------
    bench : Bench
    name : str
        Shown when they differ.
    patience : int
        Cycles without progress after which :meth:`finish` gives up.
    """

    def __init__(self, bench: Bench, name: str, patience: int = 2000):
        self._bench = bench
        self._name = name
        self._patience = patience
        self.expected: deque[Any] = deque()
        self.count = 0

    def expect(self, items: Iterable[Any]) -> None:
        """Add to what is to come."""
        self.expected.extend(items)

    def take(self, item: Any) -> None:
        """Something came."""
        assert self.expected, f"{self._name} must not send more than {self.count} items, got {item}"
        wanted = self.expected.popleft()
        assert item == wanted, (f"{self._name} item {self.count} in cycle {self._bench.cycle} must "
                                f"be {wanted}, not {item}")
        self.count += 1

    async def finish(self) -> None:
        """Wait until everything has come."""
        count, quiet = self.count, 0
        while self.expected:
            await self._bench.tick()
            quiet = quiet + 1 if count == self.count else 0
            count = self.count
            assert quiet < self._patience, (
                f"{self._name} must go on: {len(self.expected)} items missing after {count}, next "
                f"is {self.expected[0]}")


def bench_test(function: Callable | None = None, *, cycles: int = 500_000) -> Any:
    """A test, called with a :class:`Bench`, that fails after so many cycles."""
    if function is None:
        return functools.partial(bench_test, cycles=cycles)

    async def test(dut: Any) -> None:
        await function(Bench(dut, function.__name__))

    test.__name__ = test.__qualname__ = function.__name__
    test.__module__ = function.__module__
    test.__doc__ = function.__doc__
    return cocotb.test(timeout_time=cycles * PERIOD, timeout_unit="ns")(test)
