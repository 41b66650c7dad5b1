"""Jobs into which faults are injected, and the machine that runs them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from dstc.accelerator.parameters import AcceleratorConfig
from dstc.accelerator.records import JOB, JOB_MAGIC
from dstc.accelerator.registers import register
from dstc.conv.chain import ChainLayer, golden_chain
from dstc.conv.epilogue import Epilogue
from dstc.conv.geometry import ConvGeometry
from dstc.device import Bus, Device, Task
from dstc.device.task import MapPlace, RawPlace
from dstc.golden import matmul

from .image import Program, Read, read_program

__all__ = ["CYCLE_TIMEOUT", "SCENARIOS", "Burst", "FaultBus", "Poke", "Scenario", "job_words",
           "make_scenario", "overlay"]

Burst = tuple[str, int, int, int]
"""``r`` or ``w``, ID, address, beats."""
Poke = tuple[int, bytes]
"""Bytes at an address."""
CYCLE_TIMEOUT = 3000
WIPE = 0xA5


class FaultBus(Bus, Protocol):
    """A device with a memory that can be made to misbehave."""

    @property
    def interrupt(self) -> bool:
        """Level of the interrupt line."""

    def run(self, cycles: int, *, until_interrupt: bool = False) -> bool:
        """Let cycles pass; whether the interrupt is high."""

    def reset(self) -> None:
        """Reset device and bus; memory keeps its bytes."""

    def stall(self, seed: int) -> None:
        """Latency, stalls and order from now on, drawn from the seed; 0: none."""

    def fail(self, *, read_beat: int = 0, write_burst: int = 0, response: int = 2) -> None:
        """Answer the beat read, or the burst written, of that number with an error, counted from
        here; without any, none."""

    def failed(self) -> tuple[int, int] | None:
        """ID and address of the beat or burst that was answered with an error."""

    def hold(self, *channels: str) -> None:
        """Nothing moves on these channels; without any, everything does."""

    def keep_log(self, wanted: bool = True) -> None:
        """Keep a log of bursts from now on, or no longer."""

    def bursts(self) -> Iterable[Burst]:
        """Bursts of the log."""


def overlay(read: Read, pokes: Iterable[Poke]) -> Read:
    """Memory with some bytes changed."""
    changes = {address + n: byte for address, data in pokes for n, byte in enumerate(data)}

    def changed(address: int, size: int) -> bytes:
        data = bytearray(read(address, size))
        for n in range(size):
            data[n] = changes.get(address + n, data[n])
        return bytes(data)

    return changed


def job_words(programs: tuple[int, ...], tag: int) -> bytes:
    """A job as it is in the ring."""
    each = {f"program{n}": programs[n] if n < len(programs) else 0 for n in range(4)}
    return JOB.pack(magic=JOB_MAGIC, version=1, tag=tag, **each).astype("<u8").tobytes()


@dataclass
class Scenario:
    """One job, ready in memory, with what it has to give.

    Attributes
    ----------
    name : str
    bus : FaultBus
    accelerator : AcceleratorConfig
    device : Device
    window : range
        Addresses that the device may access.
    task : Task
    want : dict of numpy.ndarray
        Golden results by name.
    cycles, read_beats, write_bursts : int
    bursts : tuple of Burst
        Of the job without a fault; the first is the fetch of the job.
    """

    name: str
    bus: FaultBus
    accelerator: AcceleratorConfig
    device: Device
    window: range
    task: Task
    want: dict[str, NDArray[Any]]
    cycles: int = 0
    bursts: tuple[Burst, ...] = ()

    @property
    def read(self) -> Read:
        """The memory."""
        return self.bus.read_memory

    @property
    def addresses(self) -> tuple[int, ...]:
        """Of the programs."""
        [addresses] = self.task.jobs.values()
        return addresses

    @property
    def programs(self) -> list[Program]:
        """As they are in memory now."""
        return [read_program(self.read, core, at) for core, at in enumerate(self.addresses)]

    @property
    def ring(self) -> int:
        """Address of the first job."""
        low, high = register("RING_LO").offset, register("RING_HI").offset
        return self.bus.read32(low) | self.bus.read32(high) << 32

    def beats(self, kind: str) -> int:
        """Beats read (``r``), or bursts written (``w``)."""
        return sum(beats if kind == "r" else 1 for which, _, _, beats in self.bursts
                   if which == kind)

    def start(self) -> None:
        """Set the device up, without any job."""
        self.device.queue.start(self.window, CYCLE_TIMEOUT)

    def wipe(self) -> None:
        """Overwrite every result, so that an old one is not taken for a new one."""
        for place in self.task.places.values():
            region = place.region if isinstance(place, RawPlace) else place.slots
            self.bus.write_memory(region.address, bytes([WIPE]) * region.size)
            if isinstance(place, MapPlace):
                self.bus.write_memory(place.directory.address, bytes(place.directory.nbytes))

    def results(self) -> dict[str, NDArray[Any]]:
        """What is in memory."""
        return {name: self.device.read(self.task, name) for name in self.want}

    def is_exact(self, want: dict[str, NDArray[Any]] | None = None) -> bool:
        """Whether the results in memory are the golden ones, in every bit."""
        want = self.want if want is None else want
        got = self.results()
        return all(got[name].dtype == each.dtype and got[name].tobytes() == each.tobytes()
                   for name, each in want.items())

    def measure(self) -> "Scenario":
        """Run without a fault, and note what it takes."""
        self.bus.stall(0)
        self.bus.fail()
        self.bus.keep_log()
        self.wipe()
        list(self.bus.bursts())
        self.cycles = next(iter(self.device.run(self.task).values())).cycles
        self.bursts = tuple(self.bus.bursts())
        self.bus.keep_log(False)
        if not self.is_exact():
            raise AssertionError(f"Scenario {self.name} must be exact without a fault")
        return self


def _sparse(rng: np.random.Generator, shape: tuple[int, int], block: tuple[int, int],
            accelerator: AcceleratorConfig) -> NDArray[Any]:
    """Elements with empty tiles among them; a few tiles are full."""
    tiles = rng.choice((0.0, 0.3, 1.0), (-(-shape[0] // block[0]), -(-shape[1] // block[1])),
                       p=(0.55, 0.4, 0.05))
    density = np.kron(tiles, np.ones(block))[:shape[0], :shape[1]]
    values = rng.standard_normal(shape) * (rng.random(shape) < density)
    return values.astype(accelerator.core.format.dtype)


def _product(device: Device, rng: np.random.Generator, mode: str, ktiles: int
             ) -> tuple[Task, dict[str, NDArray[Any]]]:
    config = device.accelerator.core
    m, n, k = 2 * config.tile_m + 3, 3 * config.tile_n - 2, ktiles * config.tile_k
    a = _sparse(rng, (m, k), (config.tile_m, config.tile_k), device.accelerator)
    b = _sparse(rng, (k, n), (config.tile_k, config.tile_n), device.accelerator)
    c = (rng.standard_normal((m, n)) * 10).astype(config.format.acc_dtype)
    return device.prepare_gemm(a, b, c, mode=mode), {"d": matmul(a, b, c)}


def _convolution(device: Device, rng: np.random.Generator, kernel: int
                 ) -> tuple[Task, dict[str, NDArray[Any]]]:
    config = device.accelerator.core
    geometry = ConvGeometry(channels=config.tile_k + 2, height=5, width=6,
                            outputs=config.tile_n + 3, kernel=kernel, pads=kernel // 2)
    x = (rng.standard_normal(geometry.x_shape) * (rng.random(geometry.x_shape) < 0.5)
         ).astype(config.format.dtype)
    w = (rng.standard_normal(geometry.w_shape) * (rng.random(geometry.w_shape) < 0.5)
         ).astype(config.format.dtype)
    bias = rng.standard_normal(geometry.outputs).astype(config.format.acc_dtype)
    layer = ChainLayer(name="y", x="x", w=w, geometry=geometry,
                       epilogue=Epilogue(bias=bias, relu=True, raw=False))
    return (device.prepare_chain([layer], "x", x),
            golden_chain([layer], "x", x, config.format))


SCENARIOS = {
    "product": lambda device, rng: _product(device, rng, "sparse", 35),
    "dense product": lambda device, rng: _product(device, rng, "dense", 3),
    "convolution": lambda device, rng: _convolution(device, rng, 3),
    "pointwise convolution": lambda device, rng: _convolution(device, rng, 1),
}
"""What makes a job on a device, from a random generator: its task and its golden results."""


def make_scenario(name: str, bus: FaultBus, accelerator: AcceleratorConfig, window: range,
                  seed: int) -> Scenario:
    """A scenario, measured.

    Raises
    ------
    AssertionError
        If the device is wrong without a fault.
    """
    device = Device(bus, window, timeout=None, cycle_timeout=CYCLE_TIMEOUT)
    task, want = SCENARIOS[name](device, np.random.default_rng(seed))
    return Scenario(name, bus, accelerator, device, window, task, want).measure()
