"""The verilated accelerator and its memory."""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dstc.errors import DstcError
from dstc_hdl.emit import Emitted

from ..runs import SimulationError
from ..verilator.build import build_model
from .timing import CHANNELS, CHOICES, BusFault, MemoryTiming

__all__ = ["QUIET_LIMIT", "AcceleratorModel", "MemoryStatistics"]

QUIET_LIMIT = 1 << 22
"""Cycles without a transfer on the memory port after which a device is taken to hang; more than
those after which it reports ``TIMEOUT`` by default."""

HARNESS = "protocol.cpp", "memory.cpp", "harness.cpp", "exports.cpp"
IDS = 64
WORD = ctypes.c_uint64
ALWAYS = 1 << 32
NOWHERE = 2**64 - 1


class _Settings(ctypes.Structure):
    """The harness's struct Settings."""

    _fields_ = (("base", WORD), ("size", WORD), ("bytes", ctypes.c_void_p), ("latency", WORD),
                ("spread", WORD), ("reorder", WORD), ("stalls", WORD * len(CHANNELS)),
                ("states", WORD * len(CHOICES)), ("read_beat", WORD), ("write_burst", WORD),
                ("read_address", WORD), ("write_address", WORD), ("response", WORD),
                ("log", WORD))


class _Statistics(ctypes.Structure):
    """The harness's struct Statistics."""

    _fields_ = (("cycles", WORD), ("read_bursts", WORD), ("read_beats", WORD),
                ("write_bursts", WORD), ("write_beats", WORD), ("write_bytes", WORD),
                ("outstanding_most", WORD), ("outstanding_sum", WORD), ("faults", WORD),
                ("fault_address", WORD), ("fault_id", WORD),
                ("read_beats_of", WORD * IDS), ("write_beats_of", WORD * IDS))


@dataclass(frozen=True, kw_only=True)
class MemoryStatistics:
    """What the memory saw.

    Attributes
    ----------
    cycles : int
        Clock cycles out of reset.
    read_bursts, read_beats, write_bursts, write_beats : int
    read_bytes : int
        Of whole beats.
    write_bytes : int
        Whose strobes were set.
    outstanding_most : int
        Most read bursts under way at once.
    outstanding_mean : float
    faults : int
        Answers with an error that were asked for, since :meth:`AcceleratorModel.configure`.
    fault_address, fault_id : int
        Beat read, or burst written, that was answered with the first of them.
    read_beats_of, write_beats_of : tuple of int
        By ID, 64 each.
    """

    cycles: int
    read_bursts: int
    read_beats: int
    read_bytes: int
    write_bursts: int
    write_beats: int
    write_bytes: int
    outstanding_most: int
    outstanding_mean: float
    faults: int
    fault_address: int
    fault_id: int
    read_beats_of: tuple[int, ...]
    write_beats_of: tuple[int, ...]


