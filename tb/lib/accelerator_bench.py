"""The accelerator between a host and a memory of cocotbext-axi, and the driver on top of them."""

from random import Random
from typing import Any

import cocotb
import numpy as np
from cocotb.task import bridge, resume
from cocotb.triggers import RisingEdge
from cocotbext.axi import AxiBus, AxiLiteBus, AxiLiteMaster, AxiRam
from cocotbext.axi.sparse_memory import SparseMemory

from dstc.accelerator.registers import register
from dstc.device import Device

from .axi_checker import MEMORY_CHANNELS, REGISTER_CHANNELS, MemoryRules, RegisterRules, watch
from .axi_memory import UnorderedMemory, pauses

__all__ = ["BASE", "SIZE", "AcceleratorBench", "CocotbBus"]

BASE, SIZE = 0x4_0000, 0x4_0000
"""Memory that the driver has; the memory of the bench is larger, the device must stay inside."""
OKAY, SLVERR = 0, 2
WAIT = 2000         # cycles of one wait for the interrupt
QUIET = 20          # cycles after a job in which nothing may move


class CocotbBus:
    """A :class:`dstc.device.Bus` whose caller runs in a thread of ``bridge``.

    Registers go through a master of cocotbext-axi, memory is looked at directly.
    """

    def __init__(self, host: "AcceleratorBench"):
        self._host = host
        self.read32 = resume(host.read)
        self.write32 = resume(host.write)
        self.wait_interrupt = resume(host.wait_interrupt)

    def read_memory(self, address: int, size: int) -> bytes:
        """As :meth:`dstc.device.Bus.read_memory`."""
        return self._host.contents.read(address, size)

    def write_memory(self, address: int, data: bytes) -> None:
        """As :meth:`dstc.device.Bus.write_memory`."""
        self._host.contents.write(address, bytes(data))


class AcceleratorBench:
    """One accelerator, running.

    Attributes
    ----------
    bench : Bench
    rng : numpy.random.Generator
    memory : UnorderedMemory or AxiRam
    contents : SparseMemory
    device : Device
        After :meth:`open`.
    rules : MemoryRules
    """

    def __init__(self, bench: Any):
        self.bench = bench
        self.dut = bench.dut
        self.rng = np.random.default_rng(bench.rng.getrandbits(64))
        self.rules = MemoryRules(bench.accelerator, (BASE, BASE + SIZE - 1))
        self.bus = CocotbBus(self)
        self.device: Device = None

    async def start(self, plain: bool = False) -> None:
        """Clock, reset, host, memory and rules.

        Parameters
        ----------
        plain : bool
            The memory is AxiRam, which answers in order.
        """
        dut, rng = self.dut, self.bench.rng
        await self.bench.start()
        cocotb.start_soon(watch(self.bench, "m_axi_", MEMORY_CHANNELS, self.rules))
        cocotb.start_soon(watch(self.bench, "s_axi_", REGISTER_CHANNELS, RegisterRules()))
        self.master = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axi"), dut.clk, dut.rst)
        size = 2 * (BASE + SIZE)
        if plain:
            self.contents = SparseMemory(size)
            self.memory = AxiRam(AxiBus.from_prefix(dut, "m_axi"), dut.clk, dut.rst,
                                 mem=self.contents)
        else:
            self.memory = UnorderedMemory(dut, Random(rng.getrandbits(64)), size)
            self.contents = self.memory.memory
        await self.bench.tick(2)

    async def open(self, **options: Any) -> None:
        """The driver finds the device."""
        options = {"memory": range(BASE, BASE + SIZE), "timeout": None, **options}
        self.device = await self.call(lambda: Device(self.bus, **options))

    def stall(self, probability: float, burst: int = 1, latency: tuple[int, int] = (0, 0),
              mixing: float = 0.0) -> None:
        """Stall every channel of both ports; the memory answers late and mixed up."""
        self.memory.stall(probability, burst)
        self.memory.latency, self.memory.mixing = latency, mixing
        write, read = self.master.write_if, self.master.read_if
        for channel in (write.aw_channel, write.w_channel, write.b_channel, read.ar_channel,
                        read.r_channel):
            channel.set_pause_generator(
                pauses(Random(self.bench.rng.getrandbits(64)), probability, burst))

    def random_stall(self) -> None:
        """Any stalls and latency."""
        rng = self.bench.rng
        low = rng.choice((0, 0, 5, 30))
        self.stall(rng.choice((0, 0.05, 0.3, 0.6, 0.9)), rng.choice((1, 1, 4, 20)),
                   (low, low + rng.choice((0, 10, 60))), rng.choice((0, 0.2, 0.8)))

    async def call(self, function: Any, *arguments: Any, **options: Any) -> Any:
        """Run something that uses the driver."""
        return await bridge(function)(*arguments, **options)

    async def read(self, offset: int) -> int:
        """A register, which must exist."""
        answer = await self.master.read(offset, 4)
        assert answer.resp == OKAY, f"register {offset:#x} must be readable, not {answer.resp}"
        return int.from_bytes(answer.data, "little")

    async def write(self, offset: int, value: int) -> None:
        """A register, which must be writable."""
        answer = await self.master.write(offset, value.to_bytes(4, "little"))
        assert answer.resp == OKAY, f"register {offset:#x} must be writable, not {answer.resp}"

    async def wait_interrupt(self, timeout: float | None) -> bool:
        """Whether the interrupt comes within some cycles; a time means nothing here."""
        del timeout
        edge = RisingEdge(self.dut.clk)
        for _ in range(WAIT):
            if self.interrupt:
                return True
            await edge
        return False

    @property
    def interrupt(self) -> bool:
        """The line, which must be known."""
        level = str(self.dut.irq.value)
        assert level in "01", f"irq must be known, not {level}"
        return level == "1"

    async def field(self, name: str, field: str) -> int:
        """A field of a register."""
        spec = register(name)
        part = next(each for each in spec.fields if each.name == field)
        return await self.read(spec.offset) >> part.lsb & (1 << part.width) - 1

    async def quiet(self) -> None:
        """Nothing is under way, and nothing moves any more."""
        assert self.rules.outstanding == 0, f"{self.rules.outstanding} bursts are outstanding"
        beats = self.rules.read_beats, self.rules.write_beats
        await self.bench.tick(QUIET)
        assert (self.rules.read_beats, self.rules.write_beats) == beats
        assert self.rules.outstanding == 0
