"""The simulated accelerator as a bus for the driver."""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from dstc.accelerator.parameters import AcceleratorConfig

from ..runs import SimulationError
from .model import AcceleratorModel, MemoryStatistics
from .timing import BusFault, MemoryTiming

__all__ = ["MEMORY", "SimulatedBus"]

MEMORY = range(0x8000_0000, 0xC000_0000)
"""Addresses of the memory unless told otherwise."""

CHUNK = 20_000


class SimulatedBus:
    """``dstc.device.Bus`` to an accelerator in this process.

    The clock runs while a register is accessed, in :meth:`wait_interrupt` and in :meth:`step`;
    memory is accessed in no time.

    Parameters
    ----------
    accelerator : AcceleratorConfig
    memory : range
        Addresses that the memory answers.
    timing : MemoryTiming, optional
        How it does.
    trace : Path, optional
        VCD file, see :class:`AcceleratorModel`.

    Raises
    ------
    SimulationError
        If the model cannot be built.
    """

    def __init__(self, accelerator: AcceleratorConfig, *, memory: range = MEMORY,
                 timing: MemoryTiming | None = None, trace: Path | None = None) -> None:
        from dstc_hdl.emit import emit_unit

        self.accelerator = accelerator
        self.memory = memory
        self._timing = timing or MemoryTiming()
        self._fault = BusFault()
        self._hold: tuple[str, ...] = ()
        self._log = False
        self.model = AcceleratorModel(emit_unit("accelerator", accelerator)[0], memory,
                                      timing=self._timing, trace=trace)

    def close(self) -> None:
        """End the simulation."""
        self.model.close()

    def read32(self, offset: int) -> int:
        """The register at ``offset``.

        Raises
        ------
        SimulationError
            If the device answers with an error, or breaks a rule of its buses.
        """
        value, response = self.model.read_register(offset)
        if response:
            raise SimulationError(f"Read of the register at {offset:#x} was answered with "
                                  f"{response}")
        return value

    def write32(self, offset: int, value: int) -> None:
        """Write the register at ``offset``; raises as :meth:`read32`."""
        response = self.model.write_register(offset, value)
        if response:
            raise SimulationError(f"Write of the register at {offset:#x} was answered with "
                                  f"{response}")

    def read_memory(self, address: int, size: int) -> bytes:
        """Bytes of the memory; a :class:`dstc.errors.DstcError` if it has not all of them."""
        return self.model.memory[self.model.place(address, size)].tobytes()

    def write_memory(self, address: int, data: bytes) -> None:
        """Write bytes of the memory; raises as :meth:`read_memory`."""
        view = memoryview(data).cast("B")
        self.model.memory[self.model.place(address, len(view))] = view

    def wait_interrupt(self, timeout: float | None) -> bool:
        """Let the clock run until ``irq`` is high; gives whether it is.

        Parameters
        ----------
        timeout : float or None
            Seconds of wall time; None: until the device hangs.

        Raises
        ------
        SimulationError
            If the device moves nothing for long, or breaks a rule of its buses.
        """
        stop = None if timeout is None else time.monotonic() + timeout
        while not self.model.run(CHUNK, until_interrupt=True):
            if stop is not None and time.monotonic() >= stop:
                return False
        return True

    def step(self, cycles: int = 1) -> None:
        """Let clock cycles pass."""
        self.model.run(cycles)

    def reset(self) -> None:
        """Reset the device; memory keeps its bytes and forgets what was under way."""
        self.model.reset()

    @property
    def interrupt(self) -> bool:
        """Level of ``irq``."""
        return self.model.interrupt

    @property
    def cycle(self) -> int:
        """Clock cycles since :meth:`statistics` were cleared, or since the model was made."""
        return self.model.statistics().cycles

    def statistics(self, *, clear: bool = False) -> MemoryStatistics:
        """What the memory saw; see :meth:`AcceleratorModel.statistics`."""
        return self.model.statistics(clear=clear)

    def fail_read(self, address: int, response: int = 2) -> None:
        """Answer every beat read that covers a byte with SLVERR (2) or DECERR (3)."""
        self._configure(replace(self._fault, read_address=address, response=response))

    def fail_write(self, address: int, response: int = 2) -> None:
        """Answer every burst written that covers a byte so, and write nothing of it."""
        self._configure(replace(self._fault, write_address=address, response=response))

    def arm(self, fault: BusFault) -> None:
        """Answer with errors as told, in place of what was told before."""
        self._configure(fault)

    def no_faults(self) -> None:
        """No more errors."""
        self._configure(BusFault())

    def hold(self, *channels: str) -> None:
        """Stop channels (:data:`dstc_sim.accelerator.timing.CHANNELS`); without any, go on."""
        self._hold = channels
        self._configure(self._fault)

    def retime(self, timing: MemoryTiming) -> None:
        """Change how the memory behaves."""
        self._timing = timing
        self._configure(self._fault)

    def keep_log(self, wanted: bool = True) -> None:
        """Keep a log of bursts from now on, or no longer."""
        self._log = wanted
        self._configure(self._fault)

    def bursts(self) -> Sequence[tuple[str, int, int, int]]:
        """Bursts since the log was read: ``r`` or ``w``, ID, address, beats."""
        return [("rw"[int(kind)], int(number), int(address), int(beats))
                for kind, number, address, beats, _ in self.model.bursts(clear=True)]

    def _configure(self, fault: BusFault) -> None:
        self._fault = fault
        self.model.configure(self._timing, fault, hold=self._hold, log=self._log)
