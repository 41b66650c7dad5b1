"""A bus without a device: it keeps what a driver does, for benches and bundles."""

from dataclasses import dataclass

from ..accelerator.identification import identification_values
from ..accelerator.parameters import AcceleratorConfig
from ..accelerator.registers import register

__all__ = ["ReadMemory", "ReadRegister", "RecordingBus", "Step", "WaitInterrupt", "WriteMemory",
           "WriteRegister"]


@dataclass(frozen=True)
class ReadRegister:
    """The register at that offset was read as that value."""

    offset: int
    value: int


@dataclass(frozen=True)
class WriteRegister:
    """The register at that offset was written."""

    offset: int
    value: int


@dataclass(frozen=True)
class ReadMemory:
    """Results were read: so many bytes from that address."""

    address: int
    size: int


@dataclass(frozen=True)
class WriteMemory:
    """Memory was written."""

    address: int
    data: bytes


@dataclass(frozen=True)
class WaitInterrupt:
    """The interrupt was waited for, until register HEAD had that value."""

    head: int


Step = ReadRegister | WriteRegister | ReadMemory | WriteMemory | WaitInterrupt


class RecordingBus:
    """A :class:`Bus` on which nothing is computed; jobs end once HEAD has been looked at.

    Parameters
    ----------
    accelerator : AcceleratorConfig
        What the registers say it is.

    Attributes
    ----------
    steps : list of Step
        Everything that was done, in order.  Memory that was read tells where results will be.
    """

    def __init__(self, accelerator: AcceleratorConfig):
        self.steps: list[Step] = []
        self._registers = {register(name).offset: value
                           for name, value in identification_values(accelerator).items()}

    def image(self) -> list[tuple[int, bytes]]:
        """Memory as it has to be before the first job starts: address and bytes, in the order of
        addresses."""
        tail = register("TAIL").offset
        image = {}
        for step in self.steps:
            if isinstance(step, WriteRegister) and step.offset == tail:
                break
            if isinstance(step, WriteMemory):
                image[step.address] = step.data
        return sorted(image.items())

    def read32(self, offset: int) -> int:
        """As :meth:`Bus.read32`."""
        value = self._registers.get(offset, 0)
        self.steps.append(ReadRegister(offset, value))
        if offset == register("HEAD").offset:
            self._registers[offset] = self._registers.get(register("TAIL").offset, 0)
        return value

    def write32(self, offset: int, value: int) -> None:
        """As :meth:`Bus.write32`."""
        self.steps.append(WriteRegister(offset, value))
        if offset == register("CONTROL").offset:
            if value & 2:
                self._registers[register("HEAD").offset] = 0
                self._registers[register("TAIL").offset] = 0
            value &= 1
        self._registers[offset] = value

    def read_memory(self, address: int, size: int) -> bytes:
        """As :meth:`Bus.read_memory`; nothing but zeros."""
        self.steps.append(ReadMemory(address, size))
        return bytes(size)

    def write_memory(self, address: int, data: bytes) -> None:
        """As :meth:`Bus.write_memory`."""
        self.steps.append(WriteMemory(address, bytes(data)))

    def wait_interrupt(self, timeout: float | None) -> bool:
        """As :meth:`Bus.wait_interrupt`, without waiting."""
        del timeout
        self.steps.append(WaitInterrupt(self._registers.get(register("TAIL").offset, 0)))
        return True