class AcceleratorModel:
    """The accelerator's ports, a clock, and a memory that keeps the rules of AXI4.

    Every violation of the protocol by the device ends the run with a :class:`SimulationError`.

    Parameters
    ----------
    emitted : Emitted
        The accelerator, or anything with its ports.
    memory : range
        Addresses that are answered; all others give DECERR.  Bytes are 0 at first.
    timing : MemoryTiming, optional
    trace : Path, optional
        VCD file of everything that this model will do; such a model is compiled apart and is
        several times slower.

    Raises
    ------
    SimulationError
        If the model cannot be built.
    """

    def __init__(self, emitted: Emitted, memory: range, *, timing: MemoryTiming | None = None,
                 trace: Path | None = None) -> None:
        here = Path(__file__)
        harness = "".join(here.with_name(name).read_text(encoding="utf-8")
                          for name in HARNESS)
        library = ctypes.CDLL(str(build_model(emitted, harness, trace=trace is not None,
                                              quick=True)))
        library.dstc_new.restype = ctypes.c_void_p
        library.dstc_new.argtypes = (ctypes.c_char_p,)
        for name, *arguments in (
                ("configure", ctypes.POINTER(_Settings)), ("reset", WORD),
                ("run", WORD, WORD, WORD, ctypes.POINTER(WORD)),
                ("read", WORD, ctypes.POINTER(WORD), ctypes.POINTER(WORD)),
                ("write", WORD, WORD, WORD, ctypes.POINTER(WORD))):
            function = getattr(library, f"dstc_{name}")
            function.restype = ctypes.c_char_p
            function.argtypes = (ctypes.c_void_p, *arguments)
        for name in ("interrupt", "quiet"):
            getattr(library, f"dstc_{name}").restype = WORD
            getattr(library, f"dstc_{name}").argtypes = (ctypes.c_void_p,)
        library.dstc_log.restype = ctypes.c_void_p
        library.dstc_log.argtypes = (ctypes.c_void_p, ctypes.POINTER(WORD), WORD)
        library.dstc_delete.restype = library.dstc_statistics.restype = None
        library.dstc_delete.argtypes = (ctypes.c_void_p,)
        library.dstc_statistics.argtypes = (ctypes.c_void_p, ctypes.POINTER(_Statistics), WORD)
        self._library = library
        self._range = memory
        self._bus_bytes = next(port["width"] for port in emitted.ports()
                               if port["name"] == "m_axi_rdata") // 8
        self.memory: NDArray[np.uint8] = np.zeros(len(memory), np.uint8)
        """The bytes; whoever writes here writes to the memory at once."""
        self._model: int | None = library.dstc_new(str(trace).encode() if trace else None)
        self.configure(timing or MemoryTiming())
        self.reset()

    def close(self) -> None:
        """End the simulation and complete its trace; nothing can run afterwards."""
        if self._model:
            self._library.dstc_delete(self._model)
            self._model = None

    def configure(self, timing: MemoryTiming, fault: BusFault | None = None, *,
                  hold: Sequence[str] = (), log: bool = False) -> None:
        """Change how the memory behaves from now on; random patterns start anew.

        Parameters
        ----------
        timing : MemoryTiming
        fault : BusFault, optional
            Beats and bursts are counted from here.
        hold : sequence of str
            Channels (:data:`dstc_sim.accelerator.timing.CHANNELS`) on which nothing moves.
        log : bool
            Keep a log of bursts, see :meth:`bursts`.
        """
        fault = fault or BusFault()
        stalls = [ALWAYS if name in hold else threshold
                  for name, threshold in zip(CHANNELS, timing.thresholds(), strict=True)]
        self._call("configure", ctypes.byref(_Settings(
            base=self._range.start, size=len(self._range), bytes=self.memory.ctypes.data,
            latency=timing.latency, spread=timing.spread, reorder=timing.reorder,
            stalls=(WORD * len(CHANNELS))(*stalls),
            states=(WORD * len(CHOICES))(*timing.states()), read_beat=fault.read_beat,
            write_burst=fault.write_burst, read_address=_address(fault.read_address),
            write_address=_address(fault.write_address), response=fault.response, log=log)))

    def reset(self, cycles: int = 2) -> None:
        """Hold ``rst`` for some cycles; the memory forgets what was under way, not its bytes."""
        self._call("reset", cycles)

    def run(self, cycles: int, *, until_interrupt: bool = False, quiet_limit: int = QUIET_LIMIT
            ) -> bool:
        """Let clock cycles pass.

        Parameters
        ----------
        cycles : int
            How many, at most.
        until_interrupt : bool
            Stop when ``irq`` is high; at once if it is.
        quiet_limit : int
            Cycles without a transfer on the memory port after which to give up.

        Returns
        -------
        bool
            Whether ``irq`` ended the run.

        Raises
        ------
        SimulationError
            If the device breaks a rule of its buses, or moves nothing for too long.
        """
        ending = WORD()
        self._call("run", cycles, quiet_limit, int(until_interrupt), ctypes.byref(ending))
        if ending.value == 2:
            raise SimulationError(f"Device moved nothing for {quiet_limit} cycles")
        return ending.value == 0

    def read_register(self, offset: int) -> tuple[int, int]:
        """Value and response (0 OKAY, 2 SLVERR, 3 DECERR) of a read on the AXI4-Lite port."""
        data, response = WORD(), WORD()
        self._call("read", offset, ctypes.byref(data), ctypes.byref(response))
        return data.value, response.value

    def write_register(self, offset: int, value: int, strobes: int = 15) -> int:
        """Response of a write on the AXI4-Lite port."""
        response = WORD()
        self._call("write", offset, value, strobes, ctypes.byref(response))
        return response.value

    @property
    def interrupt(self) -> bool:
        """Level of ``irq``."""
        return bool(self._library.dstc_interrupt(self._open()))

    @property
    def quiet(self) -> bool:
        """Whether the memory has nothing under way."""
        return bool(self._library.dstc_quiet(self._open()))

    def statistics(self, *, clear: bool = False) -> MemoryStatistics:
        """What the memory saw since the last ``clear``."""
        found = _Statistics()
        self._library.dstc_statistics(self._open(), ctypes.byref(found), int(clear))
        single = {name: getattr(found, name) for name in (
            "cycles", "read_bursts", "read_beats", "write_bursts", "write_beats", "write_bytes",
            "outstanding_most", "faults", "fault_address", "fault_id")}
        return MemoryStatistics(
            **single, read_bytes=found.read_beats * self._bus_bytes,
            outstanding_mean=found.outstanding_sum / max(1, found.cycles),
            read_beats_of=tuple(found.read_beats_of), write_beats_of=tuple(found.write_beats_of))

    def bursts(self, *, clear: bool = False) -> NDArray[np.uint64]:
        """The log, one row for each address taken: 0 read or 1 write, ID, address, beats, cycle."""
        length = WORD()
        first = self._library.dstc_log(self._open(), ctypes.byref(length), 0)
        log = np.zeros((length.value, 5), np.uint64)
        if length.value:
            ctypes.memmove(log.ctypes.data, first, log.nbytes)
        self._library.dstc_log(self._open(), ctypes.byref(length), int(clear))
        return log

    def place(self, address: int, size: int) -> slice:
        """Where in :attr:`memory` some bytes are.

        Raises
        ------
        DstcError
            If they are not all in the memory.
        """
        first = address - self._range.start
        if size < 0 or first < 0 or first + size > len(self._range):
            raise DstcError(f"Address range must be in {self._range.start:#x} to "
                            f"{self._range.stop - 1:#x}, not {size} bytes at {address:#x}")
        return slice(first, first + size)

    def _open(self) -> int:
        if self._model is None:
            raise SimulationError("Model is closed")
        return self._model

    def _call(self, name: str, *arguments: Any) -> None:
        failure = getattr(self._library, f"dstc_{name}")(self._open(), *arguments)
        if failure:
            raise SimulationError(f"Simulated bus: {failure.decode()}")


def _address(address: int | None) -> int:
    return NOWHERE if address is None else address
