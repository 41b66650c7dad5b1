"""The ring of jobs: submission, completion, counters."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..accelerator.parameters import MAX_CORES, AcceleratorConfig
from ..accelerator.records import JOB, JOB_MAGIC, RECORD_BYTES
from ..accelerator.registers import COUNTER_NAMES, counter_offset, register
from ..errors import DstcError
from .bus import Bus
from .errors import DeviceError, DeviceTimeout
from .identity import register_fields

__all__ = ["RING_LOG2", "CoreCounters", "JobQueue", "JobReport"]

RING_LOG2 = 6
RING_ENTRIES = 1 << RING_LOG2
COUNT = 1 << 16
"""Jobs are counted modulo this in registers."""
DONE, ERROR = 1, 2
LOOK_AGAIN = 1.0
"""Seconds after which HEAD is read though no interrupt came."""
PAUSE = 1e-3
"""Seconds between two looks when polling, after the first few."""


@dataclass(frozen=True, kw_only=True)
class CoreCounters:
    """Counters of one core in one job (docs/registers.md); the five bins sum to ``cycles``."""

    cycles: int
    issue: int
    conflict: int
    operand_wait: int
    drain: int
    idle: int
    ohmma: int
    products: int
    read_beats: int
    write_beats: int

    @property
    def bins(self) -> dict[str, int]:
        """Every cycle, in exactly one bin."""
        return {name: getattr(self, name)
                for name in ("issue", "conflict", "operand_wait", "drain", "idle")}


@dataclass(frozen=True, kw_only=True)
class JobReport:
    """What the device says of the job that ended last.

    Attributes
    ----------
    tag : int
        As it was submitted.
    cycles : int
        From the fetch of the job to its last acknowledged write.
    cores : tuple of CoreCounters
        Every core; zeros of those that had no program.
    """

    tag: int
    cycles: int
    cores: tuple[CoreCounters, ...]


class JobQueue:
    """Submits jobs and waits for them.

    Parameters
    ----------
    bus : Bus
    accelerator : AcceleratorConfig
    ring : int
        Address of memory for the ring, ``RING_ENTRIES`` records.
    interrupt : bool
        Wait for the interrupt; otherwise registers are polled.
    timeout : float or None
        Seconds that a wait may take; None: any time.
    thing_at : callable
        Says what is at an address of the device, or None.
    """

    def __init__(self, bus: Bus, accelerator: AcceleratorConfig, ring: int, *, interrupt: bool,
                 timeout: float | None, thing_at: Callable[[int], str | None]):
        self._bus = bus
        self._accelerator = accelerator
        self._ring = ring
        self._interrupt = interrupt
        self._timeout = timeout
        self._thing_at = thing_at
        self._submitted = 0
        self._ended = 0
        self._clearing = False

    def start(self, window: range, cycle_timeout: int) -> None:
        """Set the device up for the addresses of a window, without any job."""
        self._write("CONTROL", 0)
        self.clear()
        self._write_pair("RING", self._ring)
        self._write("RING_SIZE", RING_LOG2)
        self._write("TIMEOUT", cycle_timeout)
        self._write_pair("WINDOW_FIRST", window.start)
        self._write_pair("WINDOW_LAST", window.stop - 1)
        self._write("IRQ_ENABLE", DONE | ERROR if self._interrupt else 0)
        self._write("CONTROL", 1)

    def clear(self) -> None:
        """End everything and forget all jobs and errors.

        Raises
        ------
        DeviceTimeout
            If the device does not get there, because the memory never answers.
        """
        control = self._read("CONTROL")
        # Until the device is there, its counts are neither the old nor the new ones.
        self._clearing = True
        self._write("CONTROL", control | 2)
        self._until(lambda: not self._read("CONTROL") & 2, "clear its queue", False)
        self._submitted = self._ended = 0
        self._clearing = False

    def submit(self, programs: Sequence[int], tag: int = 0) -> int:
        """Put a job behind the others.

        Parameters
        ----------
        programs : sequence of int
            Address of the program of core 0, 1, ...; 0: the core has none.
        tag : int
            Comes back in the report.

        Returns
        -------
        int
            Number of the job, for :meth:`wait`.

        Raises
        ------
        DstcError
            If there are more programs than cores, or an address is not a multiple of 64.
        DeviceError, DeviceTimeout
            If the ring is full and stays so.
        """
        if not 1 <= len(programs) <= self._accelerator.cores:
            raise DstcError(f"Programs of a job must be from 1 to {self._accelerator.cores}, "
                            f"not {len(programs)}")
        if self._clearing:
            self.clear()
        if self._submitted - self._ended == RING_ENTRIES:
            self.wait(self._submitted - RING_ENTRIES)
        each = [*programs, *[0] * (MAX_CORES - len(programs))]
        words = JOB.pack(magic=JOB_MAGIC, version=1, tag=tag,
                         **{f"program{core}": address for core, address in enumerate(each)})
        at = self._ring + self._submitted % RING_ENTRIES * RECORD_BYTES
        self._bus.write_memory(at, words.astype("<u8").tobytes())
        number = self._submitted
        self._submitted += 1
        self._write("TAIL", self._submitted % COUNT)
        return number

    def wait(self, number: int | None = None) -> None:
        """Wait until a job has ended, the last one unless said.

        Each job may take as long as a wait may; those before it count for themselves.

        Raises
        ------
        DeviceError
            If the device has stopped.
        DeviceTimeout
            If it takes too long.
        """
        wanted = self._submitted if number is None else number + 1
        while (ended := self._ended) < wanted:
            self._until(lambda ended=ended: self._look() > ended,  # type: ignore[misc]
                        f"end job {ended}", self._interrupt)

    def report(self) -> JobReport:
        """The report of the job that ended last."""
        cores = tuple(
            CoreCounters(**{name: self._read_wide(counter_offset(core, name))
                            for name in COUNTER_NAMES})
            for core in range(self._accelerator.cores))
        return JobReport(tag=self._read_wide(register("JOB_TAG_LO").offset),
                         cycles=self._read_wide(register("JOB_CYCLES_LO").offset), cores=cores)

    def _look(self) -> int:
        """Jobs that have ended."""
        if register_fields(self._bus, "STATUS")["error"]:
            error = register_fields(self._bus, "ERROR")
            address = self._read_wide(register("ERROR_ADDRESS_LO").offset)
            raise DeviceError(error["code"], error["core"], address, self._thing_at(address))
        self._ended += (self._read("HEAD") - self._ended) % COUNT
        return self._ended

    def _until(self, reached: Callable[[], bool], what: str, interrupt: bool) -> None:
        begin = time.monotonic()
        looks = 0
        while not reached():
            passed = time.monotonic() - begin
            if self._timeout is not None and passed >= self._timeout:
                raise DeviceTimeout(f"Device must {what} within {self._timeout} s, not later")
            left = LOOK_AGAIN if self._timeout is None else min(self._timeout - passed, LOOK_AGAIN)
            if interrupt:
                # Its reason is taken away before the next look, so no job can be missed.
                if self._bus.wait_interrupt(left):
                    self._write("IRQ_STATUS", DONE)
            elif looks > 100:
                time.sleep(min(left, PAUSE))
            looks += 1

    def _read(self, name: str) -> int:
        return self._bus.read32(register(name).offset)

    def _read_wide(self, offset: int) -> int:
        return self._bus.read32(offset) | self._bus.read32(offset + 4) << 32

    def _write(self, name: str, value: int) -> None:
        self._bus.write32(register(name).offset, value)

    def _write_pair(self, name: str, value: int) -> None:
        self._write(f"{name}_LO", value & 0xFFFFFFFF)
        self._write(f"{name}_HI", value >> 32)
